//! The last state of the session, so that the window is full before central answers. Nothing here is a truth or a secret.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, SqlitePool};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Grows with each change of the tables; an older program sets a newer cache aside.
const SCHEMA: i64 = 1;
const FILE: &str = "cache.db";

/// Kept entries by name, of one session.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    pool: Option<SqlitePool>,
}

/// Names of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Who one is.
    Who,
    /// Topic `me`.
    Me,
    /// Topic `queues`.
    Queues,
    /// Break reasons.
    Reasons,
    /// Softphone profile without secrets.
    Profile,
}

impl Kept {
    fn name(self) -> &'static str {
        match self {
            Self::Who => "who",
            Self::Me => "me",
            Self::Queues => "queues",
            Self::Reasons => "reasons",
            Self::Profile => "profile",
        }
    }
}

impl Cache {
    /// Opens it. A cache that cannot be opened is set aside; if that does not help either, there is none.
    pub(crate) async fn open(data_dir: &Path) -> Self {
        let path = data_dir.join(FILE);
        let pool = match open(&path).await {
            Ok(pool) => Some(pool),
            Err(error) => {
                tracing::warn!(%error, "the cache cannot be used and is set aside");
                set_aside(&path);
                open(&path).await.inspect_err(|error| tracing::warn!(%error, "there is no cache")).ok()
            }
        };
        Self { pool }
    }

    /// What is kept for this session.
    pub(crate) async fn get<T: DeserializeOwned>(&self, session: &str, kept: Kept) -> Option<T> {
        let row = sqlx::query("SELECT body FROM kept WHERE session = $1 AND name = $2")
            .bind(session)
            .bind(kept.name())
            .fetch_optional(self.pool.as_ref()?)
            .await
            .inspect_err(|error| tracing::warn!(%error, "the cache cannot be read"))
            .ok()??;
        serde_json::from_str(row.try_get::<&str, _>("body").ok()?).ok()
    }

    /// Keeps it.
    pub(crate) async fn put<T: Serialize + Sync>(&self, session: &str, kept: Kept, what: &T) {
        let (Some(pool), Ok(body)) = (self.pool.as_ref(), serde_json::to_string(what)) else { return };
        let written = sqlx::query("INSERT OR REPLACE INTO kept (session, name, body) VALUES ($1, $2, $3)")
            .bind(session)
            .bind(kept.name())
            .bind(body)
            .execute(pool)
            .await;
        if let Err(error) = written {
            tracing::warn!(%error, "the cache cannot be written");
        }
    }

    /// Forgets everything but this session: the next person at this machine sees nothing of the last one.
    pub(crate) async fn keep_only(&self, session: &str) {
        let Some(pool) = self.pool.as_ref() else { return };
        if let Err(error) = sqlx::query("DELETE FROM kept WHERE session <> $1").bind(session).execute(pool).await {
            tracing::warn!(%error, "the cache cannot be cleared");
        }
    }

    /// Writes what waits and closes.
    pub(crate) async fn close(&self) {
        if let Some(pool) = &self.pool {
            pool.close().await;
        }
    }
}

async fn open(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // It is a cache: a power cut may cost the last second.
        .synchronous(SqliteSynchronous::Off)
        .busy_timeout(Duration::from_secs(2));
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    let version: i64 = sqlx::query("PRAGMA user_version").fetch_one(&pool).await?.try_get(0)?;
    if version > SCHEMA {
        pool.close().await;
        return Err(sqlx::Error::Configuration(format!("schema {version} is newer than {SCHEMA}").into()));
    }
    if version < SCHEMA {
        sqlx::query("CREATE TABLE IF NOT EXISTS kept (session TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (session, name)) WITHOUT ROWID")
            .execute(&pool)
            .await?;
        sqlx::query("PRAGMA user_version = 1").execute(&pool).await?;
    }
    Ok(pool)
}

fn set_aside(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let with = |more: &str| PathBuf::from(format!("{}{more}{end}", path.display()));
        // What is not there cannot be moved, and need not.
        let _ = std::fs::rename(with(""), with(".aside"));
    }
}

#[cfg(test)]
mod tests {
    use super::{Cache, Kept, SCHEMA};

    #[tokio::test]
    async fn it_keeps_by_session_and_forgets_the_others() {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = Cache::open(dir.path()).await;
        cache.put("one", Kept::Me, &1).await;
        cache.put("two", Kept::Me, &2).await;
        cache.put("two", Kept::Me, &3).await;
        cache.keep_only("two").await;
        assert_eq!(cache.get::<i32>("one", Kept::Me).await, None);
        assert_eq!(cache.get::<i32>("two", Kept::Me).await, Some(3));
        cache.close().await;
        let again = Cache::open(dir.path()).await;
        assert_eq!(again.get::<i32>("two", Kept::Me).await, Some(3));
    }

    #[tokio::test]
    async fn a_newer_or_broken_cache_is_set_aside() {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = Cache::open(dir.path()).await;
        cache.put("one", Kept::Me, &1).await;
        let text = format!("PRAGMA user_version = {}", SCHEMA + 1);
        sqlx::query(sqlx::AssertSqlSafe(text)).execute(cache.pool.as_ref().expect("open")).await.expect("set");
        cache.close().await;
        let older = Cache::open(dir.path()).await;
        assert_eq!(older.get::<i32>("one", Kept::Me).await, None);
        older.put("one", Kept::Me, &2).await;
        assert_eq!(older.get::<i32>("one", Kept::Me).await, Some(2));
        older.close().await;
        assert!(dir.path().join("cache.db.aside").exists());

        std::fs::write(
            dir.path().join("cache.db"),
            b"this is no database, and long enough to be read as one".repeat(40),
        )
        .expect("written");
        let fresh = Cache::open(dir.path()).await;
        fresh.put("one", Kept::Me, &5).await;
        assert_eq!(fresh.get::<i32>("one", Kept::Me).await, Some(5));
    }
}
