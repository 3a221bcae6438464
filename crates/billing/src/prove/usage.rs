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
use crate::holds::{HOLD_SOURCE, is_free};

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
                    output_tokens, cost_pico, occurred_at, status
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
            let source = sources.get(&event.source_no);
            let owners = [
                known.map(|series| &series.organization),
                source.map(|source| &source.organization),
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
            let is_capture = source.is_some_and(|source| source.name == HOLD_SOURCE);
            let cost = |prices: &ModelRates| {
                if is_capture && is_free(event.tokens, event.status, prices) {
                    Some(Cost::ZERO)
                } else {
                    prices.cost(event.tokens).ok()
                }
            };
            check_price(
                &mut checks.priced,
                &event,
                series,
                &rates,
                batch.rate_count,
                cost,
            );
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
    status: Option<i64>,
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
            status: row.try_get(9)?,
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

/// Who makes ids.
struct Source {
    organization: String,
    name: String,
}

async fn sources_in(connection: &mut Connection) -> Result<HashMap<i64, Source>, StoreError> {
    let rows = sqlx::query("select no, organization_id, source from usage_sources")
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let source = Source {
                organization: row.try_get("organization_id")?,
                name: row.try_get("source")?,
            };
            Ok((row.try_get("no")?, source))
        })
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

fn check_price(
    check: &mut Check,
    event: &Event,
    series: &Series,
    rates: &Rates,
    rate_count: i64,
    cost: impl Fn(&ModelRates) -> Option<Cost>,
) {
    let versions = rates.get(&series.model);
    let version = versions.and_then(|versions| versions.get(&series.rate_effective_at));
    let cost = version.and_then(|(prices, _)| cost(prices));
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

/// Per organization, batch by batch in the order in which they were counted: each carries on what
/// the one before left, nothing is missing between them, and the last left what is carried now.
/// Then the sum of costs is a thousand times the sum posted, plus the carry.
pub(super) async fn check_carries_in(connection: &mut Connection) -> Result<Check, StoreError> {
    let mut check = Check::new("costs = 1000 x posted + carried, for each organization");
    let mut carries = carries_in(connection).await?;
    let mut current: Option<Carried> = None;
    let mut rows = sqlx::query(
        "select organization_id, sequence, cost_pico, posted_nano, carry_before_pico,
                carry_after_pico
         from usage_batches order by organization_id, sequence",
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let organization: String = row.try_get(0)?;
        let mut carried = match current.take() {
            Some(carried) if carried.organization == organization => carried,
            previous => {
                if let Some(previous) = previous {
                    previous.finish(&mut check, &mut carries);
                }
                Carried::new(organization)
            }
        };
        carried.follow(&mut check, &row)?;
        current = Some(carried);
    }
    if let Some(last) = current {
        last.finish(&mut check, &mut carries);
    }
    for (organization, (sequence, _)) in carries {
        check.differs(format!(
            "{organization}: {sequence} usage batches counted, none is there"
        ));
    }
    Ok(check)
}

/// Where each organization's batches have come to, and what is carried.
async fn carries_in(
    connection: &mut Connection,
) -> Result<BTreeMap<String, (i64, i64)>, StoreError> {
    let rows = sqlx::query("select organization_id, sequence, carry_pico from usage_carries")
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let reached = (row.try_get("sequence")?, row.try_get("carry_pico")?);
            Ok((row.try_get("organization_id")?, reached))
        })
        .collect()
}

/// What an organization's batches have come to so far.
struct Carried {
    organization: String,
    sequence: i64,
    cost: i128,
    posted: i128,
    /// What the last of them left.
    carry: i64,
}

impl Carried {
    const fn new(organization: String) -> Self {
        Self {
            organization,
            sequence: 0,
            cost: 0,
            posted: 0,
            carry: 0,
        }
    }

    /// Goes on with the next batch.
    fn follow(&mut self, check: &mut Check, row: &AnyRow) -> Result<(), StoreError> {
        let Self {
            organization,
            carry,
            ..
        } = &*self;
        let sequence: i64 = row.try_get(1)?;
        let carried: i64 = row.try_get(4)?;
        if sequence != self.sequence + 1 {
            check.differs(format!(
                "{organization}: after its usage batch {} comes {sequence}",
                self.sequence
            ));
        }
        if carried != *carry {
            check.differs(format!(
                "{organization}: its usage batch {sequence} begins with {carried} pico, the one \
                 before left {carry}"
            ));
        }
        self.sequence = sequence;
        self.cost += i128::from(row.try_get::<i64, _>(2)?);
        self.posted += i128::from(row.try_get::<i64, _>(3)?);
        self.carry = row.try_get(5)?;
        Ok(())
    }

    fn finish(self, check: &mut Check, carries: &mut BTreeMap<String, (i64, i64)>) {
        let Self {
            organization,
            sequence,
            cost,
            posted,
            carry,
        } = self;
        let Some((counted, carried)) = carries.remove(&organization) else {
            check.differs(format!("{organization} has usage and no carry"));
            return;
        };
        if counted != sequence {
            check.differs(format!(
                "{organization}: {sequence} usage batches, {counted} counted"
            ));
        }
        if carried != carry || cost != 1_000 * posted + i128::from(carried) {
            check.differs(format!(
                "{organization}: cost {cost}, posted {posted}, the last batch left {carry}, \
                 carried {carried}"
            ));
        }
    }
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
