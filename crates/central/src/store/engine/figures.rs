//! How fast rows like those of calls are inserted and changed: fourteen columns, two indexes, 60 letters of text.
//! `cargo test --release -p linedesk-central --lib deep_ -- --ignored --nocapture --test-threads 1`

use std::time::Instant;

use super::{Arguments, Engine, Insert, query};
use crate::store::databases::TestDatabase;

/// About 15,000 calls with six rows each.
const ROWS: i64 = 90_000;

static PARTS: Insert = Insert::new(
    "INSERT INTO parts (started_ms, id, call_id, kind, queue_id, user_id, phone, customer_id, waited_ms, talked_ms, \
     ended_ms, ended_by, why, revision)",
    "ON CONFLICT (started_ms, id) DO UPDATE SET kind = excluded.kind, user_id = excluded.user_id, \
     phone = excluded.phone, waited_ms = excluded.waited_ms, talked_ms = excluded.talked_ms, \
     ended_ms = excluded.ended_ms, ended_by = excluded.ended_by, why = excluded.why, revision = excluded.revision \
     WHERE parts.revision < excluded.revision",
);

const TABLE: &str = "CREATE TABLE parts (started_ms BIGINT NOT NULL, id BIGINT NOT NULL, call_id BIGINT NOT NULL, \
     kind TEXT NOT NULL, queue_id BIGINT, user_id BIGINT, phone TEXT, customer_id BIGINT, waited_ms BIGINT, \
     talked_ms BIGINT, ended_ms BIGINT, ended_by TEXT, why TEXT, revision BIGINT NOT NULL, PRIMARY KEY (started_ms, id))";

struct Part {
    id: i64,
    revision: i64,
}

fn bind(part: &Part, row: &mut Arguments) {
    let (id, done) = (part.id, (part.revision > 1).then_some(part.id * 7));
    row.add(1_700_000_000_000 + id / 20).add(id).add(id / 6).add("agent-attempt").add(id % 40).add(id % 300);
    row.add("PJSIP/1001").add(id % 5_000).add(Some(12_000_i64)).add(done).add(done);
    row.add(done.map(|_| "customer")).add("answered elsewhere in the queue").add(part.revision);
}

async fn measure(engine: Engine) {
    let database = TestDatabase::on(engine).await;
    let store = database.store().await;
    let mut tx = store.begin().await.unwrap();
    query(TABLE).execute(&mut tx).await.unwrap();
    query("CREATE INDEX parts_call ON parts (call_id)").execute(&mut tx).await.unwrap();
    query("CREATE INDEX parts_customer ON parts (customer_id, started_ms)").execute(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    for (what, revision) in [("inserted", 1), ("changed", 2), ("as they were", 2)] {
        let parts: Vec<Part> = (0..ROWS).map(|id| Part { id, revision }).collect();
        let began = Instant::now();
        for batch in parts.chunks(1_000) {
            store
                .write(|mut tx| async move {
                    tx.insert(&PARTS, batch, bind).await?;
                    tx.commit().await
                })
                .await
                .unwrap();
        }
        let took = began.elapsed().as_secs_f64();
        eprintln!("{engine:?}: {:.0} rows/s {what} in transactions of 1000 ({took:.2} s)", ROWS as f64 / took);
    }
    let done: (i64, i64) =
        query("SELECT COUNT(*), COUNT(ended_ms) FROM parts").fetch_one(store.database()).await.unwrap();
    assert_eq!(done, (ROWS, ROWS));
}

#[tokio::test]
#[ignore = "a measurement"]
async fn deep_upserts_per_second_on_sqlite() {
    measure(Engine::Sqlite).await;
}

#[cfg(unix)]
#[tokio::test]
#[ignore = "a measurement"]
async fn deep_upserts_per_second_on_postgres() {
    measure(Engine::Postgres).await;
}
