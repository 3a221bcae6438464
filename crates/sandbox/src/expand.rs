//! Owns `expand[]`: putting the object in the place of its id. Does not own the objects.

use serde_json::Value;

use crate::balance_transactions::BalanceTransaction;
use crate::call::Call;
use crate::charges::Charge;
use crate::customers::Customer;
use crate::disputes::Dispute;
use crate::errors::ApiError;
use crate::form::Form;
use crate::payment_intents::PaymentIntent;
use crate::payment_methods::PaymentMethod;
use crate::refunds::Refund;
use crate::setup_intents::SetupIntent;
use crate::store::Object;

/// Stripe's limit on `a.b.c.d`.
const MAX_DEPTH: usize = 4;
/// More than any client asks for.
const MAX_PATHS: usize = 20;

/// Expands every path of `expand[]` in place.
pub(crate) async fn apply(
    call: &mut Call<'_>,
    answer: &mut Value,
    form: &Form,
) -> Result<(), ApiError> {
    let paths = form.list("expand");
    if paths.len() > MAX_PATHS {
        return Err(ApiError::parameter(
            "expand",
            "",
            "You cannot expand so many properties.",
        ));
    }
    for path in paths {
        let steps: Vec<&str> = path.split('.').collect();
        // The `data` of a list is not a property of an object and does not count.
        if steps.len() > MAX_DEPTH + 1 {
            let message = "You cannot expand more than 4 levels of a property.";
            return Err(ApiError::parameter("expand", "", message));
        }
        expand_path(call, answer, &steps).await?;
    }
    Ok(())
}

/// Walks down one path; arrays fan out, ids are replaced on the way, null ends it quietly.
async fn expand_path(
    call: &mut Call<'_>,
    answer: &mut Value,
    steps: &[&str],
) -> Result<(), ApiError> {
    let mut places: Vec<&mut Value> = vec![answer];
    for step in steps {
        let mut next = Vec::new();
        for place in places {
            let Some(inner) = place.get_mut(*step) else {
                let message = "This property cannot be expanded.";
                return Err(ApiError::parameter("expand", "", message));
            };
            if let Some(id) = inner.as_str() {
                let Some(object) = load(call, id).await? else {
                    let message = "This property cannot be expanded.";
                    return Err(ApiError::parameter("expand", "", message));
                };
                *inner = object;
            }
            match inner {
                Value::Null => {}
                Value::Array(items) => next.extend(items.iter_mut()),
                other @ (Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Object(_)) => next.push(other),
            }
        }
        places = next;
    }
    Ok(())
}

async fn load(call: &mut Call<'_>, id: &str) -> Result<Option<Value>, ApiError> {
    let Some((prefix, _)) = id.split_once('_') else {
        return Ok(None);
    };
    match prefix {
        "ch" => rendered::<Charge>(call, id).await,
        "cus" => rendered::<Customer>(call, id).await,
        "du" => rendered::<Dispute>(call, id).await,
        "pi" => rendered::<PaymentIntent>(call, id).await,
        "pm" => rendered::<PaymentMethod>(call, id).await,
        "re" => rendered::<Refund>(call, id).await,
        "seti" => rendered::<SetupIntent>(call, id).await,
        "txn" => rendered::<BalanceTransaction>(call, id).await,
        _ => Ok(None),
    }
}

async fn rendered<T: Object>(call: &mut Call<'_>, id: &str) -> Result<Option<Value>, ApiError> {
    let found: Option<T> = call.find(id).await?;
    Ok(found.map(|object| call.render(&object)))
}
