//! Owns the list of calls: which address leads to which function.

use serde_json::Value;

use super::Verb;
use crate::call::Call;
use crate::disputes::calls as disputes;
use crate::errors::ApiError;
use crate::form::Form;
use crate::payment_intents::calls as payment_intents;
use crate::payment_methods::calls as payment_methods;
use crate::webhooks::events;
use crate::{
    balance_transactions, charges, customers, early_fraud_warnings, refunds, setup_intents,
};

/// Every call that changes something.
pub(crate) async fn perform(
    call: &mut Call<'_>,
    verb: Verb,
    path: &str,
    form: &Form,
) -> Result<Value, ApiError> {
    let steps: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (verb, steps.as_slice()) {
        (Verb::Post, ["v1", "customers"]) => customers::create(call, form).await,
        (Verb::Post, ["v1", "customers", id]) => customers::update(call, id, form).await,
        (Verb::Delete, ["v1", "customers", id]) => customers::delete(call, id).await,
        (Verb::Post, ["v1", "disputes", id]) => disputes::update(call, id, form).await,
        (Verb::Post, ["v1", "disputes", id, "close"]) => disputes::close(call, id).await,
        (Verb::Post, ["v1", "payment_intents"]) => payment_intents::create(call, form).await,
        (Verb::Post, ["v1", "payment_intents", id]) => {
            payment_intents::update(call, id, form).await
        }
        (Verb::Post, ["v1", "payment_intents", id, "cancel"]) => {
            payment_intents::cancel(call, id, form).await
        }
        (Verb::Post, ["v1", "payment_intents", id, "confirm"]) => {
            payment_intents::confirm(call, id, form).await
        }
        (Verb::Post, ["v1", "payment_methods"]) => payment_methods::create(call, form).await,
        (Verb::Post, ["v1", "payment_methods", id]) => {
            payment_methods::update(call, id, form).await
        }
        (Verb::Post, ["v1", "payment_methods", id, "attach"]) => {
            payment_methods::attach(call, id, form).await
        }
        (Verb::Post, ["v1", "payment_methods", id, "detach"]) => {
            payment_methods::detach(call, id, form).await
        }
        (Verb::Post, ["v1", "refunds"]) => refunds::create(call, form).await,
        (Verb::Post, ["v1", "refunds", id]) => refunds::update(call, id, form).await,
        (Verb::Post, ["v1", "setup_intents"]) => setup_intents::create(call, form).await,
        (Verb::Post, ["v1", "setup_intents", id]) => setup_intents::update(call, id, form).await,
        (Verb::Post, ["v1", "setup_intents", id, "cancel"]) => {
            setup_intents::cancel(call, id, form).await
        }
        (Verb::Post, ["v1", "setup_intents", id, "confirm"]) => {
            setup_intents::confirm(call, id, form).await
        }
        _ => Err(ApiError::unknown_route(verb.name(), path)),
    }
}

/// Every call that only reads.
pub(crate) async fn read(call: &mut Call<'_>, path: &str, form: &Form) -> Result<Value, ApiError> {
    let steps: Vec<&str> = path.trim_matches('/').split('/').collect();
    match steps.as_slice() {
        ["v1", "balance"] => balance_transactions::balance(call).await,
        ["v1", "balance_transactions"] => balance_transactions::list(call, form).await,
        ["v1", "balance_transactions", id] => balance_transactions::retrieve(call, id).await,
        ["v1", "charges"] => charges::list(call, form).await,
        ["v1", "charges", id] => charges::retrieve(call, id).await,
        ["v1", "customers"] => customers::list(call, form).await,
        ["v1", "customers", id] => customers::retrieve(call, id).await,
        ["v1", "customers", id, "payment_methods"] => {
            payment_methods::list_of_customer(call, id, form).await
        }
        ["v1", "customers", customer, "payment_methods", id] => {
            payment_methods::retrieve_of_customer(call, customer, id).await
        }
        ["v1", "disputes"] => disputes::list(call, form).await,
        ["v1", "disputes", id] => disputes::retrieve(call, id).await,
        ["v1", "events"] => events::list(call, form).await,
        ["v1", "events", id] => events::retrieve(call, id).await,
        ["v1", "payment_intents"] => payment_intents::list(call, form).await,
        ["v1", "payment_intents", id] => payment_intents::retrieve(call, id).await,
        ["v1", "payment_methods"] => payment_methods::list(call, form).await,
        ["v1", "payment_methods", id] => payment_methods::retrieve(call, id).await,
        ["v1", "radar", "early_fraud_warnings"] => early_fraud_warnings::list(call, form).await,
        ["v1", "radar", "early_fraud_warnings", id] => {
            early_fraud_warnings::retrieve(call, id).await
        }
        ["v1", "refunds"] => refunds::list(call, form).await,
        ["v1", "refunds", id] => refunds::retrieve(call, id).await,
        ["v1", "setup_intents"] => setup_intents::list(call, form).await,
        ["v1", "setup_intents", id] => setup_intents::retrieve(call, id).await,
        _ => Err(ApiError::unknown_route("GET", path)),
    }
}
