//! The program itself: start, kill, messages.

#[cfg(unix)]
use crate::databases::cluster::{GUARDED, Own, PASSWORD, Private};
use crate::databases::on_both_engines;
use crate::house::{Client, OFFICE, PATIENCE};
use crate::pbx::Pbx;
use calls::Ended;
use calls::call::{Direction, EndedBy, Exit, Party, Who};
use central_api::path;
use linedesk_central::config::Config;
use linedesk_central::store::{Engine, Store, StoreOptions};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

on_both_engines!(
    Install:
    a_status_outlives_sigkill,
    calls_outlive_sigkill,
    init_overwrites_nothing,
    the_command_line_adds_and_lists,
    a_customer_is_shown_handed_out_and_erased,
    times_and_attributes_are_applied,
    the_command_line_tells_the_directory,
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

    /// Its database, beside the server.
    async fn store(&self) -> Store {
        #[cfg(unix)]
        let url = self._postgres.as_ref().map(Private::url);
        #[cfg(not(unix))]
        let url: Option<String> = None;
        let mut options = StoreOptions::new(self.dir.path().join("data"));
        if let Some(url) = url {
            options.location = url.parse().unwrap();
        }
        Store::open(&options).await.unwrap()
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

/// Killed in the middle of calls, again and again, wherever it is: each call is stored once. What was on its way when it was
/// killed is lost, and what vanished meanwhile is closed; all that was said to who was not killed is told wholly.
async fn calls_outlive_sigkill(install: Install) {
    const CALLS: usize = 12;
    let mut pbx = Pbx::of(CALLS).await;
    let lab = OFFICE.replace("port = 1\n", &format!("port = {}\n", pbx.port));
    let (ok, out) = install.run(&["apply", "-"], &lab).await;
    assert!(ok, "{out}");
    let seed = std::env::var("LINEDESK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(std::process::id);
    println!("seed {seed}: LINEDESK_SEED={seed} repeats it");
    let (each, mut upto) = (pbx.events() / CALLS, 0);
    for kill in 0_u64..8 {
        let chance = (u64::from(seed) * 8 + kill + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let part = 1 + usize::try_from(chance).unwrap() % (each * 2 / 3);
        let mut served = install.serve().await;
        upto += part;
        pbx.say(upto.min(pbx.events())).await;
        served.child.kill().await.unwrap();
    }
    let _served = install.serve().await;
    pbx.say(pbx.events()).await;
    let store = install.store().await;
    let ended = async || {
        let events = store.events_after(0, 10_000).await.unwrap().events;
        events.into_iter().filter(|event| event.kind == "call-ended").map(|event| event.key).collect::<Vec<_>>()
    };
    let all = async {
        while ended().await.len() < CALLS {
            // Another process writes it, which says nothing to this one.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let all = timeout(PATIENCE, all).await.is_ok();
    assert!(all, "{:?}", ended().await);
    let (mut channels, mut whole) = (BTreeSet::new(), 0);
    for key in ended().await {
        let call = store.call(key.parse().unwrap()).await.unwrap().unwrap().call;
        whole += usize::from(call.visits.iter().any(|visit| matches!(visit.exit, Exit::Answered { by: Some(_) })));
        let of_call: BTreeSet<String> = call.parties.iter().flat_map(|party| party.channels.clone()).collect();
        assert!(channels.is_disjoint(&of_call), "told twice: {call}");
        channels.extend(of_call);
    }
    let touched = upto.div_ceil(each);
    assert!(touched < CALLS && whole >= CALLS - touched, "{whole} are told wholly, and {touched} were under way");
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

async fn a_customer_is_shown_handed_out_and_erased(install: Install) {
    const NUMBER: &str = "+79001234567";
    let store = Store::open(&Config::read(&install.config()).unwrap().store()).await.unwrap();
    let party = |who, endpoint: &str, number: &str, name: Option<&str>| Party {
        who,
        pbx: 1,
        endpoint: endpoint.to_owned(),
        number: Some(number.to_owned()),
        name: name.map(str::to_owned),
        sip_call_ids: Vec::new(),
        channels: Vec::new(),
    };
    let call = calls::Call {
        direction: Direction::Incoming,
        caller: 0,
        dialled: Some("700".to_owned()),
        began_ms: 1_795_176_000_000,
        answered_ms: None,
        ended_ms: Some(1_795_176_009_000),
        ended_by: EndedBy::Party { party: 0 },
        cause: None,
        originated: false,
        parties: vec![
            party(Who::Trunk, "PJSIP/trunk-1", NUMBER, Some("Ivan Petrov")),
            party(Who::Phone, "PJSIP/101", "101", None),
        ],
        visits: vec![],
        attempts: vec![],
        talks: vec![],
        moves: vec![],
        steps: vec![],
        listens: vec![],
        attributes: vec![],
        waited_ms: 9_000,
        talked_ms: 0,
        connected_ms: 0,
        joins: vec![],
        clocks: vec![],
    };
    store.put_calls(&[Ended { id: 7, absorbed: vec![], call }], 1_795_176_010_000).await.unwrap();
    let run = async |verb: &str, number: &str| install.run(&["customer", verb, number], "").await;
    let (ok, found) = run("find", NUMBER).await;
    assert!(ok && found.contains("Ivan Petrov") && found.contains("call 7\t2026-11-20 12:00:00 UTC"), "{found}");
    let (ok, other) = run("find", "89001234567").await;
    assert!(ok && other.contains(&format!("{NUMBER} is likely the same")), "{other}");
    let (ok, export) = run("export", NUMBER).await;
    let export: Value = serde_json::from_str(&export).unwrap();
    assert!(ok && export["calls"][0]["call"]["parties"][0]["name"] == "Ivan Petrov", "{export}");
    let (ok, erased) = run("erase", NUMBER).await;
    assert!(ok && erased.contains("stay, without them: 1"), "{erased}");
    for stays in
        ["Raw material of calls, now without them: 0 files", "erase again in five minutes", "Backups are not changed"]
    {
        assert!(erased.contains(stays), "{erased}");
    }
    let (ok, none) = run("erase", NUMBER).await;
    assert!(!ok && none.contains("nothing is kept"), "{none}");
    assert!(store.call(7).await.unwrap().unwrap().forgotten);
    let what: Vec<String> = store.audit_after(0, 10).await.unwrap().into_iter().map(|entry| entry.what).collect();
    assert_eq!(what[2..4], ["customer-exported", "customer-forgotten"]);
    store.close().await;
}

async fn times_and_attributes_are_applied(install: Install) {
    let file = "[tenant.retention]\ncalls_months = 24\n[[attribute]]\nname = 'order'\nsource = 'variable ORDER'\n\
                personal = false\ntitles = { en = 'Order', ru = 'Заказ' }\n";
    for _ in 0..2 {
        let (ok, out) = install.run(&["apply", "-"], file).await;
        assert!(ok && out.contains("calls 24 months, notes 12 months"), "{out}");
    }
    for (wrong, words) in [
        (file.replace("variable ORDER", "var ORDER"), "`variable NAME`"),
        (file.replace("personal = false\n", ""), "personal"),
        (file.replace("name = 'order'", "name = 'again'"), "one source is one attribute"),
        (file.replace("en = 'Order', ", ""), "no English title"),
        (file.replace("24", "0"), "give 1 or more"),
    ] {
        let (ok, out) = install.run(&["apply", "-"], &wrong).await;
        assert!(!ok && out.contains(words), "{out}");
    }
}

async fn the_command_line_tells_the_directory(install: Install) {
    let house = r#"
[[number-plan]]
name = "moscow"
preset = "russia"
area_code = "495"
extensions = ["_2XX"]
[number-plan.trunks.city]
sends = "e164"
[[pbx]]
name = "lab"
host = "127.0.0.1"
username = "linedesk"
number_plan = "moscow"
[[pbx.line]]
name = "city"
endpoint = "PJSIP/trunk-a"
[[project]]
name = "Shop"
greeting = "Shop, good day"
[[external-number]]
number = "+74951112233"
name = "Head office"
project = "Shop"
[[group]]
name = "day"
users = ["anna", "olga"]
[[classification]]
context = "ext-queues"
what = "queue"
valid_from = 2026-03-01
"#;
    let (ok, out) = install.run(&["apply", "-"], house).await;
    assert!(ok && out.is_empty(), "{out}");
    let told = async |arguments: &[&str], lines: &[&str]| {
        let (ok, out) = install.run(arguments, "").await;
        assert!(ok && lines.iter().all(|line| out.contains(line)), "{arguments:?}: {out}");
    };
    told(&["line", "list"], &["1\tlab\tcity\tPJSIP/trunk-a\tto the outside"]).await;
    told(&["project", "list"], &["\tShop\tShop, good day"]).await;
    told(&["external-number", "list"], &["1\tlab\t+74951112233\tHead office\tShop"]).await;
    told(&["group", "list"], &["1\tday\tAnna, olga"]).await;
    told(&["number", "plans"], &["1\tmoscow\t+7\tlab"]).await;
    told(&["classification", "list"], &["1\tlab\text-queues\t*\t*\t*\tqueue\tfrom 2026-03-01 00:00:00"]).await;
    told(&["classification", "inbox"], &[""]).await;
    let everywhere = [
        "caller on city\t",
        "caller on any other line\t+7 495 123-45-67\texternal\ttrunk-prefix",
        "dials 84951234567\tcity",
    ];
    told(&["number", "explain", "84951234567"], &everywhere).await;
    told(
        &["number", "explain", "4930123456", "--line", "city"],
        &["caller on city\t+49 30 123456\texternal\tstated-form"],
    )
    .await;
    for (arguments, why) in [
        (
            &["number", "explain", "1", "--line", "none"][..],
            "there is no line none on lab; `linedesk-central line list`",
        ),
        (&["number", "explain", "1", "--pbx", "none"], "there is no PBX none; `linedesk-central pbx list`"),
        (&["pbx", "propose", "lab"], "nothing was seen at this PBX yet"),
        (&["classification", "confirm", "1234"], "no rule 1234 is proposed"),
    ] {
        let (ok, out) = install.run(arguments, "").await;
        assert!(!ok && out.contains(why), "{arguments:?}: {out}");
    }
    // What may not be meant so is taken and said.
    let odd = "[[pbx]]\nname = \"far\"\nhost = \"h\"\nusername = \"u\"\nsecret = \"s\"\n[[pbx.line]]\nname = \"x\"\nendpoint = \"PJSIP/x\"\nto_pbx = \"lab\"\n";
    let (ok, out) = install.run(&["apply", "-"], odd).await;
    assert!(ok && out.starts_with("taken, but: the line x of the PBX far leads to lab"), "{out}");
}

/// A manager interface that answers what it is asked with these events.
async fn pbx_that_shows(lists: &'static [(&'static str, &'static str)]) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        write.write_all(b"Asterisk Call Manager/9.0.0\r\n").await.unwrap();
        let mut lines = BufReader::new(read).lines();
        let (mut action, mut id) = (String::new(), String::new());
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(name) = line.strip_prefix("Action: ") {
                name.clone_into(&mut action);
            } else if let Some(value) = line.strip_prefix("ActionID: ") {
                value.clone_into(&mut id);
            } else if line.is_empty() {
                let mut answer = format!("Response: Success\nActionID: {id}\nMessage: ok\n\n");
                match lists.iter().find(|(name, _)| *name == action) {
                    Some((_, events)) => {
                        answer += &events.replace("Event: ", &format!("ActionID: {id}\nEvent: "));
                        answer += &format!("Event: {action}Complete\nActionID: {id}\nEventList: Complete\n\n");
                    }
                    None if action == "DeviceStateList" => {
                        answer = format!("Response: Error\nActionID: {id}\nMessage: Permission denied\n\n");
                    }
                    None => {}
                }
                if write.write_all(answer.replace('\n', "\r\n").as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    });
    port
}

#[tokio::test]
async fn a_pbx_is_looked_at_and_taken_in_by_the_command_line() {
    let install = Install::new().await;
    let port = pbx_that_shows(&[
        (
            "QueueStatus",
            "Event: QueueParams\nQueue: 700\nMax: 0\nStrategy: ringall\n\n\
             Event: QueueMember\nQueue: 700\nName: Petra Petrova\nLocation: Local/201@from-queue/n\n\
             StateInterface: hint:201@ext-local\nMembership: static\nPenalty: 0\nStatus: 1\nPaused: 0\n\n",
        ),
        (
            "CoreShowChannels",
            "Event: CoreShowChannel\nChannel: PJSIP/city-00000001\nUniqueid: 1.1\nCallerIDNum: 74951234567\n\n",
        ),
    ])
    .await;
    let pbx =
        format!("[[pbx]]\nname = \"far\"\nhost = \"127.0.0.1\"\nport = {port}\nusername = \"u\"\nsecret = \"s\"\n");
    let (ok, out) = install.run(&["apply", "-"], &pbx).await;
    assert!(ok, "{out}");
    let (ok, out) = install.run(&["pbx", "look", "far"], "").await;
    assert!(ok && out.contains("seen at far: 1 queues, 1 members, 1 endpoints"), "{out}");
    assert!(out.contains("DeviceStateList was not answered, so less is known"), "{out}");
    let (ok, out) = install.run(&["pbx", "propose", "far"], "").await;
    let proposed = [
        "(freepbx): 1 of 1 members",
        "queue:700\t",
        "line:PJSIP/city\t",
        "phone:201\tthe phone 201, in a queue called Petra",
    ];
    assert!(ok && proposed.iter().all(|line| out.contains(line)), "{out}");
    let (ok, out) =
        install.run(&["pbx", "confirm", "far", "template", "queue:*", "phone:*", "person:*", "member:*"], "").await;
    assert!(ok && out.contains("taken in\tpetra.petrova in the queue 700 as Local/201@from-queue/n"), "{out}");
    let (ok, out) = install.run(&["pbx", "confirm", "far", "queue:700"], "").await;
    assert!(!ok && out.contains("queue:700 is not proposed for the PBX far, or no longer"), "{out}");
    let (ok, out) = install.run(&["pbx", "propose", "far"], "").await;
    assert!(ok && out.lines().skip(1).eq(["line:PJSIP/city\tthe line city, PJSIP/city"]), "{out}");
}
