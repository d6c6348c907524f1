//! Where the two engines need two texts. One SQL text is the rule; each exception is a named pair with its reason, and a test
//! that runs it on both. What both understand but mean differently is avoided, and stands in [`engine`](super::engine).

use super::engine::Engine;

/// The same in the words of each engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Pair {
    /// The text for an engine.
    #[must_use]
    pub fn on(&self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }
}

/// Begins as the one writer. SQLite locks the file. PostgreSQL locks a number that means "the writer of this database" until
/// the transaction ends; a lock of a table would also stop `VACUUM`, and isolation SERIALIZABLE would let whole batches fail
/// and be done again.
pub const BEGIN_WRITING: Pair =
    Pair { sqlite: "BEGIN IMMEDIATE", postgres: "BEGIN; SELECT pg_advisory_xact_lock(7814923560173)" };

/// Begins to read as of one moment: SQLite always does, PostgreSQL would see each statement's own moment.
pub const BEGIN_READING: Pair = Pair { sqlite: "BEGIN", postgres: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" };

/// Whether `init` was here: the number of tables named `tenant`. Each engine has its own list of tables.
pub const TENANT_TABLES: Pair = Pair {
    sqlite: "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'tenant'",
    postgres: "SELECT COUNT(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = 'tenant'",
};

/// Room for the calls of one month, for each table that is cut by months; filled in by `calls/months.rs`. A table of SQLite has
/// no parts. In PostgreSQL it is made apart and then attached, since to make it as a part would stop every reader of the whole.
pub const MAKE_MONTH: Pair = Pair {
    sqlite: "",
    postgres: "CREATE TABLE {table}_{month} (LIKE {table} INCLUDING DEFAULTS); \
               ALTER TABLE {table} ATTACH PARTITION {table}_{month} FOR VALUES FROM ({from}) TO ({to}); ",
};

/// After somebody was forgotten, outside a transaction: the log of SQLite still has the pages as they were, and PostgreSQL the
/// former version of each row.
pub const AFTER_FORGETTING: Pair = Pair { sqlite: "PRAGMA wal_checkpoint(TRUNCATE)", postgres: "VACUUM personal_data" };

/// Takes the calls of one month away, for each table that is cut by months; filled in by `calls/months.rs`. SQLite deletes them
/// in parts instead. Nobody may read the whole meanwhile, so it is given up at once while somebody does, and tried later.
pub const DROP_MONTH: Pair =
    Pair { sqlite: "", postgres: "SET LOCAL lock_timeout = '1s'; DROP TABLE {table}_{month}; " };
