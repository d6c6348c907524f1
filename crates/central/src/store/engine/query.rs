//! One statement, the same text on both engines.

use sqlx::{SqlSafeStr, SqlStr};

use super::row::FromColumn;
use super::value::{Arguments, ToValue, Value};
use super::{Connection, Database, FromRow, Snapshot, Transaction};
use crate::store::StoreError;

/// A statement with `$1`, `$2`, … and what stands for them, bound in this order.
#[derive(Debug)]
#[must_use = "a statement does nothing before it is run"]
pub struct Query<'q> {
    sql: SqlStr,
    values: Vec<Value<'q>>,
}

/// Begins a statement. Prepared once on each connection.
pub fn query<'q>(sql: impl SqlSafeStr) -> Query<'q> {
    Query { sql: sql.into_sql_str(), values: Vec::new() }
}

/// Where a statement that only reads may run.
#[derive(Debug)]
pub enum On<'c> {
    /// Inside a transaction or a snapshot.
    Connection(&'c mut Connection),
    /// On any connection that is free.
    Database(&'c Database),
}

/// For what is read the same in a transaction and in a snapshot.
impl<'c> From<&'c mut Connection> for On<'c> {
    fn from(connection: &'c mut Connection) -> Self {
        Self::Connection(connection)
    }
}

impl<'c> From<&'c mut Transaction> for On<'c> {
    fn from(transaction: &'c mut Transaction) -> Self {
        Self::Connection(transaction.connection())
    }
}

impl<'c> From<&'c mut Snapshot> for On<'c> {
    fn from(snapshot: &'c mut Snapshot) -> Self {
        Self::Connection(snapshot.connection())
    }
}

impl<'c> From<&'c Database> for On<'c> {
    fn from(database: &'c Database) -> Self {
        Self::Database(database)
    }
}

impl<'q> Query<'q> {
    /// Binds the next value.
    pub fn bind(mut self, value: impl ToValue<'q>) -> Self {
        self.values.push(value.to_value());
        self
    }

    /// Runs it; how many rows it touched. Only a transaction writes.
    ///
    /// # Errors
    /// When the database does not do it.
    pub async fn execute(self, transaction: &mut Transaction) -> Result<u64, StoreError> {
        let connection = transaction.connection();
        let arguments = arguments(connection, self.values);
        connection.execute(self.sql, arguments).await
    }

    /// All rows.
    ///
    /// # Errors
    /// When the database does not do it, or a row is not what is expected.
    pub async fn fetch_all<T: FromRow + Send>(self, on: impl Into<On<'_>>) -> Result<Vec<T>, StoreError> {
        match on.into() {
            On::Connection(connection) => self.fetch(connection).await,
            On::Database(database) => self.fetch(&mut database.reader().await?).await,
        }
    }

    async fn fetch<T: FromRow>(self, connection: &mut Connection) -> Result<Vec<T>, StoreError> {
        let arguments = arguments(connection, self.values);
        connection.fetch(self.sql, arguments).await
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// As [`Query::fetch_all`].
    pub async fn fetch_optional<T: FromRow + Send>(self, on: impl Into<On<'_>>) -> Result<Option<T>, StoreError> {
        Ok(self.fetch_all(on).await?.into_iter().next())
    }

    /// The row that must be there.
    ///
    /// # Errors
    /// As [`Query::fetch_all`], and when there is none.
    pub async fn fetch_one<T: FromRow + Send>(self, on: impl Into<On<'_>>) -> Result<T, StoreError> {
        self.fetch_optional(on).await?.ok_or_else(|| StoreError::Row("a row is missing that must be there".to_owned()))
    }

    /// The first column of the first row, if there is one.
    ///
    /// # Errors
    /// As [`Query::fetch_all`].
    pub async fn fetch_scalar_optional<T>(self, on: impl Into<On<'_>>) -> Result<Option<T>, StoreError>
    where
        T: for<'r> FromColumn<'r> + Send,
    {
        Ok(self.fetch_optional::<(T,)>(on).await?.map(|(value,)| value))
    }

    /// The first column of the row that must be there.
    ///
    /// # Errors
    /// As [`Query::fetch_one`].
    pub async fn fetch_scalar<T>(self, on: impl Into<On<'_>>) -> Result<T, StoreError>
    where
        T: for<'r> FromColumn<'r> + Send,
    {
        Ok(self.fetch_one::<(T,)>(on).await?.0)
    }
}

fn arguments(connection: &Connection, values: Vec<Value<'_>>) -> Arguments {
    let mut arguments = Arguments::new(connection.engine(), values.len());
    for value in values {
        arguments.push(value);
    }
    arguments
}
