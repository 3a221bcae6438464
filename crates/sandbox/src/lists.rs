//! Owns lists as the API gives them: pages with cursors, newest first. Does not own what is listed.

use serde_json::{Value, json};

use crate::call::Call;
use crate::errors::ApiError;
use crate::form::Form;
use crate::store::{self, Object, Selection};

/// Stripe's limits on a page.
const DEFAULT_LIMIT: i64 = 10;
const MAX_LIMIT: i64 = 100;

pub(crate) const PAGE_PARAMETERS: [&str; 4] =
    ["limit", "starting_after", "ending_before", "created"];

pub(crate) fn limit(form: &Form) -> Result<i64, ApiError> {
    let limit = form.integer("limit")?.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(limit);
    }
    let message = "Limit must be between 1 and 100.";
    Err(ApiError::parameter(
        "limit",
        "parameter_invalid_integer",
        message,
    ))
}

/// `created` exact, or between `created[gte]` and friends, both ends inclusive.
pub(crate) fn created_range(form: &Form) -> Result<(Option<i64>, Option<i64>), ApiError> {
    if let Some(exact) = form.integer("created")? {
        return Ok((Some(exact), Some(exact)));
    }
    let above = form
        .integer("created[gt]")?
        .map(|time| time.saturating_add(1));
    let below = form
        .integer("created[lt]")?
        .map(|time| time.saturating_sub(1));
    let from = form.integer("created[gte]")?.max(above);
    let to = match (form.integer("created[lte]")?, below) {
        (Some(to), Some(below)) => Some(to.min(below)),
        (to, below) => to.or(below),
    };
    Ok((from, to))
}

/// The page of `T` that the form asks for, within `owners`.
pub(crate) async fn page<T: Object>(
    call: &mut Call<'_>,
    form: &Form,
    url: &str,
    owners: Selection,
) -> Result<Value, ApiError> {
    let limit = limit(form)?;
    let (created_from, created_to) = created_range(form)?;
    let before = cursor::<T>(call, form, "starting_after").await?;
    let after = cursor::<T>(call, form, "ending_before").await?;
    if before.is_some() && after.is_some() {
        let message = "You can only use one of starting_after and ending_before.";
        return Err(ApiError::parameter("starting_after", "", message));
    }
    // One more than asked for tells whether there are more.
    let selection = Selection {
        created_from,
        created_to,
        before,
        after,
        limit: limit + 1,
        ..owners
    };
    let found: Vec<T> = store::list(call.db, &selection).await?;
    let rendered: Vec<Value> = found.iter().map(|object| call.render(object)).collect();
    Ok(envelope(url, rendered, limit, after.is_some()))
}

/// The list object around one page that was read with one row too many.
pub(crate) fn envelope(url: &str, mut data: Vec<Value>, limit: i64, backwards: bool) -> Value {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = data.len() > limit;
    if has_more && backwards {
        data.remove(0);
    }
    data.truncate(limit);
    json!({ "object": "list", "data": data, "has_more": has_more, "url": url })
}

async fn cursor<T: Object>(
    call: &mut Call<'_>,
    form: &Form,
    param: &str,
) -> Result<Option<i64>, ApiError> {
    let Some(id) = form.text(param) else {
        return Ok(None);
    };
    let position = store::position_of(call.db, T::KIND, id).await?;
    position
        .map(Some)
        .ok_or_else(|| ApiError::no_such_param(T::KIND, id, param))
}
