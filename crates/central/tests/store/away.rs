//! The database goes away and comes back under an open store.

use crate::databases::TestDatabase;
use crate::databases::cluster::{GUARDED, Own, PASSWORD};
use linedesk_central::store::{Engine, Event, Journal, Record, Store, StoreError, StoreOptions};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

/// Short, so that nobody waits long for what does not come.
const PATIENCE: Duration = Duration::from_millis(500);

fn event(key: &str) -> Event {
    Event { at_ms: 1, kind: "call-ended", key: key.to_owned(), body: "{}".to_owned() }
}

async fn keys(store: &Store) -> Vec<String> {
    store.events_after(0, 1_000).await.unwrap().events.into_iter().map(|event| event.key).collect()
}

fn options(dir: &tempfile::TempDir, url: &str) -> StoreOptions {
    StoreOptions { location: url.parse().unwrap(), patience: PATIENCE, ..StoreOptions::new(dir.path()) }
}

/// A certificate for a name, and its key.
fn certificate(name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[tokio::test]
async fn a_server_that_is_killed_comes_back_under_an_open_store_on_postgres() {
    let (mut server, dir) = (Own::start().await, tempfile::tempdir().unwrap());
    let store = Store::create(&options(&dir, &server.url())).await.unwrap();
    let mut ids = store.reserve_ids("call", 100).await.unwrap();
    store.tell(&[event("before")]).await.unwrap();
    let (journal, writing) = Journal::start(store.clone());

    server.kill();
    let asked = Instant::now();
    for away in [
        store.tell(&[event("never")]).await.unwrap_err(),
        store.alive().await.unwrap_err(),
        store.events_after(0, 1).await.unwrap_err(),
        store.reserve_ids("call", 1).await.unwrap_err(),
        Store::open(&options(&dir, &server.url())).await.unwrap_err(),
    ] {
        assert!(matches!(away, StoreError::Away { .. }) && away.is_passing(), "{away}");
        assert!(away.to_string().contains("the PostgreSQL database desk at"), "{away}");
    }
    assert!(asked.elapsed() < PATIENCE * 5 * 4, "nobody waits for long: {:?}", asked.elapsed());
    assert!(ids.take().is_some(), "ids go on");
    // What the desk writes waits for the database by itself.
    let (written, hears) = oneshot::channel();
    let wish = Record::Wish {
        user: central_api::UserId(1),
        queue: central_api::QueueId(1),
        joined: true,
        by: central_api::ChangedBy::System,
        at_ms: 1,
    };
    journal.put(vec![wish], Some(written));

    server.start_again().await;
    assert!(tokio::time::timeout(Duration::from_secs(20), hears).await.unwrap().unwrap(), "written after all");
    store.tell(&[event("after")]).await.unwrap();
    assert_eq!(keys(&store).await, ["before", "after"]);
    drop(journal);
    writing.await.unwrap();
}

#[tokio::test]
async fn a_server_that_restarts_in_order_disturbs_only_what_runs_on_postgres() {
    let (server, dir) = (Own::start().await, tempfile::tempdir().unwrap());
    let store = Store::create(&options(&dir, &server.url())).await.unwrap();
    store.tell(&[event("before")]).await.unwrap();
    // Every connection is ended while it waits in the pool, which is no reason for anybody to fail.
    server
        .run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'linedesk-central'")
        .await;
    store.tell(&[event("after")]).await.unwrap();
    assert_eq!(keys(&store).await, ["before", "after"]);
}

#[tokio::test]
async fn tls_is_verified_against_the_name_on_postgres() {
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate("localhost");
    let server = Own::start_with_tls(&certificate, &key).await;
    let authority = dir.path().join("authority.crt");
    std::fs::write(&authority, &certificate).unwrap();
    server
        .run(&format!("CREATE ROLE {GUARDED} LOGIN PASSWORD '{PASSWORD}'; ALTER DATABASE desk OWNER TO {GUARDED}"))
        .await;
    let file = dir.path().join("database.password");
    std::fs::write(&file, PASSWORD).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let port = server.port();
    let create = async |host: &str, query: &str| {
        let url = format!("postgres://{GUARDED}@{host}:{port}/desk?{query}");
        // A handshake takes a program without optimisation its time.
        let location = url.parse().unwrap();
        let password_file = Some(file.clone());
        Store::create(&StoreOptions { location, password_file, ..StoreOptions::new(dir.path()) }).await
    };
    let full = format!("sslmode=verify-full&sslrootcert={}", authority.display());
    let store = create("localhost", &full).await.unwrap();
    store.tell(&[event("by TLS")]).await.unwrap();
    let by_tls = server
        .number(
            "SELECT COUNT(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
             WHERE application_name = 'linedesk-central' AND ssl AND version = 'TLSv1.3'",
        )
        .await;
    assert!(by_tls >= 1, "the connection is encrypted");
    store.close().await;

    let other_name = create("127.0.0.1", &full).await.unwrap_err();
    let stranger = create("localhost", "sslmode=verify-full").await.unwrap_err();
    for refused in [other_name, stranger] {
        assert!(matches!(refused, StoreError::Tls { .. }), "{refused}");
        assert!(refused.to_string().contains("sslrootcert=FILE"), "{refused}");
    }
    // At this machine's own address the server may offer it or not.
    create("127.0.0.1", "").await.unwrap().close().await;
    create("127.0.0.1", "sslmode=require").await.unwrap().close().await;
    server.run("ALTER SYSTEM SET ssl = off").await;
    server.run("SELECT pg_reload_conf()").await;
    let without = async || create("127.0.0.1", "sslmode=require").await.is_err();
    tokio::time::timeout(Duration::from_secs(10), async { while !without().await {} }).await.unwrap();
    create("127.0.0.1", "").await.unwrap().close().await;
}

/// Forwards while the gate is open; shut, it swallows everything and says nothing.
async fn relay(listener: TcpListener, to: u16, gate: watch::Receiver<bool>) {
    loop {
        let (near, _) = listener.accept().await.unwrap();
        let mut gate = gate.clone();
        tokio::spawn(async move {
            let far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            let ((mut near_in, mut near_out), (mut far_in, mut far_out)) = (near.into_split(), far.into_split());
            let mut back = gate.clone();
            let there = async { copy(&mut near_in, &mut far_out, &mut gate).await };
            let and_back = async { copy(&mut far_in, &mut near_out, &mut back).await };
            tokio::join!(there, and_back);
        });
    }
}

async fn copy(
    from: &mut (impl tokio::io::AsyncRead + Unpin),
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
    gate: &mut watch::Receiver<bool>,
) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut part = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut part).await {
        // What was on its way when the network fell silent never arrives.
        if !*gate.borrow() || to.write_all(&part[..read]).await.is_err() {
            return std::future::pending().await;
        }
    }
}

#[tokio::test]
async fn a_network_that_falls_silent_is_given_up_on_postgres() {
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate("localhost");
    let server = Own::start_with_tls(&certificate, &key).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = listener.local_addr().unwrap().port();
    let (open, gate) = watch::channel(true);
    tokio::spawn(relay(listener, server.port(), gate));
    let store = Store::create(&options(&dir, &format!("postgres://linedesk@127.0.0.1:{near}/desk?sslmode=disable")))
        .await
        .unwrap();
    store.tell(&[event("before")]).await.unwrap();
    open.send_replace(false);
    for away in [store.tell(&[event("never")]).await.unwrap_err(), store.alive().await.unwrap_err()] {
        assert!(matches!(away, StoreError::Away { .. }) && away.is_passing(), "{away}");
    }
    open.send_replace(true);
    // A connection that was silent may hold its place until it is given up as well.
    let tells = async {
        while let Err(error) = store.tell(&[event("after")]).await {
            assert!(error.is_passing(), "{error}");
        }
    };
    tokio::time::timeout(PATIENCE * 10, tells).await.unwrap();
    assert_eq!(keys(&store).await, ["before", "after"]);
}

/// Another program has the file, and a reader of ours does not care.
#[tokio::test]
async fn a_file_that_another_program_locks_is_waited_for() {
    use sqlx::Connection as _;
    let database = TestDatabase::on(Engine::Sqlite).await;
    let store = Store::open(&StoreOptions { patience: PATIENCE, ..database.options.clone() }).await.unwrap();
    let file = format!("sqlite:{}", database.options.data_dir.join("central.sqlite").display());
    let mut other = sqlx::SqliteConnection::connect(&file).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let busy = store.tell(&[event("never")]).await.unwrap_err();
    assert!(matches!(busy, StoreError::Busy(_)) && busy.is_passing(), "{busy}");
    store.alive().await.unwrap();
    // Who waits gets it as soon as it is free.
    let (patient, events) = (database.store().await, [event("after")]);
    let tells = patient.tell(&events);
    tokio::pin!(tells);
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut tells).await.is_err(), "it did not wait");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    tells.await.unwrap();
    assert_eq!(keys(&store).await, ["after"]);
}
