//! One connection of either engine, lent by a pool. It goes back only when it is known to be sound: rolled back, and with no
//! answer owed.

use sqlx::pool::PoolConnection;
use sqlx::{Postgres, SqlSafeStr, SqlStr, Sqlite};
use std::sync::Arc;
use std::time::Duration;

use super::value::Encoded;
use super::{Arguments, Engine, FromRow, Row, postgres};
use crate::store::StoreError;

/// A connection.
pub struct Connection {
    /// Taken by the end of this value alone.
    lent: Option<Lent>,
    /// What errors call the database.
    name: Arc<str>,
    /// How long one waits for a lock, and for a connection to come back sound.
    patience: Duration,
    /// Asked and not answered: broken, too slow, or given up in the middle.
    owed: bool,
    in_transaction: bool,
    /// A statement failed. PostgreSQL turns a commit after that into a roll-back without a word, SQLite keeps the rest; here
    /// neither may happen.
    failed: bool,
}

pub(super) enum Lent {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Connection {
    pub(super) fn new(lent: Lent, name: Arc<str>, patience: Duration) -> Self {
        Self { lent: Some(lent), name, patience, owed: false, in_transaction: false, failed: false }
    }

    pub(super) fn engine(&self) -> Engine {
        match &self.lent {
            Some(Lent::Postgres(_)) => Engine::Postgres,
            Some(Lent::Sqlite(_)) | None => Engine::Sqlite,
        }
    }

    /// Begins a transaction; it ends by [`Connection::commit`], or is rolled back when the connection is dropped.
    pub(super) async fn begin(&mut self, how: &'static str) -> Result<(), StoreError> {
        // Set before: who gives up while it begins leaves a transaction behind all the same.
        self.in_transaction = true;
        self.words(how).await
    }

    pub(super) async fn commit(&mut self) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Row("a transaction with a failed statement cannot be committed".to_owned()));
        }
        self.words("COMMIT").await?;
        self.in_transaction = false;
        Ok(())
    }

    /// Statements without values, as they are.
    pub(super) async fn words(&mut self, words: impl SqlSafeStr) -> Result<(), StoreError> {
        let words = words.into_sql_str();
        self.run(async |lent: &mut Lent| match lent {
            Lent::Sqlite(connection) => sqlx::raw_sql(words).execute(&mut **connection).await.map(drop),
            Lent::Postgres(connection) => sqlx::raw_sql(words).execute(&mut **connection).await.map(drop),
        })
        .await
    }

    /// How many rows it touched.
    pub(super) async fn execute(&mut self, sql: SqlStr, arguments: Arguments) -> Result<u64, StoreError> {
        let encoded = arguments.encoded().map_err(|error| self.fault(error))?;
        self.run(async |lent: &mut Lent| match (lent, encoded) {
            (Lent::Sqlite(connection), Encoded::Sqlite(arguments)) => {
                Ok(sqlx::query_with(sql, arguments).execute(&mut **connection).await?.rows_affected())
            }
            (Lent::Postgres(connection), Encoded::Postgres(arguments)) => {
                Ok(sqlx::query_with(sql, arguments).execute(&mut **connection).await?.rows_affected())
            }
            _ => Err(of_another_engine()),
        })
        .await
    }

    /// All rows.
    pub(super) async fn fetch<T: FromRow>(&mut self, sql: SqlStr, arguments: Arguments) -> Result<Vec<T>, StoreError> {
        let encoded = arguments.encoded().map_err(|error| self.fault(error))?;
        let rows = self.run(async |lent: &mut Lent| match (lent, encoded) {
            (Lent::Sqlite(connection), Encoded::Sqlite(arguments)) => {
                let rows = sqlx::query_with(sql, arguments).fetch_all(&mut **connection).await?;
                Ok(rows.into_iter().map(|row| T::from_row(Row::Sqlite(row))).collect::<Result<_, _>>())
            }
            (Lent::Postgres(connection), Encoded::Postgres(arguments)) => {
                let rows = sqlx::query_with(sql, arguments).fetch_all(&mut **connection).await?;
                Ok(rows.into_iter().map(|row| T::from_row(Row::Postgres(row))).collect())
            }
            _ => Err(of_another_engine()),
        });
        rows.await?
    }

    async fn run<T>(&mut self, ask: impl AsyncFnOnce(&mut Lent) -> Result<T, sqlx::Error>) -> Result<T, StoreError> {
        let Some(lent) = &mut self.lent else { return Err(self.fault(sqlx::Error::PoolClosed)) };
        // A network that swallows everything gives no error of its own.
        let within = postgres::answers_within(self.patience);
        self.owed = true;
        let answer = match lent {
            // A file gives an answer or an error.
            Lent::Sqlite(_) => ask(lent).await,
            Lent::Postgres(_) => match tokio::time::timeout(within, ask(lent)).await {
                Ok(answer) => answer,
                Err(_) => Err(sqlx::Error::Io(std::io::Error::new(
                    std::io::ErrorKind::TimedOut,
                    format!("no answer within {} s", within.as_secs_f32()),
                ))),
            },
        };
        self.owed = matches!(answer, Err(sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_)));
        self.failed |= answer.is_err();
        answer.map_err(|error| self.fault(error))
    }

    fn fault(&self, error: sqlx::Error) -> StoreError {
        StoreError::of(error, &self.name)
    }

    /// Ends it instead of lending it out again.
    pub(super) async fn close(mut self) {
        match self.lent.take() {
            // A connection that cannot say goodbye is gone as well.
            Some(Lent::Sqlite(connection)) => drop(connection.close().await),
            Some(Lent::Postgres(connection)) => drop(connection.close().await),
            None => {}
        }
    }

    /// The driver's own connection, for what is no statement of ours (migrations).
    pub(super) fn lent(&mut self) -> Option<&mut Lent> {
        self.lent.as_mut()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(lent) = self.lent.take() else { return };
        match lent {
            Lent::Postgres(connection) if self.owed => drop(connection.detach()),
            // The pool takes it back by itself: a file is never silent.
            Lent::Sqlite(_) if !self.in_transaction => {}
            lent => match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn(give_back(lent, self.in_transaction, self.patience))),
                // Closed, and rolled back by that.
                Err(_) => lent.detach(),
            },
        }
    }
}

impl Lent {
    fn detach(self) {
        match self {
            Self::Sqlite(connection) => drop(connection.detach()),
            Self::Postgres(connection) => drop(connection.detach()),
        }
    }
}

/// The next one to use the connection must not find itself inside this transaction, and must not wait for a network that has
/// fallen silent: the pool asks each connection that comes back whether it is sound, and would wait for the answer until TCP
/// gives up, a quarter of an hour later.
async fn give_back(lent: Lent, in_transaction: bool, patience: Duration) {
    const ROLLBACK: &str = "ROLLBACK";
    match lent {
        Lent::Sqlite(mut connection) => {
            // An error says that there is no transaction any more: SQLite ends it by itself when the disk is full.
            let _ = sqlx::raw_sql(ROLLBACK).execute(&mut *connection).await;
        }
        Lent::Postgres(mut connection) => {
            let mut rolled_back = true;
            if in_transaction {
                let asked = sqlx::raw_sql(ROLLBACK).execute(&mut *connection);
                rolled_back = matches!(tokio::time::timeout(patience, asked).await, Ok(Ok(_)));
            }
            if rolled_back {
                // Given up, the connection is closed and its place in the pool is free.
                let _ = tokio::time::timeout(patience, connection.return_to_pool()).await;
            } else {
                drop(connection.detach());
            }
        }
    }
}

/// Arguments are made for the engine of the connection that they go to, so this does not happen.
fn of_another_engine() -> sqlx::Error {
    sqlx::Error::InvalidArgument("values of another engine".to_owned())
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("database", &self.name).finish_non_exhaustive()
    }
}
