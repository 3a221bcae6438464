//! What an organization has left: now, at a past instant, by day, and for how long.

use std::sync::Arc;

use chrono::{Days, NaiveDate, NaiveTime};
use sqlx::Row;
use types::balance::Balance;
use types::ids::OrganizationId;
use types::money::Money;
use types::time::Timestamp;

use crate::db::micros;
use crate::metering::rollup::days::used_since;
use crate::{Core, StoreError, chart, credits, holds};

/// The days whose pace tells how long a balance lasts.
const PACE_DAYS: u32 = 7;
/// A year and a day: the most that one chart shows.
const MOST_DAYS: u32 = 367;

/// See [`crate::Billing::prepaid`].
#[derive(Clone)]
pub struct Prepaid {
    core: Arc<Core>,
}

impl Prepaid {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The balance now, as one consistent reading.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn balance(&self, organization: OrganizationId) -> Result<Balance, StoreError> {
        let mut tx = self.core.db.begin_read().await?;
        chart::balance_in(&mut tx, organization, self.core.now()).await
    }

    /// The balance after everything booked up to and including `at`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn balance_at(
        &self,
        organization: OrganizationId,
        at: Timestamp,
    ) -> Result<Balance, StoreError> {
        let mut tx = self.core.db.begin_read().await?;
        let mut read = Balance::default();
        for (account, part) in [
            (chart::prepaid(organization), &mut read.prepaid),
            (chart::promotional(organization), &mut read.promotional),
            (chart::owed(organization), &mut read.owed),
        ] {
            *part = ledger::balance_at_in(&mut tx, &account, at).await?;
        }
        read.expired = credits::expired_at_in(&mut tx, organization, at).await?;
        read.held = holds::held_at_in(&mut tx, organization, at).await?;
        Ok(read)
    }

    /// The posted balance at the end of each of the last `days` days (UTC), oldest first, today's
    /// as it is now. At most a year.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn daily(
        &self,
        organization: OrganizationId,
        days: u32,
    ) -> Result<Vec<(NaiveDate, Money)>, StoreError> {
        let today = self.core.now().date_naive();
        let days: Vec<NaiveDate> = (0..days.min(MOST_DAYS))
            .rev()
            .filter_map(|back| today.checked_sub_days(Days::new(u64::from(back))))
            .collect();
        if days.is_empty() {
            return Ok(Vec::new());
        }
        // One statement for all days: each part is one step into the index.
        let parts: Vec<String> = (0..days.len())
            .map(|index| {
                format!(
                    "select {index} as position, coalesce((
                         select balance_nano from batches
                         where organization_id = $1 and booked_at < ${}
                         order by booked_at desc, sequence desc limit 1), 0) as balance_nano",
                    index + 2
                )
            })
            .collect();
        let text = format!("{} order by position", parts.join(" union all "));
        let mut query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(organization.to_string());
        for day in &days {
            let end = day.checked_add_days(Days::new(1)).unwrap_or(*day);
            query = query.bind(micros(end.and_time(NaiveTime::MIN).and_utc()));
        }
        let rows = query.fetch_all(self.core.db.readers()).await?;
        days.into_iter()
            .zip(&rows)
            .map(|(day, row)| Ok((day, Money::from_nanos(row.try_get("balance_nano")?))))
            .collect()
    }

    /// For how many whole days the balance lasts at the pace of the last seven; `None` when
    /// nothing was used or nothing is left.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn runway(&self, organization: OrganizationId) -> Result<Option<u32>, StoreError> {
        let today = self.core.now().date_naive();
        let since = today
            .checked_sub_days(Days::new(u64::from(PACE_DAYS) - 1))
            .unwrap_or(today);
        let used = used_since(&self.core, organization, since).await?;
        let left = self.balance(organization).await?.available()?;
        if used <= 0 || !left.is_positive() {
            return Ok(None);
        }
        let days = i128::from(left.nanos()) * 1_000 * i128::from(PACE_DAYS) / used;
        Ok(Some(u32::try_from(days).unwrap_or(u32::MAX)))
    }
}
