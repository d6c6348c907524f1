//! Transactions. A tenant has one writer at a time on both engines: what a transaction reads stays true until it commits, and
//! nobody has to think of two ways in which two of them may meet.

use super::{Connection, Engine};
use crate::store::{StoreError, dialect};

/// The tenant's one writer, until it commits. Dropped, all it did is undone.
#[derive(Debug)]
pub struct Transaction {
    connection: Connection,
}

impl Transaction {
    pub(super) async fn begin(mut connection: Connection) -> Result<Self, StoreError> {
        connection.begin(dialect::BEGIN_WRITING.on(connection.engine())).await?;
        Ok(Self { connection })
    }

    /// Makes it last. An error that [passes](StoreError::is_passing) leaves open whether it was made to: whoever does it
    /// again then asks [`Transaction::is_first`], or compares before it sets.
    ///
    /// # Errors
    /// When the database does not do it, or a statement of this transaction has failed.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        self.connection.commit().await
    }

    /// Definitions, which have no values: what [`dialect`] says of tables, for one engine.
    ///
    /// # Errors
    /// When the database does not do it.
    pub async fn define(&mut self, definitions: String) -> Result<(), StoreError> {
        if definitions.is_empty() {
            return Ok(());
        }
        self.connection.words(sqlx::AssertSqlSafe(definitions)).await
    }

    /// Which engine it is; only [`dialect`] may care.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.connection.engine()
    }

    pub(in crate::store) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// Reads all in one moment, beside the writer.
#[derive(Debug)]
pub struct Snapshot {
    connection: Connection,
}

impl Snapshot {
    pub(super) async fn begin(mut connection: Connection) -> Result<Self, StoreError> {
        connection.begin(dialect::BEGIN_READING.on(connection.engine())).await?;
        Ok(Self { connection })
    }

    pub(in crate::store) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }
}
