//! The schema, brought up to date. Both engines have the same files by name; `tests/store/schema.rs` proves that they make
//! the same tables.

use sqlx::migrate::{MigrateError, Migrator};
use std::sync::Arc;

use super::connection::{Connection, Lent};
use crate::store::StoreError;

static SQLITE: Migrator = sqlx::migrate!("./migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("./migrations/postgres");

/// Number of the last migration that this program knows.
fn newest() -> i64 {
    SQLITE.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// Runs what is missing. Two programs at once wait for each other.
pub(super) async fn run(connection: &mut Connection, name: &Arc<str>) -> Result<(), StoreError> {
    let done = match connection.lent() {
        Some(Lent::Sqlite(connection)) => SQLITE.run(&mut **connection).await,
        Some(Lent::Postgres(connection)) => POSTGRES.run(&mut **connection).await,
        None => Err(MigrateError::Execute(sqlx::Error::PoolClosed)),
    };
    done.map_err(|error| match error {
        MigrateError::VersionMissing(schema) => {
            StoreError::Newer { database: name.to_string(), schema, program: newest() }
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => StoreError::of(error, name),
        other => StoreError::Migration { database: name.to_string(), source: other },
    })
}

#[cfg(test)]
mod tests {
    use super::{POSTGRES, SQLITE};

    #[test]
    fn both_engines_have_the_same_migrations_by_name() {
        let names = |migrator: &sqlx::migrate::Migrator| {
            migrator.iter().map(|migration| (migration.version, migration.description.to_string())).collect::<Vec<_>>()
        };
        assert_eq!(names(&SQLITE), names(&POSTGRES));
        assert!(!names(&SQLITE).is_empty());
    }
}
