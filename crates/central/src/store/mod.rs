//! The database of one tenant: SQLite or PostgreSQL under one SQL text. [`engine`] is the surface over both, [`dialect`] the
//! few places where they need two texts. Nothing outside of here knows SQL.
//!
//! A new table is: a file of the same name in `migrations/sqlite/` and `migrations/postgres/`, and a file here with its
//! statements; `outbox.rs` is an example with everything in it.

mod apply;
mod attributes;
mod audit;
mod batches;
mod calls;
mod codec;
mod configuration;
mod customers;
mod dialect;
mod directory;
mod engine;
mod error;
mod idempotency;
mod ids;
mod journal;
mod links;
mod location;
mod options;
mod outbox;
mod retention;
mod seal;
mod sessions;
mod sip;
mod softphone;
mod users;

#[cfg(test)]
#[path = "../../tests/databases/mod.rs"]
pub(crate) mod databases;

pub use apply::{
    Input, MemberInput, PasswordHashes, PbxInput, PhoneInput, QueueInput, ReasonInput, TenantInput, UserInput,
};
pub(crate) use apply::{fold, is_this_machine};
pub use attributes::{Attribute, AttributeInput, AttributeKind, AttributeSource, Grain};
pub use audit::AuditEntry;
#[cfg(test)]
pub(crate) use calls::generated;
pub use calls::{ChangedDay, Channel, Listing, Put, StoredCall};
pub(crate) use calls::{Numbers, Text, shown_utc};
pub use configuration::{Configuration, LinkRow, Member, PbxRow, Phone, Queue, ReasonRow, Tenant, UserRow};
pub use customers::{Asked, Customer, CustomerCall, CustomerExport, Detail, Forgotten};
pub(crate) use directory::shown;
pub use directory::{
    BarePhoneInput, ExternalNumberInput, FiguresInput, GroupInput, LineInput, Moment, PlanInput, ProjectInput,
    ProposedRule, RuleInput, TemplateInput,
};
pub use engine::Engine;
pub use error::StoreError;
pub use idempotency::{Claim, Stored};
pub use ids::IdBlock;
pub use journal::{Journal, Record, Remembered};
pub use links::LinkInput;
pub use location::{Location, LocationError, Server};
pub use options::StoreOptions;
pub use outbox::{Event, Events, Told};
pub use retention::{Doubt, Retained, Retention, RetentionInput};
pub use seal::SealingKey;
pub(crate) use seal::fill;
pub use sessions::{Opened, Opening, SessionRow};
pub use sip::{CodesInput, Sip, SipInput, Turn, TurnInput};
pub use softphone::{Softphone, SoftphoneInput};

use std::time::Duration;

use engine::{Database, Snapshot, Transaction, query};

/// How often a transaction is tried that loses against others.
const TRIES: u32 = 5;
/// Before the second try; twice as long before each further one.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// The database, open; clones are handles.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    key: SealingKey,
}

impl Store {
    /// Makes data directory, key file and tables where they are missing, and opens it.
    ///
    /// # Errors
    /// When files cannot be made, or the database cannot be used or brought up to date.
    pub async fn create(options: &StoreOptions) -> Result<Self, StoreError> {
        seal::private_dir(&options.data_dir)?;
        let key = SealingKey::create_or_read(&options.key_file())?;
        if options.location == Location::Sqlite {
            // Before the engine makes it: the files beside it are made as open as it is itself.
            seal::private_file(&options.database_file())?;
        }
        Ok(Self { database: Database::open(options, true).await?, key })
    }

    /// Makes it as [`Store::create`] does, but only where there is none.
    ///
    /// # Errors
    /// When there is one already, and as [`Store::create`].
    pub async fn create_new(options: &StoreOptions) -> Result<Self, StoreError> {
        let is_there = match options.location {
            Location::Sqlite => options.database_file().exists(),
            Location::Postgres(_) => Database::is_there(options).await?,
        };
        if is_there {
            return Err(StoreError::Exists(options.shown()));
        }
        Self::create(options).await
    }

    /// Opens the database that `init` made.
    ///
    /// # Errors
    /// When it is not there, cannot be used, or cannot be brought up to date.
    pub async fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        if options.location == Location::Sqlite && !options.database_file().exists() {
            return Err(StoreError::Missing(options.data_dir.display().to_string()));
        }
        let key = SealingKey::read(&options.key_file())?;
        Ok(Self { database: Database::open(options, false).await?, key })
    }

    /// Which engine it is, for what is shown of it.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.database.engine()
    }

    /// Begins to write, as the tenant's one writer.
    async fn begin(&self) -> Result<Transaction, StoreError> {
        self.database.begin().await
    }

    /// Begins to read as of one moment.
    async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.database.snapshot().await
    }

    /// For a single statement that reads.
    fn database(&self) -> &Database {
        &self.database
    }

    /// Writes in a transaction that `work` commits; does it again when it lost against another one. Uncommitted, it is undone.
    async fn write<T, Work, Done>(&self, mut work: Work) -> Result<T, StoreError>
    where
        Work: FnMut(Transaction) -> Done,
        Done: Future<Output = Result<T, StoreError>>,
    {
        let mut wait = FIRST_WAIT;
        for _ in 1..TRIES {
            match work(self.begin().await?).await {
                Err(error) if error.is_race() => {
                    tracing::debug!(%error, "a transaction is tried again");
                    // The one that won is given time to end; nothing tells when it does.
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                done => return done,
            }
        }
        work(self.begin().await?).await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn alive(&self) -> Result<(), StoreError> {
        self.revision().await.map(drop)
    }

    /// Number that grows with each change of configuration.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn revision(&self) -> Result<i64, StoreError> {
        query("SELECT revision FROM tenant").fetch_scalar(&self.database).await
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
        self.database.close().await;
    }
}
