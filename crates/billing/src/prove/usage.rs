//! The proof of usage: events, the batches that counted them, what was posted.
//!
//! Events are read once, in the order in which they were counted, some batches at a time: memory
//! grows with the number of series, never with the number of events.

use std::collections::{BTreeMap, HashMap};

use futures::TryStreamExt;
use ledger::{Check, Connection};
use sqlx::Row;
use sqlx::any::AnyRow;
use types::money::Cost;
use types::pricing::{ModelRates, Rate};
use types::usage::Tokens;

use crate::StoreError;

/// How many batches are looked at together.
const BATCHES: i64 = 1_024;

/// What reading all events found.
pub(super) struct EventChecks {
    /// How many events there are.
    pub(super) events: u64,
    /// Each event costs its tokens times the rate that was in force when it ran.
    pub(super) priced: Check,
    /// The events of a batch are its organization's, as many as it says, and add up to its cost.
    pub(super) batches: Check,
}

pub(super) async fn check_events_in(
    connection: &mut Connection,
) -> Result<EventChecks, StoreError> {
    let series = series_in(connection).await?;
    let rates = rates_in(connection).await?;
    let sources = sources_in(connection).await?;
    let mut checks = EventChecks {
        events: 0,
        priced: Check::new("every usage event costs its tokens times its rate"),
        batches: Check::new("the events of each usage batch add up to it"),
    };
    let mut last = 0;
    loop {
        let mut batches = batches_in(connection, last).await?;
        let upto = batches.keys().next_back().copied();
        let mut rows = sqlx::query(
            "select batch_no, position, source_no, series_no, input_tokens, cached_input_tokens,
                    output_tokens, cost_pico, occurred_at
             from usage_events where batch_no > $1 and batch_no <= $2
             order by batch_no, position",
        )
        .bind(last)
        // After the last batch there may be events that belong to none.
        .bind(upto.unwrap_or(i64::MAX))
        .fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            checks.events += 1;
            let event = Event::read(&row)?;
            let Some(batch) = batches.get_mut(&event.batch_no) else {
                checks
                    .batches
                    .differs(format!("{} belongs to no batch", event.name()));
                continue;
            };
            batch.found += 1;
            batch.found_cost += i128::from(event.cost_pico);
            let known = series.get(&event.series_no);
            let owners = [
                known.map(|series| &series.organization),
                sources.get(&event.source_no),
            ];
            if owners
                .iter()
                .any(|owner| *owner != Some(&batch.organization))
            {
                checks.batches.differs(format!(
                    "{} has a source or series of another organization",
                    event.name()
                ));
            }
            let Some(series) = known else { continue };
            check_price(&mut checks.priced, &event, series, &rates, batch.rate_count);
        }
        drop(rows);
        for batch in batches.values() {
            batch.check(&mut checks.batches);
        }
        match upto {
            Some(upto) => last = upto,
            None => break,
        }
    }
    Ok(checks)
}

struct Event {
    batch_no: i64,
    position: i64,
    source_no: i64,
    series_no: i64,
    tokens: Tokens,
    cost_pico: i64,
    occurred_at: i64,
}

impl Event {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            batch_no: row.try_get(0)?,
            position: row.try_get(1)?,
            source_no: row.try_get(2)?,
            series_no: row.try_get(3)?,
            tokens: Tokens {
                input: row.try_get(4)?,
                cached_input: row.try_get(5)?,
                output: row.try_get(6)?,
            },
            cost_pico: row.try_get(7)?,
            occurred_at: row.try_get(8)?,
        })
    }

    fn name(&self) -> String {
        format!(
            "event {} of usage batch no. {}",
            self.position, self.batch_no
        )
    }
}

struct UsageBatch {
    id: String,
    organization: String,
    event_count: i64,
    cost_pico: i64,
    /// How many versions of rates it was priced with.
    rate_count: i64,
    found: i64,
    found_cost: i128,
}

impl UsageBatch {
    fn check(&self, check: &mut Check) {
        if self.found != self.event_count || self.found_cost != i128::from(self.cost_pico) {
            check.differs(format!(
                "usage batch {}: its {} events cost {} pico",
                self.id, self.found, self.found_cost
            ));
        }
    }
}

async fn batches_in(
    connection: &mut Connection,
    after: i64,
) -> Result<BTreeMap<i64, UsageBatch>, StoreError> {
    let rows = sqlx::query(
        "select no, id, organization_id, event_count, rate_count, cost_pico
         from usage_batches where no > $1 order by no limit $2",
    )
    .bind(after)
    .bind(BATCHES)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let batch = UsageBatch {
                id: row.try_get("id")?,
                organization: row.try_get("organization_id")?,
                event_count: row.try_get("event_count")?,
                cost_pico: row.try_get("cost_pico")?,
                rate_count: row.try_get("rate_count")?,
                found: 0,
                found_cost: 0,
            };
            Ok((row.try_get("no")?, batch))
        })
        .collect()
}

/// Whose events are, and the price that they say they have.
struct Series {
    organization: String,
    model: String,
    rate_effective_at: i64,
}

async fn series_in(connection: &mut Connection) -> Result<HashMap<i64, Series>, StoreError> {
    let rows =
        sqlx::query("select no, organization_id, model, rate_effective_at from usage_series")
            .fetch_all(connection)
            .await?;
    rows.iter()
        .map(|row| {
            let series = Series {
                organization: row.try_get("organization_id")?,
                model: row.try_get("model")?,
                rate_effective_at: row.try_get("rate_effective_at")?,
            };
            Ok((row.try_get("no")?, series))
        })
        .collect()
}

/// The organization of each source.
async fn sources_in(connection: &mut Connection) -> Result<HashMap<i64, String>, StoreError> {
    let rows = sqlx::query("select no, organization_id from usage_sources")
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("no")?, row.try_get("organization_id")?)))
        .collect()
}

/// A model's prices by the time they take effect, each with its number.
type Rates = HashMap<String, BTreeMap<i64, (ModelRates, i64)>>;

async fn rates_in(connection: &mut Connection) -> Result<Rates, StoreError> {
    let rows = sqlx::query(
        "select no, model, effective_at, input_pico, cached_input_pico, output_pico
         from model_rates",
    )
    .fetch_all(connection)
    .await?;
    let mut rates = Rates::new();
    for row in &rows {
        let rate = |column: &str| -> Result<Option<Rate>, StoreError> {
            let picos: Option<i64> = row.try_get(column)?;
            Ok(picos.map(Rate::from_picos_a_token))
        };
        let prices = ModelRates {
            input: rate("input_pico")?,
            cached_input: rate("cached_input_pico")?,
            output: rate("output_pico")?,
        };
        rates
            .entry(row.try_get("model")?)
            .or_default()
            .insert(row.try_get("effective_at")?, (prices, row.try_get("no")?));
    }
    Ok(rates)
}

fn check_price(check: &mut Check, event: &Event, series: &Series, rates: &Rates, rate_count: i64) {
    let versions = rates.get(&series.model);
    let version = versions.and_then(|versions| versions.get(&series.rate_effective_at));
    let cost = version.and_then(|(prices, _)| prices.cost(event.tokens).ok());
    if cost != Some(Cost::from_picos(event.cost_pico)) {
        check.differs(format!("{}: tokens times rate is {cost:?}", event.name()));
        return;
    }
    // A version that was loaded later, for a time that had passed, changes nothing.
    let newer = versions.is_some_and(|versions| {
        series.rate_effective_at < event.occurred_at
            && versions
                .range(series.rate_effective_at + 1..=event.occurred_at)
                .any(|(_, (_, no))| *no <= rate_count)
    });
    let unknown = version.is_some_and(|(_, no)| *no > rate_count);
    if newer || unknown || series.rate_effective_at > event.occurred_at {
        check.differs(format!("{}: its rate was not in force", event.name()));
    }
}

/// Per organization: the sum of costs is a thousand times the sum posted, plus the carry.
pub(super) async fn check_carries_in(connection: &mut Connection) -> Result<Check, StoreError> {
    #[derive(Default)]
    struct Sums {
        cost: i128,
        posted: i128,
        count: i64,
        /// Each place is taken once: the greatest is the count when there is no gap.
        greatest: i64,
    }
    let mut check = Check::new("costs = 1000 x posted + carried, for each organization");
    let mut sums: HashMap<String, Sums> = HashMap::new();
    {
        let mut rows = sqlx::query(
            "select organization_id, sequence, cost_pico, posted_nano from usage_batches",
        )
        .fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            let sums = sums.entry(row.try_get("organization_id")?).or_default();
            sums.cost += i128::from(row.try_get::<i64, _>("cost_pico")?);
            sums.posted += i128::from(row.try_get::<i64, _>("posted_nano")?);
            sums.count += 1;
            sums.greatest = sums.greatest.max(row.try_get("sequence")?);
        }
    }
    let rows = sqlx::query("select organization_id, sequence, carry_pico from usage_carries")
        .fetch_all(connection)
        .await?;
    for row in rows {
        let organization: String = row.try_get("organization_id")?;
        let carry: i64 = row.try_get("carry_pico")?;
        let last: i64 = row.try_get("sequence")?;
        let Sums {
            cost,
            posted,
            count,
            greatest,
        } = sums.remove(&organization).unwrap_or_default();
        if cost != 1_000 * posted + i128::from(carry) {
            check.differs(format!(
                "{organization}: cost {cost}, posted {posted}, carry {carry}"
            ));
        }
        if count != greatest || count != last {
            check.differs(format!(
                "{organization}: {count} usage batches up to {greatest}, {last} counted"
            ));
        }
    }
    for organization in sums.into_keys() {
        check.differs(format!("{organization} has usage and no carry"));
    }
    Ok(check)
}

/// Each usage batch that moved money is in the ledger with that amount, and the other way round.
pub(super) async fn check_posted_in(connection: &mut Connection) -> Result<Check, StoreError> {
    let mut check = Check::new("usage is posted as it was counted");
    let rows = sqlx::query(
        "select usage_batches.id, usage_batches.posted_nano as amount
         from usage_batches
         left join batches on batches.id = usage_batches.id
             and batches.source = 'usage:' || usage_batches.id
             and batches.organization_id = usage_batches.organization_id
         where usage_batches.posted_nano <> coalesce((
             select sum(amount_nano) from transfers where batch_id = batches.id), 0)
         union all
         select batches.id, 0 as amount
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
