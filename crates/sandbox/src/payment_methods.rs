//! Owns payment methods: cards as tokens, attached to one customer or to none. Does not own the
//! list of cards (`cards`) or charging them (`payment_intents`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::behaviour::{Authentication, SecurityCode, SetUp, Verdict};
use crate::call::Call;
use crate::cards::{self, Card};
use crate::customers::{self, Named};
use crate::errors::ApiError;
use crate::form::Form;
use crate::ids::new_id;
use crate::lists::{self, PAGE_PARAMETERS};
use crate::store::{self, Object, Owners, Selection, View};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PaymentMethod {
    pub(crate) id: String,
    created: i64,
    pub(crate) holder: Holder,
    pub(crate) card: Card,
    pub(crate) billing_details: BillingDetails,
    metadata: BTreeMap<String, String>,
}

/// Whose it is; a card that was used or detached without a customer cannot be used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Holder {
    Nobody,
    Customer(String),
    SpentByNobody,
}

/// What the owner agreed to when the card was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FutureUsage {
    OnSession,
    OffSession,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Address {
    city: Option<String>,
    country: Option<String>,
    line1: Option<String>,
    line2: Option<String>,
    postal_code: Option<String>,
    state: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct BillingDetails {
    address: Address,
    email: Option<String>,
    name: Option<String>,
    phone: Option<String>,
}

impl Object for PaymentMethod {
    /// Stripe's word in "No such PaymentMethod".
    const KIND: &'static str = "PaymentMethod";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owners(&self) -> Owners<'_> {
        Owners {
            customer: self.customer(),
            ..Owners::default()
        }
    }

    fn render(&self, _view: &View<'_>) -> Value {
        json!({
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": self.billing_details.render(),
            "card": self.render_card(),
            "created": self.created,
            "customer": self.customer(),
            "livemode": false,
            "metadata": self.metadata,
            "type": "card",
        })
    }
}

impl PaymentMethod {
    pub(crate) fn new(card: Card, billing_details: BillingDetails, now: i64) -> Self {
        Self {
            id: new_id("pm"),
            created: now,
            holder: Holder::Nobody,
            card,
            billing_details,
            metadata: BTreeMap::new(),
        }
    }

    pub(crate) fn customer(&self) -> Option<&str> {
        match &self.holder {
            Holder::Customer(id) => Some(id),
            Holder::Nobody | Holder::SpentByNobody => None,
        }
    }

    fn render_card(&self) -> Value {
        let brand = self.card.brand.name();
        json!({
            "brand": brand,
            "checks": self.render_checks(),
            "country": "US",
            "display_brand": brand,
            "exp_month": self.card.exp_month,
            "exp_year": self.card.exp_year,
            "fingerprint": self.card.fingerprint,
            "funding": self.card.funding,
            "generated_from": null,
            "last4": self.card.last4,
            "networks": { "available": [brand], "preferred": null },
            "regulated_status": "unregulated",
            "three_d_secure_usage": { "supported": true },
            "wallet": null,
        })
    }

    /// The security code is checked when the card is attached or charged, so until then there is
    /// only whether one was given.
    fn render_checks(&self) -> Value {
        let cvc_check = match (self.card.security_code, &self.holder) {
            (SecurityCode::Absent, _) => Value::Null,
            (SecurityCode::Given, Holder::Nobody) => json!("unchecked"),
            (SecurityCode::Given, Holder::Customer(_) | Holder::SpentByNobody) => json!("pass"),
        };
        json!({
            "address_line1_check": null,
            "address_postal_code_check": null,
            "cvc_check": cvc_check,
        })
    }
}

pub(crate) async fn create(call: &mut Call<'_>, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&[
        "type",
        "card",
        "billing_details",
        "metadata",
        "allow_redisplay",
    ])?;
    if form.required("type")? != "card" {
        let message = "The sandbox has payment methods of type card only.";
        return Err(ApiError::parameter("type", "", message));
    }
    let processor = call.processor;
    let card = match form.text("card[token]") {
        Some(_) => {
            let message = "The sandbox has no tokens of this kind; send the card's fields.";
            return Err(ApiError::parameter("card[token]", "", message));
        }
        None => cards::read_card(form, call.now, |number| processor.fingerprint(number))?,
    };
    let mut billing_details = BillingDetails::default();
    billing_details.change(form)?;
    let mut method = PaymentMethod::new(card, billing_details, call.now);
    method.metadata = form.metadata()?;
    call.insert(&method).await?;
    Ok(call.render(&method))
}

/// The payment method that a parameter names. One of the fixed test tokens becomes a new one.
pub(crate) async fn resolve(
    call: &mut Call<'_>,
    id: &str,
    param: &str,
) -> Result<PaymentMethod, ApiError> {
    let processor = call.processor;
    let card = cards::card_of_token(id, call.now, |number| processor.fingerprint(number));
    match card {
        Some(card) => {
            let method = PaymentMethod::new(card, BillingDetails::default(), call.now);
            call.insert(&method).await?;
            Ok(method)
        }
        None => call.get_param(id, param).await,
    }
}

pub(crate) async fn retrieve(call: &mut Call<'_>, id: &str) -> Result<Value, ApiError> {
    let method: PaymentMethod = call.get(id).await?;
    Ok(call.render(&method))
}

pub(crate) async fn retrieve_of_customer(
    call: &mut Call<'_>,
    customer: &str,
    id: &str,
) -> Result<Value, ApiError> {
    let method: PaymentMethod = call.get(id).await?;
    if method.customer() != Some(customer) {
        return Err(ApiError::no_such(PaymentMethod::KIND, id));
    }
    Ok(call.render(&method))
}

pub(crate) async fn list(call: &mut Call<'_>, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&[PAGE_PARAMETERS.as_slice(), &["customer", "type"]].concat())?;
    let customer = form.required("customer")?.to_owned();
    list_of(call, form, customer, "/v1/payment_methods").await
}

pub(crate) async fn list_of_customer(
    call: &mut Call<'_>,
    customer: &str,
    form: &Form,
) -> Result<Value, ApiError> {
    form.expect_only(&[PAGE_PARAMETERS.as_slice(), &["type"]].concat())?;
    let url = format!("/v1/customers/{customer}/payment_methods");
    list_of(call, form, customer.to_owned(), &url).await
}

async fn list_of(
    call: &mut Call<'_>,
    form: &Form,
    customer: String,
    url: &str,
) -> Result<Value, ApiError> {
    customers::present(call, &customer, Named::InParameter).await?;
    if form.text("type").is_some_and(|kind| kind != "card") {
        return Ok(lists::envelope(url, Vec::new(), 1, false));
    }
    let owners = Selection {
        customer: Some(customer),
        ..Selection::default()
    };
    lists::page::<PaymentMethod>(call, form, url, owners).await
}

pub(crate) async fn attach(call: &mut Call<'_>, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&["customer"])?;
    let customer = form.required("customer")?;
    let method = attach_to(call, id, customer).await?;
    Ok(call.render(&method))
}

/// Attaches after asking the issuer, as every set-up does.
pub(crate) async fn attach_to(
    call: &mut Call<'_>,
    id: &str,
    customer: &str,
) -> Result<PaymentMethod, ApiError> {
    customers::present(call, customer, Named::InParameter).await?;
    let mut method = resolve(call, id, "payment_method").await?;
    match &method.holder {
        Holder::Customer(holder) if holder == customer => return Ok(method),
        Holder::Customer(_) => {
            let message = "The payment method you provided has already been attached to a \
                           customer.";
            return Err(ApiError::refused(
                "payment_method_unexpected_state",
                message,
            ));
        }
        Holder::SpentByNobody => return Err(spent()),
        Holder::Nobody => {}
    }
    // Without the owner no question can be asked here; a card that asks is attached, and asks at
    // its first charge.
    if let Verdict::Declined(decline) = method.card.behaviour.set_up(Authentication::Automatic) {
        return Err(decline.error().with("payment_method", call.render(&method)));
    }
    keep_for(call, &mut method, customer).await?;
    Ok(method)
}

/// Attaches a method that the issuer has already approved, and says so.
pub(crate) async fn keep_for(
    call: &mut Call<'_>,
    method: &mut PaymentMethod,
    customer: &str,
) -> Result<(), ApiError> {
    if method.customer() == Some(customer) {
        return Ok(());
    }
    method.holder = Holder::Customer(customer.to_owned());
    call.update(method).await?;
    call.emit("payment_method.attached", method).await
}

pub(crate) fn spent() -> ApiError {
    let message = "This PaymentMethod was previously used without being attached to a Customer or \
                   was detached from a Customer, and may not be used again.";
    ApiError::refused("payment_method_unexpected_state", message).with_param("payment_method")
}

pub(crate) async fn detach(call: &mut Call<'_>, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&[])?;
    let mut method: PaymentMethod = call.get(id).await?;
    if method.customer().is_none() {
        let message = "The payment method you provided is not attached to a customer so \
                       detachment is impossible.";
        return Err(ApiError::refused(
            "payment_method_unexpected_state",
            message,
        ));
    }
    release(call, &mut method).await?;
    Ok(call.render(&method))
}

async fn release(call: &mut Call<'_>, method: &mut PaymentMethod) -> Result<(), ApiError> {
    method.holder = Holder::SpentByNobody;
    call.update(method).await?;
    call.emit("payment_method.detached", method).await
}

/// Detaches every card of a customer.
pub(crate) async fn detach_all(call: &mut Call<'_>, customer: &str) -> Result<(), ApiError> {
    /// In pages, so that no customer has too many.
    const PAGE: i64 = 100;
    loop {
        let customer = Some(customer.to_owned());
        let selection = Selection {
            customer,
            limit: PAGE,
            ..Selection::default()
        };
        let page: Vec<PaymentMethod> = store::list(call.db, &selection).await?;
        if page.is_empty() {
            return Ok(());
        }
        for mut method in page {
            release(call, &mut method).await?;
        }
    }
}

pub(crate) async fn update(call: &mut Call<'_>, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&["card", "billing_details", "metadata", "allow_redisplay"])?;
    let mut method: PaymentMethod = call.get(id).await?;
    change_expiry(&mut method, form, call.now)?;
    method.billing_details.change(form)?;
    form.merge_metadata(&mut method.metadata)?;
    call.update(&method).await?;
    call.emit("payment_method.updated", &method).await?;
    Ok(call.render(&method))
}

/// The issuer sends a card's new expiry by itself.
pub(crate) async fn update_automatically(
    call: &mut Call<'_>,
    id: &str,
    form: &Form,
) -> Result<Value, ApiError> {
    let mut method: PaymentMethod = call.get(id).await?;
    change_expiry(&mut method, form, call.now)?;
    call.update(&method).await?;
    call.emit("payment_method.automatically_updated", &method)
        .await?;
    Ok(call.render(&method))
}

fn change_expiry(method: &mut PaymentMethod, form: &Form, now: i64) -> Result<(), ApiError> {
    let month = form
        .integer("card[exp_month]")?
        .unwrap_or(method.card.exp_month);
    let year = form
        .integer("card[exp_year]")?
        .unwrap_or(method.card.exp_year);
    if (month, year) != (method.card.exp_month, method.card.exp_year) {
        let (month, year) = cards::check_expiry(month, year, now)?;
        (method.card.exp_month, method.card.exp_year) = (month, year);
    }
    Ok(())
}

/// Marks what a successful payment did to the card it used.
pub(crate) async fn after_payment(
    call: &mut Call<'_>,
    method: &mut PaymentMethod,
    keep: Option<(&str, FutureUsage)>,
) -> Result<(), ApiError> {
    match keep {
        Some((customer, usage)) => {
            keep_for(call, method, customer).await?;
            if usage == FutureUsage::OffSession {
                method.card.set_up = SetUp::Done;
            }
            call.update(method).await
        }
        None if method.holder == Holder::Nobody => {
            method.holder = Holder::SpentByNobody;
            call.update(method).await
        }
        None => Ok(()),
    }
}

impl FutureUsage {
    pub(crate) fn read(form: &Form, param: &str) -> Result<Option<Self>, ApiError> {
        match form.text(param) {
            None => Ok(None),
            Some("on_session") => Ok(Some(Self::OnSession)),
            Some("off_session") => Ok(Some(Self::OffSession)),
            Some(_) => {
                let message = "Must be one of on_session or off_session.";
                Err(ApiError::parameter(param, "", message))
            }
        }
    }
}

impl Address {
    pub(crate) fn change(&mut self, form: &Form, name: &str) -> Result<(), ApiError> {
        let country = format!("{name}[country]");
        if let Some(code) = form.text(&country)
            && !(code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
        {
            let message = "Country codes have two capital letters (ISO 3166-1 alpha-2).";
            return Err(ApiError::parameter(
                &country,
                "country_code_invalid",
                message,
            ));
        }
        for (field, place) in [
            ("city", &mut self.city),
            ("country", &mut self.country),
            ("line1", &mut self.line1),
            ("line2", &mut self.line2),
            ("postal_code", &mut self.postal_code),
            ("state", &mut self.state),
        ] {
            if let Some(value) = form.change(&format!("{name}[{field}]")) {
                *place = value;
            }
        }
        Ok(())
    }

    pub(crate) fn render(&self) -> Value {
        json!({
            "city": self.city,
            "country": self.country,
            "line1": self.line1,
            "line2": self.line2,
            "postal_code": self.postal_code,
            "state": self.state,
        })
    }
}

impl BillingDetails {
    fn change(&mut self, form: &Form) -> Result<(), ApiError> {
        self.address.change(form, "billing_details[address]")?;
        for (field, place) in [
            ("email", &mut self.email),
            ("name", &mut self.name),
            ("phone", &mut self.phone),
        ] {
            if let Some(value) = form.change(&format!("billing_details[{field}]")) {
                *place = value;
            }
        }
        Ok(())
    }

    pub(crate) fn render(&self) -> Value {
        json!({
            "address": self.address.render(),
            "email": self.email,
            "name": self.name,
            "phone": self.phone,
            "tax_id": null,
        })
    }
}
