//! An actor of a PBX against managers of our own: what real ones do rarely, at moments of the test's choosing.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ami::ConnectOptions;
use central_api::PbxId;
use linedesk_central::collector::{Input, Inputs, inputs};
use linedesk_central::pbx::contract::{PbxEvent, PbxReport};
use linedesk_central::pbx::{PbxConfig, PbxHandle, spawn};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// As long as Asterisk waits for a reader when nothing is written in manager.conf.
const WRITE_TIMEOUT: Duration = Duration::from_millis(100);

/// A manager interface.
struct Manager {
    listener: TcpListener,
    options: ConnectOptions,
}

/// How a manager answers.
#[derive(Debug, Clone, Copy)]
struct Manners {
    /// When the PBX was started, in its words.
    started: &'static str,
    uptime_s: u64,
    lists: bool,
    lets_in: bool,
    /// For a reader, before it hangs up.
    waits: Duration,
}

const WELL: Manners =
    Manners { started: "06:00:00", uptime_s: 1_000, lists: true, lets_in: true, waits: WRITE_TIMEOUT };

/// A logged-in connection, at the PBX's side; cut when it is dropped.
struct Session {
    say: mpsc::UnboundedSender<String>,
    task: tokio::task::JoinHandle<()>,
    /// The other side did not read for longer than Asterisk waits.
    cut_off: Arc<AtomicBool>,
    mute: Arc<AtomicBool>,
}

impl Manager {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = ConnectOptions::new("127.0.0.1", port, "linedesk", ami::Secret::new("secret"));
        Self { listener, options }
    }

    async fn accept(&self, manners: Manners) -> Session {
        let (stream, _) = timeout(PATIENCE, self.listener.accept()).await.unwrap().unwrap();
        let (say, lines) = mpsc::unbounded_channel();
        let (cut_off, mute) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        let talk = talk(stream, manners, say.clone(), lines, Arc::clone(&cut_off), Arc::clone(&mute));
        Session { say, task: tokio::spawn(talk), cut_off, mute }
    }
}

impl Session {
    fn event(&self, text: &str) {
        self.say.send(format!("{text}\r\n").replace('\n', "\r\n").replace("\r\r", "\r")).unwrap();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn talk(
    stream: TcpStream,
    manners: Manners,
    say: mpsc::UnboundedSender<String>,
    mut lines: mpsc::UnboundedReceiver<String>,
    cut_off: Arc<AtomicBool>,
    mute: Arc<AtomicBool>,
) {
    let (near, mut far) = stream.into_split();
    let writing = async {
        while let Some(text) = lines.recv().await {
            match timeout(manners.waits, far.write_all(text.as_bytes())).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => return cut_off.store(true, Ordering::SeqCst),
            }
        }
    };
    let answering = async {
        say.send("Asterisk Call Manager/11.0.0\r\n".to_owned()).unwrap();
        let mut near = BufReader::new(near);
        loop {
            let (mut action, mut id) = (String::new(), String::new());
            loop {
                let mut line = String::new();
                if near.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return;
                }
                match line.trim_end().split_once(": ") {
                    Some(("Action", name)) => name.clone_into(&mut action),
                    Some(("ActionID", name)) => name.clone_into(&mut id),
                    Some(_) => {}
                    None => break,
                }
            }
            if !mute.load(Ordering::SeqCst)
                && let Some(answer) = answer(&action, &id, manners)
            {
                say.send(answer.replace('\n', "\r\n")).unwrap();
            }
        }
    };
    tokio::select! {
        () = writing => {}
        () = answering => {}
    }
}

fn answer(action: &str, id: &str, manners: Manners) -> Option<String> {
    let Manners { started, uptime_s, lists, lets_in, waits: _ } = manners;
    let well = |more: &str| Some(format!("Response: Success\nActionID: {id}\n{more}\n"));
    let list = |complete: &str| {
        lists.then(|| format!("Response: Success\nActionID: {id}\nEventList: start\n\nEvent: {complete}\nActionID: {id}\nEventList: Complete\n\n"))
    };
    match action {
        "Challenge" => well("Challenge: 1\n"),
        "Login" if !lets_in => Some(format!("Response: Error\nActionID: {id}\nMessage: Authentication failed\n\n")),
        "Login" => well("Message: Authentication accepted\n").map(|text| {
            format!("{text}Event: FullyBooted\nPrivilege: system,all\nUptime: {uptime_s}\nLastReload: {uptime_s}\nStatus: Fully Booted\n\n")
        }),
        "CoreStatus" => well(&format!("CoreStartupDate: 2026-11-23\nCoreStartupTime: {started}\n")),
        "QueueStatus" => list("QueueStatusComplete"),
        "CoreShowChannels" => list("CoreShowChannelsComplete"),
        "BridgeList" => list("BridgeListComplete"),
        "ParkedCalls" => list("ParkedCallsComplete"),
        _ => well(""),
    }
}

struct Actor {
    handle: PbxHandle,
    reports: mpsc::Receiver<PbxReport>,
    inputs: Inputs,
}

impl Actor {
    fn start(managers: &[&Manager]) -> Self {
        let (to, reports) = mpsc::channel(1);
        let (calls, inputs) = inputs();
        let links = managers.iter().map(|manager| manager.options.clone()).collect();
        let config = PbxConfig { id: PbxId(1), name: "test".to_owned(), links, managed: false, calls: Some(calls) };
        Self { handle: spawn(config, to), reports, inputs }
    }

    /// The next report of the links: up, and whether the PBX was started again.
    async fn link(&mut self) -> (bool, bool) {
        loop {
            let report = timeout(PATIENCE, self.reports.recv()).await.expect("no report of a link").unwrap();
            if let PbxEvent::Link { up, restarted } = report.event {
                return (up, restarted);
            }
        }
    }

    async fn health(
        &self,
        wanted: impl FnMut(&linedesk_central::pbx::PbxHealth) -> bool,
    ) -> linedesk_central::pbx::PbxHealth {
        let mut health = self.handle.health();
        let found = timeout(PATIENCE, health.wait_for(wanted)).await.map(|found| found.unwrap().clone());
        found.unwrap_or_else(|_| panic!("it is {:?}", self.handle.health().borrow()))
    }

    /// Events that are told to the calls, by their `Value`, until this one.
    async fn values(&mut self, last: &str) -> Vec<String> {
        let mut values = Vec::new();
        while values.last().is_none_or(|value| value != last) {
            let input = timeout(PATIENCE, self.inputs.recv()).await;
            let input = input.unwrap_or_else(|_| panic!("{last} did not come; {} others did", values.len())).unwrap();
            if let Input::Events(_, events) = input {
                values.extend(events.iter().filter_map(|(_, message)| message.get("Value").map(str::to_owned)));
            }
        }
        values
    }
}

fn varset(value: &str) -> String {
    format!(
        "Event: VarSet\nPrivilege: dialplan,all\nChannel: PJSIP/1-1\nUniqueid: 1.1\nLinkedid: 1.1\nVariable: X\nValue: {value}\n"
    )
}

/// 30 s of 2,300 events a second, in a tenth of the time, while nobody takes reports and nobody collects.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pbx_never_waits_for_a_desk_or_collector_that_does_not_go_on() {
    nobody_goes_on(Duration::from_millis(1), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_for_a_collector_that_does_not_go_on_wait_where_they_are_counted() {
    nobody_goes_on(Duration::from_millis(1), true).await;
}

/// The same, for as long as it lasts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "30 s: cargo xtask test --deep"]
async fn deep_the_pbx_never_waits_for_30_s() {
    nobody_goes_on(Duration::from_millis(10), false).await;
}

/// The PBX says 23 events in each `pause`, and never waits for the 100 ms after which Asterisk hangs up; nothing is missing in the
/// end.
async fn nobody_goes_on(pause: Duration, but_the_desk: bool) {
    const AT_ONCE: usize = 23;
    const EVENTS: usize = 30 * 2_300;
    let manager = Manager::new().await;
    let mut actor = Actor::start(&[&manager]);
    // How fast it reads is shown where nobody goes on.
    let waits = if but_the_desk { PATIENCE } else { WRITE_TIMEOUT };
    let session = manager.accept(Manners { waits, ..WELL }).await;
    assert_eq!(actor.link().await, (true, false));
    let (_open, nothing) = mpsc::channel(1);
    if but_the_desk {
        let mut reports = std::mem::replace(&mut actor.reports, nothing);
        tokio::spawn(async move { while reports.recv().await.is_some() {} });
    }
    // Each of these is a report.
    let (join, gone) = ("QueueCallerJoin", "Hangup");
    let mut pace = tokio::time::interval(pause);
    for at in 0..EVENTS {
        if at % AT_ONCE == 0 {
            pace.tick().await;
        }
        let name = if at % 2 == 0 { join } else { gone };
        session.event(&format!(
            "Event: {name}\nPrivilege: agent,all\nChannel: PJSIP/trunk-{at:08x}\nChannelState: 6\nCallerIDNum: +74951234567\n\
             CallerIDName: A name of some length\nConnectedLineNum: <unknown>\nContext: from-trunk\nExten: 700\nPriority: 3\n\
             Uniqueid: 1795400000.{}\nLinkedid: 1795400000.{}\nQueue: support\nPosition: 1\nCount: 1\nValue: {at}\n",
            at / 2,
            at / 2
        ));
    }
    let bytes = |health: &linedesk_central::pbx::PbxHealth| health.links[0].messages >= EVENTS as u64;
    let health = actor.health(bytes).await;
    assert!(!session.cut_off.load(Ordering::SeqCst), "the PBX waited longer than {WRITE_TIMEOUT:?}: {health:?}");
    assert!(health.up && health.links[0].waiting > 0, "nothing had to wait, so this shows nothing: {health:?}");
    assert_eq!(health.links[0].reconnects, 0);

    let (reports, inputs) = (&mut actor.reports, &mut actor.inputs);
    let taking = async { while reports.recv().await.is_some() {} };
    let counting = async {
        let mut next = 0;
        while next < EVENTS {
            let input = timeout(PATIENCE, inputs.recv()).await.unwrap_or_else(|_| panic!("event {next} did not come"));
            let Some(Input::Events(_, events)) = input else { continue };
            for (_, message) in events {
                if let Some(value) = message.get("Value") {
                    assert_eq!(value, next.to_string());
                    next += 1;
                }
            }
        }
    };
    tokio::select! {
        () = taking => panic!("the actor ended"),
        () = counting => {}
    }
}

#[tokio::test]
async fn a_first_look_whose_link_dies_begins_anew_by_the_other() {
    let (one, two) = (Manager::new().await, Manager::new().await);
    let mut actor = Actor::start(&[&one, &two]);
    let first = one.accept(Manners { lists: false, ..WELL }).await;
    actor.health(|health| health.links[0].up).await;
    let second = two.accept(WELL).await;
    actor.health(|health| health.links[1].up).await;
    drop(first);
    assert_eq!(actor.link().await, (false, false));
    assert_eq!(actor.link().await, (true, false));
    second.event(&varset("by the second"));
    assert_eq!(actor.values("by the second").await, ["by the second"]);
}

#[tokio::test]
async fn a_link_that_is_silent_is_left_and_a_restart_that_the_other_tells_is_seen() {
    let (one, two) = (Manager::new().await, Manager::new().await);
    let mut actor = Actor::start(&[&one, &two]);
    let first = one.accept(WELL).await;
    assert_eq!(actor.link().await, (true, false));
    let second = two.accept(WELL).await;
    actor.health(|health| health.links[1].up).await;
    // The power of the PBX fails. The network of the first link says nothing of it.
    first.mute.store(true, Ordering::SeqCst);
    drop(second);
    actor.health(|health| !health.links[1].up).await;
    let _second = two.accept(Manners { started: "09:00:00", uptime_s: 1, ..WELL }).await;
    assert_eq!(actor.link().await, (false, false));
    assert_eq!(actor.link().await, (true, true));
    actor.health(|health| health.up && !health.links[0].up).await;
}

#[tokio::test]
async fn what_both_links_tell_is_told_once_and_in_order() {
    let (one, two) = (Manager::new().await, Manager::new().await);
    let mut actor = Actor::start(&[&one, &two]);
    let first = one.accept(WELL).await;
    assert_eq!(actor.link().await, (true, false));
    let second = two.accept(WELL).await;
    actor.health(|health| health.links[1].up).await;
    for value in ["a", "b", "b", "c"] {
        first.event(&varset(value));
    }
    for value in ["a", "b", "b", "c", "d"] {
        second.event(&varset(value));
    }
    assert_eq!(actor.values("d").await, ["a", "b", "b", "c", "d"]);
    // The first dies with something that it alone has told yet; the second catches up.
    first.event(&varset("d"));
    first.event(&varset("e"));
    assert_eq!(actor.values("e").await, ["e"]);
    drop(first);
    actor.health(|health| !health.links[0].up && health.up).await;
    for value in ["e", "f"] {
        second.event(&varset(value));
    }
    assert_eq!(actor.values("f").await, ["f"]);
}

#[tokio::test]
async fn a_refused_user_is_shown_as_such_and_tried_less_often() {
    let manager = Manager::new().await;
    let actor = Actor::start(&[&manager]);
    let _session = manager.accept(Manners { lets_in: false, ..WELL }).await;
    let health = actor.health(|health| health.links[0].why.is_some()).await;
    let link = &health.links[0];
    assert!(link.refused && !health.up && health.as_of_ms.is_none(), "{health:?}");
    assert!(link.why.as_ref().unwrap().contains("manager.conf"), "{health:?}");
    assert!(link.retry_ms.unwrap() - link.since_ms >= 15_000, "{health:?}");
    // What anybody may ask for tells no words, names or addresses.
    let public = serde_json::to_string(&std::collections::BTreeMap::from([(PbxId(1), health)])).unwrap();
    assert!(public.contains(r#"{"1":{"up":false,"as_of_ms":null,"links":[{"up":false"#), "{public}");
    assert!(!public.contains("127.0.0.1") && !public.contains("manager.conf"), "{public}");
}

/// Nobody but the other side knows that the connection is gone; events that came before are not new.
#[tokio::test]
async fn a_pbx_that_went_away_is_shown_with_the_time_of_its_last_word() {
    let manager = Manager::new().await;
    let mut actor = Actor::start(&[&manager]);
    let session = manager.accept(WELL).await;
    assert_eq!(actor.link().await, (true, false));
    let before = actor.health(|health| health.as_of_ms.is_some()).await.as_of_ms;
    drop(session);
    assert_eq!(actor.link().await, (false, false));
    let health = actor.health(|health| !health.up).await;
    assert!(health.as_of_ms >= before && health.links[0].retry_ms.is_some(), "{health:?}");
    // It comes back by itself, as another Asterisk.
    let _session = manager.accept(Manners { started: "07:00:00", uptime_s: 5, ..WELL }).await;
    assert_eq!(actor.link().await, (true, true));
    assert_eq!(actor.health(|health| health.up).await.links[0].reconnects, 1);
}

/// Another configuration of a PBX is another actor; until that one has looked, its calls are as old as what this one heard last.
#[tokio::test]
async fn the_calls_hear_that_an_actor_was_replaced() {
    let manager = Manager::new().await;
    let mut actor = Actor::start(&[&manager]);
    let _session = manager.accept(WELL).await;
    assert_eq!(actor.link().await, (true, false));
    drop(actor.handle);
    let lost = async {
        while let Some(input) = actor.inputs.recv().await {
            if let Input::Lost(pbx) = input {
                return Some(pbx);
            }
        }
        None
    };
    assert_eq!(timeout(PATIENCE, lost).await.expect("it says nothing"), Some(calls::PbxIx(1)));
}
