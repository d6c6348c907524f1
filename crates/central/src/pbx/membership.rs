//! Wishes of members against what the PBX shows: what to send, whose doing a change was, how far a wish has come.

use std::collections::BTreeMap;

use ami::AmiError;

use super::contract::{Cause, DesiredMember, ObservedMember, PbxEvent, Progress};
use super::observed::{Change, MemberKey, Observed};
use super::reconcile::{Step, is_alike, next_step};

/// How long after an action its event may still come.
const ECHO_MS: i64 = 5_000;

/// An action that was answered well but shows no effect for so long has failed.
const EFFECT_MS: i64 = 2_000;

/// Refusals until a wish is given up.
const MAX_FAILURES: u32 = 3;

/// Restored changes within [`RESTORE_WINDOW_MS`] until we stop fighting.
const MAX_RESTORED: usize = 3;
const RESTORE_WINDOW_MS: i64 = 60_000;

/// How a change came to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// First look of this process.
    First,
    /// An event.
    Live,
    /// Missing or different in a list though the link was up and no event told it: a module was reloaded.
    Resync,
    /// After a time without a link; the PBX ran on. With a reload of its modules or without.
    AfterGap { reloaded: bool },
    /// The PBX was started again.
    AfterRestart,
}

#[derive(Debug)]
struct Flight {
    step: Step,
    answered_ms: Option<i64>,
}

#[derive(Debug)]
struct Tracked {
    wish: DesiredMember,
    /// Changed since the link was last up: it is newer than anything found after a gap.
    fresh: bool,
    /// The PBX side changed it; we wait for the desk's answer.
    held: bool,
    flight: Option<Flight>,
    /// Steps sent lately, to know their echo.
    sent: Vec<(Step, i64)>,
    failures: u32,
    failed: Option<String>,
    retry_at_ms: i64,
    restored_ms: Vec<i64>,
    told: Option<(ObservedMember, Progress)>,
}

/// What membership wants from the machine.
#[derive(Debug, PartialEq)]
pub(super) enum Want {
    /// Tell the desk.
    Tell(Box<PbxEvent>),
    /// Send the step.
    Send(MemberKey, Box<ami::Action>),
    /// Look again: an answer contradicts what we saw.
    Look,
}

/// All members with a wish.
#[derive(Debug)]
pub(super) struct Memberships {
    managed: bool,
    /// The link is up and a look was taken.
    ready: bool,
    keeps_reasons: bool,
    members: BTreeMap<MemberKey, Tracked>,
}

impl Memberships {
    pub(super) fn new(managed: bool) -> Self {
        Self { managed, ready: false, keeps_reasons: true, members: BTreeMap::new() }
    }

    /// Takes the whole wish.
    pub(super) fn desire(&mut self, wishes: Vec<DesiredMember>, observed: &Observed, now_ms: i64) -> Vec<Want> {
        let mut wants = Vec::new();
        let mut old = std::mem::take(&mut self.members);
        for wish in wishes {
            let key = (wish.queue.clone(), wish.interface.clone());
            let cause = match old.remove(&key) {
                Some(known) if known.wish == wish => {
                    self.members.insert(key, known);
                    continue;
                }
                Some(mut known) => {
                    known.wish = wish;
                    known.fresh = true;
                    known.held = false;
                    known.failures = 0;
                    known.failed = None;
                    known.retry_at_ms = 0;
                    known.restored_ms.clear();
                    // The desk hears of each new wish what became of it, also when nothing had to be done.
                    known.told = None;
                    self.members.insert(key.clone(), known);
                    Cause::Ours
                }
                None => {
                    self.members.insert(key.clone(), Tracked::new(wish));
                    Cause::Found
                }
            };
            if self.ready {
                wants.extend(self.drive(&key, observed, now_ms));
                wants.extend(self.tell(&key, observed, cause));
            }
        }
        wants
    }

    /// The link is away: what was under way is void.
    pub(super) fn lost(&mut self) {
        self.ready = false;
        for member in self.members.values_mut() {
            member.flight = None;
            member.sent.clear();
            member.fresh = false;
        }
    }

    /// A whole look was taken. `changes`: what differs from the look before.
    pub(super) fn looked(&mut self, changes: &[Change], sight: Sight, observed: &Observed, now_ms: i64) -> Vec<Want> {
        let mut wants = Vec::new();
        let link_was_away = !matches!(sight, Sight::Live | Sight::Resync);
        self.ready = true;
        for change in changes {
            wants.extend(self.changed(change, sight, observed, now_ms));
        }
        if link_was_away {
            // After a reconnect everything is tried and told anew.
            let keys: Vec<MemberKey> = self.members.keys().cloned().collect();
            for key in keys {
                if let Some(member) = self.members.get_mut(&key) {
                    member.forgive();
                    if sight == Sight::AfterRestart {
                        member.held = false;
                    }
                    member.fresh = false;
                }
                wants.extend(self.drive(&key, observed, now_ms));
                let first = self.members.get(&key).is_some_and(|member| member.told.is_none());
                wants.extend(self.tell(&key, observed, if first { Cause::Found } else { Cause::Ours }));
            }
        }
        wants
    }

    /// One member changed.
    pub(super) fn changed(&mut self, change: &Change, sight: Sight, observed: &Observed, now_ms: i64) -> Vec<Want> {
        let Some(member) = self.members.get_mut(&change.key) else { return Vec::new() };
        let cause = member.cause(change, sight, now_ms);
        match cause {
            Cause::Pbx | Cause::Autopause => member.held = true,
            Cause::Restart => {
                member.held = false;
                member.restored_ms.retain(|at| now_ms - at < RESTORE_WINDOW_MS);
                if member.restored_ms.len() >= MAX_RESTORED {
                    let text = "the PBX lost it again and again: restored three times within a minute, then stopped"
                        .to_owned();
                    member.failed = Some(text);
                } else {
                    member.restored_ms.push(now_ms);
                }
            }
            Cause::Ours | Cause::Found => {}
        }
        if self.keeps_reasons
            && cause == Cause::Ours
            && let Some(Flight { step: Step::Pause { reason }, .. }) = &member.flight
            && !reason.is_empty()
            && change.after.paused
            && change.after.paused_reason.is_none()
        {
            self.keeps_reasons = false;
        }
        if member.flight.as_ref().is_some_and(|flight| flight.step.explains(&change.after)) {
            member.flight = None;
            member.failures = 0;
        }
        let mut wants: Vec<Want> = self.drive(&change.key, observed, now_ms).into_iter().collect();
        wants.extend(self.tell(&change.key, observed, cause));
        wants
    }

    /// The answer to a step.
    pub(super) fn answered(
        &mut self,
        key: &MemberKey,
        answer: Result<(), AmiError>,
        observed: &Observed,
        now_ms: i64,
    ) -> Vec<Want> {
        let Some(member) = self.members.get_mut(key) else { return Vec::new() };
        let Some(flight) = &mut member.flight else { return Vec::new() };
        match answer {
            Ok(()) => {
                flight.answered_ms = Some(now_ms);
                // A penalty says nothing that we would wait for.
                if flight.step == Step::Penalty {
                    member.flight = None;
                }
                Vec::new()
            }
            Err(error) if error.is_fatal() => {
                member.flight = None;
                Vec::new()
            }
            Err(error) => {
                let refused = &flight.step;
                member.sent.retain(|(step, _)| step != refused);
                let words = match error {
                    AmiError::Refused { why, .. } => why,
                    other => other.to_string(),
                };
                self.failed(key, words, observed, now_ms)
            }
        }
    }

    fn failed(&mut self, key: &MemberKey, words: String, observed: &Observed, now_ms: i64) -> Vec<Want> {
        let Some(member) = self.members.get_mut(key) else { return Vec::new() };
        member.flight = None;
        member.failures += 1;
        if member.failures >= MAX_FAILURES {
            member.failed = Some(words);
        } else {
            member.retry_at_ms = now_ms + 500 * i64::from(member.failures);
        }
        let mut wants = vec![Want::Look];
        wants.extend(self.tell(key, observed, Cause::Ours));
        wants
    }

    /// Tries what failed again.
    pub(super) fn retry(&mut self, observed: &Observed, now_ms: i64) -> Vec<Want> {
        let keys: Vec<MemberKey> =
            self.members.iter().filter(|(_, member)| member.failed.is_some()).map(|(key, _)| key.clone()).collect();
        let mut wants = Vec::new();
        for key in keys {
            if let Some(member) = self.members.get_mut(&key) {
                member.forgive();
            }
            wants.extend(self.drive(&key, observed, now_ms));
            wants.extend(self.tell(&key, observed, Cause::Ours));
        }
        wants
    }

    /// Time passes: actions without effect, refused ones to try again.
    pub(super) fn tick(&mut self, observed: &Observed, now_ms: i64) -> Vec<Want> {
        let keys: Vec<MemberKey> = self.members.keys().cloned().collect();
        let mut wants = Vec::new();
        for key in keys {
            let Some(member) = self.members.get_mut(&key) else { continue };
            member.sent.retain(|(_, at)| now_ms - at < ECHO_MS);
            let without_effect = |flight: &Flight| flight.answered_ms.is_some_and(|at| now_ms - at > EFFECT_MS);
            if member.flight.as_ref().is_some_and(without_effect) {
                wants.extend(self.failed(
                    &key,
                    "the PBX accepted the action, but nothing changed".to_owned(),
                    observed,
                    now_ms,
                ));
            }
            wants.extend(self.drive(&key, observed, now_ms));
        }
        wants
    }

    fn drive(&mut self, key: &MemberKey, observed: &Observed, now_ms: i64) -> Option<Want> {
        let keeps_reasons = self.keeps_reasons;
        let member = self.members.get_mut(key)?;
        let waits = member.held || member.flight.is_some() || member.failed.is_some() || now_ms < member.retry_at_ms;
        if !self.managed || !self.ready || waits {
            return None;
        }
        let penalty = observed.info(key).map(|info| info.penalty);
        let step = next_step(&member.wish, &observed.member(key), penalty, keeps_reasons)?;
        match step.action(&member.wish) {
            Ok(action) => {
                member.sent.push((step.clone(), now_ms));
                member.flight = Some(Flight { step, answered_ms: None });
                Some(Want::Send(key.clone(), Box::new(action)))
            }
            Err(error) => {
                member.failed = Some(error.to_string());
                None
            }
        }
    }

    fn tell(&mut self, key: &MemberKey, observed: &Observed, cause: Cause) -> Option<Want> {
        let (managed, keeps_reasons) = (self.managed, self.keeps_reasons);
        let member = self.members.get_mut(key)?;
        let seen = observed.member(key);
        let progress = if let Some(words) = &member.failed {
            Progress::Failed(words.clone())
        } else if next_step(&member.wish, &seen, None, keeps_reasons).is_none()
            || member.held && is_alike(&member.wish, &seen)
        {
            Progress::Applied
        } else if managed {
            Progress::Pending
        } else {
            Progress::Failed("Linedesk only watches this PBX and sends it nothing".to_owned())
        };
        let told = (seen, progress);
        if member.told.as_ref() == Some(&told) {
            return None;
        }
        member.told = Some(told.clone());
        let (observed, progress) = told;
        let (queue, interface) = key.clone();
        Some(Want::Tell(Box::new(PbxEvent::Member { queue, interface, observed, cause, progress })))
    }

    /// Whether a queue member is one of ours.
    pub(super) fn knows(&self, queue: &str, interface: &str) -> bool {
        self.members.keys().any(|(of, name)| of == queue && name == interface)
    }
}

impl Tracked {
    fn new(wish: DesiredMember) -> Self {
        Self {
            wish,
            fresh: true,
            held: false,
            flight: None,
            sent: Vec::new(),
            failures: 0,
            failed: None,
            retry_at_ms: 0,
            restored_ms: Vec::new(),
            told: None,
        }
    }

    fn forgive(&mut self) {
        self.failures = 0;
        self.failed = None;
        self.retry_at_ms = 0;
        self.restored_ms.clear();
    }

    fn cause(&mut self, change: &Change, sight: Sight, now_ms: i64) -> Cause {
        match sight {
            Sight::First => return Cause::Found,
            Sight::AfterRestart => return Cause::Restart,
            // What a person wished here while the link was away is newer than what is found.
            Sight::AfterGap { .. } if self.fresh => return Cause::Found,
            Sight::AfterGap { reloaded } => {
                let lost = reloaded && !change.after.present;
                return if lost { Cause::Restart } else { Cause::Pbx };
            }
            Sight::Resync if !change.after.present => return Cause::Restart,
            Sight::Live | Sight::Resync => {}
        }
        let ours = |(step, at): &(Step, i64)| now_ms - at < ECHO_MS && step.explains(&change.after);
        if let Some(at) = self.sent.iter().position(ours) {
            // A step has one echo. A person who does the like a moment later is not taken for it.
            self.sent.drain(..=at);
            return Cause::Ours;
        }
        // app_queue's own word, the same since 1.8.
        let autopause = change.after.paused && change.after.paused_reason.as_deref() == Some("Auto-Pause");
        if autopause { Cause::Autopause } else { Cause::Pbx }
    }
}
