//! A PBX actor against a real Asterisk, the one that `linedesk-lab` starts, with the queues `sales` (static `PJSIP/1001`)
//! and `night`. The link goes through a relay of the test's own, so that it can be cut.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panic")]

use std::time::Duration;

use ami::{Action, Client, ConnectOptions, Incoming, Message};
use central_api::PbxId;
use linedesk_central::collector::{Input, Inputs, inputs};
use linedesk_central::pbx::contract::{
    Cause, DesiredMember, ObservedMember, PbxCommand, PbxEvent, PbxReport, Progress, WatchedEndpoint,
};
use linedesk_central::pbx::{PbxConfig, PbxHandle, spawn};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

const LOCAL: &str = "Local/1003@operators/n";
const PATIENCE: Duration = Duration::from_secs(20);

struct Lab {
    actor: PbxHandle,
    reports: mpsc::Receiver<PbxReport>,
    /// A person at the PBX.
    person: Client,
    /// True while the relay lets the link through.
    through: watch::Sender<bool>,
}

/// What `linedesk-lab` says of its PBX.
fn lab(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run cargo xtask test --only central"))
}

fn options() -> ConnectOptions {
    let at: std::net::SocketAddr = lab("LINEDESK_LAB_AMI").parse().unwrap();
    let secret = ami::Secret::new(lab("LINEDESK_LAB_AMI_SECRET"));
    ConnectOptions::new(at.ip().to_string(), at.port(), lab("LINEDESK_LAB_AMI_USER"), secret)
}

/// Forwards connections to Asterisk; ends them and takes no new ones while the gate is shut.
async fn relay(listener: TcpListener, to: (String, u16), gate: watch::Receiver<bool>) {
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        let (mut gate, to) = (gate.clone(), to.clone());
        tokio::spawn(async move {
            if !*gate.borrow() {
                return;
            }
            let mut far = TcpStream::connect(to).await.unwrap();
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                _ = gate.wait_for(|open| !open) => {}
            }
        });
    }
}

impl Lab {
    async fn start(managed: bool) -> Self {
        let options = options();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (through, gate) = watch::channel(true);
        tokio::spawn(relay(listener, (options.host.clone(), options.port), gate));
        let (person, _) = Client::connect(&options).await.unwrap();
        let (to, reports) = mpsc::channel(1000);
        let link = ConnectOptions { host: "127.0.0.1".to_owned(), port, ..options };
        let config = PbxConfig { id: PbxId(1), name: "lab".to_owned(), links: vec![link], managed, calls: None };
        let mut lab = Self { actor: spawn(config, to), reports, person, through };
        lab.until(|event| matches!(event, PbxEvent::Link { up: true, .. }).then_some(())).await;
        lab
    }

    async fn until<T>(&mut self, mut wanted: impl FnMut(&PbxEvent) -> Option<T>) -> T {
        let mut seen = Vec::new();
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                let event = self.reports.recv().await.unwrap().event;
                if let Some(found) = wanted(&event) {
                    return found;
                }
                seen.push(event);
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => panic!("did not come; instead: {seen:#?}"),
        }
    }

    async fn member(&mut self, of: &str, name: &str, wanted: impl Fn(&ObservedMember, &Progress) -> bool) -> Cause {
        self.until(|event| match event {
            PbxEvent::Member { queue, interface, observed, cause, progress }
                if queue == of && interface == name && wanted(observed, progress) =>
            {
                Some(*cause)
            }
            _ => None,
        })
        .await
    }

    fn wish(&self, wishes: &[DesiredMember]) {
        assert!(self.actor.send(PbxCommand::Desire(wishes.to_vec())));
    }

    async fn by_hand(&self, name: &'static str, fields: &[(&'static str, &str)]) {
        let mut action = Action::new(name);
        for (key, value) in fields {
            action = action.with(key, *value).unwrap();
        }
        self.person.action(action).await.unwrap();
    }
}

fn wish(queue: &str, interface: &str, joined: bool, paused: Option<&str>) -> DesiredMember {
    let state_interface = interface.starts_with("Local/").then(|| "PJSIP/1003".to_owned());
    let (queue, interface, paused) = (queue.to_owned(), interface.to_owned(), paused.map(str::to_owned));
    DesiredMember { queue, interface, state_interface, member_name: "Anna".to_owned(), penalty: 0, joined, paused }
}

fn applied(_: &ObservedMember, progress: &Progress) -> bool {
    *progress == Progress::Applied
}

/// One story, since all of it works on the same members of one PBX.
#[tokio::test]
#[ignore = "needs the lab: cargo xtask test --only central"]
async fn wishes_hands_and_gaps() {
    let mut lab = Lab::start(true).await;

    // A dynamic Local member joins paused, with the reason, and leaves.
    lab.wish(&[wish("night", LOCAL, true, Some("Обед"))]);
    lab.member("night", LOCAL, |seen, progress| {
        assert!(!seen.present || seen.paused, "it was free for a moment: {seen:?}");
        applied(seen, progress) && seen.paused_reason.as_deref() == Some("Обед")
    })
    .await;
    lab.wish(&[wish("night", LOCAL, true, None)]);
    lab.member("night", LOCAL, |seen, progress| applied(seen, progress) && !seen.paused).await;

    // A person at the PBX pauses it: adopted, not fought.
    lab.by_hand("QueuePause", &[("Queue", "night"), ("Interface", LOCAL), ("Paused", "true"), ("Reason", "by hand")])
        .await;
    let cause = lab.member("night", LOCAL, |seen, _| seen.paused_reason.as_deref() == Some("by hand")).await;
    assert_eq!(cause, Cause::Pbx);
    lab.wish(&[wish("night", LOCAL, true, Some("by hand"))]);
    lab.member("night", LOCAL, applied).await;
    lab.wish(&[wish("night", LOCAL, true, None)]);
    lab.member("night", LOCAL, |seen, progress| applied(seen, progress) && !seen.paused).await;

    // The link is cut; a person removes the member meanwhile; the same run of Asterisk: adopted.
    lab.through.send(false).unwrap();
    lab.until(|event| matches!(event, PbxEvent::Link { up: false, .. }).then_some(())).await;
    lab.by_hand("QueueRemove", &[("Queue", "night"), ("Interface", LOCAL)]).await;
    lab.through.send(true).unwrap();
    let restarted = lab
        .until(|event| if let PbxEvent::Link { up: true, restarted } = event { Some(*restarted) } else { None })
        .await;
    assert!(!restarted);
    assert_eq!(lab.member("night", LOCAL, |seen, _| !seen.present).await, Cause::Pbx);

    // A fixed member is paused instead of removed, and comes back.
    lab.wish(&[wish("night", LOCAL, false, None), wish("sales", "PJSIP/1001", false, None)]);
    lab.member("sales", "PJSIP/1001", |seen, progress| applied(seen, progress) && seen.fixed && seen.paused).await;
    lab.wish(&[wish("sales", "PJSIP/1001", true, None)]);
    lab.member("sales", "PJSIP/1001", |seen, progress| applied(seen, progress) && !seen.paused).await;

    // A queue that is not there: three refusals, the PBX's words.
    lab.wish(&[wish("sales", "PJSIP/1001", true, None), wish("nowhere", LOCAL, true, None)]);
    lab.member(
        "nowhere",
        LOCAL,
        |_, progress| matches!(progress, Progress::Failed(words) if words.to_lowercase().contains("no such queue")),
    )
    .await;
}

#[tokio::test]
#[ignore = "needs the lab: cargo xtask test --only central"]
async fn a_watched_pbx_is_left_alone() {
    let mut lab = Lab::start(false).await;
    let watched = WatchedEndpoint { endpoint: "1002".to_owned(), interface: "PJSIP/1002".to_owned() };
    assert!(lab.actor.send(PbxCommand::Watch(vec![watched])));
    lab.until(|event| matches!(event, PbxEvent::Endpoint { endpoint, .. } if endpoint == "1002").then_some(())).await;
    lab.wish(&[wish("sales", "PJSIP/1002", true, Some("never"))]);
    lab.member("sales", "PJSIP/1002", |seen, progress| !seen.paused && matches!(progress, Progress::Failed(_))).await;
}

/// All classes that the calls need.
const OF_CALLS: &str = "system,call,agent,user,dialplan,dtmf";

/// A person at the PBX who may call and mark.
async fn hand() -> Client {
    let secret = ami::Secret::new("lab-ami");
    let options = ConnectOptions { username: "lab".to_owned(), secret, events: "off".to_owned(), ..options() };
    Client::connect(&options).await.unwrap().0
}

/// Two links to one PBX, each through a relay.
struct Twice {
    actor: PbxHandle,
    gates: [watch::Sender<bool>; 2],
    inputs: Inputs,
    told: Vec<Message>,
    lost: usize,
    looks: usize,
}

impl Twice {
    async fn start() -> Self {
        let direct = options();
        let (mut links, mut gates) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let (through, gate) = watch::channel(true);
            tokio::spawn(relay(listener, (direct.host.clone(), direct.port), gate));
            gates.push(through);
            links.push(ConnectOptions { host: "127.0.0.1".to_owned(), port, ..direct.clone() });
        }
        let (to, inputs) = inputs();
        // Nobody takes reports: that must hold nothing back.
        let (reports, from) = mpsc::channel(1);
        std::mem::forget(from);
        let calls = Some(to);
        let config = PbxConfig { id: PbxId(1), name: "twice".to_owned(), links, managed: false, calls };
        let gates = gates.try_into().unwrap();
        let mut twice = Self { actor: spawn(config, reports), gates, inputs, told: Vec::new(), lost: 0, looks: 0 };
        twice.standing([true, true]).await;
        twice
    }

    /// Waits until the links stand, or do not.
    async fn standing(&mut self, wanted: [bool; 2]) {
        let mut health = self.actor.health();
        let stand = health.wait_for(|health| health.links.iter().map(|link| link.up).eq(wanted));
        tokio::time::timeout(PATIENCE, stand)
            .await
            .unwrap_or_else(|_| panic!("the links do not stand as {wanted:?}"))
            .unwrap();
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Events(_, events) => self.told.extend(events.into_iter().map(|(_, message)| message)),
            Input::Lost(..) => self.lost += 1,
            Input::Lists { .. } => self.looks += 1,
            _ => {}
        }
    }

    /// Takes all until the mark.
    async fn until_marked(&mut self, mark: &str) {
        tokio::time::timeout(PATIENCE, async {
            // Others may come with it in one batch.
            while !self.told.iter().rev().any(|message| is_mark(message, mark)) {
                let input = self.inputs.recv().await.unwrap();
                self.take(input);
            }
        })
        .await
        .unwrap_or_else(|_| panic!("the mark {mark} did not come; {} events did", self.told.len()));
    }
}

fn is_mark(message: &Message, mark: &str) -> bool {
    message.get("UserEvent") == Some(mark)
}

async fn mark(hand: &Client, mark: &str) {
    hand.action(Action::new("UserEvent").with("UserEvent", mark).unwrap()).await.unwrap();
}

/// Customers who call a queue and give up after a while; gives when the last was sent on its way.
async fn calls(hand: &Client, count: usize) {
    for _ in 0..count {
        let call = Action::new("Originate").with("Channel", "Local/700@queues").unwrap();
        let call = call.with("Application", "Wait").unwrap().with("Data", "1").unwrap().with_flag("Async", true);
        hand.action(call).await.unwrap();
    }
}

const MARKS: [&str; 3] = ["First", "Second", "Third"];

/// Whichever link breaks, and whenever: what is told to the calls is what a third link that never broke was told, in its order.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab: cargo xtask test --only central"]
async fn nothing_is_lost_or_doubled_when_one_of_two_links_breaks() {
    let hand = hand().await;
    let (_whole, mut reference) =
        Client::connect(&ConnectOptions { events: OF_CALLS.to_owned(), ..options() }).await.unwrap();
    let mut twice = Twice::start().await;
    mark(&hand, "Begin").await;
    for (round, broken) in [0, 1, 0].into_iter().enumerate() {
        // In the middle of calls that begin, and of others that go on.
        let (_, ()) = tokio::join!(calls(&hand, 15), async {
            twice.until_marked(if round == 0 { "Begin" } else { MARKS[round - 1] }).await;
            twice.gates[broken].send(false).unwrap();
        });
        twice.standing(if broken == 0 { [false, true] } else { [true, false] }).await;
        calls(&hand, 5).await;
        twice.gates[broken].send(true).unwrap();
        let (_, ()) = tokio::join!(calls(&hand, 5), twice.standing([true, true]));
        mark(&hand, MARKS[round]).await;
    }
    twice.until_marked(MARKS[2]).await;
    calls(&hand, 1).await;
    mark(&hand, "End").await;
    twice.until_marked("End").await;

    let mut expected = Vec::new();
    while !expected.last().is_some_and(|last| is_mark(last, "End")) {
        match reference.recv().await {
            Some(Incoming::Event(event)) => expected.push(event),
            other => panic!("{other:?}"),
        }
    }
    let since = |all: &[Message]| {
        let place = |mark| all.iter().position(|message| is_mark(message, mark)).unwrap();
        let between = &all[place("Begin")..=place("End")];
        between.iter().map(|message| format!("{:?}", message.fields().collect::<Vec<_>>())).collect::<Vec<_>>()
    };
    let (told, expected) = (since(&twice.told), since(&expected));
    assert!(expected.len() > 1_000, "{} events are not much of a test", expected.len());
    let differ = told.iter().zip(&expected).position(|(told, expected)| told != expected);
    if let Some(at) = differ {
        panic!("from here on: {:#?} instead of {:#?}", told.get(at..at + 2), expected.get(at..at + 2));
    }
    assert_eq!(told.len(), expected.len());
    assert_eq!(twice.lost, 0, "one link always stood");
    let health = twice.actor.health().borrow().clone();
    assert!(health.links[0].reconnects >= 2 && health.links[1].reconnects >= 1, "{health:?}");

    // And the last of both.
    for gate in &twice.gates {
        gate.send(false).unwrap();
    }
    twice.standing([false, false]).await;
    tokio::time::timeout(PATIENCE, async {
        while twice.lost == 0 {
            let input = twice.inputs.recv().await.unwrap();
            twice.take(input);
        }
    })
    .await
    .unwrap();
    for gate in &twice.gates {
        gate.send(true).unwrap();
    }
    let looks = twice.looks;
    tokio::time::timeout(PATIENCE, async {
        while twice.looks == looks {
            let input = twice.inputs.recv().await.unwrap();
            twice.take(input);
        }
    })
    .await
    .expect("after a loss of both there is a look at the PBX");
}
