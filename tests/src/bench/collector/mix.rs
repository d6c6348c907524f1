//! Which calls a PBX has, and what must be told of them.

use std::ops::AddAssign;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::template::{Entry, Person, Template};

/// Members of the queue that rings all.
pub const RINGALL: usize = 21;

/// Calls after which a mix begins anew; its shares are per cent.
pub const ROUND: u64 = 100;

/// A call through a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An operator answers and hangs up.
    Answered,
    /// The customer gives up.
    Abandoned,
    /// The operator consults a colleague and hands over.
    Transferred,
    /// [`RINGALL`] operators are rung at once, none answers, the queue's time is over.
    Ringall,
}

/// What is counted of calls: what is known of a stream, and what was told of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Calls.
    pub calls: u64,
    /// Visits of queues that ended with an answer.
    pub answered: u64,
    /// … because the caller gave up.
    pub abandoned: u64,
    /// … because the queue's time was over.
    pub timed_out: u64,
    /// Attempts to reach somebody.
    pub attempts: u64,
    /// Those that nobody took.
    pub vain: u64,
    /// Conversations.
    pub talks: u64,
    /// Transfers.
    pub transfers: u64,
}

impl AddAssign for Told {
    fn add_assign(&mut self, more: Self) {
        self.calls += more.calls;
        self.answered += more.answered;
        self.abandoned += more.abandoned;
        self.timed_out += more.timed_out;
        self.attempts += more.attempts;
        self.vain += more.vain;
        self.talks += more.talks;
        self.transfers += more.transfers;
    }
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Answered, Self::Abandoned, Self::Transferred, Self::Ringall];

    pub(super) fn template(self) -> Result<Template> {
        match self {
            Self::Answered => Template::read(include_str!("data/answered.ami")),
            Self::Abandoned => Template::read(include_str!("data/abandoned.ami")),
            Self::Transferred => Template::read(include_str!("data/transferred.ami")),
            Self::Ringall => Template::read(include_str!("data/timeout.ami"))?.rung_at_once(RINGALL),
        }
    }

    /// What happened when it was recorded, as those saw it who were in the call.
    pub fn truth(self) -> Told {
        let one = Told { calls: 1, attempts: 1, ..Told::default() };
        match self {
            Self::Answered => Told { answered: 1, talks: 1, ..one },
            Self::Abandoned => Told { abandoned: 1, vain: 1, ..one },
            Self::Transferred => Told { answered: 1, attempts: 2, talks: 3, transfers: 1, ..one },
            Self::Ringall => Told { timed_out: 1, attempts: RINGALL as u64, vain: RINGALL as u64, ..one },
        }
    }
}

/// Calls of a PBX and how much it says of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// As it is called on the command line.
    pub name: &'static str,
    /// Events of a call, in the mean.
    pub events: usize,
    /// Per cent of each kind, in the order of [`Kind`].
    shares: [usize; 4],
    /// Of three events of the dialplan that are added, so many are steps of it; the rest are variables.
    steps_of_three: usize,
}

impl Mix {
    /// The dialplan says nearly nothing.
    pub const QUIET: Self = Self { name: "quiet", events: 60, shares: [70, 19, 10, 1], steps_of_three: 0 };

    /// All classes of events, a dialplan made by a program, and a queue that rings 21 for nearly every third caller.
    pub const LOUD: Self = Self { name: "loud", events: 408, shares: [47, 12, 11, 30], steps_of_three: 1 };

    /// Both.
    pub const ALL: [Self; 2] = [Self::QUIET, Self::LOUD];

    /// What is told of so many rounds of calls.
    pub fn truth(&self, rounds: u64) -> Told {
        let mut truth = Told::default();
        for (kind, share) in Kind::ALL.iter().zip(self.shares) {
            for _ in 0..share as u64 * rounds {
                truth += kind.truth();
            }
        }
        truth
    }

    /// The scripts of one round, in an order that mixes the kinds.
    pub(super) fn scripts(&self) -> Result<Vec<Script>> {
        let templates = Kind::ALL.iter().map(|kind| kind.template()).collect::<Result<Vec<_>>>()?;
        let kinds: Vec<usize> =
            (0..Kind::ALL.len()).flat_map(|kind| std::iter::repeat_n(kind, self.shares[kind])).collect();
        let needed = |kind: usize| templates[kind].entries.iter().filter(|entry| !entry.chatter).count();
        let needs: Vec<usize> = kinds.iter().map(|kind| needed(*kind)).collect();
        let chatter = filled(&needs, self.events * kinds.len());
        let chatter = chatter.with_context(|| format!("the calls say more than {} events", self.events))?;
        let scripts = kinds.iter().zip(chatter);
        let scripts: Vec<Script> =
            scripts.map(|(kind, chatter)| Script::new(&templates[*kind], chatter, self.steps_of_three)).collect();
        // 37 has no common divisor with a hundred, so each comes once.
        Ok((0..scripts.len()).map(|at| scripts[at * 37 % scripts.len()].clone()).collect())
    }
}

/// How much is added to each so that all are `sum`: like water, it fills the low ones up to one level.
fn filled(needs: &[usize], sum: usize) -> Option<Vec<usize>> {
    let mut left = sum.checked_sub(needs.iter().sum())?;
    let mut added = vec![0; needs.len()];
    while left > 0 {
        let lowest = (0..needs.len()).min_by_key(|at| needs[*at] + added[*at])?;
        added[lowest] += 1;
        left -= 1;
    }
    Some(added)
}

/// A call as it will be said: a template with as much of the dialplan as its mix wants.
#[derive(Debug, Clone)]
pub(super) struct Script {
    /// Shared: a hundred scripts say the same few hundred events.
    pub(super) entries: Vec<Arc<Entry>>,
    pub(super) channels: usize,
    pub(super) bridges: usize,
    pub(super) people: Vec<Person>,
}

impl Script {
    fn new(template: &Template, chatter: usize, steps_of_three: usize) -> Self {
        let steps = chatter * steps_of_three / 3;
        let variables = chatter - steps;
        let places: Vec<usize> = (0..template.entries.len()).filter(|at| template.entries[*at].chatter).collect();
        // How often the variable at each place is said.
        let mut times = vec![0; template.entries.len()];
        for number in 0..variables {
            times[places[number * places.len() / variables]] += 1;
        }
        let mut entries: Vec<Arc<Entry>> = Vec::with_capacity(template.entries.len() + chatter);
        for (at, entry) in template.entries.iter().enumerate() {
            if at == template.steps_at {
                let before = entries.last().map_or(0, |entry| entry.after_us);
                entries.extend((0..steps).map(|number| {
                    let mut step = Entry::clone(&template.steps[number * template.steps.len() / steps]);
                    step.after_us = before;
                    Arc::new(step)
                }));
            }
            let times = if entry.chatter { times[at] } else { 1 };
            entries.extend(std::iter::repeat_n(entry, times).cloned());
        }
        Self { entries, channels: template.channels, bridges: template.bridges, people: template.people.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_has_as_many_events_as_it_says() -> Result<()> {
        for mix in Mix::ALL {
            let scripts = mix.scripts()?;
            let events: usize = scripts.iter().map(|script| script.entries.len()).sum();
            assert_eq!((scripts.len() as u64, events), (ROUND, mix.events * 100), "{}", mix.name);
        }
        let scripts = Mix::LOUD.scripts()?;
        let of_dialplan = |entry: &&Arc<Entry>| {
            let begin = &entry.pieces[0].text;
            begin.starts_with("Event: VarSet") || begin.starts_with("Event: Newexten")
        };
        let dialplan = scripts.iter().flat_map(|script| &script.entries).filter(of_dialplan).count();
        assert!((28_200..29_000).contains(&dialplan), "seven of ten are of the dialplan: {dialplan}");
        Ok(())
    }

    #[test]
    fn what_is_added_fills_the_low_ones() {
        assert_eq!(filled(&[1, 9, 3], 17), Some(vec![3, 0, 1]));
        assert_eq!(filled(&[5, 5], 9), None);
    }

    #[test]
    fn where_all_are_rung_it_is_said_of_each() -> Result<()> {
        let scripts = Mix::LOUD.scripts()?;
        let ringall = scripts.iter().find(|script| script.channels > 20).context("none")?;
        assert_eq!((ringall.people.len(), ringall.entries.len()), (22, 408));
        let rung = |entry: &&Arc<Entry>| matches!(entry.change, Some(super::super::template::Change::Born(_)));
        assert_eq!(ringall.entries.iter().filter(rung).count(), 22);
        Ok(())
    }
}
