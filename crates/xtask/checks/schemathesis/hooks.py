"""What is generated and the description allows is made something that this organization can send.

A description cannot say which models have a price, which projects are whose, what time it is or
how two values go together, so without this most of it would be refused, and little would be seen of
what is taken.
"""

import os
from datetime import datetime, timezone

import schemathesis

EVENT_PATHS = {"/v1/events", "/api/v1/events"}
HOLDS = "/v1/holds"
CAPTURE = "/v1/holds/{id}/capture"
MODEL = "gpt-oss-120b"
MOST_TEXT_BYTES = 200
PAST = "2026-03-01T00:00:00Z"
LATER = "2026-03-02T00:00:00Z"


@schemathesis.hook
def before_call(context, case, **kwargs):
    is_allowed = case.meta is not None and case.meta.generation.mode.is_positive
    if not is_allowed:
        return
    if case.path in EVENT_PATHS | {HOLDS} and "x-project-id" in case.headers:
        case.headers["x-project-id"] = os.environ["BILLING_PROJECT_ID"]
    if case.path in EVENT_PATHS:
        events = case.body if isinstance(case.body, list) else [case.body]
        for event in events:
            if isinstance(event, dict) and isinstance(event.get("data"), dict):
                mend_event(event)
    elif case.path == HOLDS and isinstance(case.body, dict):
        mend_hold(case.body)
    elif case.path == CAPTURE and isinstance(case.body, dict):
        mend_tokens(case.body)
    elif case.path == "/v1/balance" and is_ahead((case.query or {}).get("as_of")):
        case.query["as_of"] = PAST
    elif case.path == "/v1/usage" and case.query is not None:
        # A range that every interval allows.
        case.query.update({"from": PAST, "to": LATER})
        if isinstance(case.query.get("model"), str):
            case.query["model"] = MODEL


def is_ahead(text):
    try:
        return datetime.fromisoformat(text) > datetime.now(timezone.utc)
    except (TypeError, ValueError):
        return False


def mend_hold(hold):
    for name in ("project_id", "api_key_id"):
        hold.pop(name, None)
    hold["model"] = MODEL
    one_name(hold, "input_tokens", "prompt_tokens")
    whole_numbers(hold)
    if isinstance(hold.get("id"), str):
        hold["id"] = cut(hold["id"])


def mend_tokens(data):
    data.pop("cached_input_tokens", None)
    one_name(data, "input_tokens", "prompt_tokens")
    one_name(data, "output_tokens", "completion_tokens")
    whole_numbers(data)


def one_name(data, name, other):
    given = [data.pop(key, None) for key in (name, other)]
    data[name] = next((count for count in given if count is not None), 1)


def whole_numbers(data):
    """To a description `200.0` is a whole number too; we want it written as one."""
    for name, value in data.items():
        if isinstance(value, float) and value.is_integer() and name != "cost":
            data[name] = int(value)


def mend_event(event):
    data = event["data"]
    event.pop("time", None)
    for name in ("project_id", "api_key_id"):
        data.pop(name, None)
    data["model"] = MODEL
    mend_tokens(data)
    for owner, name in ((event, "id"), (event, "source"), (event, "subject"), (data, "request_id")):
        if isinstance(owner.get(name), str):
            owner[name] = cut(owner[name])


def cut(text):
    """Its length is limited in bytes, which a description cannot say either."""
    return text.encode()[:MOST_TEXT_BYTES].decode(errors="ignore")
