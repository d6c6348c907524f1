//! SQLite and PostgreSQL behind one closed surface: one SQL text with `$1` placeholders, values and rows of a few kinds, one
//! writer and readers beside it. sqlx's own `AnyPool` has no bytes that both take, no multi-row inserts and no errors that
//! say whether they pass.
//!
//! A statement that means the same on both:
//! - whole numbers are `INTEGER` and `BIGINT`, also yes and no (0, 1) and instants (ms); text is `TEXT` and
//!   `TEXT COLLATE "C"`, so that both compare and order bytes; bytes are `BLOB` and `BYTEA`; JSON is text;
//! - search columns are folded and time is bucketed in Rust; no date, no `LIKE` without a folded column;
//! - compare and set is one `UPDATE … RETURNING`; an upsert names its key (`ON CONFLICT (…)`);
//! - `SUM` of whole numbers is cast (`CAST(SUM(x) AS BIGINT)`), since PostgreSQL's is a decimal fraction; of two values the
//!   greater is a `CASE`; a row's order is said (`ORDER BY`), since PostgreSQL has none of its own;
//! - a statement that fails ends its transaction.

mod among;
mod columns;
mod connection;
mod insert;
mod migrate;
mod postgres;
mod query;
mod row;
mod sqlite;
mod transaction;
mod value;

#[cfg(test)]
mod figures;
#[cfg(test)]
mod tests;

pub use among::Among;
pub use connection::Connection;
pub use insert::Insert;
pub use query::{On, query};
pub use row::{FromRow, Row};
pub use transaction::{Snapshot, Transaction};
pub use value::Arguments;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Pool, Postgres, Sqlite};
use std::sync::Arc;
use std::time::Duration;

use super::location::{Location, Server};
use super::{StoreError, StoreOptions, dialect};

/// Statements kept prepared on each connection.
const PREPARED: usize = 512;

/// Which one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

/// An open database; clones are handles.
#[derive(Debug, Clone)]
pub struct Database {
    pools: Arc<Pools>,
    /// What errors call it.
    name: Arc<str>,
    /// How long one waits for a connection or a lock.
    patience: Duration,
}

#[derive(Debug)]
enum Pools {
    Sqlite(Lanes<Sqlite>),
    Postgres(Lanes<Postgres>, Box<Reach>),
}

/// The writer has a connection of its own on both engines: it keeps the large statements prepared once, and readers never
/// wait for those who wait to write.
#[derive(Debug)]
struct Lanes<Driver: sqlx::Database> {
    write: Pool<Driver>,
    read: Pool<Driver>,
}

/// How the server is reached.
struct Reach {
    options: PgConnectOptions,
    server: Server,
}

/// Its options hold the password.
impl std::fmt::Debug for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reach").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Database {
    /// Opens it and brings its schema up to date; makes the schema where `create` says so.
    pub(super) async fn open(options: &StoreOptions, create: bool) -> Result<Self, StoreError> {
        let (database, mut connection, is_ours) = Self::reach(options, create).await?;
        if !is_ours && !create {
            return Err(StoreError::Missing(database.name.to_string()));
        }
        migrate::run(&mut connection, &database.name).await?;
        // It has waited for migrations without an end, which nothing else may.
        connection.close().await;
        Ok(database)
    }

    /// Whether `init` was there, without a change of anything.
    pub(super) async fn is_there(options: &StoreOptions) -> Result<bool, StoreError> {
        let (database, connection, is_ours) = Self::reach(options, false).await?;
        connection.close().await;
        database.close().await;
        Ok(is_ours)
    }

    /// The database, the writer's connection to it, and whether it has our tables.
    async fn reach(options: &StoreOptions, create: bool) -> Result<(Self, Connection, bool), StoreError> {
        let name: Arc<str> = options.shown().into();
        let pools = match &options.location {
            Location::Sqlite => Pools::Sqlite(sqlite::lanes(options, create)),
            Location::Postgres(server) => {
                let (lanes, reach) = postgres::lanes(server, options.password()?, options.patience);
                Pools::Postgres(lanes, Box::new(reach))
            }
        };
        let database = Self { pools: Arc::new(pools), name, patience: options.patience };
        let mut connection = database.writer().await?;
        if let Pools::Postgres(_, reach) = &*database.pools {
            postgres::check(&mut connection, reach).await?;
        }
        let tenants: i64 = fetch_one(&mut connection, dialect::TENANT_TABLES.on(database.engine())).await?;
        Ok((database, connection, tenants > 0))
    }

    /// Which engine it is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match *self.pools {
            Pools::Sqlite(_) => Engine::Sqlite,
            Pools::Postgres(..) => Engine::Postgres,
        }
    }

    /// Begins to write.
    ///
    /// # Errors
    /// When the database is away, or somebody else writes for longer than one waits.
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        Transaction::begin(self.writer().await?).await
    }

    /// Begins to read, all as of one moment.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Snapshot::begin(self.reader().await?).await
    }

    async fn writer(&self) -> Result<Connection, StoreError> {
        let lent = match &*self.pools {
            Pools::Sqlite(lanes) => lanes.write.acquire().await.map(connection::Lent::Sqlite),
            Pools::Postgres(lanes, _) => lanes.write.acquire().await.map(connection::Lent::Postgres),
        };
        self.connection(lent).await
    }

    /// A connection for one statement that reads.
    async fn reader(&self) -> Result<Connection, StoreError> {
        let lent = match &*self.pools {
            Pools::Sqlite(lanes) => lanes.read.acquire().await.map(connection::Lent::Sqlite),
            Pools::Postgres(lanes, _) => lanes.read.acquire().await.map(connection::Lent::Postgres),
        };
        self.connection(lent).await
    }

    async fn connection(&self, lent: Result<connection::Lent, sqlx::Error>) -> Result<Connection, StoreError> {
        match lent {
            Ok(lent) => Ok(Connection::new(lent, self.name.clone(), self.patience)),
            // The pool tries again for as long as it may and then does not say what stood in the way.
            Err(sqlx::Error::PoolTimedOut) => Err(match &*self.pools {
                Pools::Postgres(_, reach) => postgres::why_away(reach, &self.name, self.patience).await,
                Pools::Sqlite(_) => StoreError::Busy("somebody else writes".to_owned()),
            }),
            Err(error) => Err(StoreError::of(error, &self.name)),
        }
    }

    /// Runs what stands outside of transactions and changes nothing that is read: see [`dialect`].
    ///
    /// # Errors
    /// When the database does not do it.
    pub async fn tidy(&self, how: dialect::Pair) -> Result<(), StoreError> {
        let mut connection = match self.engine() {
            // Whoever reads a file cannot write into it.
            Engine::Sqlite => self.writer().await?,
            // It may take long, and the writer must not wait for it.
            Engine::Postgres => self.reader().await?,
        };
        connection.words(how.on(self.engine())).await
    }

    /// Closes all connections; what still uses one is waited for.
    pub async fn close(&self) {
        match &*self.pools {
            Pools::Sqlite(lanes) => lanes.close().await,
            Pools::Postgres(lanes, _) => lanes.close().await,
        }
    }
}

impl<Driver: sqlx::Database> Lanes<Driver> {
    async fn close(&self) {
        // The writer last: the last connection to a file of SQLite takes the log in, and only a writer can.
        self.read.close().await;
        self.write.close().await;
    }
}

/// One number, without a transaction around it.
async fn fetch_one(connection: &mut Connection, sql: &'static str) -> Result<i64, StoreError> {
    use sqlx::SqlSafeStr as _;
    let arguments = Arguments::new(connection.engine(), 0);
    let rows: Vec<(i64,)> = connection.fetch(sql.into_sql_str(), arguments).await?;
    rows.first().map(|(number,)| *number).ok_or_else(|| StoreError::Row(format!("`{sql}` gives nothing")))
}
