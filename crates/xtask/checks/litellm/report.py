"""LiteLLM reports to our door for OpenMeter's clients, and is charged our price once.

LiteLLM itself makes the requests and posts the events, with its own callback; only the model is
mocked. What arrived is read back from /v1/transactions.
"""

import asyncio
import json
import os
import sys
import time
import urllib.request
from decimal import Decimal

URL = os.environ["BILLING_URL"]
KEY = os.environ["BILLING_API_KEY"]
os.environ["OPENMETER_API_ENDPOINT"] = URL
os.environ["OPENMETER_API_KEY"] = KEY
# Without it LiteLLM asks the network what other providers' models cost.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm  # noqa: E402 - it reads its settings when it is loaded.
from litellm.integrations.openmeter import OpenMeterLogger  # noqa: E402

PATIENCE_S = 20
MESSAGES = [{"role": "user", "content": "hello there"}]
USER = "user-1"


def read(path):
    request = urllib.request.Request(URL + path, headers={"x-api-key": KEY})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def balance():
    return Decimal(read("/v1/balance")["balance"])


def events_by_id():
    """LiteLLM's events among the newest transactions."""
    found = {}
    for row in read("/v1/transactions?limit=100")["transactions"]:
        if row["type"] == "usage":
            usage = read(f"/v1/transactions/{row['id']}?limit=1000")["usage"]
            found |= {e["id"]: e for e in usage["events"] if e["source"] == "litellm-proxy"}
    return found


def wait_for(ids):
    """LiteLLM posts in the background."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = events_by_id()
        missing = set(ids) - set(found)
        if not missing:
            return found
        if time.monotonic() > deadline:
            sys.exit(f"LiteLLM's events did not arrive: {sorted(missing)}")
        time.sleep(0.2)


def expect(what, actual, expected):
    if actual != expected:
        sys.exit(f"{what}: {actual!r}, expected {expected!r}")


def check(event, model, tokens, claim):
    """One event is charged tokens x rates, whatever LiteLLM believes that it cost."""
    expect("model", event["model"], model)
    expect("subject", event["subject"], USER)
    expect("tokens", (event["input_tokens"], event["output_tokens"]), tokens)
    rates = event["rates"]
    price = Decimal(rates["input"] or 0) * tokens[0] + Decimal(rates["output"] or 0) * tokens[1]
    expect("cost", Decimal(event["cost"]), price / 1_000_000)
    claimed = event["claimed_cost"]
    expect("claim", claimed and Decimal(claimed), claim if claim is None else Decimal(repr(claim)))


def usage_of(response):
    return response.usage.prompt_tokens, response.usage.completion_tokens


def complete(model, **options):
    return litellm.completion(
        model=model, messages=MESSAGES, mock_response="hi friend", user=USER, **options
    )


async def complete_async(model):
    response = await litellm.acompletion(
        model=model, messages=MESSAGES, mock_response="hi friend", user=USER
    )
    # Its callbacks run on this loop, beside us.
    await asyncio.sleep(1)
    return response


def stream(model):
    """The last chunk says what all of them used."""
    return list(complete(model, stream=True, stream_options={"include_usage": True}))[-1]


def main():
    litellm.callbacks = ["openmeter"]
    before = balance()
    made = [
        (complete("openai/gpt-oss-120b"), "gpt-oss-120b"),
        # LiteLLM leaves out only the provider that it calls: here `openai/gpt-oss-120b` is left.
        (complete("groq/openai/gpt-oss-120b"), "gpt-oss-120b"),
        (asyncio.run(complete_async("openai/deepseek-v4-flash")), "deepseek-v4-flash"),
        (stream("openai/glm-5.2"), "glm-5.2"),
    ]
    found = wait_for([response.id for response, _ in made])
    for response, model in made:
        claim = response._hidden_params.get("response_cost")
        check(found[response.id], model, usage_of(response), claim)
    paid = before - balance()
    expect("what was paid", paid, sum(Decimal(found[r.id]["cost"]) for r, _ in made))

    # A repeat, as from LiteLLM's cache: the id of the first, another time, and no cost.
    again = {"model": "openai/gpt-oss-120b", "user": USER, "response_cost": 0.0}
    OpenMeterLogger().log_success_event(again, made[0][0], None, None)
    expect("what a repeat cost", before - balance() - paid, Decimal(0))
    claims = [found[response.id]["claimed_cost"] for response, _ in made]
    print(f"LiteLLM reported {len(made)} requests for ${paid}; it claimed {claims}")


main()
