//! A PostgreSQL of the tests' own, and one database a test. The cluster is shared by all tests that run at the same time, in
//! however many processes, and ends a few seconds after the last of them, also when that was killed: a shell script keeps it
//! while somebody holds the lock.

use linedesk_central::store::{Store, StoreOptions};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const SCRIPT: &str = include_str!("cluster.sh");
/// Every database of a test is a copy of it.
const TEMPLATE: &str = "linedesk_template";
/// Superuser of the cluster; there is no password.
const USER: &str = "linedesk";

/// A user who has to give a [`PASSWORD`].
pub const GUARDED: &str = "guarded";
/// A user who may do nothing.
pub const POWERLESS: &str = "powerless";
/// Of both.
pub const PASSWORD: &str = "eleven-blue-herons";

/// A database of the shared cluster that no other test knows; deleted with this value.
pub struct Private {
    shared: Shared,
    name: String,
}

impl Private {
    /// With the tables of Linedesk in it.
    pub async fn migrated() -> Self {
        Self::copied(TEMPLATE).await
    }

    /// With nothing in it.
    pub async fn empty() -> Self {
        Self::copied("template0").await
    }

    /// With nothing in it, and no letters beyond Western Europe.
    pub async fn latin() -> Self {
        Self::copied("template0 ENCODING 'LATIN1'").await
    }

    async fn copied(template: &str) -> Self {
        let shared = Shared::join().await;
        let name = format!("t{}", uuid::Uuid::new_v4().simple());
        shared.run(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        Self { shared, name }
    }

    /// As the config file names it.
    pub fn url(&self) -> String {
        url(&self.shared.home, USER, &self.name)
    }

    /// For another user or another database of the cluster.
    pub fn url_of(&self, user: &str, database: &str) -> String {
        url(&self.shared.home, user, database)
    }

    /// Name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A statement by hand, past everything that is tested.
    pub async fn run(&self, sql: &str) {
        run(&self.shared.home, &self.name, sql).await;
    }

    /// Every value of every table, bytes as letters where they are some.
    pub async fn everything(&self) -> String {
        let mut connection = self.connect().await;
        let columns: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns \
             WHERE table_schema = 'public'",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        let mut everything = String::new();
        for (table, column, kind) in columns {
            let value = if kind == "bytea" { format!("encode({column}, 'escape')") } else { format!("{column}::text") };
            let all = format!("SELECT COALESCE(string_agg({value}, ' '), '') FROM {table}");
            let all: String = sqlx::query_scalar(AssertSqlSafe(all)).fetch_one(&mut connection).await.unwrap();
            everything += &all;
        }
        everything
    }

    /// A connection by hand.
    pub async fn connect(&self) -> PgConnection {
        connect(&self.shared.home, &self.name).await
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let (home, drop) = (self.shared.home.clone(), format!("DROP DATABASE {} WITH (FORCE)", self.name));
        // A drop cannot wait for a future, and the test's own runtime may be at its end.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(&home, "postgres", &drop));
        });
        let _ = dropped.join();
    }
}

/// The cluster of all tests.
struct Shared {
    home: PathBuf,
    /// As long as somebody holds it, the cluster is kept.
    _lock: File,
}

impl Shared {
    async fn join() -> Self {
        let home = home();
        let shared = Self { _lock: held(&home.with_extension("lock")), home };
        // One process starts it, the others wait for that.
        let starting = file(&shared.home.with_extension("starting"));
        starting.lock().unwrap();
        if UnixStream::connect(shared.home.join(".s.PGSQL.5432")).is_err() {
            shared.start();
        }
        let ready = shared.home.join("ready");
        if !ready.exists() {
            shared.run(&format!("DROP DATABASE IF EXISTS {TEMPLATE}")).await;
            for role in [GUARDED, POWERLESS] {
                shared.run(&format!("DROP ROLE IF EXISTS {role}")).await;
                shared.run(&format!("CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")).await;
            }
            shared.run(&format!("CREATE DATABASE {TEMPLATE} TEMPLATE template0")).await;
            let data = tempfile::tempdir().unwrap();
            let location = url(&shared.home, USER, TEMPLATE).parse().unwrap();
            let options = StoreOptions { location, ..StoreOptions::new(data.path()) };
            Store::create(&options).await.unwrap().close().await;
            std::fs::write(ready, "").unwrap();
        }
        shared
    }

    #[expect(clippy::zombie_processes, reason = "it outlives this process")]
    fn start(&self) {
        let mut keeper = script("keep", &self.home, &[self.home.with_extension("lock")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A test that is too slow is ended with its whole group, which the cluster must outlive.
            .process_group(0)
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut said).unwrap();
        if said != "ready\n" {
            keeper.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("the tests' PostgreSQL does not start: {said}");
        }
    }

    async fn run(&self, sql: &str) {
        run(&self.home, "postgres", sql).await;
    }
}

/// A cluster of one test alone, which it may kill. It ends with the thread that started it.
pub struct Own {
    dir: tempfile::TempDir,
    /// Of its socket's name, too.
    port: u16,
    server: Option<Child>,
}

impl Own {
    /// Makes and starts it.
    pub async fn start() -> Self {
        Self::make(5432).started().await
    }

    /// Makes and starts it, reachable by TLS at a port of loopback, with this certificate and its key (PEM).
    pub async fn start_with_tls(certificate: &str, key: &str) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let own = Self::make(free);
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let file = own.home().join("data").join(name);
            // Overwritten in place, the file stays the server's.
            std::fs::copy(own.home().join("data/PG_VERSION"), &file).unwrap();
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, mode(0o600)).unwrap();
            let owner = std::fs::metadata(own.home()).unwrap();
            let (user, group) =
                (std::os::unix::fs::MetadataExt::uid(&owner), std::os::unix::fs::MetadataExt::gid(&owner));
            std::os::unix::fs::chown(&file, Some(user), Some(group)).unwrap();
        }
        own.configure(&format!("listen_addresses = '127.0.0.1'\nport = {free}\nssl = on\n"));
        own.started().await
    }

    fn make(port: u16) -> Self {
        // The server's user has to get through it to what is its own.
        let dir = tempfile::Builder::new().prefix("pg").permissions(mode(0o711)).tempdir().unwrap();
        let own = Self { dir, port, server: None };
        assert!(script("make", &own.home(), &[]).status().unwrap().success(), "initdb failed");
        own
    }

    fn configure(&self, lines: &str) {
        let file = self.home().join("data/postgresql.conf");
        let before = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{before}\n{lines}\n")).unwrap();
    }

    async fn started(mut self) -> Self {
        self.start_again().await;
        self.run("CREATE DATABASE desk TEMPLATE template0").await;
        self
    }

    /// Port at loopback, with TLS.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn options(&self, database: &str) -> PgConnectOptions {
        options(&self.home(), database).port(self.port)
    }

    /// Directory of the cluster and of its socket.
    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Of the database, as the config file names it.
    pub fn url(&self) -> String {
        url(&self.home(), USER, "desk")
    }

    /// A statement by hand, in no database of ours.
    pub async fn run(&self, sql: &str) {
        let mut connection = self.options("postgres").connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// A number by hand, from no database of ours.
    pub async fn number(&self, sql: &str) -> i64 {
        let mut connection = self.options("postgres").connect().await.unwrap();
        let number = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        number
    }

    /// Starts what was killed, and waits until it answers.
    pub async fn start_again(&mut self) {
        let mut server = script("run", &self.home(), &[]).stdin(Stdio::null()).spawn().unwrap();
        while self.options("postgres").connect().await.is_err() {
            if server.try_wait().unwrap().is_some() {
                // Processes of the one that was killed still hold its memory; they are about to notice.
                server = script("run", &self.home(), &[]).stdin(Stdio::null()).spawn().unwrap();
            }
            // Nothing tells when a server begins to listen.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        self.server = Some(server);
    }

    /// From when this returns, nobody gets in to the database any more, or everybody does again.
    pub async fn let_in(&self, anybody: bool) {
        const NOBODY: &str = "local desk all reject\n";
        let file = self.home().join("data/pg_hba.conf");
        let rules = std::fs::read_to_string(&file).unwrap().replace(NOBODY, "");
        std::fs::write(&file, if anybody { rules } else { format!("{NOBODY}{rules}") }).unwrap();
        self.run("SELECT pg_reload_conf()").await;
        while self.options("desk").connect().await.is_ok() != anybody {
            // Nothing tells when the server has read it.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        if !anybody {
            self.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'desk'").await;
        }
    }

    /// `kill -9`, as when the machine loses its memory.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }
}

impl Drop for Own {
    /// Not killed: PostgreSQL then takes its shared memory away with it.
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = Command::new("kill").args(["-QUIT", &server.id().to_string()]).status();
            let _ = server.wait();
        }
    }
}

fn mode(mode: u32) -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(mode)
}

/// Short, since a socket's path has 104 bytes; and another one for another schema or another checkout.
fn home() -> PathBuf {
    let mut hash = DefaultHasher::new();
    env!("CARGO_MANIFEST_DIR").hash(&mut hash);
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    let mut files: Vec<_> = std::fs::read_dir(migrations).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        std::fs::read(file).unwrap().hash(&mut hash);
    }
    std::env::temp_dir().join(format!("linedesk-pg-{}-{:08x}", user_id(), hash.finish() & 0xffff_ffff))
}

fn user_id() -> u32 {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap())
}

/// The lock, together with others. Who kept the cluster takes the file away with it, so what was waited for may be nobody's
/// any more.
fn held(path: &Path) -> File {
    use std::os::unix::fs::MetadataExt as _;
    loop {
        let lock = file(path);
        lock.lock_shared().unwrap();
        if std::fs::metadata(path).is_ok_and(|there| there.ino() == lock.metadata().unwrap().ino()) {
            return lock;
        }
    }
}

fn file(path: &Path) -> File {
    let mut options = File::options();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.create(true).truncate(false).read(true).write(true).open(path).unwrap()
}

fn script(verb: &str, home: &Path, more: &[PathBuf]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", SCRIPT, "cluster", verb]).arg(programs()).arg(home).args(more);
    if user_id() == 0 {
        command.args(["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    } else {
        command.arg("env");
    }
    command
}

/// Where initdb and postgres are.
fn programs() -> PathBuf {
    if let Some(directory) = std::env::var_os("LINEDESK_POSTGRES") {
        return directory.into();
    }
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<PathBuf> = debian.flatten().map(|version| version.path().join("bin")).collect();
    // The newest last, and 9 before 10.
    found.sort_by_key(|programs| (programs.as_os_str().len(), programs.clone()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    found.splice(0..0, std::env::split_paths(&path));
    // What lies on the PATH may be a link, without all that belongs to it beside it.
    let initdb = found.iter().rev().find_map(|directory| directory.join("initdb").canonicalize().ok());
    initdb.and_then(|initdb| Some(initdb.parent()?.to_owned())).unwrap_or_else(|| {
        panic!(
            "there is no PostgreSQL here (initdb is neither in /usr/lib/postgresql/*/bin nor on the PATH); install the \
             package postgresql, or run `cargo xtask test`, which leaves these tests out"
        )
    })
}

fn url(home: &Path, user: &str, database: &str) -> String {
    format!("postgres://{user}@/{database}?host={}", home.display())
}

fn options(home: &Path, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass().socket(home).username(USER).database(database)
}

async fn connect(home: &Path, database: &str) -> PgConnection {
    options(home, database).connect().await.unwrap()
}

async fn run(home: &Path, database: &str, sql: &str) {
    let mut connection = connect(home, database).await;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
