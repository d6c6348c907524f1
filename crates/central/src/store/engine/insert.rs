//! Many rows at once, in few statements, each of which a connection prepares once: `INSERT … VALUES (…), (…) ON CONFLICT …` of a
//! few fixed sizes for SQLite, and `INSERT … SELECT * FROM unnest(…) ON CONFLICT …` of any size for PostgreSQL.

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};
use std::sync::{Arc, OnceLock};

use super::value::Arguments;
use super::{Engine, FromRow, Transaction};
use crate::store::StoreError;

/// 1, 2, 4, … rows a statement: what is left of a batch takes at most one statement of each size.
const SIZES: usize = 9;
/// Values of one statement of SQLite at most: it takes more, and gets no faster.
const MOST_VALUES: usize = 2048;
/// Rows of one statement of PostgreSQL at most, so that it is not built of megabytes.
const MOST_ROWS: usize = 4096;

/// How rows of one table are inserted; a `static`.
///
/// ```ignore
/// static EVENTS: Insert = Insert::new("INSERT INTO outbox (id, at_ms, kind, key, body)", "");
/// transaction.insert(&EVENTS, &events, |event, row| { row.add(event.id).add(event.at_ms)…; }).await?;
/// ```
#[derive(Debug)]
pub struct Insert {
    into: &'static str,
    columns: usize,
    then: &'static str,
    of_rows: [OnceLock<Arc<str>>; SIZES],
    of_columns: OnceLock<Arc<str>>,
}

impl Insert {
    /// `into` is `INSERT INTO table (columns)`, `then` what follows the values: `ON CONFLICT …`, `RETURNING …`, or nothing.
    #[must_use]
    pub const fn new(into: &'static str, then: &'static str) -> Self {
        let of_rows = [const { OnceLock::new() }; SIZES];
        Self { into, columns: columns(into), then, of_rows, of_columns: OnceLock::new() }
    }

    /// The next statement, taken off the rows.
    fn part<T>(
        &self,
        engine: Engine,
        rest: &mut &[T],
        bind: &impl Fn(&T, &mut Arguments),
    ) -> Result<(SqlStr, Arguments), StoreError> {
        let rows = match engine {
            Engine::Sqlite => 1 << self.size(rest.len()),
            Engine::Postgres => rest.len().min(MOST_ROWS),
        };
        let (now, later) = rest.split_at(rows);
        let mut arguments = Arguments::of_rows(engine, rows, self.columns);
        for (number, row) in now.iter().enumerate() {
            bind(row, &mut arguments);
            if arguments.len() != (number + 1) * self.columns {
                let (bound, into) = (arguments.len() - number * self.columns, self.into);
                return Err(StoreError::Row(format!("{bound} values are bound for a row of `{into}`")));
            }
        }
        *rest = later;
        let text = match arguments.columns() {
            Some(columns) => self.of_columns.get_or_init(|| self.with_columns(columns).into()),
            None => self.of_rows[self.size(rows)].get_or_init(|| self.with_values(rows).into()),
        };
        Ok((AssertSqlSafe(text.clone()).into_sql_str(), arguments))
    }

    /// The largest size that is not more than these rows.
    fn size(&self, rows: usize) -> usize {
        let most = (MOST_VALUES / self.columns.max(1)).clamp(1, 1 << (SIZES - 1));
        rows.min(most).checked_ilog2().unwrap_or_default() as usize
    }

    /// For SQLite, which looks a number up among all that came before: that is quadratic, and without numbers it counts.
    fn with_values(&self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns].join(", "));
        format!("{} VALUES {} {}", self.into, vec![row; rows].join(", "), self.then)
    }

    /// For PostgreSQL, whatever the number of rows.
    fn with_columns(&self, columns: impl Iterator<Item = &'static str>) -> String {
        let arrays: Vec<String> = columns.enumerate().map(|(at, array)| format!("${}::{array}", at + 1)).collect();
        format!("{} SELECT * FROM unnest({}) {}", self.into, arrays.join(", "), self.then)
    }
}

/// Names between the first parentheses.
const fn columns(into: &str) -> usize {
    let bytes = into.as_bytes();
    let (mut at, mut columns) = (0, 1);
    while at < bytes.len() {
        if bytes[at] == b',' {
            columns += 1;
        }
        at += 1;
    }
    columns
}

impl Transaction {
    /// Inserts all rows; `bind` adds the values of one, in the order of the columns. How many rows were made or changed.
    ///
    /// With `ON CONFLICT … DO UPDATE` no key may come twice in one call: PostgreSQL refuses to change a row twice in one
    /// statement.
    ///
    /// # Errors
    /// When the database does not do it.
    pub async fn insert<T: Sync>(
        &mut self,
        insert: &Insert,
        rows: &[T],
        bind: impl Fn(&T, &mut Arguments) + Send,
    ) -> Result<u64, StoreError> {
        let (mut rest, mut touched) = (rows, 0);
        while !rest.is_empty() {
            let (sql, arguments) = insert.part(self.engine(), &mut rest, &bind)?;
            touched += self.connection().execute(sql, arguments).await?;
        }
        Ok(touched)
    }

    /// The same with a `RETURNING` that is read, in no particular order.
    ///
    /// # Errors
    /// When the database does not do it, or a row is not what is expected.
    pub async fn insert_returning<T: Sync, R: FromRow + Send>(
        &mut self,
        insert: &Insert,
        rows: &[T],
        bind: impl Fn(&T, &mut Arguments) + Send,
    ) -> Result<Vec<R>, StoreError> {
        let (mut rest, mut returned) = (rows, Vec::with_capacity(rows.len()));
        while !rest.is_empty() {
            let (sql, arguments) = insert.part(self.engine(), &mut rest, &bind)?;
            returned.extend(self.connection().fetch::<R>(sql, arguments).await?);
        }
        Ok(returned)
    }
}

#[cfg(test)]
mod tests {
    use super::Insert;

    static INSERT: Insert = Insert::new("INSERT INTO t (a, b, c)", "ON CONFLICT DO NOTHING");

    #[test]
    fn texts() {
        assert_eq!(
            INSERT.with_columns(["bigint[]", "text[]", "bytea[]"].into_iter()),
            "INSERT INTO t (a, b, c) SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[]) ON CONFLICT DO NOTHING"
        );
        assert_eq!(INSERT.with_values(2), "INSERT INTO t (a, b, c) VALUES (?, ?, ?), (?, ?, ?) ON CONFLICT DO NOTHING");
        static ONE: Insert = Insert::new("INSERT INTO t (a)", "");
        assert_eq!(ONE.with_values(3), "INSERT INTO t (a) VALUES (?), (?), (?) ");
    }

    #[test]
    fn sizes_are_few_and_bounded() {
        static WIDE: Insert = Insert::new("INSERT INTO t (a, b, c, d, e, f, g, h, i, j, k, l)", "");
        for (rows, narrow, wide) in [(1, 0, 0), (3, 1, 1), (255, 7, 7), (256, 8, 7), (100_000, 8, 7)] {
            assert_eq!((INSERT.size(rows), WIDE.size(rows)), (narrow, wide), "{rows}");
        }
    }
}
