//! Owns setup intents: saving a card for later without charging it. Does not own how a card
//! decides (`behaviour`) or the bank's page (`three_d_secure`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::behaviour::{Authentication, Verdict};
use crate::call::Call;
use crate::customers::{self, Named};
use crate::declines::Decline;
use crate::errors::ApiError;
use crate::form::Form;
use crate::ids::{client_secret_of, new_id};
use crate::lists::{self, PAGE_PARAMETERS};
use crate::payment_intents::calls::check_holder;
use crate::payment_intents::next_action;
use crate::payment_intents::parameters::is_web_address;
use crate::payment_methods::{FutureUsage, PaymentMethod, holding};
use crate::store::{Object, Owners, Selection, View};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SetupIntent {
    pub(crate) id: String,
    created: i64,
    customer: Option<String>,
    payment_method: Option<String>,
    description: Option<String>,
    metadata: BTreeMap<String, String>,
    pub(crate) client_secret: String,
    usage: FutureUsage,
    pub(crate) status: SetupStatus,
    last_setup_error: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub(crate) enum SetupStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction { return_url: Option<String> },
    Succeeded,
    Canceled { reason: Option<String> },
}

impl SetupStatus {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction { .. } => "requires_action",
            Self::Succeeded => "succeeded",
            Self::Canceled { .. } => "canceled",
        }
    }
}

impl Object for SetupIntent {
    const KIND: &'static str = "setup_intent";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owners(&self) -> Owners<'_> {
        Owners {
            customer: self.customer.as_deref(),
            ..Owners::default()
        }
    }

    fn render(&self, view: &View<'_>) -> Value {
        let (mut next_step, mut cancellation_reason) = (Value::Null, None);
        match &self.status {
            SetupStatus::RequiresAction { return_url } => {
                let return_url = return_url.as_deref();
                next_step = next_action(view.public_url, &self.id, &self.client_secret, return_url);
            }
            SetupStatus::Canceled { reason } => cancellation_reason = reason.as_deref(),
            SetupStatus::RequiresPaymentMethod
            | SetupStatus::RequiresConfirmation
            | SetupStatus::Succeeded => {}
        }
        json!({
            "id": self.id,
            "object": "setup_intent",
            "application": null,
            "automatic_payment_methods": null,
            "cancellation_reason": cancellation_reason,
            "client_secret": self.client_secret,
            "created": self.created,
            "customer": self.customer,
            "description": self.description,
            "flow_directions": null,
            "last_setup_error": self.last_setup_error,
            "latest_attempt": null,
            "livemode": false,
            "mandate": null,
            "metadata": self.metadata,
            "next_action": next_step,
            "on_behalf_of": null,
            "payment_method": self.payment_method,
            "payment_method_configuration_details": null,
            "payment_method_options": { "card": {
                "mandate_options": null,
                "network": null,
                "request_three_d_secure": "automatic",
            } },
            "payment_method_types": ["card"],
            "single_use_mandate": null,
            "status": self.status.name(),
            "usage": self.usage,
        })
    }
}

const CONTENT: [&str; 6] = [
    "customer",
    "description",
    "metadata",
    "payment_method",
    "payment_method_types",
    "automatic_payment_methods",
];

pub(crate) async fn create(call: &mut Call<'_>, form: &Form) -> Result<Value, ApiError> {
    let more = [
        "confirm",
        "return_url",
        "usage",
        "use_stripe_sdk",
        "mandate_data",
    ];
    form.expect_only(&[CONTENT.as_slice(), &more].concat())?;
    let id = new_id("seti");
    let mut intent = SetupIntent {
        client_secret: client_secret_of(&id),
        id,
        created: call.now,
        customer: None,
        payment_method: None,
        description: None,
        metadata: form.metadata()?,
        usage: FutureUsage::read(form, "usage")?.unwrap_or(FutureUsage::OffSession),
        status: SetupStatus::RequiresPaymentMethod,
        last_setup_error: None,
    };
    let return_url = read_return_url(form)?;
    let confirmed = form.is_set("confirm")?;
    change(call, &mut intent, form).await?;
    call.insert(&intent).await?;
    call.emit("setup_intent.created", &intent).await?;
    if confirmed {
        attempt(call, &mut intent, return_url).await?;
    }
    Ok(call.render(&intent))
}

async fn change(
    call: &mut Call<'_>,
    intent: &mut SetupIntent,
    form: &Form,
) -> Result<(), ApiError> {
    if let Some(id) = form.text("customer") {
        customers::present(call, id, Named::InParameter).await?;
        intent.customer = Some(id.to_owned());
    }
    if let Some(description) = form.change("description") {
        intent.description = description;
    }
    if let Some(id) = form.text("payment_method") {
        let method = holding::resolve(call, id, "payment_method").await?;
        check_holder(&method, intent.customer.as_deref())?;
        intent.payment_method = Some(method.id);
        intent.status = SetupStatus::RequiresConfirmation;
    }
    Ok(())
}

pub(crate) async fn update(call: &mut Call<'_>, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&CONTENT)?;
    let mut intent: SetupIntent = call.get(id).await?;
    require_open(call, &intent, "updated")?;
    change(call, &mut intent, form).await?;
    form.merge_metadata(&mut intent.metadata)?;
    call.update(&intent).await?;
    Ok(call.render(&intent))
}

pub(crate) async fn confirm(call: &mut Call<'_>, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&[
        "payment_method",
        "return_url",
        "use_stripe_sdk",
        "mandate_data",
    ])?;
    let return_url = read_return_url(form)?;
    let mut intent: SetupIntent = call.get(id).await?;
    require_open(call, &intent, "confirmed")?;
    change(call, &mut intent, form).await?;
    attempt(call, &mut intent, return_url).await?;
    Ok(call.render(&intent))
}

pub(crate) async fn cancel(call: &mut Call<'_>, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&["cancellation_reason"])?;
    let reason = form.owned("cancellation_reason");
    let allowed = ["abandoned", "duplicate", "requested_by_customer"];
    if reason
        .as_ref()
        .is_some_and(|reason| !allowed.contains(&reason.as_str()))
    {
        return Err(ApiError::parameter(
            "cancellation_reason",
            "",
            "Invalid cancellation_reason.",
        ));
    }
    let mut intent: SetupIntent = call.get(id).await?;
    require_open(call, &intent, "canceled")?;
    intent.status = SetupStatus::Canceled { reason };
    call.update(&intent).await?;
    call.emit("setup_intent.canceled", &intent).await?;
    Ok(call.render(&intent))
}

fn require_open(call: &Call<'_>, intent: &SetupIntent, act: &str) -> Result<(), ApiError> {
    match &intent.status {
        SetupStatus::RequiresPaymentMethod
        | SetupStatus::RequiresConfirmation
        | SetupStatus::RequiresAction { .. } => Ok(()),
        SetupStatus::Succeeded | SetupStatus::Canceled { .. } => {
            let status = intent.status.name();
            let message =
                format!("This SetupIntent could not be {act} because it has a status of {status}.");
            Err(ApiError::refused("setup_intent_unexpected_state", message)
                .with(SetupIntent::KIND, call.render(intent)))
        }
    }
}

async fn attempt(
    call: &mut Call<'_>,
    intent: &mut SetupIntent,
    return_url: Option<String>,
) -> Result<(), ApiError> {
    let mut method = method_of(call, intent).await?;
    match method.card.behaviour.set_up(Authentication::Automatic) {
        Verdict::Asks => {
            intent.status = SetupStatus::RequiresAction { return_url };
            call.update(intent).await?;
            call.emit("setup_intent.requires_action", intent).await
        }
        Verdict::Declined(reason) => decline(call, intent, &method, reason).await,
        Verdict::Approved | Verdict::ApprovedWithoutFriction | Verdict::Accepted(_) => {
            succeed(call, intent, &mut method).await
        }
    }
}

async fn method_of(call: &mut Call<'_>, intent: &SetupIntent) -> Result<PaymentMethod, ApiError> {
    let Some(id) = &intent.payment_method else {
        let message = "You cannot confirm this SetupIntent because it's missing a payment method.";
        let error = ApiError::refused("setup_intent_unexpected_state", message);
        return Err(error.with(SetupIntent::KIND, call.render(intent)));
    };
    let method: PaymentMethod = call.get_param(id, "payment_method").await?;
    check_holder(&method, intent.customer.as_deref())?;
    Ok(method)
}

/// The owner approved on the bank's page.
pub(crate) async fn approve(call: &mut Call<'_>, intent: &mut SetupIntent) -> Result<(), ApiError> {
    let mut method = method_of(call, intent).await?;
    match method.card.behaviour.set_up(Authentication::Completed) {
        Verdict::Declined(reason) => decline(call, intent, &method, reason).await,
        Verdict::Approved
        | Verdict::ApprovedWithoutFriction
        | Verdict::Accepted(_)
        | Verdict::Asks => succeed(call, intent, &mut method).await,
    }
}

/// The owner refused on the bank's page.
pub(crate) async fn fail_authentication(
    call: &mut Call<'_>,
    intent: &mut SetupIntent,
) -> Result<(), ApiError> {
    let method = method_of(call, intent).await?;
    decline(call, intent, &method, Decline::AuthenticationFailed).await
}

async fn succeed(
    call: &mut Call<'_>,
    intent: &mut SetupIntent,
    method: &mut PaymentMethod,
) -> Result<(), ApiError> {
    let customer = intent.customer.clone();
    let keep = customer.as_deref().map(|customer| (customer, intent.usage));
    holding::after_payment(call, method, keep).await?;
    intent.status = SetupStatus::Succeeded;
    intent.last_setup_error = None;
    call.update(intent).await?;
    call.emit("setup_intent.succeeded", intent).await
}

async fn decline(
    call: &mut Call<'_>,
    intent: &mut SetupIntent,
    method: &PaymentMethod,
    reason: Decline,
) -> Result<(), ApiError> {
    let mut error = reason.error().with("payment_method", call.render(method));
    if reason == Decline::AuthenticationFailed {
        error = error.with_code("setup_intent_authentication_failure");
    }
    intent.status = SetupStatus::RequiresPaymentMethod;
    intent.payment_method = None;
    intent.last_setup_error = Some(error.object());
    call.update(intent).await?;
    call.emit("setup_intent.setup_failed", intent).await?;
    Err(error
        .with(SetupIntent::KIND, call.render(intent))
        .recorded())
}

fn read_return_url(form: &Form) -> Result<Option<String>, ApiError> {
    match form.text("return_url") {
        Some(url) if !is_web_address(url) => Err(ApiError::parameter(
            "return_url",
            "url_invalid",
            "Not a valid URL",
        )),
        url => Ok(url.map(str::to_owned)),
    }
}

pub(crate) async fn retrieve(call: &mut Call<'_>, id: &str) -> Result<Value, ApiError> {
    let intent: SetupIntent = call.get(id).await?;
    Ok(call.render(&intent))
}

pub(crate) async fn list(call: &mut Call<'_>, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&[PAGE_PARAMETERS.as_slice(), &["customer"]].concat())?;
    let owners = Selection {
        customer: form.owned("customer"),
        ..Selection::default()
    };
    lists::page::<SetupIntent>(call, form, "/v1/setup_intents", owners).await
}
