"""Drives the sandbox with Stripe's official Python library.

    SANDBOX_URL=http://127.0.0.1:4010 SANDBOX_SECRET_KEY=sk_test_… python sdk.py
"""

import os

import stripe

stripe.api_base = os.environ["SANDBOX_URL"]
stripe.api_key = os.environ["SANDBOX_SECRET_KEY"]


def refused(kind, act):
    """The error of a call that must be refused in this way."""
    try:
        act()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected")


def card(number):
    fields = {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123"}
    return stripe.PaymentMethod.create(type="card", card=fields)


def check_saved_card():
    customer = stripe.Customer.create(email="ada@example.com", metadata={"organization": "o1"})
    method = stripe.PaymentMethod.attach(card("4242424242424242").id, customer=customer.id)
    listed = stripe.PaymentMethod.list(customer=customer.id, type="card").auto_paging_iter()
    assert [listed.card.last4 for listed in listed] == ["4242"]
    payment = {
        "amount": 2500,
        "currency": "usd",
        "customer": customer.id,
        "payment_method": method.id,
        "confirm": True,
        "off_session": True,
        "metadata": {"top_up_id": "t1"},
        "expand": ["latest_charge.balance_transaction"],
        "idempotency_key": f"key for {customer.id}",
    }
    intent = stripe.PaymentIntent.create(**payment)
    assert intent.status == "succeeded"
    assert intent.latest_charge.balance_transaction.fee == 103
    again = stripe.PaymentIntent.create(**payment)
    assert again.id == intent.id
    assert again.last_response.headers["idempotent-replayed"] == "true"
    other = refused(
        stripe.IdempotencyError,
        lambda: stripe.PaymentIntent.create(**{**payment, "amount": 2600}),
    )
    assert other.http_status == 400
    refund = stripe.Refund.create(payment_intent=intent.id, amount=500)
    assert refund.status == "succeeded"
    refused(
        stripe.InvalidRequestError,
        lambda: stripe.Refund.create(payment_intent=intent.id, amount=2001),
    )
    assert stripe.Customer.modify(customer.id, name="Ada").name == "Ada"
    assert stripe.PaymentMethod.detach(method.id).customer is None
    assert stripe.Customer.delete(customer.id).deleted


def check_errors():
    declined = refused(
        stripe.CardError,
        lambda: stripe.PaymentIntent.create(
            amount=2500,
            currency="usd",
            payment_method=card("4000000000009995").id,
            payment_method_types=["card"],
            confirm=True,
        ),
    )
    assert (declined.code, declined.error.decline_code) == ("card_declined", "insufficient_funds")
    assert declined.error.payment_intent.status == "requires_payment_method"
    missing = refused(stripe.InvalidRequestError, lambda: stripe.PaymentIntent.retrieve("pi_none"))
    assert (missing.http_status, missing.code) == (404, "resource_missing")
    refused(
        stripe.AuthenticationError,
        lambda: stripe.Customer.list(api_key="sk_test_wrong"),
    )


def check_set_up():
    customer = stripe.Customer.create()
    setup = stripe.SetupIntent.create(
        customer=customer.id,
        payment_method="pm_card_mastercard",
        payment_method_types=["card"],
        confirm=True,
    )
    assert setup.status == "succeeded"
    asked = stripe.SetupIntent.create(
        customer=customer.id,
        payment_method="pm_card_authenticationRequired",
        payment_method_types=["card"],
        confirm=True,
    )
    assert asked.status == "requires_action"
    assert stripe.SetupIntent.cancel(asked.id).status == "canceled"


def pay(method):
    return stripe.PaymentIntent.create(
        amount=2500,
        currency="usd",
        payment_method=method,
        payment_method_types=["card"],
        confirm=True,
    )


def time_goes_by(seconds):
    requestor = stripe.StripeClient(stripe.api_key, base_addresses={"api": stripe.api_base})
    requestor.raw_request("post", "/_control/clock", advance=seconds)


def check_money_that_goes_back():
    disputed = pay("pm_card_createDispute")
    slow = stripe.Refund.create(payment_intent=pay("pm_card_pendingRefund").id)
    failing = stripe.Refund.create(payment_intent=pay("pm_card_refundFail").id, amount=700)
    assert (slow.status, failing.status) == ("pending", "succeeded")
    time_goes_by(15)
    assert stripe.Refund.retrieve(slow.id).status == "succeeded"
    assert stripe.Refund.retrieve(failing.id).failure_reason == "expired_or_canceled_card"
    (dispute,) = stripe.Dispute.list(payment_intent=disputed.id).data
    assert (dispute.status, dispute.reason) == ("needs_response", "fraudulent")
    refused(
        stripe.InvalidRequestError,
        lambda: stripe.Refund.create(payment_intent=disputed.id),
    )
    evidence = {"uncategorized_text": "losing_evidence"}
    stripe.Dispute.modify(dispute.id, evidence=evidence)
    time_goes_by(2)
    lost = stripe.Dispute.retrieve(dispute.id, expand=["charge"])
    assert (lost.status, lost.charge.disputed) == ("lost", True)
    moved = [movement.net for movement in lost.balance_transactions]
    assert moved == [-4000], moved


def check_events():
    events = list(stripe.Event.list(limit=3).auto_paging_iter())
    assert len(events) == len({event.id for event in events}) > 10
    created = [event.created for event in events]
    assert created == sorted(created, reverse=True)


check_saved_card()
check_errors()
check_set_up()
check_money_that_goes_back()
check_events()
print("stripe for Python: all checks passed")
