//! A file in the data directory: one writer, a few readers beside it (WAL).

use sqlx::Sqlite;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{Lanes, PREPARED};
use crate::store::StoreOptions;

/// Readers at the same time.
const READERS: u32 = 4;

/// Nothing is opened before it is used.
pub(super) fn lanes(options: &StoreOptions, create: bool) -> Lanes<Sqlite> {
    let connect = SqliteConnectOptions::new()
        .filename(options.database_file())
        .create_if_missing(create)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // In WAL a killed process loses nothing with NORMAL; only a power cut may take the last moments.
        .synchronous(SqliteSynchronous::Normal)
        // What is deleted or overwritten is gone from the page: a customer who is forgotten must not stay in a file.
        .pragma("secure_delete", "ON")
        .statement_cache_capacity(PREPARED)
        .busy_timeout(options.patience);
    // A file does not go away from a connection, so none is asked whether it is sound, and none is ever made anew.
    let pool = || {
        SqlitePoolOptions::new()
            .acquire_timeout(options.patience)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
    };
    Lanes {
        write: pool().max_connections(1).connect_lazy_with(connect.clone()),
        read: pool().max_connections(READERS).connect_lazy_with(connect.read_only(true)),
    }
}
