//! The database of one tenant. One SQL text for both engines: `$1` placeholders, nothing folded or bucketed in SQL.
//!
//! SQLite has one writer (a pool of one connection, `BEGIN IMMEDIATE`) and a few readers beside it (WAL).

mod apply;
mod codec;
mod configuration;
mod idempotency;
mod journal;
mod seal;
mod sessions;
mod sip;
mod softphone;
mod users;

pub use apply::{
    Input, MemberInput, PasswordHashes, PbxInput, PhoneInput, QueueInput, ReasonInput, TenantInput, UserInput,
};
pub(crate) use apply::{fold, is_this_machine};
pub use configuration::{Configuration, Member, PbxRow, Phone, Queue, ReasonRow, Tenant, UserRow};
pub use idempotency::{Claim, Stored};
pub use journal::{Journal, Record, Remembered};
pub use seal::SealingKey;
pub(crate) use seal::fill;
pub use sessions::{Opened, Opening, SessionRow};
pub use sip::{CodesInput, Sip, SipInput, Turn, TurnInput};
pub use softphone::{Softphone, SoftphoneInput};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::path::{Path, PathBuf};
use std::time::Duration;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations/sqlite");

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no database.
    #[error("there is no database in {0}; make one with `linedesk-central init`")]
    Missing(PathBuf),
    /// The engine refused.
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema cannot be brought up to date.
    #[error(
        "the database cannot be brought to this program's version: {0}; an older program never opens a newer database, \
         take the newer program or a backup"
    )]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A file beside it.
    #[error("cannot use {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key file does not fit the database.
    #[error(
        "a stored secret ({0}) cannot be opened with secret.key; put back the key file that belongs to this database, or \
         give the secret again with `linedesk-central apply`"
    )]
    Sealed(String),
    /// A row says something this program does not know.
    #[error("the database holds something this program does not understand: {0}")]
    Row(String),
    /// What was asked for is not there, or what was given cannot be taken.
    #[error("{0}")]
    Input(String),
    /// No randomness.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}

/// The database, open.
#[derive(Debug, Clone)]
pub struct Store {
    write: sqlx::SqlitePool,
    read: sqlx::SqlitePool,
    key: SealingKey,
}

impl Store {
    /// File of the database in a data directory.
    #[must_use]
    pub fn database_file(data_dir: &Path) -> PathBuf {
        data_dir.join("central.sqlite")
    }

    /// Makes data directory, key file and database where they are missing, and opens it.
    ///
    /// # Errors
    /// When files cannot be made or the schema cannot be brought up to date.
    pub async fn create(data_dir: &Path) -> Result<Self, StoreError> {
        seal::private_dir(data_dir)?;
        let key = SealingKey::create_or_read(&data_dir.join("secret.key"))?;
        Self::connect(data_dir, key, true).await
    }

    /// Opens the database that `init` made.
    ///
    /// # Errors
    /// When it is not there, or cannot be brought up to date.
    pub async fn open(data_dir: &Path) -> Result<Self, StoreError> {
        if !Self::database_file(data_dir).exists() {
            return Err(StoreError::Missing(data_dir.to_owned()));
        }
        let key = SealingKey::read(&data_dir.join("secret.key"))?;
        Self::connect(data_dir, key, false).await
    }

    async fn connect(data_dir: &Path, key: SealingKey, create: bool) -> Result<Self, StoreError> {
        let file = Self::database_file(data_dir);
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(create)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // In WAL a killed process loses nothing with NORMAL; only a power cut may take the last moments.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(10));
        let write = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        MIGRATIONS.run(&write).await?;
        seal::private_file(&file)?;
        let read = SqlitePoolOptions::new().max_connections(4).connect_with(options.read_only(true)).await?;
        Ok(Self { write, read, key })
    }

    /// A transaction of the one writer.
    async fn begin(&self) -> Result<sqlx::Transaction<'static, sqlx::Sqlite>, StoreError> {
        Ok(self.write.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn alive(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT id FROM tenant").fetch_one(&self.read).await?;
        Ok(())
    }

    /// Number that grows with each change of configuration.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn revision(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT revision FROM tenant").fetch_one(&self.read).await?)
    }

    /// Opens a secret that was sealed for `purpose`.
    ///
    /// # Errors
    /// When the key file is not the one it was sealed with.
    pub fn unseal(&self, purpose: &str, sealed: &[u8]) -> Result<central_api::Secret, StoreError> {
        self.key.open(purpose, sealed)
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.write.close().await;
        self.read.close().await;
    }
}
