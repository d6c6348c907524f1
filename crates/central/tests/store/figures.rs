//! How fast rows are written. `cargo test --release -p linedesk-central --test store deep_ -- --ignored --nocapture`

use crate::databases::TestDatabase;
use linedesk_central::store::{Engine, Event};
use std::time::Instant;

/// About 15,000 calls with six rows each.
const ROWS: usize = 90_000;
/// As a collector under load hands them over.
const BATCHES: [usize; 3] = [100, 1_000, 10_000];

async fn measure(engine: Engine) {
    let database = TestDatabase::on(engine).await;
    let store = database.store().await;
    let body = format!("{{\"visit\":1234567,\"words\":\"{}\"}}", "x".repeat(160));
    let key = |at: usize| format!("{}-{at}", 1_700_000_000_000_u64);
    let events: Vec<Event> =
        (0..ROWS).map(|at| Event { at_ms: 1, kind: "segment-ended", key: key(at), body: body.clone() }).collect();
    for batch in BATCHES {
        let began = Instant::now();
        for part in events.chunks(batch) {
            store.tell(part).await.unwrap();
        }
        let took = began.elapsed();
        let rate = ROWS as f64 / took.as_secs_f64();
        eprintln!("{engine:?}: {rate:.0} rows/s in transactions of {batch} ({:.2} s for {ROWS})", took.as_secs_f64());
    }
    assert_eq!(store.last_event().await.unwrap(), i64::try_from(ROWS * BATCHES.len()).unwrap());
    let began = Instant::now();
    let trimmed = store.trim_outbox(i64::MAX).await.unwrap();
    eprintln!("{engine:?}: {:.0} rows/s trimmed", trimmed as f64 / began.elapsed().as_secs_f64());
}

#[tokio::test]
#[ignore = "a measurement"]
async fn deep_rows_per_second_on_sqlite() {
    measure(Engine::Sqlite).await;
}

#[cfg(unix)]
#[tokio::test]
#[ignore = "a measurement"]
async fn deep_rows_per_second_on_postgres() {
    measure(Engine::Postgres).await;
}
