//! Owns the API calls on payment intents: create, update, confirm, cancel, retrieve, list.
//! Does not own what confirming does to the card (`attempt`).

use serde_json::Value;

use super::parameters::{read_accepted, read_amount, read_confirmation, read_three_d_secure};
use super::{IntentStatus, PaymentIntent, RequestThreeDSecure, attempt};
use crate::call::Call;
use crate::customers::{self, Named};
use crate::errors::ApiError;
use crate::form::Form;
use crate::ids::{client_secret_of, new_id};
use crate::lists::{self, PAGE_PARAMETERS};
use crate::payment_methods::{FutureUsage, Holder, PaymentMethod, holding};
use crate::store::{Object, Selection};

/// Two-decimal currencies, all with the same minimum here.
const CURRENCIES: [&str; 6] = ["aud", "cad", "chf", "eur", "gbp", "usd"];

const CONTENT: [&str; 10] = [
    "amount",
    "automatic_payment_methods",
    "customer",
    "description",
    "metadata",
    "payment_method",
    "payment_method_options",
    "payment_method_types",
    "receipt_email",
    "setup_future_usage",
];
const CONFIRMATION: [&str; 5] = [
    "error_on_requires_action",
    "mandate_data",
    "off_session",
    "return_url",
    "use_stripe_sdk",
];

pub(crate) async fn create(call: &mut Call<'_>, form: &Form) -> Result<Value, ApiError> {
    let creation = [
        "capture_method",
        "confirm",
        "confirmation_method",
        "currency",
    ];
    form.expect_only(&[CONTENT.as_slice(), &CONFIRMATION, &creation].concat())?;
    let confirmed = form.is_set("confirm")?;
    let confirmation = read_confirmation(form)?;
    let only_when_confirmed = ["error_on_requires_action", "off_session", "return_url"];
    if !confirmed && let Some(name) = only_when_confirmed.iter().find(|n| form.text(n).is_some()) {
        let message = format!("You can only use `{name}` when `confirm` is true.");
        return Err(ApiError::parameter(name, "", message));
    }
    let mut intent = read_new(call, form).await?;
    call.insert(&intent).await?;
    call.emit("payment_intent.created", &intent).await?;
    if confirmed {
        attempt::confirm(call, &mut intent, &confirmation).await?;
    }
    Ok(call.render(&intent))
}

async fn read_new(call: &mut Call<'_>, form: &Form) -> Result<PaymentIntent, ApiError> {
    let amount = read_amount(form)?.ok_or_else(|| ApiError::missing("amount"))?;
    let currency = form.required("currency")?.to_ascii_lowercase();
    if !CURRENCIES.contains(&currency.as_str()) {
        return Err(ApiError::parameter("currency", "", "Invalid currency."));
    }
    for (name, only) in [
        ("capture_method", "automatic"),
        ("confirmation_method", "automatic"),
    ] {
        if form
            .text(name)
            .is_some_and(|value| !value.starts_with(only))
        {
            let message = format!("The sandbox has `{name}` automatic only.");
            return Err(ApiError::parameter(name, "", message));
        }
    }
    let id = new_id("pi");
    let mut intent = PaymentIntent {
        client_secret: client_secret_of(&id),
        id,
        created: call.now,
        amount,
        currency,
        customer: None,
        payment_method: None,
        description: None,
        receipt_email: None,
        metadata: form.metadata()?,
        setup_future_usage: None,
        accepted: read_accepted(form)?,
        request_three_d_secure: RequestThreeDSecure::Automatic,
        status: IntentStatus::RequiresPaymentMethod,
        last_payment_error: None,
        latest_charge: None,
    };
    change(call, &mut intent, form).await?;
    Ok(intent)
}

/// What creation, update and confirmation may all set.
async fn change(
    call: &mut Call<'_>,
    intent: &mut PaymentIntent,
    form: &Form,
) -> Result<(), ApiError> {
    if let Some(id) = form.text("customer") {
        customers::present(call, id, Named::InParameter).await?;
        intent.customer = Some(id.to_owned());
    }
    if let Some(description) = form.change("description") {
        intent.description = description;
    }
    if let Some(email) = form.change("receipt_email") {
        intent.receipt_email = email;
    }
    if let Some(usage) = FutureUsage::read(form, "setup_future_usage")? {
        intent.setup_future_usage = Some(usage);
    }
    if let Some(request) = read_three_d_secure(form)? {
        intent.request_three_d_secure = request;
    }
    if let Some(id) = form.text("payment_method") {
        let method = holding::resolve(call, id, "payment_method").await?;
        check_holder(&method, intent.customer.as_deref())?;
        intent.payment_method = Some(method.id);
        intent.status = IntentStatus::RequiresConfirmation;
    }
    Ok(())
}

/// A saved card may be charged for its own customer only.
pub(crate) fn check_holder(method: &PaymentMethod, customer: Option<&str>) -> Result<(), ApiError> {
    let message = match (&method.holder, customer) {
        (Holder::SpentByNobody, _) => return Err(holding::spent()),
        (Holder::Nobody, _) => return Ok(()),
        (Holder::Customer(holder), Some(customer)) if holder == customer => return Ok(()),
        (Holder::Customer(_), Some(_)) => {
            "The PaymentMethod does not belong to the Customer you supplied."
        }
        (Holder::Customer(_), None) => {
            "The PaymentMethod belongs to a Customer. Please include the Customer in the `customer` \
             parameter on the PaymentIntent."
        }
    };
    Err(ApiError::refused("", message).with_param("payment_method"))
}

pub(crate) async fn update(call: &mut Call<'_>, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&CONTENT)?;
    let mut intent: PaymentIntent = call.get(id).await?;
    let is_open = matches!(
        intent.status,
        IntentStatus::RequiresPaymentMethod
            | IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresAction { .. }
    );
    let touches_money = ["amount", "customer", "payment_method", "setup_future_usage"];
    if !is_open && touches_money.iter().any(|name| form.text(name).is_some()) {
        return Err(unexpected_state(call, &intent, "updated"));
    }
    if let Some(amount) = read_amount(form)? {
        intent.amount = amount;
    }
    change(call, &mut intent, form).await?;
    form.merge_metadata(&mut intent.metadata)?;
    call.update(&intent).await?;
    Ok(call.render(&intent))
}

pub(crate) async fn confirm(call: &mut Call<'_>, id: &str, form: &Form) -> Result<Value, ApiError> {
    let content = [
        "payment_method",
        "payment_method_options",
        "receipt_email",
        "setup_future_usage",
    ];
    form.expect_only(&[content.as_slice(), &CONFIRMATION].concat())?;
    let confirmation = read_confirmation(form)?;
    let mut intent: PaymentIntent = call.get(id).await?;
    match &intent.status {
        IntentStatus::RequiresPaymentMethod
        | IntentStatus::RequiresConfirmation
        | IntentStatus::RequiresAction { .. } => {}
        IntentStatus::Processing | IntentStatus::Succeeded | IntentStatus::Canceled { .. } => {
            return Err(unexpected_state(call, &intent, "confirmed"));
        }
    }
    change(call, &mut intent, form).await?;
    attempt::confirm(call, &mut intent, &confirmation).await?;
    Ok(call.render(&intent))
}

pub(crate) async fn cancel(call: &mut Call<'_>, id: &str, form: &Form) -> Result<Value, ApiError> {
    const REASONS: [&str; 4] = [
        "abandoned",
        "duplicate",
        "fraudulent",
        "requested_by_customer",
    ];
    form.expect_only(&["cancellation_reason"])?;
    let reason = form.owned("cancellation_reason");
    if reason
        .as_ref()
        .is_some_and(|reason| !REASONS.contains(&reason.as_str()))
    {
        return Err(ApiError::parameter(
            "cancellation_reason",
            "",
            "Invalid cancellation_reason.",
        ));
    }
    let mut intent: PaymentIntent = call.get(id).await?;
    match &intent.status {
        IntentStatus::RequiresPaymentMethod
        | IntentStatus::RequiresConfirmation
        | IntentStatus::RequiresAction { .. } => {}
        // A card payment in processing is out of our hands, as it is out of Stripe's.
        IntentStatus::Processing | IntentStatus::Succeeded | IntentStatus::Canceled { .. } => {
            return Err(unexpected_state(call, &intent, "canceled"));
        }
    }
    intent.status = IntentStatus::Canceled {
        at: call.now,
        reason,
    };
    call.update(&intent).await?;
    call.emit("payment_intent.canceled", &intent).await?;
    Ok(call.render(&intent))
}

pub(crate) async fn retrieve(call: &mut Call<'_>, id: &str) -> Result<Value, ApiError> {
    let intent: PaymentIntent = call.get(id).await?;
    Ok(call.render(&intent))
}

pub(crate) async fn list(call: &mut Call<'_>, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&[PAGE_PARAMETERS.as_slice(), &["customer"]].concat())?;
    let owners = Selection {
        customer: form.owned("customer"),
        ..Selection::default()
    };
    lists::page::<PaymentIntent>(call, form, "/v1/payment_intents", owners).await
}

fn unexpected_state(call: &Call<'_>, intent: &PaymentIntent, act: &str) -> ApiError {
    let status = intent.status.name();
    let message =
        format!("This PaymentIntent could not be {act} because it has a status of {status}.");
    ApiError::refused("payment_intent_unexpected_state", message)
        .with(PaymentIntent::KIND, call.render(intent))
}
