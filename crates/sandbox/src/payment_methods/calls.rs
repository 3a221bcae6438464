//! Owns the API calls on payment methods: create, retrieve, list, attach, detach, update.

use serde_json::Value;

use super::billing_details::BillingDetails;
use super::{PaymentMethod, holding};
use crate::call::Call;
use crate::cards;
use crate::customers::{self, Named};
use crate::errors::ApiError;
use crate::form::Form;
use crate::lists::{self, PAGE_PARAMETERS};
use crate::store::{Object, Selection};

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
    let method = holding::attach_to(call, id, customer).await?;
    Ok(call.render(&method))
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
    holding::release(call, &mut method).await?;
    Ok(call.render(&method))
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

/// The issuer sends a card's new expiry by itself. It may be past: so a test has an expired card
/// without waiting for years.
pub(crate) async fn update_automatically(
    call: &mut Call<'_>,
    id: &str,
    form: &Form,
) -> Result<Value, ApiError> {
    const LONGEST_EXPIRED_SECONDS: i64 = 5 * 365 * 24 * 60 * 60;
    let mut method: PaymentMethod = call.get(id).await?;
    change_expiry(&mut method, form, call.now - LONGEST_EXPIRED_SECONDS)?;
    call.update(&method).await?;
    call.emit("payment_method.automatically_updated", &method)
        .await?;
    Ok(call.render(&method))
}

/// `valid_at`: when the new expiry must not be past.
fn change_expiry(method: &mut PaymentMethod, form: &Form, valid_at: i64) -> Result<(), ApiError> {
    let month = form
        .integer("card[exp_month]")?
        .unwrap_or(method.card.exp_month);
    let year = form
        .integer("card[exp_year]")?
        .unwrap_or(method.card.exp_year);
    if (month, year) != (method.card.exp_month, method.card.exp_year) {
        let (month, year) = cards::check_expiry(month, year, valid_at)?;
        (method.card.exp_month, method.card.exp_year) = (month, year);
    }
    Ok(())
}
