//! How well the links to a PBX do: what the health page and the screens show, and what is warned of.

use std::collections::BTreeMap;

use ami::{Clock, Event, Traffic};
use serde::Serialize;

/// Further behind, or clocks further apart, is warned of, ms.
const BAD_MS: i64 = 2_000;

/// It is well again below this, so that a figure at the border does not fill the log.
const GOOD_MS: i64 = 1_500;

/// Events that came so long ago say nothing of how far behind the link is now, ms.
const OLD_MS: i64 = 5_000;

/// Names of unknown events that are counted apart; the others together.
const MOST_NAMES: usize = 100;
const OTHERS: &str = "(others)";

/// Longest name that is kept.
const LONGEST_NAME: usize = 64;

/// How well a PBX is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PbxHealth {
    /// At least one link stands.
    pub up: bool,
    /// What is known of the PBX is as of this moment, ms since the Unix epoch; None: nothing was ever heard.
    pub as_of_ms: Option<i64>,
    /// Each link, in the order of the configuration.
    pub links: Vec<LinkHealth>,
}

/// How well a link does. Figures count since the server was started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LinkHealth {
    /// host:port; not for people who may not see the configuration.
    #[serde(skip)]
    pub address: String,
    /// It stands.
    pub up: bool,
    /// Version of the manager interface, by which Asterisks differ; an upgrade is seen at the next connection.
    pub version: Option<String>,
    /// Since when it stands or is away, ms since the Unix epoch.
    pub since_ms: i64,
    /// Why it is away.
    #[serde(skip)]
    pub why: Option<String>,
    /// The PBX refused the user: no further attempt will go better until somebody changes something.
    pub refused: bool,
    /// When it is tried again, ms since the Unix epoch.
    pub retry_ms: Option<i64>,
    /// When the last bytes came, ms since the Unix epoch.
    pub heard_ms: Option<i64>,
    /// How much later than they happened events are worked off, ms. None: events have no time, or the clocks were not compared.
    pub lag_ms: Option<i64>,
    /// How far the PBX's clock is ahead of ours, ms.
    pub clock_ms: Option<i64>,
    /// Between a question and its answer, ms.
    pub answer_ms: Option<i64>,
    /// Events that wait here to be worked off.
    pub waiting: usize,
    /// Bytes that came.
    pub bytes: u64,
    /// Messages that came: events, lists, answers.
    pub messages: u64,
    /// Messages too long to be kept whole.
    pub cut: u64,
    /// Connections that were made after the first.
    pub reconnects: u64,
    /// Events that Linedesk does not know, by name.
    pub unknown: BTreeMap<String, u64>,
}

/// What is kept of a link to tell its health.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    health: LinkHealth,
    /// Of connections that are over.
    before: Traffic,
    connections: u64,
    /// Lag of the last event, and when that came.
    last_event: Option<(i64, i64)>,
    late: bool,
    apart: bool,
}

/// What to write into the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Warning {
    /// Events are so late, ms.
    Late(i64),
    InTime,
    /// The PBX's clock is so far ahead, ms.
    Apart(i64),
    Together,
}

impl Gauge {
    pub(super) fn new(address: String, now_ms: i64) -> Self {
        Self { health: LinkHealth { address, since_ms: now_ms, ..LinkHealth::default() }, ..Self::default() }
    }

    pub(super) fn connected(&mut self, version: &str, now_ms: i64) {
        self.connections += 1;
        let health = &mut self.health;
        health.version = Some(version.to_owned());
        (health.up, health.since_ms, health.refused) = (true, now_ms, false);
        (health.why, health.retry_ms) = (None, None);
    }

    /// The connection is over; `traffic` is what came by it.
    pub(super) fn ended(&mut self, traffic: Traffic, now_ms: i64) {
        self.read(traffic);
        let Self { health, before, .. } = self;
        (before.bytes, before.messages, before.cut) = (health.bytes, health.messages, health.cut);
        (health.up, health.since_ms) = (false, now_ms);
        (health.waiting, health.lag_ms, health.answer_ms) = (0, None, None);
        self.last_event = None;
    }

    pub(super) fn lost(&mut self, why: String, refused: bool, retry_ms: i64) {
        let health = &mut self.health;
        (health.why, health.refused, health.retry_ms) = (Some(why), refused, Some(retry_ms));
    }

    /// An event is worked off, its moment by the PBX's own clock; what it says matters only where it is not known.
    pub(super) fn event(
        &mut self,
        event: Option<&Event<'_>>,
        stamp_us: Option<i64>,
        clock: Option<Clock>,
        now_ms: i64,
    ) {
        if let Some((stamp, clock)) = stamp_us.zip(clock) {
            let lag = now_ms - (stamp - clock.offset_us).div_euclid(1000);
            self.last_event = Some((lag.max(0), now_ms));
        }
        if let Some(Event::Other(message)) = event {
            let mut name = message.event().unwrap_or_default().to_owned();
            name.truncate(name.floor_char_boundary(LONGEST_NAME));
            let unknown = &mut self.health.unknown;
            if unknown.len() >= MOST_NAMES && !unknown.contains_key(&name) {
                OTHERS.clone_into(&mut name);
            }
            *unknown.entry(name).or_default() += 1;
        }
    }

    /// What a connection says of itself, now and then.
    pub(super) fn measure(
        &mut self,
        traffic: Traffic,
        clock: Option<Clock>,
        waiting: usize,
        now_ms: i64,
    ) -> Vec<Warning> {
        self.read(traffic);
        self.health.waiting = waiting;
        self.health.clock_ms = clock.map(|clock| clock.offset_us / 1000);
        self.health.answer_ms = clock.map(|clock| clock.round_trip_us / 1000);
        // Where nothing waits and nothing has come for a while nothing is late.
        let told = self.last_event.map(|(lag, at)| if waiting == 0 && now_ms - at > OLD_MS { 0 } else { lag });
        self.health.lag_ms = told;
        let mut warnings = Vec::new();
        if let Some(lag) = told
            && turned(&mut self.late, lag)
        {
            warnings.push(if self.late { Warning::Late(lag) } else { Warning::InTime });
        }
        if let Some(ahead) = self.health.clock_ms
            && turned(&mut self.apart, ahead.abs())
        {
            warnings.push(if self.apart { Warning::Apart(ahead) } else { Warning::Together });
        }
        warnings
    }

    pub(super) fn health(&self) -> &LinkHealth {
        &self.health
    }

    fn read(&mut self, traffic: Traffic) {
        let Self { health, before, .. } = self;
        health.bytes = before.bytes + traffic.bytes;
        health.messages = before.messages + traffic.messages;
        health.cut = before.cut + traffic.cut;
        health.reconnects = self.connections.saturating_sub(1);
        if traffic.heard_us > 0 {
            health.heard_ms = Some(traffic.heard_us / 1000);
        }
    }
}

impl PbxHealth {
    /// Of its links.
    pub(super) fn of<'g>(gauges: impl Iterator<Item = &'g Gauge>) -> Self {
        let links: Vec<LinkHealth> = gauges.map(|gauge| gauge.health().clone()).collect();
        let up = links.iter().any(|link| link.up);
        Self { up, as_of_ms: links.iter().filter_map(|link| link.heard_ms).max(), links }
    }
}

/// Whether a figure became bad, or well again.
fn turned(is_bad: &mut bool, ms: i64) -> bool {
    let now = ms > if *is_bad { GOOD_MS } else { BAD_MS };
    std::mem::replace(is_bad, now) != now
}

#[cfg(test)]
mod tests {
    use super::{Gauge, MOST_NAMES, OTHERS, PbxHealth, Warning};
    use ami::{Clock, Event, Message, Traffic};

    fn clock(offset_ms: i64) -> Option<Clock> {
        Some(Clock { offset_us: offset_ms * 1000, round_trip_us: 3_000, measured_us: 0 })
    }

    fn event(name: &str) -> Message {
        Message::new([("Event", name)])
    }

    #[test]
    fn what_is_late_is_warned_of_once() {
        let mut gauge = Gauge::new("pbx:5038".to_owned(), 0);
        gauge.connected("11.0.0", 0);
        let mut late = |lag_ms: i64, now_ms: i64| {
            let message = event("Hangup");
            gauge.event(Some(&Event::read(&message)), Some((now_ms - lag_ms + 500) * 1000), clock(500), now_ms);
            gauge.measure(Traffic::default(), clock(500), 1, now_ms)
        };
        assert_eq!(late(100, 10_000), []);
        assert_eq!(late(2_500, 20_000), [Warning::Late(2_500)]);
        assert_eq!(late(1_900, 21_000), []);
        assert_eq!(late(2_100, 22_000), []);
        assert_eq!(late(20, 23_000), [Warning::InTime]);
        assert_eq!(gauge.health().lag_ms, Some(20));
        // Nobody calls any more.
        assert_eq!(gauge.measure(Traffic::default(), clock(500), 0, 60_000), []);
        assert_eq!(
            (gauge.health().lag_ms, gauge.health().clock_ms, gauge.health().answer_ms),
            (Some(0), Some(500), Some(3))
        );
    }

    #[test]
    fn a_clock_that_is_apart_is_warned_of_once() {
        let mut gauge = Gauge::new("pbx:5038".to_owned(), 0);
        assert_eq!(gauge.measure(Traffic::default(), clock(-2_001), 0, 0), [Warning::Apart(-2_001)]);
        assert_eq!(gauge.measure(Traffic::default(), clock(-1_999), 0, 0), []);
        assert_eq!(gauge.measure(Traffic::default(), clock(1), 0, 0), [Warning::Together]);
    }

    #[test]
    fn figures_add_up_over_reconnects_and_data_is_as_of_the_last_word() {
        let mut gauge = Gauge::new("pbx:5038".to_owned(), 5);
        assert_eq!(PbxHealth::of([&gauge].into_iter()).as_of_ms, None);
        gauge.connected("9.0.0", 10);
        gauge.ended(Traffic { bytes: 100, messages: 2, cut: 1, heard_us: 20_000 }, 30);
        gauge.lost("away".to_owned(), true, 99);
        let health = PbxHealth::of([&gauge].into_iter());
        assert_eq!((health.up, health.as_of_ms), (false, Some(20)));
        let link = &health.links[0];
        assert_eq!((link.refused, link.retry_ms, link.since_ms, link.reconnects), (true, Some(99), 30, 0));
        gauge.connected("11.0.0", 40);
        gauge.measure(Traffic { bytes: 11, messages: 1, cut: 0, heard_us: 50_000 }, None, 3, 60);
        let health = PbxHealth::of([&gauge].into_iter());
        assert_eq!((health.up, health.as_of_ms), (true, Some(50)));
        let link = &health.links[0];
        assert_eq!((link.bytes, link.messages, link.cut, link.reconnects, link.waiting), (111, 3, 1, 1, 3));
        assert!(!link.refused && link.why.is_none() && link.version.as_deref() == Some("11.0.0"));
    }

    #[test]
    fn unknown_events_are_counted_by_a_bounded_number_of_names() {
        let mut gauge = Gauge::new("pbx:5038".to_owned(), 0);
        let mut say = |name: &str| gauge.event(Some(&Event::read(&event(name))), None, None, 0);
        for at in 0..MOST_NAMES + 5 {
            say(&format!("New{at}"));
        }
        say("New0");
        say("Reload");
        say(&"я".repeat(100));
        let unknown = &gauge.health().unknown;
        assert_eq!((unknown["New0"], unknown[OTHERS]), (2, 6));
        assert!(!unknown.contains_key("Reload") && unknown.len() == MOST_NAMES + 1);
    }
}
