//! The surface over both engines: what one means, the other has to mean, too.

use std::time::Duration;

use super::{Arguments, Engine, Insert, Row, query};
use crate::store::{Store, StoreError, dialect};

use crate::store::databases::{TestDatabase, on_both_engines};

/// A table of every kind of column.
async fn with_things(database: &TestDatabase) -> Store {
    let store = database.store().await;
    let bytes = match store.engine() {
        Engine::Sqlite => "BLOB",
        Engine::Postgres => "BYTEA",
    };
    let table = format!(
        "CREATE TABLE things (id BIGINT PRIMARY KEY, number BIGINT, real DOUBLE PRECISION, text TEXT, bytes {bytes})"
    );
    let mut tx = store.begin().await.unwrap();
    query(sqlx::AssertSqlSafe(table)).execute(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    store
}

async fn count(store: &Store) -> i64 {
    query("SELECT COUNT(*) FROM things").fetch_scalar(store.database()).await.unwrap()
}

static THINGS: Insert = Insert::new(
    "INSERT INTO things (id, number, text)",
    "ON CONFLICT (id) DO UPDATE SET number = excluded.number, text = excluded.text",
);

fn bind_thing((id, number, text): &(i64, Option<i64>, String), row: &mut Arguments) {
    row.add(id).add(*number).add(text);
}

on_both_engines!(
    TestDatabase:
    every_kind_of_value_comes_back,
    a_transaction_that_is_dropped_or_failed_leaves_nothing,
    a_statement_given_up_in_the_middle_harms_nobody,
    writers_come_one_after_the_other,
    a_snapshot_stays_in_its_moment,
    compare_and_set_has_one_winner,
    many_rows_are_inserted_and_changed,
    many_rows_give_back_what_they_became,
    text_is_compared_and_ordered_by_its_bytes,
    the_pairs_of_the_dialect_mean_the_same,
);

async fn every_kind_of_value_comes_back(database: TestDatabase) {
    let store = with_things(&database).await;
    let mut tx = store.begin().await.unwrap();
    for (id, number, real, text, bytes) in [
        (1, Some(i64::MAX), Some(-0.5), Some("Ж🙂'\"%"), Some(&b"\x00\xff"[..])),
        (2, None, None, None, None),
        (3, Some(i64::MIN), Some(f64::MAX), Some(""), Some(&[][..])),
        (4, Some(0), Some(0.1 + 0.2), Some("a\0b"), None),
    ] {
        let done = query("INSERT INTO things (id, number, real, text, bytes) VALUES ($1, $2, $3, $4, $5)")
            .bind(id)
            .bind(number)
            .bind(real)
            .bind(text)
            .bind(bytes)
            .execute(&mut tx)
            .await;
        assert_eq!(done.unwrap(), 1);
    }
    tx.commit().await.unwrap();
    let rows: Vec<Row> = query("SELECT * FROM things ORDER BY id").fetch_all(store.database()).await.unwrap();
    assert_eq!(rows[0].get::<i64>("number").unwrap(), i64::MAX);
    assert_eq!(rows[0].get::<f64>("real").unwrap(), -0.5);
    assert_eq!(rows[0].get::<&str>("text").unwrap(), "Ж🙂'\"%");
    assert_eq!(rows[0].get::<Vec<u8>>("bytes").unwrap(), b"\x00\xff");
    assert_eq!(rows[1].get::<Option<i64>>("number").unwrap(), None);
    assert_eq!(rows[1].get::<Option<f64>>("real").unwrap(), None);
    assert_eq!(rows[1].get::<Option<String>>("text").unwrap(), None);
    assert_eq!(rows[1].get::<Option<&[u8]>>("bytes").unwrap(), None);
    assert_eq!(rows[2].get::<Option<&str>>("text").unwrap(), Some(""), "nothing is not an empty text");
    assert_eq!(rows[2].get::<Option<&[u8]>>("bytes").unwrap(), Some(&[][..]));
    assert_eq!(rows[3].get::<f64>("real").unwrap(), 0.1 + 0.2, "to the last bit");
    assert_eq!(rows[3].get::<&str>("text").unwrap(), "a\u{fffd}b", "both hold the same");
    for (wrong, words) in [
        (rows[1].get::<i64>("number").unwrap_err(), "NULL"),
        (rows[0].get::<u16>("number").unwrap_err(), "out of range"),
        (rows[0].get::<i64>("text").unwrap_err(), "text"),
        (rows[0].get::<i64>("nothing").unwrap_err(), "nothing"),
    ] {
        assert!(matches!(wrong, StoreError::Row(_)) && wrong.to_string().contains(words), "{wrong}");
    }
}

async fn a_transaction_that_is_dropped_or_failed_leaves_nothing(database: TestDatabase) {
    let store = with_things(&database).await;
    let insert = || query("INSERT INTO things (id) VALUES ($1)").bind(1_i64);
    let mut dropped = store.begin().await.unwrap();
    insert().execute(&mut dropped).await.unwrap();
    drop(dropped);

    let mut failed = store.begin().await.unwrap();
    insert().execute(&mut failed).await.unwrap();
    let twice = insert().execute(&mut failed).await.unwrap_err();
    assert!(twice.is_unique_violation() && !twice.is_passing(), "{twice}");
    let refused = failed.commit().await.unwrap_err();
    assert!(refused.to_string().contains("failed statement"), "{refused}");
    assert_eq!(count(&store).await, 0);

    let mut well = store.begin().await.unwrap();
    insert().execute(&mut well).await.unwrap();
    well.commit().await.unwrap();
    assert_eq!(count(&store).await, 1);
}

async fn a_statement_given_up_in_the_middle_harms_nobody(database: TestDatabase) {
    let mut options = database.options.clone();
    options.patience = Duration::from_millis(300);
    let (patient, store) = (with_things(&database).await, Store::open(&options).await.unwrap());
    let mut holds = patient.begin().await.unwrap();
    query("INSERT INTO things (id) VALUES (1)").execute(&mut holds).await.unwrap();
    // Whoever waits for the writer gives up: once by itself, once because nobody wants the answer any more.
    let busy = store.begin().await.unwrap_err();
    assert!(matches!(busy, StoreError::Busy(_)) && busy.is_passing(), "{busy}");
    assert!(tokio::time::timeout(Duration::from_millis(50), store.begin()).await.is_err());
    // Readers go on beside the writer.
    assert_eq!(count(&store).await, 0);
    holds.commit().await.unwrap();
    let mut well = store.begin().await.unwrap();
    query("INSERT INTO things (id) VALUES (2)").execute(&mut well).await.unwrap();
    well.commit().await.unwrap();
    assert_eq!(count(&store).await, 2);
}

async fn writers_come_one_after_the_other(database: TestDatabase) {
    // Two programs: each has a pool of its own.
    let (one, two) = (with_things(&database).await, database.store().await);
    query("SELECT 1").fetch_all::<Row>(two.database()).await.unwrap();
    let mut tx = one.begin().await.unwrap();
    query("INSERT INTO things (id, number) VALUES (1, 0)").execute(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let add = async |store: &Store| {
        for _ in 0..50 {
            store
                .write(|mut tx| async move {
                    // Read and written apart: only right if nobody comes in between.
                    let number: i64 = query("SELECT number FROM things WHERE id = 1").fetch_scalar(&mut tx).await?;
                    query("UPDATE things SET number = $1").bind(number + 1).execute(&mut tx).await?;
                    tx.commit().await
                })
                .await
                .unwrap();
        }
    };
    tokio::join!(add(&one), add(&two), add(&one));
    let number: i64 = query("SELECT number FROM things").fetch_scalar(one.database()).await.unwrap();
    assert_eq!(number, 150);
}

async fn a_snapshot_stays_in_its_moment(database: TestDatabase) {
    let store = with_things(&database).await;
    let mut now = store.snapshot().await.unwrap();
    let before: i64 = query("SELECT COUNT(*) FROM things").fetch_scalar(&mut now).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    query("INSERT INTO things (id) VALUES (1)").execute(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let still: i64 = query("SELECT COUNT(*) FROM things").fetch_scalar(&mut now).await.unwrap();
    drop(now);
    assert_eq!((before, still, count(&store).await), (0, 0, 1));
}

async fn compare_and_set_has_one_winner(database: TestDatabase) {
    let store = with_things(&database).await;
    let mut tx = store.begin().await.unwrap();
    query("INSERT INTO things (id, number) VALUES (1, 0)").execute(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let claim = async |who: i64| -> Option<i64> {
        let mut tx = store.begin().await.unwrap();
        let won = query("UPDATE things SET number = $1 WHERE id = 1 AND number = 0 RETURNING number")
            .bind(who)
            .fetch_scalar_optional(&mut tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        won
    };
    let (a, b, c) = tokio::join!(claim(1), claim(2), claim(3));
    assert_eq!([a, b, c].iter().flatten().count(), 1, "{a:?} {b:?} {c:?}");
}

async fn many_rows_are_inserted_and_changed(database: TestDatabase) {
    let store = with_things(&database).await;
    for rows in [1_i64, 2, 3, 255, 256, 257, 1_000] {
        let things: Vec<_> =
            (0..rows).map(|id| (id, (id % 3 != 0).then_some(id * rows), format!("{id} of {rows}"))).collect();
        let mut tx = store.begin().await.unwrap();
        let touched = tx.insert(&THINGS, &things, bind_thing).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(touched, u64::try_from(rows).unwrap());
        let found: Vec<(i64, Option<i64>, String)> =
            query("SELECT id, number, text FROM things ORDER BY id").fetch_all(store.database()).await.unwrap();
        assert!(found == things, "{rows}");
    }
    let mut tx = store.begin().await.unwrap();
    assert_eq!(tx.insert::<(i64, Option<i64>, String)>(&THINGS, &[], bind_thing).await.unwrap(), 0);
    let short = tx
        .insert(&THINGS, &[1_i64], |id, row| {
            row.add(id).add(7);
        })
        .await
        .unwrap_err();
    assert!(short.to_string().contains("2 values are bound"), "{short}");
}

async fn many_rows_give_back_what_they_became(database: TestDatabase) {
    static KEYED: Insert = Insert::new(
        "INSERT INTO things (id, text)",
        "ON CONFLICT (id) DO UPDATE SET number = COALESCE(things.number, 0) + 1 RETURNING id, number, text",
    );
    let store = with_things(&database).await;
    let names: Vec<(i64, String)> = (0..300).map(|id| (id, format!("name {id}"))).collect();
    let bind = |(id, name): &(i64, String), row: &mut Arguments| {
        row.add(id).add(name);
    };
    for expected in [None, Some(1), Some(2)] {
        let mut tx = store.begin().await.unwrap();
        let mut back: Vec<(i64, Option<i64>, String)> = tx.insert_returning(&KEYED, &names, bind).await.unwrap();
        tx.commit().await.unwrap();
        back.sort();
        let right: Vec<_> = names.iter().map(|(id, name)| (*id, expected, name.clone())).collect();
        assert_eq!(back, right);
    }
}

async fn text_is_compared_and_ordered_by_its_bytes(database: TestDatabase) {
    let store = database.store().await;
    let mut tx = store.begin().await.unwrap();
    for key in ["b", "B", "ä", "a", "Ж", "_", "A-1", "A1"] {
        query("INSERT INTO id_counters (kind, next_id) VALUES ($1, 1)").bind(key).execute(&mut tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    let ordered: Vec<(String,)> =
        query("SELECT kind FROM id_counters ORDER BY kind").fetch_all(store.database()).await.unwrap();
    let ordered: Vec<&str> = ordered.iter().map(|(kind,)| kind.as_str()).collect();
    assert_eq!(ordered, ["A-1", "A1", "B", "_", "a", "b", "ä", "Ж"]);
    let between: i64 = query("SELECT COUNT(*) FROM id_counters WHERE kind >= $1 AND kind < $2")
        .bind("A")
        .bind("B")
        .fetch_scalar(store.database())
        .await
        .unwrap();
    assert_eq!(between, 2);
}

async fn the_pairs_of_the_dialect_mean_the_same(database: TestDatabase) {
    let store = database.store().await;
    let engine = store.engine();
    let tenants: i64 = query(dialect::TENANT_TABLES.on(engine)).fetch_scalar(store.database()).await.unwrap();
    assert_eq!(tenants, 1);
    // Writing may write, reading may not, and both are transactions.
    let mut tx = store.begin().await.unwrap();
    query("UPDATE tenant SET revision = revision + 1").execute(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let mut now = store.snapshot().await.unwrap();
    let refused = query("UPDATE tenant SET revision = revision + 1 RETURNING revision")
        .fetch_scalar::<i64>(&mut now)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("read"), "{refused}");
}

#[tokio::test]
async fn a_full_disk_passes() {
    let database = TestDatabase::on(Engine::Sqlite).await;
    let store = with_things(&database).await;
    let fill = async || {
        let things: Vec<_> = (0..200).map(|id| (id, None, "x".repeat(5_000))).collect();
        let things = &things;
        store
            .write(|mut tx| async move {
                tx.insert(&THINGS, things, bind_thing).await?;
                tx.commit().await
            })
            .await
    };
    // Of the one connection that writes: as if the disk had no more.
    let disk = async |pages: &'static str| store.database().writer().await.unwrap().words(pages).await.unwrap();
    disk("PRAGMA max_page_count = 100").await;
    let full = fill().await.unwrap_err();
    assert!(matches!(full, StoreError::Full(_)) && full.is_passing(), "{full}");
    assert_eq!(count(&store).await, 0);
    disk("PRAGMA max_page_count = 100000").await;
    fill().await.unwrap();
    assert_eq!(count(&store).await, 200);
}

#[cfg(unix)]
#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_on_postgres() {
    let mut database = TestDatabase::on(Engine::Postgres).await;
    database.options.patience = Duration::from_millis(100);
    let store = database.store().await;
    let slow = query("SELECT pg_sleep(60)").fetch_all::<Row>(store.database()).await.unwrap_err();
    assert!(matches!(slow, StoreError::Busy(_)) && slow.to_string().contains("statement timeout"), "{slow}");
    store.alive().await.unwrap();
}

/// The plan of a statement is kept as long as its connection, so one that is made while a table is empty must do for a full one.
#[cfg(unix)]
#[tokio::test]
async fn who_writes_reads_no_table_whole_on_postgres() {
    let database = TestDatabase::on(Engine::Postgres).await;
    let store = with_things(&database).await;
    let keys: Vec<String> = (0..256).map(|key| key.to_string()).collect();
    let explain = format!("EXPLAIN SELECT number FROM things WHERE id IN ({})", keys.join(", "));
    let mut tx = store.begin().await.unwrap();
    let plan: Vec<(String,)> = query(sqlx::AssertSqlSafe(explain)).fetch_all(&mut tx).await.unwrap();
    assert!(plan.iter().any(|(line,)| line.contains("Index")), "{plan:?}");
    assert!(plan.iter().all(|(line,)| !line.contains("Seq Scan")), "{plan:?}");
}

/// Somebody at the database by hand takes two rows in the other order. PostgreSQL undoes one of the two, and ours is done
/// again.
#[cfg(unix)]
#[tokio::test]
async fn a_lost_race_is_run_again_on_postgres() {
    use std::sync::atomic::{AtomicU32, Ordering};
    let database = TestDatabase::on(Engine::Postgres).await;
    let store = with_things(&database).await;
    let postgres = database.postgres.as_ref().unwrap();
    postgres.run("INSERT INTO things (id, number) VALUES (1, 0), (2, 0)").await;
    let mut hand = postgres.connect().await;
    let by_hand =
        async |hand: &mut sqlx::PgConnection, sql: &'static str| sqlx::raw_sql(sql).execute(hand).await.map(drop);
    // It is to be the other that wins.
    by_hand(&mut hand, "SET deadlock_timeout = '10s'; BEGIN; UPDATE things SET number = 10 WHERE id = 2")
        .await
        .unwrap();
    let (tries, met) = (AtomicU32::new(0), tokio::sync::Notify::new());
    let ours = store.write(|mut tx| {
        let (tries, met) = (&tries, &met);
        async move {
            tries.fetch_add(1, Ordering::Relaxed);
            query("UPDATE things SET number = number + 1 WHERE id = 1").execute(&mut tx).await?;
            met.notify_one();
            query("UPDATE things SET number = number + 1 WHERE id = 2").execute(&mut tx).await?;
            tx.commit().await
        }
    });
    let theirs = async {
        met.notified().await;
        by_hand(&mut hand, "UPDATE things SET number = 10 WHERE id = 1; COMMIT").await
    };
    let (ours, theirs) = tokio::join!(ours, theirs);
    ours.unwrap();
    theirs.unwrap();
    assert_eq!(tries.load(Ordering::Relaxed), 2);
    let numbers: Vec<(i64,)> = query("SELECT number FROM things").fetch_all(store.database()).await.unwrap();
    assert_eq!(numbers, [(11,), (11,)], "none of the two is lost");
}
