//! What can be wrong with a database before it is used, and what is then said.

use crate::databases::{TestDatabase, on_both_engines};
use linedesk_central::store::{Engine, Store, StoreError, StoreOptions};

#[cfg(unix)]
use crate::databases::cluster::{GUARDED, PASSWORD, POWERLESS, Private};

on_both_engines!(
    TestDatabase:
    a_newer_schema_is_refused_and_stays_as_it_is,
    what_is_there_is_not_made_again,
);

async fn a_newer_schema_is_refused_and_stays_as_it_is(database: TestDatabase) {
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'of tomorrow', TRUE, ''::bytea, 0)";
    match &database.options.location {
        linedesk_central::store::Location::Sqlite => {
            use sqlx::Connection as _;
            let file = format!("sqlite:{}", database.options.data_dir.join("central.sqlite").display());
            let mut sqlite = sqlx::SqliteConnection::connect(&file).await.unwrap();
            let newer = newer.replace("::bytea", "");
            sqlx::raw_sql(sqlx::AssertSqlSafe(newer)).execute(&mut sqlite).await.unwrap();
        }
        #[cfg(unix)]
        _ => database.postgres.as_ref().unwrap().run(newer).await,
        #[cfg(not(unix))]
        _ => unreachable!("there is no server here"),
    }
    for opened in [Store::open(&database.options).await, Store::create(&database.options).await] {
        let error = opened.unwrap_err();
        assert!(matches!(error, StoreError::Newer { schema: 9999, .. }) && !error.is_passing(), "{error}");
        assert!(error.to_string().contains("take the newer program, or a backup"), "{error}");
    }
}

async fn what_is_there_is_not_made_again(database: TestDatabase) {
    let before = database.store().await.revision().await.unwrap();
    let refused = Store::create_new(&database.options).await.unwrap_err();
    assert!(matches!(refused, StoreError::Exists(_)), "{refused}");
    assert!(refused.to_string().contains("is not overwritten"), "{refused}");
    assert_eq!(Store::open(&database.options).await.unwrap().revision().await.unwrap(), before);
}

#[tokio::test]
async fn where_init_was_not_is_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let missing = Store::open(&StoreOptions::new(dir.path())).await.unwrap_err();
    assert!(matches!(missing, StoreError::Missing(_)) && missing.to_string().contains("linedesk-central init"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is made by looking");
    assert_eq!(Store::create(&StoreOptions::new(dir.path())).await.unwrap().engine(), Engine::Sqlite);
}

#[cfg(unix)]
#[tokio::test]
async fn every_file_of_a_database_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let database = TestDatabase::on(Engine::Sqlite).await;
    // The log beside the file is there while somebody writes.
    let store = database.store().await;
    store.reserve_ids("call", 1).await.unwrap();
    let mut names = Vec::new();
    for file in std::fs::read_dir(&database.options.data_dir).unwrap().map(|file| file.unwrap()) {
        names.push(file.file_name().into_string().unwrap());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    assert!(names.iter().any(|name| name == "central.sqlite-wal"), "{names:?}");
}

/// Options for a server; the key is made as `init` does it.
#[cfg(unix)]
fn options(dir: &tempfile::TempDir, url: &str) -> StoreOptions {
    let options = StoreOptions { location: url.parse().unwrap(), ..StoreOptions::new(dir.path()) };
    linedesk_central::store::SealingKey::create_or_read(&dir.path().join("secret.key")).unwrap();
    options
}

/// In three parts, and without a password.
#[cfg(unix)]
fn assert_says(error: &StoreError, passes: bool, words: &[&str]) {
    let text = error.to_string();
    assert!(text.contains("; ") && words.iter().all(|word| text.contains(word)), "{text}");
    assert!(!text.contains(PASSWORD) && !text.contains("hunter2"), "{text}");
    assert_eq!(error.is_passing(), passes, "{text}");
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_wrong_with_a_server_is_said_on_postgres() {
    let dir = tempfile::tempdir().unwrap();
    let empty = Private::empty().await;
    let open = async |url: &str| Store::open(&options(&dir, url)).await.unwrap_err();
    let create = async |url: &str| Store::create(&options(&dir, url)).await.unwrap_err();

    let nobody = format!("postgres://linedesk@/desk?host={}", dir.path().display());
    let away = create(&nobody).await;
    assert!(matches!(away, StoreError::Away { .. }));
    assert_says(&away, true, &["desk at", "cannot be reached", "see that it runs there"]);

    let missing = open(&empty.url()).await;
    assert!(matches!(missing, StoreError::Missing(_)));
    assert_says(&missing, false, &[empty.name(), "make one with `linedesk-central init`"]);

    let no_database = create(&empty.url_of("linedesk", "nothing")).await;
    assert!(matches!(no_database, StoreError::NoDatabase { .. }));
    assert_says(&no_database, true, &["nothing", "does not exist", "CREATE DATABASE"]);

    let powerless = create(&empty.url_of(POWERLESS, empty.name())).await;
    assert!(matches!(powerless, StoreError::NotAllowed { .. }), "{powerless}");
    assert_says(&powerless, true, &["permission denied", "ALTER DATABASE"]);

    let nobody = create(&empty.url_of("stranger", empty.name())).await;
    assert!(matches!(nobody, StoreError::Login { .. }));
    assert_says(&nobody, true, &["stranger", "database_password_file"]);

    let latin = Private::latin().await;
    let not_utf8 = create(&latin.url()).await;
    assert!(matches!(not_utf8, StoreError::NotUtf8(_)), "{not_utf8}");
    assert_says(&not_utf8, false, &["UTF8", "make it anew"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_password_comes_from_its_file_on_postgres() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let database = Private::empty().await;
    database.run(&format!("ALTER DATABASE {} OWNER TO {GUARDED}", database.name())).await;
    let mut options = options(&dir, &database.url_of(GUARDED, database.name()));
    let file = dir.path().join("database.password");
    options.password_file = Some(file.clone());
    std::fs::write(&file, "hunter2\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let wrong = Store::create(&options).await.unwrap_err();
    assert!(matches!(wrong, StoreError::Login { .. }), "{wrong}");
    assert_says(&wrong, true, &["password authentication failed", "database_password_file"]);
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let store = Store::create(&options).await.unwrap();
    assert!(store.revision().await.unwrap() >= 1);
    assert!(!format!("{store:?}").contains(PASSWORD), "{store:?}");
}
