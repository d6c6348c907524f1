//! A database of an older program, with something in it, opened by this one.

use crate::databases::TestDatabase;
use central_api::{PhoneId, UserId};
use linedesk_central::directory::Why;
use linedesk_central::store::{Engine, StoreOptions};
use sqlx::Connection as _;
use sqlx::migrate::Migrator;
use std::path::Path;

/// What an office of an older program holds: Anna has 101, and two queues are of one project.
const OFFICE: &str = "
INSERT INTO users (id, username, username_folded, display_name, role, password_hash) VALUES
    (1, 'anna', 'anna', 'Anna', 'operator', 'x'), (2, 'boris', 'boris', 'Boris', 'operator', 'x');
INSERT INTO pbxs (id, name, host, port, username, secret, managed, tls, sip_server, sip_port, sip_transport, sip_domain, \
    sip_encryption, tls_ca_pem) VALUES (1, 'main', 'h', 5038, 'u', '', 0, 0, 'h', 5060, 'udp', 'h', 'off', '');
INSERT INTO phones (id, user_id, pbx_id, number, sip_user, auth_user, secret, display_name) VALUES
    (3, 1, 1, '101', '101', '101', '', 'Anna');
INSERT INTO queues (id, pbx_id, pbx_queue, name, project, greeting) VALUES
    (5, 1, 'support', 'Support', 'ACME', 'Good day'), (6, 1, 'sales', 'Sales', 'ACME', NULL), (7, 1, 'other', 'Other', NULL, NULL);
";

/// A database of the program whose last migration was the one before `version`.
async fn older(engine: Engine, version: i64, content: &str) -> TestDatabase {
    let dir = tempfile::tempdir().unwrap();
    let mut options = StoreOptions::new(dir.path().join("data"));
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let before = async |name: &str| {
        let mut migrator = Migrator::new(migrations.join(name)).await.unwrap();
        migrator.migrations = migrator.iter().filter(|known| known.version < version).cloned().collect();
        migrator
    };
    let content = content.to_owned();
    #[cfg(unix)]
    let mut postgres = None;
    match engine {
        Engine::Sqlite => {
            std::fs::create_dir(&options.data_dir).unwrap();
            let file = format!("sqlite:{}?mode=rwc", options.data_dir.join("central.sqlite").display());
            let mut sqlite = sqlx::SqliteConnection::connect(&file).await.unwrap();
            before("sqlite").await.run(&mut sqlite).await.unwrap();
            // A blob is not a text there.
            let content = content.replace("'', 0, 0,", "x'', 0, 0,").replace("'', 'Anna'", "x'', 'Anna'");
            sqlx::raw_sql(sqlx::AssertSqlSafe(content)).execute(&mut sqlite).await.unwrap();
            sqlite.close().await.unwrap();
        }
        #[cfg(unix)]
        Engine::Postgres => {
            let private = crate::databases::cluster::Private::empty().await;
            let mut connection = private.connect().await;
            before("postgres").await.run(&mut connection).await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(content)).execute(&mut connection).await.unwrap();
            for table in ["users", "pbxs", "phones", "queues"] {
                let next = format!("ALTER TABLE {table} ALTER COLUMN id RESTART WITH 100");
                sqlx::raw_sql(sqlx::AssertSqlSafe(next)).execute(&mut connection).await.unwrap();
            }
            options.location = private.url().parse().unwrap();
            postgres = Some(private);
        }
        #[cfg(not(unix))]
        Engine::Postgres => unreachable!("there is no server here"),
    }
    TestDatabase {
        options,
        #[cfg(unix)]
        postgres,
        dir,
    }
}

async fn a_phone_was_always_its_owners(engine: Engine) {
    let store = older(engine, 11, OFFICE).await;
    let (store, _database) = (store.store().await, store);
    let config = store.configuration().await.unwrap();
    assert_eq!(config.phones[&PhoneId(3)].user, UserId(1));
    assert_eq!(config.house.phones[&PhoneId(3)].number, "101");
    for at_ms in [0, 1, i64::MAX] {
        let held = store.holder(PhoneId(3), at_ms).await.unwrap().unwrap();
        assert_eq!((held.user, held.from_ms, held.to_ms, held.why), (UserId(1), 0, None, Why::Configuration));
    }
    // The next phone has an id of its own.
    crate::directory::apply(&store, "[[phone]]\nnumber = \"102\"").await.unwrap();
    assert_eq!(store.configuration().await.unwrap().house.phones.len(), 2);
}

#[tokio::test]
async fn a_phone_was_always_its_owners_on_sqlite() {
    a_phone_was_always_its_owners(Engine::Sqlite).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_phone_was_always_its_owners_on_postgres() {
    a_phone_was_always_its_owners(Engine::Postgres).await;
}

async fn the_text_of_a_queue_became_a_project(engine: Engine) {
    let database = older(
        engine,
        13,
        &OFFICE
            .replace("secret, display_name)", "secret, display_name, kind, managed_by)")
            .replace("'Anna');", "'Anna', 'softphone', 'pbx');"),
    )
    .await;
    let config = database.store().await.configuration().await.unwrap();
    let projects: Vec<&str> = config.house.projects.values().map(|project| project.name.as_str()).collect();
    assert_eq!(projects, ["ACME"], "once, for both queues");
    let queues: Vec<_> = config
        .queues
        .values()
        .map(|queue| (queue.name.as_str(), queue.project.as_deref(), queue.greeting.as_deref()))
        .collect();
    assert_eq!(
        queues,
        [("Support", Some("ACME"), Some("Good day")), ("Sales", Some("ACME"), None), ("Other", None, None)]
    );
}

#[tokio::test]
async fn the_text_of_a_queue_became_a_project_on_sqlite() {
    the_text_of_a_queue_became_a_project(Engine::Sqlite).await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_text_of_a_queue_became_a_project_on_postgres() {
    the_text_of_a_queue_became_a_project(Engine::Postgres).await;
}
