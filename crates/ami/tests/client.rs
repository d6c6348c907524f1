//! The client against a manager of our own: each test writes the PBX's side of the talk.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panic")]

use std::sync::Arc;
use std::time::Duration;

use ami::{
    Action, AmiError, Client, ConnectOptions, Event, Events, Incoming, Link, LinkEvent, MAX_QUEUED_BYTES, Message,
    Secret, Tls,
};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// One connection at the PBX's side.
struct Pbx<S> {
    stream: BufReader<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pbx<S> {
    async fn say(&mut self, text: &str) {
        self.stream.write_all(text.replace('\n', "\r\n").as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Fields of the next action; nothing when the client hung up.
    async fn hear(&mut self) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await.unwrap_or(0) == 0 || line == "\r\n" {
                return fields;
            }
            let (key, value) = line.trim_end().split_once(": ").unwrap();
            fields.push((key.to_owned(), value.to_owned()));
        }
    }

    async fn expect(&mut self, name: &str) -> (String, Vec<(String, String)>) {
        let fields = self.hear().await;
        assert_eq!(get(&fields, "Action"), name, "{fields:?}");
        (get(&fields, "ActionID").to_owned(), fields)
    }

    async fn answer(&mut self, name: &str, answer: &str) -> Vec<(String, String)> {
        let (id, fields) = self.expect(name).await;
        self.say(&format!("Response: Success\nActionID: {id}\n{answer}\n")).await;
        fields
    }

    async fn log_in(&mut self) {
        self.say("Asterisk Call Manager/11.0.0\n").await;
        self.answer("Challenge", "Challenge: 123\n").await;
        self.answer("Login", "Message: Authentication accepted\n").await;
    }
}

fn get<'f>(fields: &'f [(String, String)], key: &str) -> &'f str {
    fields.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value)
}

async fn listen() -> (TcpListener, ConnectOptions) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, ConnectOptions::new("127.0.0.1", port, "desk", Secret::new("s3cret")))
}

async fn accept(listener: &TcpListener) -> Pbx<TcpStream> {
    Pbx { stream: BufReader::new(listener.accept().await.unwrap().0) }
}

async fn connected() -> (Client, Events, Pbx<TcpStream>) {
    let (listener, options) = listen().await;
    let (client, pbx) = tokio::join!(Client::connect(&options), async {
        let mut pbx = accept(&listener).await;
        pbx.log_in().await;
        pbx
    });
    let (client, events) = client.unwrap();
    (client, events, pbx)
}

async fn event(events: &mut Events) -> Message {
    match events.recv().await {
        Some(Incoming::Event(event)) => event,
        other => panic!("{other:?}"),
    }
}

/// Who takes no events makes the PBX wait in the end, and loses none.
#[tokio::test]
async fn events_that_nobody_takes_wait_and_are_bounded() {
    const EVENTS: usize = MAX_QUEUED_BYTES * 3 / 2 / 100_000 * 100;
    let pad = || "x".repeat(1_000);
    let (client, mut events, mut pbx) = connected().await;
    let saying = tokio::spawn(async move {
        for at in 0..EVENTS / 100 {
            let say = |n| format!("Event: E\nN: {}\nPad: {}\n\n", at * 100 + n, pad());
            let hundred: String = (0..100).map(say).collect();
            pbx.say(&hundred).await;
        }
        pbx
    });
    while events.queued_bytes() < MAX_QUEUED_BYTES {
        assert!(!saying.is_finished() || events.queued() > 0, "{}", events.why_closed());
        tokio::task::yield_now().await;
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    // What came with one reading of 64 KiB.
    let over = events.queued_bytes() - MAX_QUEUED_BYTES;
    assert!(over <= 2 * 64 * 1024, "{over} bytes wait beyond what may");
    for at in 0..EVENTS {
        assert_eq!(event(&mut events).await.get("N"), Some(at.to_string().as_str()));
    }
    let mut pbx = saying.await.unwrap();

    // Nor does a queue that is full and given up keep answers from coming.
    let saying = tokio::spawn(async move {
        for _ in 0..EVENTS / 100 {
            pbx.say(&format!("Event: E\nPad: {}\n\n", pad()).repeat(100)).await;
        }
        // Pings of its own may come before.
        let id = loop {
            let asked = pbx.hear().await;
            if get(&asked, "Action") == "CoreStatus" {
                break get(&asked, "ActionID").to_owned();
            }
        };
        pbx.say(&format!("Response: Success\nActionID: {id}\n\n")).await;
        pbx
    });
    while events.queued_bytes() < MAX_QUEUED_BYTES {
        tokio::task::yield_now().await;
    }
    drop(events);
    client.action(Action::new("CoreStatus")).await.unwrap();
    drop(saying.await.unwrap());
}

#[tokio::test]
async fn login_is_by_challenge_and_shows_no_secret() {
    let (listener, options) = listen().await;
    let (client, login) = tokio::join!(Client::connect(&options), async {
        let mut pbx = accept(&listener).await;
        pbx.say("Asterisk Call Manager/11.0.0\n").await;
        pbx.answer("Challenge", "Challenge: 843154\n").await;
        pbx.answer("Login", "Message: Authentication accepted\n").await
    });
    assert_eq!(client.unwrap().0.version(), "11.0.0");
    // md5("843154" + "s3cret")
    assert_eq!(get(&login, "Key"), "6fc3502b838a0470f39baaf4696eb743");
    assert_eq!(get(&login, "Secret"), "");
    assert!(!format!("{options:?}").contains("s3cret"));
}

#[tokio::test]
async fn without_a_challenge_the_secret_is_sent() {
    let (listener, options) = listen().await;
    let (client, login) = tokio::join!(Client::connect(&options), async {
        let mut pbx = accept(&listener).await;
        pbx.say("Asterisk Call Manager/1.1\n").await;
        let (id, _) = pbx.expect("Challenge").await;
        pbx.say(&format!("Response: Error\nActionID: {id}\nMessage: Invalid/unknown command\n\n")).await;
        pbx.answer("Login", "Message: Authentication accepted\n").await
    });
    client.unwrap();
    assert_eq!(get(&login, "Secret"), "s3cret");
}

#[tokio::test]
async fn refusals_are_told_apart() {
    // What the PBX does; the kind of error; a word of the cure.
    let (listener, options) = listen().await;
    let (refused, ()) = tokio::join!(Client::connect(&options), async {
        let mut pbx = accept(&listener).await;
        pbx.say("Asterisk Call Manager/11.0.0\n").await;
        pbx.answer("Challenge", "Challenge: 1\n").await;
        let (id, _) = pbx.expect("Login").await;
        pbx.say(&format!("Response: Error\nActionID: {id}\nMessage: Authentication failed\n\n")).await;
    });
    let error = refused.unwrap_err();
    assert!(matches!(&error, AmiError::AuthRefused { username, .. } if username == "desk"), "{error}");
    assert!(error.to_string().contains("manager.conf"), "{error}");

    let (not_ami, ()) = tokio::join!(Client::connect(&options), async {
        let mut other = accept(&listener).await;
        other.say("SSH-2.0-OpenSSH_9.2\n").await;
    });
    let error = not_ami.unwrap_err();
    assert!(matches!(error, AmiError::NotAmi { .. }), "{error}");

    drop(listener);
    let error = Client::connect(&options).await.unwrap_err();
    assert!(matches!(error, AmiError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_silent_port_is_a_timeout() {
    let (listener, mut options) = listen().await;
    options.timeout = Duration::from_millis(50);
    let error = Client::connect(&options).await.unwrap_err();
    assert!(matches!(error, AmiError::Timeout { .. }), "{error}");
    drop(listener);
}

#[tokio::test]
async fn answers_find_their_actions_in_any_order() {
    let (client, mut events, mut pbx) = connected().await;
    let (first, second, ()) = tokio::join!(
        client.action(Action::new("Getvar").with("Variable", "a").unwrap()),
        client.action(Action::new("QueueRemove").with("Queue", "b").unwrap()),
        async {
            let (a, _) = pbx.expect("Getvar").await;
            let (b, _) = pbx.expect("QueueRemove").await;
            pbx.say("Event: Reload\nModule: app_queue\n\n").await;
            pbx.say(&format!("Response: Error\nActionID: {b}\nMessage: Member not dynamic\n\n")).await;
            pbx.say(&format!("Response: Success\nActionID: {a}\nVariable: a\nValue: 1\n\n")).await;
        }
    );
    assert_eq!(first.unwrap().get("Value"), Some("1"));
    let error = second.unwrap_err();
    assert_eq!(error, AmiError::Refused { action: "QueueRemove".to_owned(), why: "Member not dynamic".to_owned() });
    assert_eq!(Event::read(&event(&mut events).await), Event::Reload { module: "app_queue" });
}

#[tokio::test]
async fn a_list_is_collected_apart_from_events() {
    let (client, mut events, mut pbx) = connected().await;
    let (list, ()) = tokio::join!(client.list(Action::new("QueueStatus"), "QueueStatusComplete"), async {
        let (id, _) = pbx.expect("QueueStatus").await;
        pbx.say(&format!("Response: Success\nActionID: {id}\nEventList: start\n\n")).await;
        pbx.say(&format!("Event: QueueParams\nActionID: {id}\nQueue: a\nCalls: 2\n\n")).await;
        pbx.say("Event: Reload\nModule: x\n\n").await;
        pbx.say(&format!("Event: QueueStatusComplete\nActionID: {id}\nEventList: Complete\n\n")).await;
    });
    let expected = [Event::QueueParams { queue: "a", calls: 2 }, Event::QueueStatusComplete];
    assert_eq!(list.unwrap().iter().map(Event::read).collect::<Vec<_>>(), expected);
    assert_eq!(Event::read(&event(&mut events).await), Event::Reload { module: "x" });
}

#[tokio::test]
async fn a_list_in_order_stands_between_the_events_around_it() {
    let (client, mut events, mut pbx) = connected().await;
    let wanted = client.list_in_order(Action::new("QueueStatus"), "QueueStatusComplete").unwrap();
    let refused = client.list_in_order(Action::new("PJSIPShowContacts"), "ContactListComplete").unwrap();
    let (id, _) = pbx.expect("QueueStatus").await;
    pbx.say(&format!("Event: Reload\nModule: before\n\nResponse: Success\nActionID: {id}\nEventList: start\n\n")).await;
    pbx.say(&format!("Event: QueueStatusComplete\nActionID: {id}\n\nEvent: Reload\nModule: after\n\n")).await;
    let (id, _) = pbx.expect("PJSIPShowContacts").await;
    pbx.say(&format!("Response: Error\nActionID: {id}\nMessage: No Contacts found\n\n\n")).await;
    assert_eq!(Event::read(&event(&mut events).await), Event::Reload { module: "before" });
    let list = events.recv().await;
    assert!(
        matches!(&list, Some(Incoming::List { id, outcome: Ok(events) }) if *id == wanted && events.len() == 1),
        "{list:?}"
    );
    assert_eq!(Event::read(&event(&mut events).await), Event::Reload { module: "after" });
    let list = events.recv().await;
    assert!(
        matches!(&list, Some(Incoming::List { id, outcome: Err(AmiError::Refused { .. }) }) if *id == refused),
        "{list:?}"
    );
}

#[tokio::test]
async fn an_answer_in_order_stands_between_the_events_around_it() {
    let (client, mut events, mut pbx) = connected().await;
    let wanted = client.answer_in_order(Action::new("CoreStatus")).unwrap();
    let (id, _) = pbx.expect("CoreStatus").await;
    pbx.say(&format!("Event: Reload\nModule: before\n\nResponse: Success\nActionID: {id}\n\n")).await;
    pbx.say("Event: Reload\nModule: after\n\n").await;
    assert_eq!(Event::read(&event(&mut events).await), Event::Reload { module: "before" });
    let answer = events.recv().await;
    assert!(
        matches!(&answer, Some(Incoming::List { id, outcome: Ok(list) }) if *id == wanted && list.is_empty()),
        "{answer:?}"
    );
    assert_eq!(Event::read(&event(&mut events).await), Event::Reload { module: "after" });
}

#[tokio::test]
async fn an_action_without_an_answer_times_out_and_its_late_answer_is_no_event() {
    let (listener, mut options) = listen().await;
    options.timeout = Duration::from_millis(200);
    let (client, mut pbx) = tokio::join!(Client::connect(&options), async {
        let mut pbx = accept(&listener).await;
        pbx.log_in().await;
        pbx
    });
    let (client, mut events) = client.unwrap();
    let error = client.action(Action::new("QueueStatus")).await.unwrap_err();
    assert!(matches!(&error, AmiError::Timeout { what, .. } if what == "QueueStatus"), "{error}");
    let (id, _) = pbx.expect("QueueStatus").await;
    pbx.say(&format!("Event: QueueParams\nActionID: {id}\nQueue: a\n\nEvent: Reload\nModule: x\n\n")).await;
    assert_eq!(Event::read(&event(&mut events).await), Event::Reload { module: "x" });
}

/// An ActionID says nothing of who sent the action: a UserEvent carries what its maker likes, and everybody hears what became of a
/// call that somebody originated.
#[tokio::test]
async fn an_event_with_an_action_id_that_nobody_waits_for_is_an_event() {
    let (client, mut events, mut pbx) = connected().await;
    let (answer, ()) = tokio::join!(client.action(Action::new("Ping")), async {
        let (id, _) = pbx.expect("Ping").await;
        pbx.say(&format!("Event: UserEvent\nUserEvent: CallbackRequest\nActionID: {id}\nQueue: a\n\n")).await;
        pbx.say("Event: OriginateResponse\nActionID: somebody-else\nResponse: Failure\n\n").await;
        pbx.say(&format!("Response: Success\nActionID: {id}\nPing: Pong\n\n")).await;
    });
    answer.unwrap();
    let first = event(&mut events).await;
    assert_eq!((first.event(), first.get("Queue")), (Some("UserEvent"), Some("a")));
    assert_eq!(event(&mut events).await.event(), Some("OriginateResponse"));
}

#[tokio::test]
async fn a_list_that_cannot_be_asked_for_says_so() {
    let (client, mut events, pbx) = connected().await;
    drop(pbx);
    assert!(events.recv().await.is_none());
    let error = client.list_in_order(Action::new("QueueStatus"), "QueueStatusComplete").unwrap_err();
    assert!(matches!(error, AmiError::Closed { .. }), "{error}");
}

#[tokio::test]
async fn the_end_of_the_connection_ends_everything_with_the_reason() {
    let (client, mut events, mut pbx) = connected().await;
    let (result, ()) = tokio::join!(client.action(Action::new("Ping")), async {
        pbx.expect("Ping").await;
        drop(pbx);
    });
    assert!(matches!(result, Err(AmiError::Closed { .. })), "{result:?}");
    assert!(events.recv().await.is_none());
    assert!(matches!(events.why_closed(), AmiError::Closed { .. }));
    assert!(matches!(client.action(Action::new("Ping")).await, Err(AmiError::Closed { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_pbx_that_answers_no_ping_is_lost() {
    let (client, mut events, mut pbx) = connected().await;
    let began = tokio::time::Instant::now();
    let pings = tokio::spawn(async move {
        let mut pings = 0;
        // The stream stays open: this is a half-dead network, not a hang-up.
        while !pbx.hear().await.is_empty() {
            pings += 1;
        }
        pings
    });
    assert!(events.recv().await.is_none());
    assert_eq!(pings.await.unwrap(), 3);
    let error = events.why_closed();
    assert!(error.to_string().contains("pings"), "{error}");
    assert!(began.elapsed() <= Duration::from_secs(25), "{:?}", began.elapsed());
    drop(client);
}

#[tokio::test]
async fn dropping_the_client_hangs_up() {
    let (client, events, mut pbx) = connected().await;
    drop((client, events));
    assert!(pbx.hear().await.is_empty());
}

#[tokio::test]
async fn a_flood_does_not_stop_the_reader() {
    let (client, mut events, mut pbx) = connected().await;
    // Nobody takes events meanwhile, as with a busy actor; the PBX must never wait for us.
    for _ in 0..200 {
        pbx.say(&"Event: Reload\nModule: x\n\n".repeat(100)).await;
    }
    let (answer, _) = tokio::join!(client.action(Action::new("Ping")), pbx.answer("Ping", "Ping: Pong\n"));
    answer.unwrap();
    assert_eq!(events.queued(), 20_000);
    event(&mut events).await;
    assert_eq!(events.queued(), 19_999);
}

#[tokio::test]
async fn a_link_comes_back() {
    let (listener, options) = listen().await;
    let mut link = Link::spawn(options);
    for _ in 0..2 {
        let mut pbx = accept(&listener).await;
        pbx.log_in().await;
        let Some(LinkEvent::Connected(client, events)) = link.recv().await else { panic!("not connected") };
        drop(pbx);
        let Some(LinkEvent::Lost { error, .. }) = link.recv().await else { panic!("not lost") };
        assert!(matches!(error, AmiError::Closed { .. }), "{error}");
        drop((client, events));
    }
}

/// However long a PBX is away: it is tried, not in step with other links, and never much later than it comes back.
#[tokio::test(start_paused = true)]
async fn a_link_tries_for_ever_with_growing_waits() {
    let (listener, options) = listen().await;
    drop(listener);
    let mut link = Link::spawn(options);
    let mut waits = Vec::new();
    for _ in 0..40 {
        let Some(LinkEvent::Lost { error, retry_in }) = link.recv().await else { panic!("nobody is there") };
        assert!(matches!(error, AmiError::Unreachable { .. }), "{error}");
        waits.push(retry_in);
    }
    assert!(waits[0] <= Duration::from_millis(500) && waits[0] >= Duration::from_millis(250), "{waits:?}");
    let settled = &waits[10..];
    assert!(settled.iter().all(|wait| (5_000..=10_000).contains(&wait.as_millis())), "{waits:?}");
    assert!(settled.iter().any(|wait| *wait != settled[0]), "by chance: {waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_user_is_tried_slower() {
    let (listener, options) = listen().await;
    let mut link = Link::spawn(options);
    for _ in 0..3 {
        let mut pbx = accept(&listener).await;
        pbx.say("Asterisk Call Manager/11.0.0\n").await;
        pbx.answer("Challenge", "Challenge: 1\n").await;
        let (id, _) = pbx.expect("Login").await;
        pbx.say(&format!("Response: Error\nActionID: {id}\nMessage: Authentication failed\n\n")).await;
        let Some(LinkEvent::Lost { error, retry_in }) = link.recv().await else { panic!("it was let in") };
        assert!(matches!(error, AmiError::AuthRefused { .. }), "{error}");
        assert!((15_000..=30_000).contains(&retry_in.as_millis()), "{retry_in:?}");
    }
}

#[tokio::test]
async fn tls_is_verified_against_the_configured_name() {
    let made = rcgen::generate_simple_self_signed(vec!["pbx.example".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let (listener, mut options) = listen().await;
    let config = Arc::new(config);

    options.tls = Some(Tls { config: Arc::clone(&config), server_name: Some("pbx.example".to_owned()) });
    let (client, ()) = tokio::join!(Client::connect(&options), async {
        let stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        Pbx { stream: BufReader::new(stream) }.log_in().await;
    });
    client.unwrap();

    options.tls = Some(Tls { config, server_name: Some("other.example".to_owned()) });
    let (refused, _) = tokio::join!(Client::connect(&options), async {
        acceptor.accept(listener.accept().await.unwrap().0).await.map(drop)
    });
    let error = refused.unwrap_err();
    assert!(matches!(error, AmiError::Tls { .. }), "{error}");
}
