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
    pub async fn new(engine: Engine) -> Self {
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

    /// Opens it; another handle each time.
    pub async fn store(&self) -> Store {
        Store::create(&self.options).await.unwrap()
    }
}

/// Makes two tests of each function: `on_sqlite`, and `on_postgres`, which `cargo xtask test` leaves out by its name where
/// there is no PostgreSQL.
macro_rules! on_both_engines {
    ($($(#[$attribute:meta])* async fn $name:ident($database:ident: TestDatabase) $body:block)*) => {$(
        mod $name {
            use super::*;

            async fn on($database: TestDatabase) $body

            $(#[$attribute])*
            #[tokio::test]
            async fn on_sqlite() {
                on(TestDatabase::new(linedesk_central::store::Engine::Sqlite).await).await;
            }

            $(#[$attribute])*
            #[cfg(unix)]
            #[tokio::test]
            async fn on_postgres() {
                on(TestDatabase::new(linedesk_central::store::Engine::Postgres).await).await;
            }
        }
    )*};
}
pub(crate) use on_both_engines;
