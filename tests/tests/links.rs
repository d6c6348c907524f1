//! Links to PBXs as an administrator meets them: what docs/admin/pbx-setup.md says is enough, and the connection test names what is
//! missing of it. Suite `lab`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use linedesk_tests::lab::{AmiEvent, Caller, Customer, Lab, Pbx, PbxSettings, SHORT, Version, program};
use serde_json::Value;
use tokio::io::AsyncWriteExt;

const PAGE: &str = include_str!("../../docs/admin/pbx-setup.md");
const OF_CALLS: &str = include_str!("../lab/asterisk/calls/extensions.conf");

/// The page's configuration: its blocks by file, with the lab's addresses.
fn page(file: &str) -> String {
    let mark = format!("<!-- file: {file} -->\n```ini\n");
    let blocks = PAGE.split(&mark).skip(1).map(|after| after.split("```").next().unwrap_or_default());
    let text = blocks.collect::<Vec<_>>().join("\n");
    assert!(!text.is_empty(), "the page has no block for {file}");
    [
        ("10.0.0.10:5061", "127.0.0.1:5061"),
        ("10.0.0.10", "127.0.0.1"),
        ("10.0.0.11", "127.0.0.3"),
        ("10.0.0.20", "127.0.0.1"),
        ("203.0.113.10", "127.0.0.2"),
        ("/etc/asterisk/keys/ami.", "@BASE@/etc/tls."),
        ("/etc/asterisk/keys/sip.", "@BASE@/etc/tls."),
        ("CHANGE-ME", "of-the-page"),
        // The lab's customers speak UDP.
        ("protocol = tcp ", "protocol = udp "),
        // The test runs at any hour.
        ("9:00-18:00,mon-fri", "*,*"),
    ]
    .into_iter()
    .fold(text, |text, (from, to)| text.replace(from, to))
}

/// The lab's own eye and hand; and users each of which lacks one thing.
const MORE_USERS: &str = "
[lab]
secret = lab-ami
read = all
write = all
writetimeout = 5000

[broken](!)
secret = broken-ami
read = system,call,agent,user,dialplan,dtmf
write = agent,call,reporting
writetimeout = 5000

[deaf-to-dialplan](broken)
read = system,call,agent,user,dtmf
[deaf-to-queues](broken)
read = system,call,user,dialplan,dtmf
[deaf-to-restarts](broken)
read = call,agent,user,dialplan,dtmf
[no-hand-on-queues](broken)
write = call,reporting
[no-hand-on-calls](broken)
write = agent,reporting
[no-lists](broken)
write = agent,call
[impatient](broken)
writetimeout = 100
[filtered](broken)
eventfilter = !Event: Newchannel
[mighty](broken)
write = all
";

/// Which user lacks what.
const LACKING: &[(&str, &[&str])] = &[
    ("deaf-to-dialplan", &["read.dialplan"]),
    ("deaf-to-queues", &["read.agent"]),
    ("deaf-to-restarts", &["read.system"]),
    ("no-hand-on-queues", &["write.agent"]),
    ("no-hand-on-calls", &["write.call"]),
    ("no-lists", &["write.reporting"]),
    ("impatient", &["writetimeout"]),
    ("filtered", &["eventfilter"]),
    ("mighty", &[]),
    ("linedesk", &[]),
];

/// Central's configuration of links: nobody serves, the command line alone is used.
struct Desk {
    lab: Lab,
}

impl Desk {
    async fn new(lab: &Lab, pbxs: &[(&str, &str, &str, &str)]) -> Result<Self> {
        let desk = Self { lab: lab.clone() };
        let mut text = String::new();
        for (name, user, secret, host) in pbxs {
            let _ = write!(
                text,
                "[[pbx]]\nname = \"{name}\"\n{host}\nusername = \"{user}\"\nsecret = \"{secret}\"\n\n[[queue]]\npbx = \"{name}\"\nqueue = \"support\"\n\n"
            );
        }
        desk.run(&["init", "--data-dir", &lab.path().join("data").to_string_lossy()], "").await?;
        let applied = desk.run(&["apply", "-"], &text).await?;
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
        Ok(desk)
    }

    async fn run(&self, arguments: &[&str], input: &str) -> Result<std::process::Output> {
        let mut command = self.lab.command(program("linedesk-central")?);
        command.arg("--config").arg(self.lab.path().join("central.toml")).args(arguments);
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = command.stderr(std::process::Stdio::piped()).kill_on_drop(true).spawn()?;
        child.stdin.take().context("a pipe was asked for")?.write_all(input.as_bytes()).await?;
        Ok(tokio::time::timeout(SHORT, child.wait_with_output()).await.context("it does not end")??)
    }

    /// Codes of the findings in a state, and the exit.
    async fn test(&self, pbx: &str, more: &[&str]) -> Result<Tested> {
        let arguments: Vec<&str> = ["pbx", "test", pbx, "--json"].iter().chain(more).copied().collect();
        let output = self.run(&arguments, "").await?;
        let findings = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{pbx}: {}", String::from_utf8_lossy(&output.stderr)))?;
        Ok(Tested { findings, success: output.status.success() })
    }
}

#[derive(Debug)]
struct Tested {
    findings: Value,
    success: bool,
}

impl Tested {
    fn codes(&self, state: &str) -> BTreeSet<&str> {
        let all = self.findings["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().filter(|finding| finding["state"] == state).filter_map(|finding| finding["code"].as_str()).collect()
    }

    fn lacks(&self, who: &str, expected: &[&str]) {
        assert_eq!(self.codes("missing"), expected.iter().copied().collect(), "{who}: {:#}", self.findings);
        assert_eq!(self.success, expected.is_empty(), "{who}");
    }
}

async fn start(lab: &Lab, version: Version, change: impl Fn(&'static str, String) -> String) -> Result<Pbx> {
    let files = ["manager.conf", "pjsip.conf", "rtp.conf", "queues.conf", "extensions.conf"];
    let files = files.map(|name| {
        let more = if name == "manager.conf" { MORE_USERS } else { "" };
        (name, change(name, page(name) + more))
    });
    Pbx::start_with(lab, version, PbxSettings { files: files.into(), ..PbxSettings::default() }).await
}

const PLAIN: &str = "host = \"127.0.0.1\"\nport = 5038";

async fn the_page_is_enough(version: Version) -> Result<()> {
    let lab = Lab::new("page")?;
    let pbx = start(&lab, version, |_, text| text).await?;
    let authority = std::fs::read_to_string(pbx.tls_authority())?.replace('\n', "\\n");
    // As the page has it: central on another machine, by TLS.
    let tls = format!("host = \"127.0.0.1\"\nport = 5039\ntls = true\nsip = {{ tls_ca_pem = \"{authority}\" }}");
    let strangers = "host = \"127.0.0.1\"\nport = 5039\ntls = true";
    let nobody = "host = \"127.0.0.1\"\nport = 5037";
    let mut pbxs = vec![
        ("by-tls", "linedesk", "of-the-page", tls.as_str()),
        ("untrusted", "linedesk", "of-the-page", strangers),
        ("unreachable", "linedesk", "of-the-page", nobody),
        ("wrong-secret", "linedesk", "guessed", PLAIN),
    ];
    let secret = |user: &str| if user == "linedesk" { "of-the-page" } else { "broken-ami" };
    pbxs.extend(LACKING.iter().map(|(user, _)| (*user, *user, secret(user), PLAIN)));
    let desk = Desk::new(&lab, &pbxs).await?;

    for (who, lacking) in [("untrusted", "tls"), ("unreachable", "reach"), ("wrong-secret", "login")] {
        desk.test(who, &[]).await?.lacks(who, &[lacking]);
    }
    for (who, lacking) in LACKING {
        let tested = desk.test(who, &[]).await?;
        tested.lacks(who, lacking);
        let too_much = if *who == "mighty" { BTreeSet::from(["write.only"]) } else { BTreeSet::new() };
        assert_eq!(tested.codes("too_much"), too_much, "{who}");
        // Without the right to ask for variables it is the class `call` that has it, and files are asked all the same.
        assert_eq!(
            tested.codes("unknown"),
            if *who == "no-lists" { ["version"].into() } else { BTreeSet::new() },
            "{who}"
        );
    }

    // A call as the page's dialplan takes it, while the test listens.
    let desk = std::sync::Arc::new(desk);
    let watching = listen(&pbx, &desk, "by-tls").await?;
    let mark = pbx.tap().mark();
    pbx.tap().action("QueueAdd", &[("Queue", "support"), ("Interface", "PJSIP/101")]).await?;
    let mut customer = Customer::call(&pbx, "74951234567", Caller::default()).await?;
    let refused = |event: &AmiEvent| event.has("Variable", "QUEUESTATUS") && event.has("Value", "JOINEMPTY");
    pbx.tap().event_after(mark, SHORT, "no phone is there", refused).await?;
    customer.answered().await?;
    let menu = |event: &AmiEvent| event.is("Newexten") && event.has("Application", "Read");
    pbx.tap().event_after(mark, SHORT, "the menu", menu).await?;
    customer.press("1").await?;
    let wish = pbx.tap().event_after(mark, SHORT, "a wish to be called back", |event| event.is("UserEvent")).await?;
    assert_eq!((wish.get("UserEvent"), wish.get("Queue")), (Some("CallbackRequest"), Some("support")));
    assert!(wish.get("Uniqueid").is_some() && wish.get("Number").is_some(), "{wish:?}");
    let tested = watching.await??;
    tested.lacks("by-tls", &[]);
    for code in
        ["read.system", "read.call", "read.user", "read.dialplan", "read.dtmf", "timestampevents", "channelvars"]
    {
        assert!(tested.codes("ok").contains(code), "{code}: {:#}", tested.findings);
    }

    // Files cannot be asked: what events show is known, the rest is unknown and nothing is guessed.
    pbx.cli("module unload func_config.so").await?;
    pbx.tap().action("QueueRemove", &[("Queue", "support"), ("Interface", "PJSIP/101")]).await?;
    pbx.tap().action("QueueAdd", &[("Queue", "support"), ("Interface", "Local/101@operators/n")]).await?;
    let mark = pbx.tap().mark();
    for who in ["deaf-to-dialplan", "deaf-to-queues"] {
        let watching = listen(&pbx, &desk, who).await?;
        let mut customer = Customer::call(&pbx, "74951234567", Caller::default()).await?;
        customer.answered().await?;
        pbx.tap().event_after(mark, SHORT, "somebody waits", |event| event.is("QueueCallerJoin")).await?;
        let tested = watching.await??;
        customer.hang_up().await?;
        tested.lacks(who, lacking(who));
        assert!(tested.codes("unknown").is_superset(&UNKNOWN.iter().copied().collect()), "{:#}", tested.findings);
        assert!(tested.codes("ok").contains("timestampevents"), "{:#}", tested.findings);
    }
    lab.done();
    pbx.stop().await
}

/// What only files tell.
const UNKNOWN: &[&str] = &[
    "writetimeout",
    "eventfilter",
    "queue.wrapuptime",
    "queue.autopause",
    "queue.joinempty",
    "queue.persistentmembers",
];

fn lacking(user: &str) -> &'static [&'static str] {
    LACKING.iter().find(|(name, _)| *name == user).map(|(_, lacking)| *lacking).unwrap_or_default()
}

/// Begins a test that listens for some seconds, and waits until it does.
async fn listen(
    pbx: &Pbx,
    desk: &std::sync::Arc<Desk>,
    who: &'static str,
) -> Result<tokio::task::JoinHandle<Result<Tested>>> {
    let mark = pbx.tap().mark();
    let desk = std::sync::Arc::clone(desk);
    let watching = tokio::spawn(async move { desk.test(who, &["--watch", "4"]).await });
    pbx.tap().event_after(mark, SHORT, "the test logs in", |event| event.is("SuccessfulAuth")).await?;
    Ok(watching)
}

/// Everything that a file can have wrong for all users and queues, at once: each is named, and nothing else.
async fn a_pbx_as_it_comes(version: Version) -> Result<()> {
    let lab = Lab::new("as-it-comes")?;
    let wrong = [
        ("manager.conf", "timestampevents = yes", "timestampevents = no"),
        ("manager.conf", "channelvars = LINEDESK_CALL", "channelvars = OTHER"),
        ("queues.conf", "persistentmembers = yes", "persistentmembers = no"),
        ("queues.conf", "shared_lastcall = yes", "shared_lastcall = no"),
        ("queues.conf", "ringinuse = no", "ringinuse = yes"),
        ("queues.conf", "autopause = no", "autopause = yes"),
        ("queues.conf", "wrapuptime = 3", ""),
        ("queues.conf", "joinempty = unavailable,invalid,unknown", "joinempty = strict"),
        ("queues.conf", "leavewhenempty = unavailable,invalid,unknown", "leavewhenempty = yes"),
    ];
    let spoil = |name: &'static str, text: String| {
        wrong.iter().filter(|(file, ..)| *file == name).fold(text, |text, (_, well, ill)| {
            assert!(text.contains(well), "the page's {name} has no `{well}`");
            text.replace(well, ill)
        })
    };
    let pbx = start(&lab, version, spoil).await?;
    let desk =
        Desk::new(&lab, &[("a", "linedesk", "of-the-page", PLAIN), ("b", "linedesk", "of-the-page", PLAIN)]).await?;
    let expected = [
        "timestampevents",
        "channelvars",
        "queue.persistentmembers",
        "queue.shared_lastcall",
        "queue.ringinuse",
        "queue.autopause",
        "queue.wrapuptime",
        "queue.joinempty",
        "queue.leavewhenempty",
    ];
    desk.test("a", &[]).await?.lacks("a PBX as it comes", &expected);
    lab.done();
    pbx.stop().await
}

/// The scenarios of calls between PBXs run with the very lines that the page prints.
#[test]
fn the_page_joins_calls_of_two_pbxs_as_the_lab_does() {
    let context = |text: &str, name: &str| {
        let head = format!("[{name}]");
        let lines =
            text.lines().skip_while(|line| !line.starts_with(&head)).skip(1).take_while(|line| !line.starts_with('['));
        let code = lines
            .map(|line| line.split(" ;").next().unwrap_or_default().trim_end())
            .filter(|line| !line.is_empty() && !line.starts_with(';'));
        code.map(str::to_owned).collect::<Vec<_>>()
    };
    let page = page("extensions.conf");
    for name in ["cross", "linedesk-call"] {
        let lines = context(&page, name);
        assert!(lines.len() > 1, "the page has no [{name}]");
        assert_eq!(lines, context(OF_CALLS, name), "[{name}]");
    }
    assert_eq!(context(&page, "from-station")[..2], context(OF_CALLS, "from-station")[..2]);
    // The way back of a blind transfer, but for who is a colleague and for how long he rings.
    let plain = |name| {
        context(name, "transfers")
            .iter()
            .skip(1)
            .map(|line| line.split(",").next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(plain(&page), plain(OF_CALLS));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only lab"]
async fn what_the_page_says_is_enough_and_what_is_missing_is_named() -> Result<()> {
    the_page_is_enough(Version::V22).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only lab"]
async fn what_the_page_says_is_enough_and_what_is_missing_is_named_on_asterisk_16() -> Result<()> {
    the_page_is_enough(Version::V16).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only lab"]
async fn all_faults_of_a_pbx_as_it_comes_are_named() -> Result<()> {
    a_pbx_as_it_comes(Version::V22).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only lab"]
async fn all_faults_of_a_pbx_as_it_comes_are_named_on_asterisk_16() -> Result<()> {
    a_pbx_as_it_comes(Version::V16).await
}
