//! Walking over the servers of an account, in order: on when one does not answer, back to a better one when it lives again.
//!
//! Pure: the time and the chance are arguments, so the tests hold both.

use std::time::{Duration, Instant};

use super::resolve::Hop;

/// A server that did not answer is left alone for this long, doubling up to [`LONGEST_REST`] while it stays dead.
const FIRST_REST: Duration = Duration::from_secs(20);
const LONGEST_REST: Duration = Duration::from_secs(300);

#[derive(Debug, Clone)]
struct Stop {
    hop: Hop,
    /// Not asked before this.
    rests_until: Option<Instant>,
    /// How often it was found dead in a row.
    deaths: u32,
    /// Tried since the walk began at the top.
    tried: bool,
}

/// The servers in the order of preference, and at which we are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Walk {
    stops: Vec<Stop>,
    at: Option<usize>,
}

impl Walk {
    /// The servers were looked up anew. What is known of those that are still there is kept, and so is our place.
    pub(crate) fn servers_are(&mut self, hops: Vec<Hop>) {
        let here = self.here().cloned();
        let old = std::mem::take(&mut self.stops);
        self.stops = hops
            .into_iter()
            .map(|hop| match old.iter().find(|stop| stop.hop == hop) {
                Some(known) => known.clone(),
                None => Stop { hop, rests_until: None, deaths: 0, tried: false },
            })
            .collect();
        self.at = here.and_then(|here| self.stops.iter().position(|stop| stop.hop == here));
    }

    /// The server that is spoken with.
    pub(crate) fn here(&self) -> Option<&Hop> {
        self.at.and_then(|at| self.stops.get(at)).map(|stop| &stop.hop)
    }

    /// Whether there is anywhere else to go.
    pub(crate) fn has_choice(&self) -> bool {
        self.stops.len() > 1
    }

    /// Begins at the top: the best server that does not rest, or, when all rest, the best of all.
    pub(crate) fn begin(&mut self, now: Instant) -> Option<&Hop> {
        for stop in &mut self.stops {
            stop.tried = false;
        }
        let awake = self.stops.iter().position(|stop| !rests(stop, now));
        self.at = awake.or((!self.stops.is_empty()).then_some(0));
        self.here()
    }

    /// The server here does not answer or is out of service: the next to try, in order. Those that rest come after those that
    /// do not. `None`: all were tried, and it is time to pause.
    pub(crate) fn failed(&mut self, now: Instant, random: u8) -> Option<&Hop> {
        let at = self.at?;
        dies(&mut self.stops[at], now, random);
        self.stops[at].tried = true;
        let left = |stop: &Stop| !stop.tried;
        self.at = self
            .stops
            .iter()
            .position(|stop| left(stop) && !rests(stop, now))
            .or_else(|| self.stops.iter().position(left));
        self.here()
    }

    /// The server here answered.
    pub(crate) fn worked(&mut self) {
        for stop in &mut self.stops {
            stop.tried = false;
        }
        if let Some(stop) = self.at.and_then(|at| self.stops.get_mut(at)) {
            stop.deaths = 0;
            stop.rests_until = None;
        }
    }

    /// A better server than the one here, when it has rested long enough to be asked whether it lives.
    pub(crate) fn better(&self, now: Instant) -> Option<&Hop> {
        self.stops[..self.at?].iter().find(|stop| !rests(stop, now)).map(|stop| &stop.hop)
    }

    /// When [`Walk::better`] may have something to say.
    pub(crate) fn better_at(&self) -> Option<Instant> {
        self.stops[..self.at?].iter().filter_map(|stop| stop.rests_until).min()
    }

    /// A better server was asked and is still dead.
    pub(crate) fn still_dead(&mut self, hop: &Hop, now: Instant, random: u8) {
        if let Some(stop) = self.stops.iter_mut().find(|stop| stop.hop == *hop) {
            dies(stop, now, random);
        }
    }

    /// Goes to a better server that answered.
    pub(crate) fn return_to(&mut self, hop: &Hop) -> Option<&Hop> {
        self.at = self.stops.iter().position(|stop| stop.hop == *hop);
        self.here()
    }
}

fn rests(stop: &Stop, now: Instant) -> bool {
    stop.rests_until.is_some_and(|until| now < until)
}

fn dies(stop: &mut Stop, now: Instant, random: u8) {
    stop.deaths += 1;
    let rest = FIRST_REST.saturating_mul(1 << (stop.deaths - 1).min(8)).min(LONGEST_REST);
    // Up to a third shorter or longer, so that a hundred phones do not ask in the same moment.
    stop.rests_until = Some(now + rest.mul_f64(2.0 / 3.0 + f64::from(random) / 255.0 * 2.0 / 3.0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use softphone_api::Transport;

    fn hop(name: &str) -> Hop {
        let at = std::net::SocketAddr::from(([10, 0, 0, name.as_bytes()[0]], 5060));
        Hop::new(Transport::Udp, name, 5060, name.to_owned(), at, None)
    }

    /// `abc` are the servers in order. Steps: `b` begin, `f` failed, `w` worked, `+` a minute passes. Then where we are.
    #[test]
    fn walks() {
        for (servers, steps, ends_at) in [
            ("", "b", None),
            ("", "bf", None),
            ("a", "b", Some("a")),
            // A lone server is not left: it is paused.
            ("a", "bf", None),
            ("a", "bfb", Some("a")),
            ("ab", "bw", Some("a")),
            ("ab", "bf", Some("b")),
            ("ab", "bwf", Some("b")),
            ("ab", "bff", None),
            // After the pause: both rest, so the best.
            ("ab", "bffb", Some("a")),
            ("abc", "bff", Some("c")),
            ("abc", "bfff", None),
            // b was good until now; a is still resting, and is tried last all the same.
            ("ab", "bfwf", Some("a")),
            ("abc", "bfwf", Some("c")),
            ("abc", "bfwff", Some("a")),
            // A minute later a has rested, and is preferred to c.
            ("abc", "bfw+f", Some("a")),
        ] {
            let mut now = Instant::now();
            let mut walk = Walk::default();
            walk.servers_are(servers.chars().map(|c| hop(&c.to_string())).collect());
            for step in steps.chars() {
                match step {
                    'b' => drop(walk.begin(now).cloned()),
                    'f' => drop(walk.failed(now, 128).cloned()),
                    'w' => walk.worked(),
                    _ => now += Duration::from_secs(60),
                }
            }
            assert_eq!(
                walk.here().map(|h| h.route.name.clone()),
                ends_at.map(|n| hop(n).route.name),
                "{servers} {steps}"
            );
        }
    }

    #[test]
    fn the_dead_rest_longer_each_time_and_are_asked_then() {
        let now = Instant::now();
        let mut walk = Walk::default();
        walk.servers_are(vec![hop("a"), hop("b")]);
        walk.begin(now);
        assert_eq!(walk.better(now), None, "there is nothing better than the first");
        walk.failed(now, 128);
        walk.worked();
        assert_eq!(walk.better(now), None, "it rests");
        let mut rest = Duration::ZERO;
        for _ in 0..8 {
            let asked = walk.better_at().unwrap();
            assert_eq!(walk.better(asked), Some(&hop("a")));
            walk.still_dead(&hop("a"), asked, 128);
            let next = walk.better_at().unwrap() - asked;
            assert!(next >= rest && next <= LONGEST_REST.mul_f64(4.0 / 3.0), "{next:?} after {rest:?}");
            rest = next;
        }
        assert!(rest >= LONGEST_REST.mul_f64(0.9));
        assert_eq!(walk.return_to(&hop("a")), Some(&hop("a")));
        walk.worked();
        assert_eq!(walk.better_at(), None);
    }

    #[test]
    fn a_hundred_phones_do_not_ask_in_the_same_moment() {
        let now = Instant::now();
        let mut times: Vec<Instant> = (0..=255)
            .map(|random| {
                let mut walk = Walk::default();
                walk.servers_are(vec![hop("a"), hop("b")]);
                walk.begin(now);
                walk.failed(now, random);
                walk.better_at().unwrap()
            })
            .collect();
        times.dedup();
        assert_eq!(times.len(), 256);
    }

    #[test]
    fn a_new_look_up_keeps_what_is_known() {
        let now = Instant::now();
        let mut walk = Walk::default();
        walk.servers_are(vec![hop("a"), hop("b")]);
        walk.begin(now);
        walk.failed(now, 0);
        walk.servers_are(vec![hop("c"), hop("a"), hop("b")]);
        assert_eq!(walk.here(), Some(&hop("b")));
        assert_eq!(walk.better(now), Some(&hop("c")));
        walk.servers_are(vec![hop("a")]);
        assert_eq!(walk.here(), None, "where we were is no server any more");
        assert_eq!(walk.begin(now), Some(&hop("a")));
    }
}
