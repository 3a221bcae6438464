//! The proof of the whole: the ledger's own, and that usage and top-ups are what it says.

use std::collections::HashMap;

use futures::TryStreamExt;
use ledger::{Check, Connection};
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::db::time_from;
use crate::{Core, StoreError};

/// What was checked, and how much of it there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub checks: Vec<Check>,
    pub accounts: u64,
    pub transfers: u64,
    pub events: u64,
}

impl Proof {
    #[must_use]
    pub fn holds(&self) -> bool {
        self.checks.iter().all(Check::holds)
    }
}

pub(crate) async fn prove(core: &Core) -> Result<Proof, StoreError> {
    let mut tx = core.db.begin_read().await?;
    let of_ledger = ledger::prove_in(&mut tx).await?;
    let mut checks = of_ledger.checks;
    let (events_check, events) = check_events_in(&mut tx).await?;
    checks.push(events_check);
    checks.push(check_carries_in(&mut tx).await?);
    checks.push(check_usage_batches_in(&mut tx).await?);
    checks.push(check_days_in(&mut tx).await?);
    checks.push(check_top_ups_in(&mut tx).await?);
    Ok(Proof {
        checks,
        accounts: of_ledger.accounts,
        transfers: of_ledger.transfers,
        events,
    })
}

/// Each event costs its tokens times the rate that was in force when it ran, and the events of a
/// batch add up to it.
async fn check_events_in(connection: &mut Connection) -> Result<(Check, u64), StoreError> {
    let mut check = Check::new("every usage event costs its tokens times its rate");
    let mut events = 0;
    {
        let mut rows = sqlx::query(
            "select usage_events.source, usage_events.event_id, usage_events.cost_pico,
                    usage_events.input_tokens, usage_events.cached_input_tokens,
                    usage_events.output_tokens, model_rates.input_pico,
                    coalesce(model_rates.cached_input_pico, model_rates.input_pico) as cached_pico,
                    model_rates.output_pico,
                    case when usage_events.rate_effective_at <= usage_events.occurred_at
                             and not exists (
                                 select 1 from model_rates as newer
                                 where newer.model = usage_events.model
                                     and newer.effective_at > usage_events.rate_effective_at
                                     and newer.effective_at <= usage_events.occurred_at
                                     and newer.created_at < usage_events.received_at)
                         then 1 else 0 end as in_force
             from usage_events
             left join model_rates on model_rates.model = usage_events.model
                 and model_rates.effective_at = usage_events.rate_effective_at",
        )
        .fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            events += 1;
            let number = |column: &str| -> Result<i128, StoreError> {
                Ok(row.try_get::<Option<i64>, _>(column)?.unwrap_or(0).into())
            };
            let (input, cached) = (number("input_tokens")?, number("cached_input_tokens")?);
            let cost = (input - cached) * number("input_pico")?
                + cached * number("cached_pico")?
                + number("output_tokens")? * number("output_pico")?;
            if cost != number("cost_pico")? || number("in_force")? != 1 {
                let (source, id): (String, String) =
                    (row.try_get("source")?, row.try_get("event_id")?);
                check.differs(format!(
                    "event {id} of {source}: tokens times rate is {cost} pico"
                ));
            }
        }
    }
    let rows = sqlx::query(
        "select usage_batches.id, usage_batches.event_count, usage_batches.cost_pico,
                count(usage_events.event_id) as found,
                cast(coalesce(sum(usage_events.cost_pico), 0) as bigint) as cost
         from usage_batches
         left join usage_events on usage_events.batch_id = usage_batches.id
             and usage_events.organization_id = usage_batches.organization_id
         group by usage_batches.id, usage_batches.event_count, usage_batches.cost_pico
         having count(usage_events.event_id) <> usage_batches.event_count
             or coalesce(sum(usage_events.cost_pico), 0) <> usage_batches.cost_pico",
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let id: String = row.try_get("id")?;
        let (found, cost): (i64, i64) = (row.try_get("found")?, row.try_get("cost")?);
        check.differs(format!(
            "usage batch {id}: its {found} events cost {cost} pico"
        ));
    }
    Ok((check, events))
}

/// Per organization: the sum of costs is a thousand times the sum posted, plus the carry.
async fn check_carries_in(connection: &mut Connection) -> Result<Check, StoreError> {
    let mut check = Check::new("costs = 1000 x posted + carried, for each organization");
    let mut sums: HashMap<String, (i128, i128)> = HashMap::new();
    {
        let mut rows =
            sqlx::query("select organization_id, cost_pico, posted_nano from usage_batches")
                .fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            let (cost, posted) = sums.entry(row.try_get("organization_id")?).or_default();
            *cost += i128::from(row.try_get::<i64, _>("cost_pico")?);
            *posted += i128::from(row.try_get::<i64, _>("posted_nano")?);
        }
    }
    let rows = sqlx::query("select organization_id, carry_pico from usage_carries")
        .fetch_all(connection)
        .await?;
    for row in rows {
        let organization: String = row.try_get("organization_id")?;
        let carry: i64 = row.try_get("carry_pico")?;
        let (cost, posted) = sums.remove(&organization).unwrap_or_default();
        if cost != 1_000 * posted + i128::from(carry) {
            check.differs(format!(
                "{organization}: cost {cost}, posted {posted}, carry {carry}"
            ));
        }
    }
    for organization in sums.into_keys() {
        check.differs(format!("{organization} has usage and no carry"));
    }
    Ok(check)
}

/// Each usage batch that moved money is in the ledger with that amount, and the other way round.
async fn check_usage_batches_in(connection: &mut Connection) -> Result<Check, StoreError> {
    let mut check = Check::new("usage is posted as it was counted");
    let rows = sqlx::query(
        "select usage_batches.id, usage_batches.posted_nano as amount, batches.id as found
         from usage_batches
         left join batches on batches.id = usage_batches.id
             and batches.source = 'usage:' || usage_batches.id
             and batches.organization_id = usage_batches.organization_id
         where usage_batches.posted_nano <> coalesce((
             select sum(amount_nano) from transfers where batch_id = batches.id), 0)
         union all
         select batches.id, 0 as amount, batches.id as found
         from batches left join usage_batches on usage_batches.id = batches.id
         where batches.code = 'usage' and usage_batches.id is null",
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let (id, amount): (String, i64) = (row.try_get("id")?, row.try_get("amount")?);
        check.differs(format!(
            "usage batch {id}: {amount} nano is not what the ledger has"
        ));
    }
    Ok(check)
}

/// What a row of the daily sums says: requests, tokens, cost, first booking.
type Day = (i64, i128, i128, i64);

/// The daily sums are the sums of the events, day by day, and there are no others.
async fn check_days_in(connection: &mut Connection) -> Result<Check, StoreError> {
    let mut check = Check::new("daily usage adds up to the events");
    let mut days: HashMap<String, Day> = HashMap::new();
    {
        let mut rows = sqlx::query(
            "select usage_events.organization_id, usage_events.project_id, usage_events.model,
                    usage_events.input_tokens, usage_events.output_tokens,
                    usage_events.cost_pico, usage_batches.booked_at
             from usage_events
             join usage_batches on usage_batches.id = usage_events.batch_id",
        )
        .fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            let booked_at: i64 = row.try_get("booked_at")?;
            let day = time_from(booked_at)?.date_naive();
            let (requests, tokens, cost, first) = days
                .entry(day_key(&row, &day.to_string())?)
                .or_insert((0, 0, 0, booked_at));
            *requests += 1;
            for column in ["input_tokens", "output_tokens"] {
                *tokens += i128::from(row.try_get::<i64, _>(column)?);
            }
            *cost += i128::from(row.try_get::<i64, _>("cost_pico")?);
            *first = booked_at.min(*first);
        }
    }
    let mut rows = sqlx::query(
        "select organization_id, day, project_id, model, requests, tokens, cost_pico,
                first_booked_at
         from usage_days",
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let key = day_key(&row, row.try_get("day")?)?;
        let stored: Day = (
            row.try_get("requests")?,
            row.try_get::<i64, _>("tokens")?.into(),
            row.try_get::<i64, _>("cost_pico")?.into(),
            row.try_get("first_booked_at")?,
        );
        let counted = days.remove(&key);
        if counted != Some(stored) {
            check.differs(format!(
                "{key}: stored {stored:?}, the events say {counted:?}"
            ));
        }
    }
    for key in days.into_keys() {
        check.differs(format!("{key}: there are events and no daily sum"));
    }
    Ok(check)
}

fn day_key(row: &AnyRow, day: &str) -> Result<String, StoreError> {
    let (organization, project, model): (String, String, String) = (
        row.try_get("organization_id")?,
        row.try_get("project_id")?,
        row.try_get("model")?,
    );
    Ok(format!("{organization}, {day}, project {project}, {model}"))
}

/// Each top-up that succeeded credited its amount once; none of the others did.
async fn check_top_ups_in(connection: &mut Connection) -> Result<Check, StoreError> {
    let mut check = Check::new("top-ups are credited once and only when paid");
    let rows = sqlx::query(
        "select top_ups.id, top_ups.state, payments.state as payment_state,
                cast(coalesce(sum(transfers.amount_nano), 0) as bigint) as credited,
                top_ups.amount_cents, payments.amount_cents as payment_cents
         from top_ups
         join payments on payments.top_up_id = top_ups.id
         left join batches on batches.source = 'topup:' || top_ups.id
             and batches.organization_id = top_ups.organization_id
         left join transfers on transfers.batch_id = batches.id
             and transfers.debit_account_id = 'platform:gateway_clearing'
         group by top_ups.id, top_ups.state, payments.state, top_ups.amount_cents,
             payments.amount_cents",
    )
    .fetch_all(&mut *connection)
    .await?;
    for row in rows {
        let (id, state, payment): (String, String, String) = (
            row.try_get("id")?,
            row.try_get("state")?,
            row.try_get("payment_state")?,
        );
        let (credited, cents): (i64, i64) =
            (row.try_get("credited")?, row.try_get("amount_cents")?);
        let expected = if state == "succeeded" {
            i128::from(cents) * 10_000_000
        } else {
            0
        };
        let paired = match state.as_str() {
            "processing" | "requires_action" => payment == "pending",
            other => payment == other,
        };
        let asked: i64 = row.try_get("payment_cents")?;
        if i128::from(credited) != expected || !paired || asked != cents {
            check.differs(format!(
                "top-up {id} is {state}, its payment {payment}, credited {credited} nano"
            ));
        }
    }
    let strays = sqlx::query(
        "select batches.id from batches
         left join top_ups on batches.source = 'topup:' || top_ups.id
             and top_ups.organization_id = batches.organization_id
         where batches.code = 'top_up' and top_ups.id is null",
    )
    .fetch_all(connection)
    .await?;
    for row in strays {
        check.differs(format!(
            "batch {} credits no top-up",
            row.try_get::<String, _>("id")?
        ));
    }
    Ok(check)
}
