//! How fast calls are written: what the one writer can take, on each engine, and the processor time of it.
//! `cargo test --release -p linedesk-central --lib deep_calls -- --ignored --nocapture --test-threads 1`

use std::time::{Duration, Instant};

use calls::{Call, Ended};

use super::generated::{NOON_MS, outgoing_call, queue_call};
use crate::store::Engine;
use crate::store::databases::TestDatabase;

/// Calls in a transaction, as a collector tells them on a busy day.
const BATCH: usize = 300;

async fn measure(engine: Engine) {
    for (what, count, call) in [
        ("a customer and an operator, one queue", 30_000, (|at, nth: u64| typical(at, nth)) as fn(i64, u64) -> Call),
        ("ringall, 42 phones, nobody", 3_000, |at, nth| queue_call(at, &number(nth), "", 42, false)),
    ] {
        let database = TestDatabase::on(engine).await;
        let store = database.store().await;
        let (mut busy, mut used, mut longest) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        for first in (0..count).step_by(BATCH) {
            let calls: Vec<Ended> = (first as u64 + 1..=(first + BATCH) as u64)
                .map(|id| Ended { id, absorbed: Vec::new(), call: call(NOON_MS + id as i64 * 100, id) })
                .collect();
            let (began, used_before) = (Instant::now(), processor_time("self"));
            assert_eq!(store.put_calls(&calls, NOON_MS).await.unwrap().new, BATCH);
            used += processor_time("self") - used_before;
            busy += began.elapsed();
            longest = longest.max(began.elapsed());
        }
        let rate = f64::from(count as u32) / busy.as_secs_f64();
        let of_server = servers(&database).await.as_secs_f64() * 1e6 / f64::from(count as u32);
        let processor = used.as_secs_f64() * 1e6 / f64::from(count as u32);
        eprintln!(
            "{engine:?}: {what}: {rate:.0} calls/s, the longest batch of {BATCH} took {longest:?}; this process used \
             {processor:.0} µs of processor a call, the server {of_server:.0} µs"
        );
    }
}

fn typical(at: i64, nth: u64) -> Call {
    if nth.is_multiple_of(4) { outgoing_call(at, &number(nth)) } else { queue_call(at, &number(nth), "", 1, true) }
}

/// Of 20,000 customers.
fn number(nth: u64) -> String {
    format!("+7495{:07}", nth * 7_919 % 20_000)
}

/// What a process has used so far.
fn processor_time(process: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<u64> =
        stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2).flat_map(str::parse).collect();
    Duration::from_millis(fields.iter().sum::<u64>() * 10)
}

/// What the server has used for this database, but for what it writes in the background.
async fn servers(database: &TestDatabase) -> Duration {
    #[cfg(unix)]
    if let Some(postgres) = &database.postgres {
        let pids = "SELECT pid FROM pg_stat_activity WHERE application_name = 'linedesk-central' \
                    AND datname = current_database()";
        let pids: Vec<i32> = sqlx::query_scalar(pids).fetch_all(&mut postgres.connect().await).await.unwrap();
        return pids.iter().map(|pid| processor_time(&pid.to_string())).sum();
    }
    let _ = database;
    Duration::ZERO
}

#[tokio::test]
#[ignore = "a measurement"]
async fn deep_calls_per_second_on_sqlite() {
    measure(Engine::Sqlite).await;
}

#[cfg(unix)]
#[tokio::test]
#[ignore = "a measurement"]
async fn deep_calls_per_second_on_postgres() {
    measure(Engine::Postgres).await;
}
