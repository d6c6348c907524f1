//! One database a test, of either engine; and a test for each of the two out of one body.

#![allow(dead_code, unused_imports, clippy::allow_attributes, reason = "shared by sets of tests that each use a part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests: what cannot go on has failed")]

#[cfg(unix)]
pub mod cluster;

use linedesk_central::store::{Engine, Store, StoreOptions};

/// A database that no other test knows; gone with this value.
pub struct TestDatabase {
    pub options: StoreOptions,
    #[cfg(unix)]
    pub postgres: Option<cluster::Private>,
    pub dir: tempfile::TempDir,
}

impl TestDatabase {
    /// With the tables in it.
    pub async fn on(engine: Engine) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = StoreOptions::new(dir.path().join("data"));
        #[cfg(unix)]
        let postgres = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(cluster::Private::migrated().await),
        };
        #[cfg(unix)]
        if let Some(postgres) = &postgres {
            options.location = postgres.url().parse().unwrap();
        }
        let database = Self {
            options,
            #[cfg(unix)]
            postgres,
            dir,
        };
        assert_eq!(database.store().await.engine(), engine);
        database
    }

    /// Whether these bytes stand anywhere in it, or in a file beside it.
    pub async fn holds(&self, bytes: &str) -> bool {
        let mut everything = Vec::new();
        let mut open = vec![self.options.data_dir.clone()];
        while let Some(directory) = open.pop() {
            for path in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
                match path.is_dir() {
                    true => open.push(path),
                    false => everything.push(std::fs::read(path).unwrap()),
                }
            }
        }
        #[cfg(unix)]
        if let Some(postgres) = &self.postgres {
            everything.push(postgres.everything().await.into_bytes());
        }
        assert!(everything.iter().any(|part| !part.is_empty()));
        everything.iter().any(|part| part.windows(bytes.len()).any(|window| window == bytes.as_bytes()))
    }

    /// Opens it; another handle each time.
    pub async fn store(&self) -> Store {
        Store::create(&self.options).await.unwrap()
    }
}

/// Makes two tests of each function that takes what `$of` opens: `name::on_sqlite`, and `name::on_postgres`, which
/// `cargo xtask test` leaves out by its name where there is no PostgreSQL.
macro_rules! on_both_engines {
    ($of:ty: $($name:ident),* $(,)?) => {$(
        mod $name {
            use super::*;
            use linedesk_central::store::Engine;

            #[tokio::test]
            async fn on_sqlite() {
                super::$name(<$of>::on(Engine::Sqlite).await).await;
            }

            #[cfg(unix)]
            #[tokio::test]
            async fn on_postgres() {
                super::$name(<$of>::on(Engine::Postgres).await).await;
            }
        }
    )*};
}
pub(crate) use on_both_engines;
