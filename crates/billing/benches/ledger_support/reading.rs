//! What is read while there are many events: sums against a scan of the rows that they are made
//! of, and what every page asks for.

use std::fmt;
use std::time::{Duration, Instant};

use sqlx::{AnyConnection, Connection};
use types::usage::UsageEvent;
use types::usage_report::{UsageGroup, UsageInterval, UsageQuery};
use uuid::Uuid;

use super::{Bench, event};

/// Models that the month's requests are spread over.
pub(super) const MODELS: usize = 4;
/// How often each reading is taken; the slowest but one counts.
const TIMES: usize = 9;
/// Whose month it is.
pub(super) const WHOSE: usize = 1;

/// How long a reading took, and what it stands against.
pub struct Reading {
    what: &'static str,
    took: Duration,
    against: Option<Duration>,
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |took: Duration| took.as_secs_f64() * 1_000.0;
        write!(f, "{:<42} {:>8.2} ms", self.what, ms(self.took))?;
        match self.against {
            Some(scan) => write!(
                f,
                "   {:>8.1} ms scanning, {:.0} x",
                ms(scan),
                scan.as_secs_f64() / self.took.as_secs_f64()
            ),
            None => Ok(()),
        }
    }
}

impl Bench {
    /// Reads what the organization of the month has used, and its pages.
    pub async fn readings(&self) -> Vec<Reading> {
        let unsummed = self.report(UsageInterval::Day).await;
        let analytics = self.billing.analytics();
        analytics.catch_up().await.expect("usage can be summed up");
        let scan = self.scan().await;
        let mut readings = vec![Reading {
            what: "30 days by the day, just counted",
            took: unsummed,
            against: Some(scan),
        }];
        for (what, interval) in [
            ("30 days by day and model", UsageInterval::Day),
            ("30 days by hour and model", UsageInterval::Hour),
        ] {
            let took = self.report(interval).await;
            let against = Some(scan);
            readings.push(Reading {
                what,
                took,
                against,
            });
        }
        let whose = self.callers[WHOSE].organization;
        let prepaid = self.billing.prepaid();
        let balance = timed(async || {
            prepaid.balance(whose).await.expect("the database answers");
        });
        let history = self.billing.history();
        let page = timed(async || {
            history
                .page(whose, None, 50)
                .await
                .expect("the database answers");
        });
        let transactions = self.billing.transactions();
        let list = timed(async || {
            transactions
                .page(whose, None, 50)
                .await
                .expect("the database answers");
        });
        for (what, took) in [
            ("the balance", balance.await),
            ("a page of history", page.await),
            ("a page of transactions", list.await),
        ] {
            let against = None;
            readings.push(Reading {
                what,
                took,
                against,
            });
        }
        readings
    }

    /// Counts `events` of one organization, spread over the last thirty days in no order.
    pub async fn ingest_month(&self, events: usize) {
        let models = self
            .billing
            .rates()
            .models()
            .await
            .expect("there are rates");
        let now = self.billing.now();
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut draw = move |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) % below
        };
        let calls = (0..events / 500)
            .map(|_| {
                let events = (0..500).map(|_| {
                    let ago = Duration::from_secs(draw(30 * 86_400));
                    // Each doubling is about as likely as the one before it.
                    let longest = 16 << draw(10);
                    UsageEvent {
                        occurred_at: Some(now - ago),
                        model: models[usize::try_from(draw(MODELS as u64)).unwrap_or(0)]
                            .model
                            .clone(),
                        latency_ms: i64::try_from(draw(longest)).ok(),
                        ..event(Uuid::now_v7().to_string())
                    }
                });
                (WHOSE, events.collect())
            })
            .collect();
        self.run(&self.billing, calls).await;
    }

    async fn report(&self, interval: UsageInterval) -> Duration {
        let query = UsageQuery {
            from: Some(self.billing.now() - Duration::from_secs(30 * 86_400)),
            to: None,
            interval,
            group_by: [UsageGroup::Model].into(),
            model: None,
            project: None,
            api_key: None,
        };
        let analytics = self.billing.analytics();
        timed(async || {
            let report = analytics
                .report(self.callers[WHOSE].organization, &query)
                .await;
            assert!(report.expect("a report can be made").total.requests > 0);
        })
        .await
    }

    /// The same sums from the events themselves, without percentiles.
    async fn scan(&self) -> Duration {
        let mut connection = AnyConnection::connect(&self.url)
            .await
            .expect("the database opens");
        let start = Instant::now();
        let rows = sqlx::query(
            "select usage_events.occurred_at / 86400000000 as day, usage_series.model, count(*),
                    cast(sum(usage_events.input_tokens) as bigint),
                    cast(sum(usage_events.output_tokens) as bigint),
                    cast(sum(usage_events.cost_pico) as bigint)
             from usage_events join usage_series on usage_series.no = usage_events.series_no
             where usage_series.organization_id = $1 and usage_events.occurred_at >= $2
             group by 1, 2",
        )
        .bind(self.callers[WHOSE].organization.to_string())
        .bind((self.billing.now() - Duration::from_secs(30 * 86_400)).timestamp_micros())
        .fetch_all(&mut connection)
        .await
        .expect("the database answers");
        let took = start.elapsed();
        assert!(!rows.is_empty());
        connection.close().await.expect("the connection closes");
        took
    }
}

async fn timed(read: impl AsyncFn()) -> Duration {
    let mut took = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let start = Instant::now();
        read().await;
        took.push(start.elapsed());
    }
    took.sort_unstable();
    took[TIMES - 2]
}
