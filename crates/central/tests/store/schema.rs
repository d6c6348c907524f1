//! Two sets of migrations make one schema.

#[cfg(unix)]
use crate::databases::TestDatabase;
#[cfg(unix)]
use linedesk_central::store::Engine;
#[cfg(unix)]
use sqlx::Connection as _;

/// Tables as both engines describe them: name, column, kind, whether it must be there.
#[cfg(unix)]
type Columns = Vec<(String, String, String, bool)>;

#[cfg(unix)]
#[tokio::test]
async fn both_engines_have_the_same_tables_and_indexes_on_postgres() {
    let (sqlite, postgres) = (TestDatabase::on(Engine::Sqlite).await, TestDatabase::on(Engine::Postgres).await);
    let file = format!("sqlite:{}", sqlite.options.data_dir.join("central.sqlite").display());
    let mut sqlite = sqlx::SqliteConnection::connect(&file).await.unwrap();
    let mut postgres = postgres.postgres.as_ref().unwrap().connect().await;

    let in_sqlite: Columns = sqlx::query_as(
        "SELECT t.name, c.name, \
         CASE c.type WHEN 'INTEGER' THEN 'bigint' WHEN 'TEXT' THEN 'text' WHEN 'BLOB' THEN 'bytea' \
         WHEN 'REAL' THEN 'double precision' ELSE c.type END, c.\"notnull\" = 1 OR c.pk > 0 \
         FROM sqlite_master t JOIN pragma_table_info(t.name) c \
         WHERE t.type = 'table' AND t.name NOT IN ('sqlite_sequence', '_sqlx_migrations') ORDER BY 1, 2",
    )
    .fetch_all(&mut sqlite)
    .await
    .unwrap();
    // Partitions of a table are no tables of their own.
    let in_postgres: Columns = sqlx::query_as(
        "SELECT t.relname::text, c.attname::text, format_type(c.atttypid, NULL), c.attnotnull \
         FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid \
         WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p') AND NOT t.relispartition \
         AND c.attnum > 0 AND NOT c.attisdropped AND t.relname <> '_sqlx_migrations' ORDER BY t.relname, c.attname",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    assert!(in_sqlite.len() > 50, "{in_sqlite:?}");
    for (left, right) in in_sqlite.iter().zip(&in_postgres) {
        assert_eq!(left, right, "SQLite is on the left");
    }
    assert_eq!(in_sqlite.len(), in_postgres.len());

    let indexes: Vec<(String, bool)> = sqlx::query_as(
        "SELECT i.name, i.\"unique\" = 1 FROM sqlite_master t JOIN pragma_index_list(t.name) i \
         WHERE t.type = 'table' AND i.origin = 'c' ORDER BY 1",
    )
    .fetch_all(&mut sqlite)
    .await
    .unwrap();
    let others: Vec<(String, bool)> = sqlx::query_as(
        "SELECT i.relname::text, x.indisunique FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid \
         WHERE i.relnamespace = 'public'::regnamespace AND NOT i.relispartition \
         AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.oid) ORDER BY 1",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    assert!(!indexes.is_empty());
    assert_eq!(indexes, others);
}

/// Elsewhere than in this machine's tests a database may have a collation of its country.
#[cfg(unix)]
#[tokio::test]
async fn every_text_is_compared_by_its_bytes_on_postgres() {
    let database = TestDatabase::on(Engine::Postgres).await;
    let mut postgres = database.postgres.as_ref().unwrap().connect().await;
    let others: Vec<(String, String)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text FROM information_schema.columns \
         WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C' \
         AND table_name <> '_sqlx_migrations'",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    assert_eq!(others, [], "these need COLLATE \"C\"");
}
