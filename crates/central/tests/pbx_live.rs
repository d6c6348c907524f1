//! A PBX actor against a real Asterisk, the one that `linedesk-lab` starts, with the queues `sales` (static `PJSIP/1001`)
//! and `night`. The link goes through a relay of the test's own, so that it can be cut.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panic")]

use std::time::Duration;

use ami::{Action, Client, ConnectOptions};
use central_api::{PbxId, Secret};
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

fn secret() -> Secret {
    Secret::new(lab("LINEDESK_LAB_AMI_SECRET"))
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
        let config = PbxConfig {
            id: PbxId(1),
            name: "lab".to_owned(),
            host: "127.0.0.1".to_owned(),
            port,
            tls: None,
            username: options.username.clone(),
            secret: secret(),
            managed,
            calls: None,
        };
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
