//! All links to one PBX at once, as one: what any of them brings is told once, and commands go by one of them.
//!
//! Each link tells the same events in the same order, from its login on. So what was told of all of them together is always
//! what the one that is ahead told, without a hole, if only a new link is not heard before the others have come to where it
//! began. That is so when they answered a question that was asked after its login; twice, because an answer may be written
//! just before events that are a little older.

use std::task::Poll;

use ami::{Action, Client, ConnectOptions, Doubles, Event, Events, Incoming, Link, LinkEvent, ListId, Message};

use super::health::{Gauge, PbxHealth, Warning};

/// Events that are handled in one turn.
const AT_ONCE: usize = 256;

/// Two starts of the PBX told by uptime in whole seconds are the same within this.
const SAME_START_MS: i64 = 5_000;

/// The links of a PBX, in the order of its configuration.
#[derive(Debug)]
pub(super) struct Connections {
    pbx: String,
    links: Vec<One>,
    /// By which commands go.
    first: Option<usize>,
    /// When the PBX was started, by what it said at logins, ms.
    started_ms: Option<i64>,
    doubles: Doubles,
    /// Whose turn it is to be heard first.
    turn: usize,
}

#[derive(Debug)]
struct One {
    link: Link,
    connection: Option<Connection>,
    gauge: Gauge,
}

#[derive(Debug)]
struct Connection {
    client: Client,
    events: Events,
    /// It began the first look, which waits for what is told at its login: that the PBX is ready. A link that came beside others
    /// is told that, too, and it is news to nobody.
    boots: bool,
    /// It is not heard yet.
    joining: Option<Joining>,
}

/// A new link waits until the one of the commands has come to where it began.
#[derive(Debug)]
struct Joining {
    since_ms: i64,
    /// Answers that are still to come.
    answers: u8,
    /// Asked now.
    asked: Option<ListId>,
}

/// One may be written before events that are older than its question.
const ANSWERS: u8 = 2;

/// What came of which link.
#[derive(Debug)]
pub(super) enum Heard {
    /// Events and lists, in order.
    Incoming(usize, Vec<Incoming>),
    /// All that came by this connection was heard, and it is over.
    Ended(usize),
    /// The link connected or failed.
    Link(usize, LinkEvent),
}

/// What an event is to the PBX as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// It is to be handled.
    New,
    /// Another link told it, or it concerns that link alone.
    Known,
    /// The PBX was started again: what other links know is of the past.
    OtherRun,
}

/// What became of the commands' link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turned {
    /// They go as before.
    Not,
    /// They go by another link from now on.
    ToAnother,
    /// There is no link.
    ToNone,
}

impl Connections {
    /// Begins to connect by all links.
    pub(super) fn open(pbx: &str, links: Vec<ConnectOptions>, now_ms: i64) -> Self {
        let doubles = Doubles::new(links.len());
        let one = |options: ConnectOptions| {
            let gauge = Gauge::new(format!("{}:{}", options.host, options.port), now_ms);
            One { link: Link::spawn(options), connection: None, gauge }
        };
        let links = links.into_iter().take(ami::doubles::MAX_CONNECTIONS).map(one).collect();
        Self { pbx: pbx.to_owned(), links, first: None, started_ms: None, doubles, turn: 0 }
    }

    /// By which commands go.
    pub(super) fn client(&self) -> Option<(usize, &Client)> {
        let first = self.first?;
        Some((first, &self.links.get(first)?.connection.as_ref()?.client))
    }

    /// Whether another link than this one stands, and nothing that came by this one is still to be heard.
    pub(super) fn can_be_left(&self, at: usize) -> bool {
        let stands = |other: &One| other.connection.is_some();
        let heard = self.links[at].connection.as_ref().is_none_or(|connection| connection.events.queued() == 0);
        heard && self.links.iter().enumerate().any(|(other, one)| other != at && stands(one))
    }

    /// Whether more of what was said waits at each link that stands.
    pub(super) fn is_behind(&self) -> bool {
        let mut standing = self.links.iter().filter_map(|one| one.connection.as_ref()).peekable();
        standing.peek().is_some() && standing.all(|connection| connection.events.queued() > 0)
    }

    /// What comes next; cancel-safe. Events come before the end of a link, because what was said before a loss is still true.
    ///
    /// While a list is under way (`only_first`) the link it comes by is heard alone: another one may be ahead, and what it
    /// tells now would be overwritten by a list that is older.
    pub(super) async fn next(&mut self, only_first: bool) -> Heard {
        let first = self.first;
        std::future::poll_fn(|cx| {
            let count = self.links.len();
            for step in 0..count {
                let at = (self.turn + step) % count;
                if only_first && first.is_some_and(|first| first != at) {
                    continue;
                }
                let Some(Connection { events, joining: None, .. }) = &mut self.links[at].connection else { continue };
                let mut incoming = Vec::new();
                if let Poll::Ready(came) = events.poll_recv_many(cx, &mut incoming, AT_ONCE) {
                    self.turn = at + 1;
                    return Poll::Ready(if came == 0 { Heard::Ended(at) } else { Heard::Incoming(at, incoming) });
                }
            }
            // What a link says while its connection is here is that it broke: first comes what was said by it.
            for (at, one) in self.links.iter_mut().enumerate().filter(|(_, one)| one.connection.is_none()) {
                if let Poll::Ready(Some(event)) = one.link.poll_recv(cx) {
                    return Poll::Ready(Heard::Link(at, event));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// A link connected. True: it is the only one.
    pub(super) fn connected(&mut self, at: usize, client: Client, events: Events, now_ms: i64) -> bool {
        let (pbx, many) = (&self.pbx, self.links.len() > 1);
        let one = &mut self.links[at];
        let address = one.gauge.health().address.clone();
        tracing::info!(pbx, address, version = client.version(), "connected to the manager of {pbx}");
        one.gauge.connected(client.version(), now_ms);
        let joining = self.first.map(|_| Joining { since_ms: now_ms, answers: ANSWERS, asked: None });
        one.connection = Some(Connection { client, events, boots: self.first.is_none(), joining });
        if many {
            tracing::debug!(
                pbx,
                address,
                standing = self.links.iter().filter(|one| one.connection.is_some()).count(),
                "links of {pbx}"
            );
        }
        let alone = self.first.is_none();
        self.first.get_or_insert(at);
        if !alone {
            self.ask_to_join(at);
        }
        alone
    }

    fn ask_to_join(&mut self, at: usize) {
        // Where it cannot be asked the link of the commands is at its end, and then nobody waits for it.
        let asked = self.client().and_then(|(_, client)| client.answer_in_order(Action::new("Ping")).ok());
        if let Some(joining) = self.links[at].connection.as_mut().and_then(|connection| connection.joining.as_mut()) {
            joining.asked = asked;
        }
    }

    /// Whether an answer among the events was one that a new link waits for.
    pub(super) fn answered(&mut self, from: usize, id: ListId) -> bool {
        if self.first != Some(from) {
            return false;
        }
        let joining = |one: &One| one.connection.as_ref()?.joining.as_ref()?.asked;
        let Some(at) = self.links.iter().position(|one| joining(one) == Some(id)) else { return false };
        if let Some(connection) = &mut self.links[at].connection
            && let Some(joining) = &mut connection.joining
        {
            joining.answers -= 1;
            if joining.answers == 0 {
                connection.joining = None;
            } else {
                self.ask_to_join(at);
            }
        }
        true
    }

    /// The link of the commands, when a new one waits for it since before `ms`.
    pub(super) fn keeps_waiting(&self, before_ms: i64) -> Option<usize> {
        let since = |one: &One| Some(one.connection.as_ref()?.joining.as_ref()?.since_ms);
        let waits = self.links.iter().filter_map(since).any(|since| since <= before_ms);
        self.first.filter(|_| waits)
    }

    /// An attempt failed, or a connection did; what came by it before may still be here.
    pub(super) fn lost(&mut self, at: usize, error: &ami::AmiError, retry_in: std::time::Duration, now_ms: i64) {
        let pbx = &self.pbx;
        let gauge = &mut self.links[at].gauge;
        let address = &gauge.health().address;
        let why = error.to_string();
        // A PBX may be away for days: that is said once, and again when the reason changes.
        if gauge.health().why.as_ref() == Some(&why) {
            tracing::debug!(pbx, address, %error, ?retry_in, "still no link to {pbx} at {address}: {error}");
        } else {
            tracing::warn!(pbx, address, %error, ?retry_in, "no link to {pbx} at {address}: {error}");
        }
        let refused = matches!(error, ami::AmiError::AuthRefused { .. });
        gauge.lost(why, refused, now_ms + i64::try_from(retry_in.as_millis()).unwrap_or(i64::MAX));
    }

    /// A connection is over, and all that came by it was heard.
    pub(super) fn ended(&mut self, at: usize, now_ms: i64) -> Turned {
        self.drop_connection(at, now_ms);
        if self.first != Some(at) {
            return Turned::Not;
        }
        // Nothing more comes by it, so there is nothing to wait for.
        for connection in self.links.iter_mut().filter_map(|one| one.connection.as_mut()) {
            connection.joining = None;
        }
        self.first = self.links.iter().position(|one| one.connection.is_some());
        let Some(first) = self.first else { return Turned::ToNone };
        tracing::info!(
            pbx = self.pbx,
            "commands for {} go by {} now",
            self.pbx,
            self.links[first].gauge.health().address
        );
        Turned::ToAnother
    }

    /// Whether and how an event is to be handled; of one of the dialplan it is not read what it says.
    pub(super) fn judge(&mut self, at: usize, message: &Message, event: Option<&Event<'_>>, now_ms: i64) -> Told {
        let connection = self.links[at].connection.as_mut();
        let clock = connection.as_ref().and_then(|connection| connection.client.clock());
        if self.links.len() > 1
            && let Some(Event::FullyBooted { uptime_s, .. }) = event
        {
            return self.booted(at, *uptime_s, now_ms);
        }
        if !self.doubles.is_new(at, message, now_ms) {
            return Told::Known;
        }
        self.links[at].gauge.event(event, message.timestamp_us(), clock, now_ms);
        Told::New
    }

    /// Each login is told that the PBX is ready, and since when: that is of this link alone, unless it is another run of the PBX.
    fn booted(&mut self, at: usize, uptime_s: Option<u64>, now_ms: i64) -> Told {
        let boots = self.links[at].connection.as_ref().is_some_and(|connection| connection.boots);
        let started_ms = uptime_s.map(|seconds| now_ms - i64::try_from(seconds).unwrap_or(0).saturating_mul(1000));
        let known_ms = self.started_ms;
        self.started_ms = started_ms.or(known_ms);
        let is_other_run = known_ms.zip(started_ms).is_some_and(|(known, started)| started - known > SAME_START_MS);
        if boots {
            return Told::New;
        }
        if !is_other_run {
            return Told::Known;
        }
        tracing::warn!(pbx = self.pbx, "{} was started again; links of the run before are given up", self.pbx);
        for other in (0..self.links.len()).filter(|other| *other != at) {
            self.drop_connection(other, now_ms);
        }
        self.first = Some(at);
        Told::OtherRun
    }

    /// The first look begins anew by the link of the commands. Gives what the PBX said at its login, as if it said it now; else
    /// that is still to come.
    pub(super) fn boots_again(&mut self, now_ms: i64) -> Option<Message> {
        let first = self.first?;
        let started_ms = self.started_ms;
        self.links.get_mut(first)?.connection.as_mut()?.boots = true;
        let uptime = ((now_ms - started_ms?) / 1000).to_string();
        Some(Message::new([("Event", "FullyBooted"), ("Status", "Fully Booted"), ("Uptime", uptime.as_str())]))
    }

    /// How the PBX's clock differs, by one link.
    pub(super) fn clock(&self, at: usize) -> Option<ami::Clock> {
        self.links.get(at)?.connection.as_ref()?.client.clock()
    }

    /// When the PBX answered last, by any link, ms.
    pub(super) fn answered_ms(&self) -> Option<i64> {
        (0..self.links.len()).filter_map(|at| self.clock(at)).map(|clock| clock.measured_us / 1000).max()
    }

    /// Ends all connections; they are made again.
    pub(super) fn hang_up(&mut self, now_ms: i64) {
        for at in 0..self.links.len() {
            self.drop_connection(at, now_ms);
        }
        self.first = None;
    }

    /// Measures, warns, and tells how well the links do.
    pub(super) fn health(&mut self, now_ms: i64) -> PbxHealth {
        let pbx = &self.pbx;
        for One { connection, gauge, .. } in &mut self.links {
            let Some(Connection { client, events, .. }) = connection else { continue };
            for warning in gauge.measure(client.traffic(), client.clock(), events.queued(), now_ms) {
                let address = &gauge.health().address;
                match warning {
                    Warning::Late(ms) => tracing::warn!(
                        pbx,
                        address,
                        lag_ms = ms,
                        "events of {pbx} are {ms} ms behind; look at the load of the PBX, of this server, and at the network between"
                    ),
                    Warning::InTime => tracing::info!(pbx, address, "events of {pbx} come in time again"),
                    Warning::Apart(ms) => tracing::warn!(
                        pbx,
                        address,
                        clock_ms = ms,
                        "the clock of {pbx} is {ms} ms ahead of ours; times are corrected by that. Let both keep time by NTP"
                    ),
                    Warning::Together => tracing::info!(pbx, address, "the clock of {pbx} agrees with ours again"),
                }
            }
        }
        PbxHealth::of(self.links.iter().map(|one| &one.gauge))
    }

    /// Dropping the client ends the connection, so that the link makes another.
    fn drop_connection(&mut self, at: usize, now_ms: i64) {
        let one = &mut self.links[at];
        if let Some(Connection { client, .. }) = one.connection.take() {
            one.gauge.ended(client.traffic(), now_ms);
        }
    }
}
