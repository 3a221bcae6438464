//! Owns events: writing them down, listing them. Does not own sending (`worker`).

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};

use super::deliveries;
use crate::API_VERSION;
use crate::call::Call;
use crate::errors::ApiError;
use crate::form::Form;
use crate::ids::new_id;
use crate::lists::{self, PAGE_PARAMETERS};
use crate::store::{self, Page};

/// Writes an event about `object` as it is now, and what is to be delivered of it.
pub(crate) async fn record(call: &mut Call<'_>, kind: &str, object: Value) -> Result<(), ApiError> {
    let id = new_id("evt");
    let body = json!({
        "id": id,
        "object": "event",
        "api_version": API_VERSION,
        "created": call.now,
        "data": { "object": object },
        "livemode": false,
        "pending_webhooks": 0,
        "request": {
            "id": call.origin.request,
            "idempotency_key": call.origin.idempotency_key,
        },
        "type": kind,
    });
    sqlx::query("insert into events (id, type, created, body) values ($1, $2, $3, $4)")
        .bind(&id)
        .bind(kind)
        .bind(call.now)
        .bind(body.to_string())
        .execute(&mut *call.db)
        .await?;
    if call.processor.config.webhook_url.is_some() {
        deliveries::plan(call, &id, kind).await?;
    }
    Ok(())
}

/// The event as the API and the receiver see it: with what is still to be delivered.
pub(crate) async fn find(db: &mut SqliteConnection, id: &str) -> Result<Option<Value>, ApiError> {
    let row: Option<(String, i64)> = sqlx::query_as(
        "select body, (select count(*) from deliveries
                       where event = events.id and state in ('waiting', 'held'))
         from events where id = $1",
    )
    .bind(id)
    .fetch_optional(db)
    .await?;
    row.map(|(body, pending)| with_pending(&body, pending))
        .transpose()
}

fn with_pending(body: &str, pending: i64) -> Result<Value, ApiError> {
    let mut event: Value = serde_json::from_str(body)?;
    event["pending_webhooks"] = json!(pending);
    Ok(event)
}

pub(crate) async fn retrieve(call: &mut Call<'_>, id: &str) -> Result<Value, ApiError> {
    find(call.db, id)
        .await?
        .ok_or_else(|| ApiError::no_such("event", id))
}

/// `GET /v1/events` with `type`, `types[]` and `delivery_success`.
pub(crate) async fn list(call: &mut Call<'_>, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(
        &[
            PAGE_PARAMETERS.as_slice(),
            &["type", "types", "delivery_success"],
        ]
        .concat(),
    )?;
    let limit = lists::limit(form)?;
    let (created_from, created_to) = lists::created_range(form)?;
    let before = cursor(call, form, "starting_after").await?;
    let after = cursor(call, form, "ending_before").await?;
    if before.is_some() && after.is_some() {
        let message = "You can only use one of starting_after and ending_before.";
        return Err(ApiError::parameter("starting_after", "", message));
    }
    let mut query = QueryBuilder::new(
        "select body, (select count(*) from deliveries
                       where event = events.id and state in ('waiting', 'held'))
         from events where true",
    );
    push_types(&mut query, form);
    match form.text("delivery_success") {
        Some("true") => query.push(" and not ").push(UNDELIVERED),
        Some(_) => query.push(" and ").push(UNDELIVERED),
        None => &mut query,
    };
    let page = Page {
        created_from,
        created_to,
        before,
        after,
        limit: limit + 1,
    };
    store::push_page(&mut query, &page);
    let mut rows: Vec<(String, i64)> = query.build_query_as().fetch_all(&mut *call.db).await?;
    if after.is_some() {
        rows.reverse();
    }
    let events: Result<Vec<Value>, ApiError> = rows
        .iter()
        .map(|(body, pending)| with_pending(body, *pending))
        .collect();
    Ok(lists::envelope(
        "/v1/events",
        events?,
        limit,
        after.is_some(),
    ))
}

/// Whether some delivery of the event has not arrived.
const UNDELIVERED: &str =
    "exists (select 1 from deliveries where event = events.id and state <> 'delivered')";

/// `type` or `types[]`; `charge.*` means every type that starts so.
fn push_types(query: &mut QueryBuilder<Sqlite>, form: &Form) {
    let kinds: Vec<&str> = match form.text("type") {
        Some(kind) => vec![kind],
        None => form.list("types").iter().map(String::as_str).collect(),
    };
    if kinds.is_empty() {
        return;
    }
    query.push(" and (false");
    for kind in kinds {
        match kind.strip_suffix('*') {
            Some(start) => {
                query
                    .push(" or substr(type, 1, length(")
                    .push_bind(start.to_owned());
                query.push(")) = ").push_bind(start.to_owned());
            }
            None => {
                query.push(" or type = ").push_bind(kind.to_owned());
            }
        }
    }
    query.push(")");
}

async fn cursor(call: &mut Call<'_>, form: &Form, param: &str) -> Result<Option<i64>, ApiError> {
    let Some(id) = form.text(param) else {
        return Ok(None);
    };
    let position: Option<i64> = sqlx::query_scalar("select position from events where id = $1")
        .bind(id)
        .fetch_optional(&mut *call.db)
        .await?;
    position
        .map(Some)
        .ok_or_else(|| ApiError::no_such_param("event", id, param))
}
