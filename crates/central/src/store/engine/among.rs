//! Rows by many keys at once: `… IN ($2, $3, …)`, in statements of a few fixed sizes, so that each connection prepares each of
//! them once. What a statement has room for and nobody asks for is filled with the last key again.

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use super::value::{Arguments, ToValue};
use super::{Connection, Engine, FromRow, On, Transaction};
use crate::store::StoreError;

/// 1, 2, 4, … keys a statement.
const SIZES: usize = 9;

/// A statement that ends with the keys; a `static`.
///
/// ```ignore
/// static KNOWN: Among = Among::new("SELECT id FROM personal_data WHERE last_day < $1 AND id IN");
/// ```
#[derive(Debug)]
pub struct Among {
    before: &'static str,
    texts: [[OnceLock<Arc<str>>; SIZES]; 2],
}

impl Among {
    /// `before` ends with `IN`; `$1` in it is the one value besides the keys.
    #[must_use]
    pub const fn new(before: &'static str) -> Self {
        Self { before, texts: [const { [const { OnceLock::new() }; SIZES] }; 2] }
    }

    fn text(&self, engine: Engine, size: usize) -> SqlStr {
        let of_engine = match engine {
            Engine::Sqlite => &self.texts[0],
            Engine::Postgres => &self.texts[1],
        };
        let text = of_engine[size].get_or_init(|| self.written(engine, 1 << size).into());
        AssertSqlSafe(text.clone()).into_sql_str()
    }

    fn written(&self, engine: Engine, keys: usize) -> String {
        // SQLite counts for itself: see `Insert`.
        let mut text = match engine {
            Engine::Sqlite => self.before.replace("$1", "?"),
            Engine::Postgres => self.before.to_owned(),
        };
        let first = 1 + usize::from(self.before.contains("$1"));
        for key in 0..keys {
            text.push_str(if key == 0 { " (" } else { ", " });
            match engine {
                Engine::Sqlite => text.push('?'),
                Engine::Postgres => {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "${}", first + key);
                }
            }
        }
        text.push(')');
        text
    }

    fn parts<'q, K: ToValue<'q> + Clone>(
        &self,
        engine: Engine,
        value: Option<i64>,
        keys: &[K],
    ) -> Vec<(SqlStr, Arguments)> {
        let parts = keys.chunks(1 << (SIZES - 1));
        parts
            .map(|part| {
                let room = part.len().next_power_of_two();
                let mut arguments = Arguments::new(engine, 1 + room);
                if let Some(value) = value {
                    arguments.add(value);
                }
                for key in part.iter().chain(std::iter::repeat_n(&part[part.len() - 1], room - part.len())) {
                    arguments.add(key.clone());
                }
                (self.text(engine, room.ilog2() as usize), arguments)
            })
            .collect()
    }

    /// All rows with one of the keys, in no particular order. A row that belongs to several keys may come several times.
    ///
    /// # Errors
    /// When the database does not do it, or a row is not what is expected.
    pub async fn fetch<'q, R: FromRow + Send, K: ToValue<'q> + Clone>(
        &self,
        on: impl Into<On<'_>>,
        value: Option<i64>,
        keys: &[K],
    ) -> Result<Vec<R>, StoreError> {
        match on.into() {
            On::Connection(connection) => self.fetch_on(connection, value, keys).await,
            On::Database(database) => self.fetch_on(&mut database.reader().await?, value, keys).await,
        }
    }

    async fn fetch_on<'q, R: FromRow, K: ToValue<'q> + Clone>(
        &self,
        connection: &mut Connection,
        value: Option<i64>,
        keys: &[K],
    ) -> Result<Vec<R>, StoreError> {
        let mut rows = Vec::new();
        for (sql, arguments) in self.parts(connection.engine(), value, keys) {
            rows.extend(connection.fetch::<R>(sql, arguments).await?);
        }
        Ok(rows)
    }

    /// Runs it for all keys; how many rows it touched.
    ///
    /// # Errors
    /// When the database does not do it.
    pub async fn execute<'q, K: ToValue<'q> + Clone>(
        &self,
        transaction: &mut Transaction,
        value: Option<i64>,
        keys: &[K],
    ) -> Result<u64, StoreError> {
        let mut touched = 0;
        for (sql, arguments) in self.parts(transaction.engine(), value, keys) {
            touched += transaction.connection().execute(sql, arguments).await?;
        }
        Ok(touched)
    }
}

#[cfg(test)]
mod tests {
    use super::{Among, Engine};

    #[test]
    fn texts() {
        static AMONG: Among = Among::new("DELETE FROM t WHERE a < $1 AND id IN");
        assert_eq!(AMONG.written(Engine::Postgres, 2), "DELETE FROM t WHERE a < $1 AND id IN ($2, $3)");
        assert_eq!(AMONG.written(Engine::Sqlite, 2), "DELETE FROM t WHERE a < ? AND id IN (?, ?)");
        static KEYS: Among = Among::new("SELECT a FROM t WHERE id IN");
        assert_eq!(KEYS.written(Engine::Postgres, 1), "SELECT a FROM t WHERE id IN ($1)");
    }
}
