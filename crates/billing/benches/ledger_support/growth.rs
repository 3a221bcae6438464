//! One organization's month, counted in the order in which it ran, and what that cost.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use types::usage::UsageEvent;
use uuid::Uuid;

use super::reading::{MODELS, WHOSE};
use super::{Bench, WAITING, event};

/// Events in a call.
const A_CALL: usize = 500;
const MONTH: Duration = Duration::from_secs(30 * 86_400);
/// Of Linux's clock in `/proc/self/stat`, whatever the machine.
const TICKS_A_SECOND: f64 = 100.0;

/// What a part of the month cost.
pub struct Part {
    pub rate: f64,
    /// Of this process, in microseconds an event: with SQLite, that is all of it.
    pub cpu: f64,
    /// The most memory that was in use, in megabytes.
    pub memory: f64,
}

impl Bench {
    /// Counts the part of the month that lies between two shares of it. Events are made when they
    /// are sent, so that none of them takes memory before.
    pub async fn grow(&self, events: usize, from: f64, to: f64) -> Part {
        let models = self.billing.rates().models().await;
        let models: Vec<String> = models
            .expect("there are rates")
            .into_iter()
            .map(|model| model.model)
            .take(MODELS)
            .collect();
        let began = self.billing.now() - MONTH;
        let at = move |call: usize| {
            let share = from + (to - from) * (call * A_CALL) as f64 / events as f64;
            began + MONTH.mul_f64(share)
        };
        let (next, models) = (Arc::new(AtomicUsize::new(0)), Arc::new(models));
        forget_peak();
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..WAITING / A_CALL {
            let (next, models) = (Arc::clone(&next), Arc::clone(&models));
            let (usage, caller) = (self.billing.usage(), self.callers[WHOSE]);
            tasks.spawn(async move {
                loop {
                    let call = next.fetch_add(1, Ordering::Relaxed);
                    if call >= events / A_CALL {
                        break;
                    }
                    let events = (0..A_CALL).map(|place| UsageEvent {
                        occurred_at: Some(at(call)),
                        model: models[place % models.len()].clone(),
                        latency_ms: i64::try_from(200 + place % 700).ok(),
                        ..event(Uuid::now_v7().to_string())
                    });
                    let taken = usage.ingest(&caller, events.collect()).await;
                    taken.expect("the events are taken");
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.expect("a caller ends well");
        }
        Part {
            rate: events as f64 / start.elapsed().as_secs_f64(),
            cpu: (cpu_seconds() - cpu) * 1e6 / events as f64,
            memory: peak_megabytes(),
        }
    }
}

/// User and system time of this process.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux tells of its processes");
    let (_, fields) = stat.rsplit_once(')').expect("the name stands in brackets");
    let ticks = |at: usize| {
        let field = fields.split_whitespace().nth(at);
        field.and_then(|field| field.parse::<f64>().ok())
    };
    (ticks(11).expect("user time") + ticks(12).expect("system time")) / TICKS_A_SECOND
}

/// From now on the most memory counts anew.
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").expect("a process may forget its own peak");
}

fn peak_megabytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells of its processes");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.expect("the peak is told") / 1024.0
}
