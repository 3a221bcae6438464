"""Generated events that the description allows are made ones that this organization can report.

A description cannot say which models have a price or which projects are whose, so without this
every one of them would be refused, and nothing would be seen of what is taken.
"""

import os

import schemathesis

EVENT_PATHS = {"/v1/events", "/api/v1/events"}
MODEL = "gpt-oss-120b"
MOST_TEXT_BYTES = 200


@schemathesis.hook
def before_call(context, case, **kwargs):
    is_allowed = case.meta is not None and case.meta.generation.mode.is_positive
    if case.path in EVENT_PATHS and is_allowed:
        if "x-project-id" in case.headers:
            case.headers["x-project-id"] = os.environ["BILLING_PROJECT_ID"]
        events = case.body if isinstance(case.body, list) else [case.body]
        for event in events:
            if isinstance(event, dict) and isinstance(event.get("data"), dict):
                mend(event)


def mend(event):
    data = event["data"]
    event.pop("time", None)
    for name in ("project_id", "api_key_id", "cached_input_tokens"):
        data.pop(name, None)
    data["model"] = MODEL
    for name, other in (
        ("input_tokens", "prompt_tokens"),
        ("output_tokens", "completion_tokens"),
    ):
        given = [data.pop(key, None) for key in (name, other)]
        data[name] = next((count for count in given if count is not None), 1)
    # To a description `200.0` is a whole number too; we want it written as one.
    for name, value in data.items():
        if isinstance(value, float) and value.is_integer() and name != "cost":
            data[name] = int(value)
    for owner, name in ((event, "id"), (event, "source"), (event, "subject"), (data, "request_id")):
        if isinstance(owner.get(name), str):
            owner[name] = cut(owner[name])


def cut(text):
    """Its length is limited in bytes, which a description cannot say either."""
    return text.encode()[:MOST_TEXT_BYTES].decode(errors="ignore")
