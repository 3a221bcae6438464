//! What a commit's batches add up to, while their events are in memory.

use std::collections::HashMap;
use std::sync::Arc;

use super::sums::{BatchAdder, BatchSums, Ran, SeriesOwner};
use crate::StoreError;
use crate::db::micros;
use crate::metering::bulk::{EventRow, UsageBatch};
use crate::metering::priced::SeriesKey;

/// What each batch adds up to; its events lie side by side.
pub(in crate::metering) fn sum_up(
    batches: &[UsageBatch],
    mut rows: &[EventRow<'_>],
) -> Result<Vec<BatchSums>, StoreError> {
    let mut sums = Vec::with_capacity(batches.len());
    for batch in batches {
        let count = rows.partition_point(|row| row.batch_no == batch.no);
        let (of_batch, rest) = rows.split_at(count);
        rows = rest;
        let mut adder = BatchAdder::default();
        let mut owners: HashMap<i64, &SeriesKey> = HashMap::new();
        let mut last = None;
        for row in of_batch {
            // Most events are like the one before.
            if last != Some(row.series_no) {
                owners.insert(row.series_no, &row.priced.series);
                last = Some(row.series_no);
            }
            let ran = Ran {
                occurred_at: micros(row.priced.occurred_at),
                tokens: row.priced.event.tokens,
                cost_pico: row.priced.cost.picos(),
                status: row.priced.event.status,
                latency_ms: row.priced.event.latency_ms,
            };
            adder.add(row.series_no, &ran)?;
        }
        let owner = |series_no| {
            owners.get(&series_no).map(|series| SeriesOwner {
                project: series.project,
                api_key: series.api_key,
                model: Arc::clone(&series.model),
            })
        };
        sums.push(adder.finish(
            batch.organization,
            batch.sequence,
            micros(batch.booked_at),
            owner,
        )?);
    }
    Ok(sums)
}
