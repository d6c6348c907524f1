//! Months of calls, UTC. PostgreSQL keeps the calls of each in tables of their own (native range partitions), so that retention drops a
//! table instead of deleting millions of rows. Which months there are stands in `call_months` on both engines; only the
//! definitions differ, and SQLite needs none.

use std::collections::BTreeSet;

use crate::store::engine::{Transaction, query};
use crate::store::{Store, StoreError, dialect};

/// How many months ahead of the clock there is room.
const AHEAD: i64 = 2;

/// What is cut by months: every table whose key begins with `started_ms`.
pub const TABLES: [&str; 12] = [
    "calls",
    "call_documents",
    "call_parties",
    "call_dialogs",
    "call_visits",
    "call_attempts",
    "call_talks",
    "call_holds",
    "call_moves",
    "call_listens",
    "call_attributes",
    "call_personal",
];

/// A day, ms.
pub const DAY_MS: i64 = 24 * 3600 * 1000;

/// A month of the calendar, counted from January 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(pub i64);

impl Month {
    /// The month of an instant.
    #[must_use]
    pub fn of(ms: i64) -> Self {
        let (year, month, _) = date_of(ms.div_euclid(DAY_MS));
        Self((year - 1970) * 12 + month - 1)
    }

    /// Its first instant.
    #[must_use]
    pub fn begins_ms(self) -> i64 {
        let from_march = self.0 - 2 + 1970 * 12;
        let (year, month) = (from_march.div_euclid(12), from_march.rem_euclid(12));
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * month + 2) / 5;
        (era * 146_097 + day_of_era - 719_468).saturating_mul(DAY_MS)
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// As tables are called: `2026_11`.
    fn suffix(self) -> String {
        let (year, month) = (1970 + self.0.div_euclid(12), self.0.rem_euclid(12) + 1);
        let before = if year < 0 { "m" } else { "" };
        format!("{before}{:04}_{month:02}", year.unsigned_abs())
    }

    /// A template of [`dialect`] for each table.
    fn filled(self, template: &str) -> String {
        let fill = |table: &&str| {
            template
                .replace("{table}", table)
                .replace("{month}", &self.suffix())
                .replace("{from}", &self.begins_ms().to_string())
                .replace("{to}", &self.next().begins_ms().to_string())
        };
        if template.is_empty() { String::new() } else { TABLES.iter().map(fill).collect() }
    }
}

/// Year, month and day of a day counted from 1970, in the Gregorian calendar.
fn date_of(day: i64) -> (i64, i64, i64) {
    // As Howard Hinnant's `civil_from_days` does it: years begin in March, so that the leap day is the last of its year.
    let days = day + 719_468;
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let year = year_of_era + days.div_euclid(146_097) * 400;
    let (year, month) = if from_march < 10 { (year, from_march + 3) } else { (year + 1, from_march - 9) };
    (year, month, day_of_year - (153 * from_march + 2) / 5 + 1)
}

/// An instant for the eye: `2026-11-20 12:00:00 UTC`.
#[must_use]
pub fn shown_utc(ms: i64) -> String {
    let (year, month, day) = date_of(ms.div_euclid(DAY_MS));
    let seconds = ms.rem_euclid(DAY_MS) / 1000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{:02} UTC", seconds % 60)
}

/// Makes room for these months where there is none.
pub async fn make(tx: &mut Transaction, months: &BTreeSet<Month>) -> Result<(), StoreError> {
    let there = known(tx).await?;
    for month in months.difference(&there) {
        let template = dialect::MAKE_MONTH.on(tx.engine());
        tx.define(month.filled(template)).await?;
        query("INSERT INTO call_months (month) VALUES ($1)").bind(month.0).execute(tx).await?;
    }
    Ok(())
}

/// The months that have room.
pub async fn known(tx: &mut Transaction) -> Result<BTreeSet<Month>, StoreError> {
    let months: Vec<(i64,)> = query("SELECT month FROM call_months").fetch_all(tx).await?;
    Ok(months.into_iter().map(|(month,)| Month(month)).collect())
}

/// Deletes the calls that began up to an instant; how many revisions. Where months have tables of their own, only what finds the
/// calls, and the tables go later.
pub async fn delete_until(tx: &mut Transaction, until_ms: i64) -> Result<u64, StoreError> {
    query("DELETE FROM call_absorbed WHERE into_id IN (SELECT id FROM call_revisions WHERE started_ms <= $1)")
        .bind(until_ms)
        .execute(tx)
        .await?;
    if dialect::DROP_MONTH.on(tx.engine()).is_empty() {
        for table in TABLES {
            let sql = format!("DELETE FROM {table} WHERE started_ms <= $1");
            query(sqlx::AssertSqlSafe(sql)).bind(until_ms).execute(tx).await?;
        }
    }
    query("DELETE FROM call_revisions WHERE started_ms <= $1").bind(until_ms).execute(tx).await
}

/// Takes the room of all months before one away, and their days.
pub async fn drop_before(tx: &mut Transaction, oldest: Month) -> Result<(), StoreError> {
    let there = known(tx).await?;
    for month in there.range(..oldest) {
        tx.define(month.filled(dialect::DROP_MONTH.on(tx.engine()))).await?;
    }
    query("DELETE FROM call_months WHERE month < $1").bind(oldest.0).execute(tx).await?;
    query("DELETE FROM call_days WHERE day < $1").bind(oldest.begins_ms().div_euclid(DAY_MS)).execute(tx).await?;
    Ok(())
}

impl Store {
    /// Makes room for the calls of this month and the next ones ahead, so that no call has to wait for it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn make_months(&self, now_ms: i64) -> Result<(), StoreError> {
        let now = Month::of(now_ms);
        let months: BTreeSet<Month> = (0..=AHEAD).map(|ahead| Month(now.0 + ahead)).collect();
        let months = &months;
        self.write(|mut tx| async move {
            make(&mut tx, months).await?;
            tx.commit().await
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY_MS, Month, shown_utc};

    #[test]
    fn months_begin_where_the_calendar_says() {
        for (suffix, begins_ms) in [
            ("1970_01", 0),
            ("1970_02", 31 * DAY_MS),
            ("2024_03", 1_709_251_200_000),
            ("2026_11", 1_793_491_200_000),
            ("2000_02", 949_363_200_000),
            ("1969_12", -31 * DAY_MS),
        ] {
            let month = Month::of(begins_ms);
            assert_eq!((month.suffix().as_str(), month.begins_ms()), (suffix, begins_ms));
            assert_eq!(Month::of(begins_ms - 1).next(), month);
        }
        assert_eq!(Month(-12 * 1971).suffix(), "m0001_01");
        assert_eq!(shown_utc(1_793_491_199_999), "2026-10-31 23:59:59 UTC");
        assert_eq!(shown_utc(1_709_208_000_000), "2024-02-29 12:00:00 UTC");
    }

    #[test]
    fn months_lie_end_to_end_for_a_thousand_years() {
        for number in -6_000..6_000 {
            let month = Month(number);
            assert_eq!(Month::of(month.begins_ms()), month);
            assert_eq!(Month::of(month.next().begins_ms() - 1), month);
            let days = (month.next().begins_ms() - month.begins_ms()) / DAY_MS;
            assert!((28..=31).contains(&days), "{number}: {days}");
        }
    }
}
