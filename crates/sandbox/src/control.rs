//! Owns control calls (`/_control/…`, secret key): what a test does to the processor and to time.
//! Does not own the faults themselves (`faults`) or deliveries (`webhooks`).
//!
//! | call | does |
//! | --- | --- |
//! | `POST faults` `fault`, `count`, `seconds`, `target` | the next `count` answers or events go wrong; `target` narrows to paths or event types that start so |
//! | `DELETE faults` | forgets what was ordered; lets go of events that were held back |
//! | `POST clock` `advance` | time goes on by so many seconds; what is due happens |
//! | `POST run` | sends every delivery that waits, delays and back-off notwithstanding |
//! | `GET deliveries` | every delivery with its state, attempts and last answer |
//! | `POST events/:id/repeat` | delivers an event once more |
//! | `POST payment_methods/:id/automatic_update` | the issuer sends a new expiry, which may be past |

use serde_json::{Value, json};
use sqlx::Connection;

use crate::Processor;
use crate::call::{Call, Origin};
use crate::errors::ApiError;
use crate::faults::{self, ANSWER_FAULTS, WEBHOOK_FAULTS};
use crate::form::Form;
use crate::payment_methods::calls as payment_methods;
use crate::routes::Verb;
use crate::store;
use crate::webhooks::{deliveries, events, worker};

/// Seconds that control calls have moved the clock ahead.
pub(crate) const CLOCK_SETTING: &str = "clock_ahead_seconds";
/// A century is a slip of the finger.
const MAX_ADVANCE_SECONDS: i64 = 366 * 24 * 60 * 60;
const MAX_COUNT: i64 = 1_000;
/// Longer than any client waits.
const MAX_SECONDS: i64 = 3 * 24 * 60 * 60;
const MAX_SLOW_SECONDS: i64 = 60;
/// Each delivery may cause others; this ends a receiver that answers every event with a change.
const MAX_ROUNDS: usize = 100;
const DELIVERIES_PER_ROUND: i64 = 50;

pub(crate) async fn perform(
    processor: &Processor,
    verb: Verb,
    path: &str,
    form: &Form,
) -> Result<Value, ApiError> {
    let steps: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (verb, steps.as_slice()) {
        (Verb::Get, ["deliveries"]) => {
            let mut reader = processor.store.readers.acquire().await?;
            deliveries::list(&mut reader).await
        }
        (Verb::Post, ["clock"]) => advance(processor, form).await,
        (Verb::Post, ["run"]) => run(processor).await,
        _ => change(processor, verb, &steps, form).await,
    }
}

/// Control calls that change the store, each in one transaction.
async fn change(
    processor: &Processor,
    verb: Verb,
    steps: &[&str],
    form: &Form,
) -> Result<Value, ApiError> {
    let mut writer = processor.store.writer.acquire().await?;
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
    let mut call = Call {
        db: &mut tx,
        now: processor.clock.now(),
        processor,
        origin: Origin::default(),
        answer_is_lost: false,
    };
    let answer = match (verb, steps) {
        (Verb::Post, ["faults"]) => order_fault(&mut call, form).await?,
        (Verb::Delete, ["faults"]) => {
            faults::clear(call.db).await?;
            deliveries::release_held(call.db, call.now).await?;
            json!({ "cleared": true })
        }
        (Verb::Post, ["events", id, "repeat"]) => {
            let event = events::retrieve(&mut call, id).await?;
            deliveries::repeat(&mut call, id).await?;
            event
        }
        (Verb::Post, ["payment_methods", id, "automatic_update"]) => {
            payment_methods::update_automatically(&mut call, id, form).await?
        }
        _ => return Err(ApiError::unknown_route(verb.name(), &steps.join("/"))),
    };
    tx.commit().await?;
    processor.work.notify_one();
    Ok(answer)
}

async fn order_fault(call: &mut Call<'_>, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&["fault", "count", "seconds", "target"])?;
    let fault = form.required("fault")?;
    if !ANSWER_FAULTS.contains(&fault) && !WEBHOOK_FAULTS.contains(&fault) {
        let names = [ANSWER_FAULTS, WEBHOOK_FAULTS].concat().join(", ");
        return Err(ApiError::parameter(
            "fault",
            "",
            format!("Must be one of {names}."),
        ));
    }
    let count = form.integer("count")?.unwrap_or(1);
    if !(1..=MAX_COUNT).contains(&count) {
        return Err(ApiError::parameter(
            "count",
            "",
            "Must be between 1 and 1000.",
        ));
    }
    let most = if fault == "answer_slow" {
        MAX_SLOW_SECONDS
    } else {
        MAX_SECONDS
    };
    let seconds = form.integer("seconds")?.unwrap_or(0);
    if !(0..=most).contains(&seconds) {
        let message = format!("Must be between 0 and {most}.");
        return Err(ApiError::parameter("seconds", "", message));
    }
    faults::order(call.db, fault, form.text("target"), count, seconds).await?;
    Ok(json!({ "fault": fault, "count": count, "seconds": seconds, "target": form.text("target") }))
}

async fn advance(processor: &Processor, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&["advance"])?;
    let seconds = form
        .integer("advance")?
        .ok_or_else(|| ApiError::missing("advance"))?;
    if !(0..=MAX_ADVANCE_SECONDS).contains(&seconds) {
        return Err(ApiError::parameter(
            "advance",
            "",
            "Must be between 0 and a year of seconds.",
        ));
    }
    {
        let mut writer = processor.store.writer.acquire().await?;
        let ahead = processor.clock.ahead() + seconds;
        store::set_setting(&mut writer, CLOCK_SETTING, &ahead.to_string()).await?;
        processor.clock.set_ahead(ahead);
    }
    let mut happened = 0;
    // What happens may schedule more that is due as well.
    for _ in 0..MAX_ROUNDS {
        match processor.catch_up().await? {
            0 => break,
            more => happened += more,
        }
    }
    processor.work.notify_one();
    Ok(json!({ "now": processor.clock.now(), "happened": happened }))
}

/// Sends everything that waits, and what that causes, and answers when nothing waits any more or
/// the receiver has refused it.
async fn run(processor: &Processor) -> Result<Value, ApiError> {
    let client = worker::client().map_err(|error| {
        tracing::error!(%error, "webhooks are not delivered: no HTTP client");
        ApiError::lost_answer()
    })?;
    {
        let mut writer = processor.store.writer.acquire().await?;
        deliveries::release_held(&mut writer, processor.clock.now()).await?;
        deliveries::make_all_due(&mut writer, processor.clock.now()).await?;
    }
    let mut sent = 0;
    for _ in 0..MAX_ROUNDS {
        match worker::run_once(processor, &client, DELIVERIES_PER_ROUND).await? {
            0 => break,
            more => sent += more,
        }
    }
    Ok(json!({ "sent": sent }))
}
