//! The program itself: start, kill, messages.

#[cfg(unix)]
use crate::databases::cluster::{GUARDED, Own, PASSWORD, Private};
use crate::databases::on_both_engines;
use crate::house::{Client, OFFICE, PATIENCE};
use central_api::path;
use linedesk_central::store::Engine;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

on_both_engines!(
    Install:
    a_status_outlives_sigkill,
    init_overwrites_nothing,
    the_command_line_adds_and_lists,
);

struct Install {
    dir: tempfile::TempDir,
    #[cfg(unix)]
    _postgres: Option<Private>,
}

struct Served {
    child: Child,
    url: String,
}

impl Install {
    async fn new() -> Self {
        Self::on(Engine::Sqlite).await
    }

    /// As an administrator does it: `init` with an empty database.
    async fn on(engine: Engine) -> Self {
        #[cfg(unix)]
        let postgres = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(Private::empty().await),
        };
        let install = Self {
            dir: tempfile::tempdir().unwrap(),
            #[cfg(unix)]
            _postgres: postgres,
        };
        #[cfg(unix)]
        let url = install._postgres.as_ref().map(Private::url);
        #[cfg(not(unix))]
        let url: Option<String> = None;
        install.set_up(url.as_deref()).await;
        install
    }

    async fn set_up(&self, url: Option<&str>) {
        let data = self.dir.path().join("data");
        let mut arguments = vec!["init", "--data-dir", data.to_str().unwrap(), "--listen", "127.0.0.1:0"];
        arguments.extend(url.iter().flat_map(|url| ["--database", url]));
        let (ok, out) = self.run(&arguments, "").await;
        assert!(ok && out.contains("Database made"), "{out}");
        assert_eq!(data.join("central.sqlite").exists(), url.is_none());
        assert!(data.join("secret.key").exists());
        let (ok, out) = self.run(&["apply", "-"], OFFICE).await;
        assert!(ok, "{out}");
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("central.toml")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linedesk-central"));
        command.arg("--config").arg(self.config()).args(arguments).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    async fn run(&self, arguments: &[&str], input: &str) -> (bool, String) {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A program that does not read has closed its end, which is no fault here.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let output = timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    async fn serve(&self) -> Served {
        let mut command = self.command(&["serve"]);
        command.stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().expect("it says where it listens");
        let line: Value = serde_json::from_str(&line).unwrap();
        Served { child, url: line["listening"].as_str().unwrap().to_owned() }
    }
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

async fn a_status_outlives_sigkill(install: Install) {
    let mut served = install.serve().await;
    let mut anna = Client::new(&served.url, "DESK-1");
    anna.sign_in("anna", false).await.unwrap();
    let lunch = anna.lunch().await;
    anna.command("PUT", path::ME_STATUS, json!({ "kind": "break", "reason": lunch })).await.unwrap();
    served.child.kill().await.unwrap();
    let served = install.serve().await;
    anna.url.clone_from(&served.url);
    anna.live().await.me("lunch still", |me| me["status"]["reason"] == lunch).await;
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_ends_it_in_order_also_with_a_live_connection() {
    let install = Install::new().await;
    let mut served = install.serve().await;
    let mut anna = Client::new(&served.url, "DESK-1");
    anna.sign_in("anna", false).await.unwrap();
    let mut live = anna.live().await;
    live.me("preparing", |me| me["status"]["kind"] == "preparing").await;
    let pid = served.child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    assert!(timeout(PATIENCE, served.child.wait()).await.unwrap().unwrap().success());
    while live.frame().await.is_some() {}
}

#[tokio::test]
async fn a_port_in_use_is_said_with_the_remedy() {
    let install = Install::new().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    edit(&install.config(), "127.0.0.1:0", &taken.local_addr().unwrap().to_string());
    let (ok, out) = install.run(&["serve"], "").await;
    assert!(!ok);
    assert!(out.contains("cannot listen") && out.contains("another program") && out.contains("`listen`"), "{out}");
}

async fn init_overwrites_nothing(install: Install) {
    let before = std::fs::read(install.config()).unwrap();
    let (ok, out) = install.run(&["init"], "").await;
    assert!(!ok && out.contains("not overwritten"), "{out}");
    assert_eq!(std::fs::read(install.config()).unwrap(), before);
}

#[tokio::test]
async fn faults_of_the_config_are_said_with_the_remedy() {
    let install = Install::new().await;
    edit(&install.config(), "listen =", "lisen =");
    let (ok, out) = install.run(&["serve"], "").await;
    assert!(!ok && out.contains("did you mean `listen`"), "{out}");
    edit(&install.config(), "lisen = \"127.0.0.1:0\"", "listen = \"0.0.0.0:0\"");
    let (ok, out) = install.run(&["serve"], "").await;
    assert!(!ok && out.contains("without TLS"), "{out}");
    std::fs::remove_file(install.config()).unwrap();
    let (ok, out) = install.run(&["serve"], "").await;
    assert!(!ok && out.contains("linedesk-central --config") && out.contains("init"), "{out}");
}

#[tokio::test]
async fn a_password_on_the_command_line_is_refused_and_leaves_no_file() {
    let install = Install {
        dir: tempfile::tempdir().unwrap(),
        #[cfg(unix)]
        _postgres: None,
    };
    let url = "postgres://linedesk:hunter2@127.0.0.1:1/linedesk";
    let (ok, out) = install.run(&["init", "--database", url], "").await;
    assert!(!ok && out.contains("database_password_file") && !out.contains("hunter2"), "{out}");
    assert!(!install.config().exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_password_comes_from_the_environment_on_postgres() {
    let database = Private::empty().await;
    database.run(&format!("ALTER DATABASE {} OWNER TO {GUARDED}", database.name())).await;
    let install = Install { dir: tempfile::tempdir().unwrap(), _postgres: None };
    let (data, url) = (install.dir.path().join("data"), database.url_of(GUARDED, database.name()));
    let arguments = ["init", "--data-dir", data.to_str().unwrap(), "--database", &url];
    let (ok, out) = install.run(&arguments, "").await;
    assert!(!ok && out.contains("does not let this program in") && out.contains("PGPASSWORD"), "{out}");
    let made = install.command(&arguments).env("PGPASSWORD", PASSWORD).output().await.unwrap();
    assert!(made.status.success(), "{made:?}");
    assert!(!std::fs::read_to_string(install.config()).unwrap().contains(PASSWORD));
}

#[cfg(unix)]
#[tokio::test]
async fn central_goes_on_when_its_database_comes_back_on_postgres() {
    let mut server = Own::start().await;
    let install = Install { dir: tempfile::tempdir().unwrap(), _postgres: None };
    install.set_up(Some(&server.url())).await;
    let served = install.serve().await;
    let mut anna = Client::new(&served.url, "DESK-1");
    anna.sign_in("anna", false).await.unwrap();
    server.kill();
    let health = anna.request("GET", path::HEALTH).send().await.unwrap();
    assert_eq!(health.status(), 503);
    let refused = anna.status("available").await.unwrap_err();
    assert_eq!(refused, "unavailable");
    server.start_again().await;
    assert_eq!(anna.get(path::HEALTH).await["status"], "ok");
    anna.status("available").await.unwrap();
    anna.live().await.me("available", |me| me["status"]["kind"] == "available").await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_that_is_away_is_said_with_the_remedy() {
    let install = Install { dir: tempfile::tempdir().unwrap(), _postgres: None };
    let url = format!("postgres://linedesk@/linedesk?host={}", install.dir.path().display());
    let data = install.dir.path().join("data");
    let arguments = ["init", "--data-dir", data.to_str().unwrap(), "--database", &url];
    let (ok, out) = install.run(&arguments, "").await;
    assert!(!ok && out.contains("cannot be reached") && out.contains("see that it runs there"), "{out}");
    // The config file is there now; the second attempt only makes the database.
    let (ok, again) = install.run(&arguments, "").await;
    assert!(!ok && again.contains("cannot be reached"), "{again}");
}

async fn the_command_line_adds_and_lists(install: Install) {
    let all = [
        (&["user", "add", "petr", "--display-name", "Petr", "--password-stdin"][..], "petr-password\n"),
        (&["pbx", "add", "two", "--host", "127.0.0.1", "--username", "u", "--secret-stdin"], "s3cret-two\n"),
        (&["pbx", "managed", "two", "on"], ""),
        (&["queue", "add", "night", "--pbx", "two", "--name", "Night"], ""),
        (&["phone", "add", "petr", "201", "--pbx", "two", "--secret-stdin"], "sip-secret\n"),
        (&["member", "add", "petr", "night", "--pbx", "two"], ""),
        (&["reason", "add", "tea", "--class", "rest", "--limit-min", "5", "--en", "Tea", "--ru", "Чай"], ""),
        (&["user", "password", "petr", "--password-stdin"], "another-password\n"),
    ];
    for (arguments, input) in all {
        let (ok, out) = install.run(arguments, input).await;
        assert!(ok, "{arguments:?}: {out}");
    }
    for (noun, words) in [
        ("user", "petr"),
        ("pbx", "two\t127.0.0.1:5038\tmanaged"),
        ("queue", "Night"),
        ("phone", "201"),
        ("member", "PJSIP/201"),
        ("reason", "Tea"),
    ] {
        let (ok, out) = install.run(&[noun, "list"], "").await;
        assert!(ok && out.contains(words), "{noun}: {out}");
        assert!(!out.contains("secret"), "{noun}: {out}");
    }
    let served = install.serve().await;
    let mut petr = Client::new(&served.url, "DESK-1");
    petr.sign_in_with("petr", "another-password", false).await.unwrap();
    assert_eq!(petr.get(path::ME_PROFILE).await["accounts"][0]["password"], "sip-secret");
    for (arguments, input, word) in [
        (&["user", "add", "x", "--password-stdin"][..], "short\n", "shorter"),
        (&["user", "add", "x"], "", "no password"),
        (&["user", "add", "x", "--password-stdin"], "\n", "no secret"),
        (&["queue", "add", "q"], "", "several PBXs"),
        (&["pbx", "managed", "none", "on"], "", "no PBX none"),
        (&["member", "add", "petr", "none", "--pbx", "two"], "", "no queue none"),
        (&["phone", "add", "nobody", "1"], "", "no user nobody"),
    ] {
        let (ok, out) = install.run(arguments, input).await;
        assert!(!ok && out.contains(word), "{arguments:?}: {out}");
    }
}
