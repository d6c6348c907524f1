//! Many rows at once: `INSERT … VALUES (…), (…) ON CONFLICT …`, in statements of a few fixed sizes, so that each connection
//! prepares each of them once.

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use super::value::Arguments;
use super::{Engine, FromRow, Transaction};
use crate::store::StoreError;

/// 1, 2, 4, … rows a statement: what is left of a batch takes at most one statement of each size.
const SIZES: usize = 9;
/// Values of one statement at most. Both engines take more; beyond that a statement gets no faster, and each connection of
/// PostgreSQL keeps the plan of each statement.
const MOST_VALUES: usize = 2048;

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
    texts: [[OnceLock<Arc<str>>; SIZES]; 2],
}

impl Insert {
    /// `into` is `INSERT INTO table (columns)`, `then` what follows the values: `ON CONFLICT …`, `RETURNING …`, or nothing.
    #[must_use]
    pub const fn new(into: &'static str, then: &'static str) -> Self {
        Self { into, columns: columns(into), then, texts: [const { [const { OnceLock::new() }; SIZES] }; 2] }
    }

    /// The largest size that is not more than these rows.
    fn size(&self, rows: usize) -> usize {
        let most = (MOST_VALUES / self.columns.max(1)).clamp(1, 1 << (SIZES - 1));
        rows.min(most).checked_ilog2().unwrap_or_default() as usize
    }

    fn text(&self, engine: Engine, size: usize) -> SqlStr {
        let of_engine = match engine {
            Engine::Sqlite => &self.texts[0],
            Engine::Postgres => &self.texts[1],
        };
        let text = of_engine[size].get_or_init(|| self.written(engine, 1 << size).into());
        AssertSqlSafe(text.clone()).into_sql_str()
    }

    fn written(&self, engine: Engine, rows: usize) -> String {
        let mut text = String::with_capacity(self.into.len() + rows * self.columns * 7 + self.then.len() + 16);
        text.push_str(self.into);
        text.push_str(" VALUES ");
        for value in 0..rows * self.columns {
            let begins_row = value % self.columns == 0;
            text.push_str(match (begins_row, value) {
                (true, 0) => "(",
                (true, _) => "), (",
                (false, _) => ", ",
            });
            match engine {
                // SQLite looks a number up among all that came before, which is quadratic; without numbers it counts.
                Engine::Sqlite => text.push('?'),
                Engine::Postgres => {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "${}", value + 1);
                }
            }
        }
        text.push_str(") ");
        text.push_str(self.then);
        text
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
            let (sql, arguments) = part(self.engine(), insert, &mut rest, &bind)?;
            touched += self.connection().execute(sql, arguments).await?;
        }
        Ok(touched)
    }

    /// The same with a `RETURNING` that is read, in no particular order.
    ///
    /// # Errors
    /// When the database does not do it, or a row is not what is expected.
    #[cfg_attr(not(test), expect(dead_code, reason = "the customers of a batch of calls will be found by it"))]
    pub async fn insert_returning<T: Sync, R: FromRow + Send>(
        &mut self,
        insert: &Insert,
        rows: &[T],
        bind: impl Fn(&T, &mut Arguments) + Send,
    ) -> Result<Vec<R>, StoreError> {
        let (mut rest, mut returned) = (rows, Vec::with_capacity(rows.len()));
        while !rest.is_empty() {
            let (sql, arguments) = part(self.engine(), insert, &mut rest, &bind)?;
            returned.extend(self.connection().fetch::<R>(sql, arguments).await?);
        }
        Ok(returned)
    }
}

/// The next statement, taken off the rows.
fn part<T>(
    engine: Engine,
    insert: &Insert,
    rest: &mut &[T],
    bind: &impl Fn(&T, &mut Arguments),
) -> Result<(SqlStr, Arguments), StoreError> {
    let size = insert.size(rest.len());
    let (now, later) = rest.split_at(1 << size);
    let mut arguments = Arguments::new(engine, now.len() * insert.columns);
    for (number, row) in now.iter().enumerate() {
        bind(row, &mut arguments);
        if arguments.len() != (number + 1) * insert.columns {
            let (bound, into) = (arguments.len() - number * insert.columns, insert.into);
            return Err(StoreError::Row(format!("{bound} values are bound for a row of `{into}`")));
        }
    }
    *rest = later;
    Ok((insert.text(engine, size), arguments))
}

#[cfg(test)]
mod tests {
    use super::{Engine, Insert};

    static INSERT: Insert = Insert::new("INSERT INTO t (a, b, c)", "ON CONFLICT DO NOTHING");

    #[test]
    fn texts() {
        assert_eq!(
            INSERT.written(Engine::Postgres, 2),
            "INSERT INTO t (a, b, c) VALUES ($1, $2, $3), ($4, $5, $6) ON CONFLICT DO NOTHING"
        );
        assert_eq!(
            INSERT.written(Engine::Sqlite, 2),
            "INSERT INTO t (a, b, c) VALUES (?, ?, ?), (?, ?, ?) ON CONFLICT DO NOTHING"
        );
        static ONE: Insert = Insert::new("INSERT INTO t (a)", "");
        assert_eq!(ONE.written(Engine::Sqlite, 3), "INSERT INTO t (a) VALUES (?), (?), (?) ");
    }

    #[test]
    fn sizes_are_few_and_bounded() {
        static WIDE: Insert = Insert::new("INSERT INTO t (a, b, c, d, e, f, g, h, i, j, k, l)", "");
        for (rows, narrow, wide) in [(1, 0, 0), (3, 1, 1), (255, 7, 7), (256, 8, 7), (100_000, 8, 7)] {
            assert_eq!((INSERT.size(rows), WIDE.size(rows)), (narrow, wide), "{rows}");
        }
    }
}
