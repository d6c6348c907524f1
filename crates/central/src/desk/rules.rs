//! What an operator's status does (DOMAIN: Status). Pure: time is an argument, milliseconds since the Unix epoch.
//!
//! Asterisk offers the next call before a pause that is sent at a call's end can land. So whatever is to follow a queue
//! call (a *next* status, after-call work) pauses the member at once, while for people the status begins at the call's end.

use central_api::{ChangedBy, NextStatus, PbxId, QueueId, ReasonId, Status, StatusKind, StatusWish, When};
use std::collections::BTreeMap;

use crate::pbx::contract::OfferOutcome;

/// What the rules are set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// After-call work after a queue call, ms; 0: none.
    pub after_call_ms: i64,
    /// What pressing *after-call* again adds, once.
    pub after_call_more_ms: i64,
    /// Offers of one queue not taken in a row that make *not answering*; 0: off.
    pub not_taken_limit: u32,
    /// Workstation away, phone reachable: paused after.
    pub away_pause_ms: i64,
    /// Workstation away, phone unreachable: offline after.
    pub away_offline_ms: i64,
    /// After a sign-in and after central's own start nobody counts as away for so long.
    pub grace_ms: i64,
    /// Added to UTC to know the day.
    pub day_offset_ms: i64,
    /// Break reasons, with what limits them.
    pub reasons: BTreeMap<ReasonId, Option<i64>>,
}

/// A call of the operator, as far as statuses care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCall {
    /// Where.
    pub pbx: PbxId,
    /// The queue it came by.
    pub queue: Option<QueueId>,
    /// In conversation.
    pub answered: bool,
    /// The softphone died with it and the customer is back in the queue.
    pub returned: bool,
}

/// Why a member is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Not on shift.
    Offline,
    /// After sign-in.
    Preparing,
    /// With a reason, when there is one.
    Break(Option<ReasonId>),
    /// After-call work, now or after the running call.
    AfterCall,
    /// Offers were not taken.
    NotAnswering,
    /// No word from the workstation.
    Away,
    /// Talking on another PBX.
    BusyElsewhere,
}

/// Why a wish is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The shift is over or has not begun.
    #[error("you are not on shift; begin one with the status preparing, available or break")]
    OffShift,
    /// Statuses people do not choose.
    #[error("this status cannot be chosen; choose preparing, available, break, after-call or offline")]
    Kind,
    /// A break without reason, or an unknown one.
    #[error("a break needs one of the reasons of GET /reasons")]
    Reason,
    /// No such queue.
    #[error("you are not a member of this queue")]
    Queue,
}

/// An operator at work, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    status: Status,
    next: Option<NextStatus>,
    next_by: ChangedBy,
    calls: BTreeMap<String, OwnCall>,
    after_call_owed: bool,
    extended: bool,
    not_taken: BTreeMap<QueueId, u32>,
    away_since: Option<i64>,
    unreachable_since: Option<i64>,
    grace_until: i64,
    look_at: Option<i64>,
    /// When the last shift ended, as far as is known.
    shift_ended: i64,
    /// When a person other than the operator last changed the status.
    others_since: i64,
}

/// A PBX tells all its calls within this time after its link is up.
const CALLS_TOLD_MS: i64 = 2_000;

/// Clocks of two machines, set by each other's words, differ less than this.
const CLOCKS_DIFFER_MS: i64 = 1_000;

const DAY_MS: i64 = 24 * 3_600_000;

impl Operator {
    /// As stored, or offline.
    #[must_use]
    pub fn new(status: Status, next: Option<NextStatus>, now: i64, settings: &Settings) -> Self {
        let by_others = matches!(status.by, ChangedBy::Person { .. } | ChangedBy::Pbx);
        Self {
            shift_ended: if status.kind == StatusKind::Offline { status.since_ms } else { 0 },
            others_since: if by_others { status.since_ms } else { 0 },
            status,
            next,
            next_by: ChangedBy::Operator,
            calls: BTreeMap::new(),
            after_call_owed: false,
            extended: false,
            not_taken: BTreeMap::new(),
            away_since: Some(now),
            unreachable_since: None,
            grace_until: now + settings.grace_ms,
            look_at: None,
        }
    }

    /// The status for people.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// What follows the call.
    #[must_use]
    pub fn next(&self) -> Option<&NextStatus> {
        self.next.as_ref()
    }

    /// On shift.
    #[must_use]
    pub fn on_shift(&self) -> bool {
        self.status.kind != StatusKind::Offline
    }

    /// The shift ends with the running call. Nobody at the PBX can take that back: the program may have been quit.
    fn leaves(&self) -> bool {
        self.next.as_ref().is_some_and(|next| next.kind == StatusKind::Offline)
    }

    /// In conversation.
    #[must_use]
    pub fn talking(&self) -> bool {
        self.calls.values().any(|call| call.answered && !call.returned)
    }

    /// Whether the seat counts as taken although nothing may be heard of it: in a call, or on shift and not away for so long
    /// that the shift would be over with an unreachable phone. A phone alone, on a desk, does not hold a seat.
    #[must_use]
    pub fn at_work(&self, now: i64, settings: &Settings) -> bool {
        let left = self.away_since.is_some_and(|since| now - since >= settings.away_offline_ms);
        self.talking() || (self.on_shift() && !left)
    }

    /// A sign-in: a new shift begins with preparing, a running one goes on.
    pub fn sign_in(&mut self, now: i64, settings: &Settings) {
        self.end_forgotten_shift(now, settings);
        if !self.on_shift() {
            self.begin_shift(ChangedBy::Operator, now, settings);
        }
        self.away_since = Some(now);
        self.grace_until = now + settings.grace_ms;
    }

    /// The end of the shift.
    pub fn sign_out(&mut self, by: ChangedBy, now: i64, settings: &Settings) {
        self.next = None;
        self.after_call_owed = false;
        self.begin(StatusKind::Offline, None, by, now, settings);
    }

    /// The workstation's live link came or went.
    pub fn link(&mut self, up: bool, now: i64, settings: &Settings) {
        if up {
            self.end_forgotten_shift(now, settings);
            self.away_since = None;
            // Taken off shift by the clock, and here again. Who ended the shift begins the next one, too: the link of a
            // program that is just being quit may come up after its last words.
            if !self.on_shift() && self.status.by != ChangedBy::Operator {
                self.begin_shift(ChangedBy::System, now, settings);
            }
        } else {
            self.away_since.get_or_insert(now);
        }
    }

    fn begin_shift(&mut self, by: ChangedBy, now: i64, settings: &Settings) {
        self.begin(StatusKind::Preparing, None, by, now, settings);
        // What went by off shift does not count as being away.
        self.away_since = self.away_since.map(|_| now);
        self.grace_until = now + settings.grace_ms;
    }

    /// A shift that nobody ended (a desk phone stays reachable all night) is not the next day's. A moment without a link
    /// about midnight changes nothing.
    fn end_forgotten_shift(&mut self, now: i64, settings: &Settings) {
        let day = |ms: i64| (ms + settings.day_offset_ms).div_euclid(DAY_MS);
        let forgotten = |since: i64| now - since >= settings.away_offline_ms && day(since) != day(now);
        if self.on_shift() && self.calls.is_empty() && self.away_since.is_some_and(forgotten) {
            self.sign_out(ChangedBy::System, now, settings);
        }
    }

    /// Whether any phone can be reached; `None` when no PBX can tell.
    pub fn phone(&mut self, reachable: Option<bool>, now: i64) {
        match reachable {
            Some(false) => {
                self.unreachable_since.get_or_insert(now);
            }
            Some(true) | None => self.unreachable_since = None,
        }
    }

    /// The operator chooses. Offline ends the shift, after the call in a call; anything but after-call work begins the next.
    ///
    /// # Errors
    /// When it is not to be chosen.
    pub fn wish(&mut self, wish: &StatusWish, now: i64, settings: &Settings) -> Result<(), Refused> {
        let reason = match (wish.kind, wish.reason) {
            (StatusKind::Break, Some(reason)) if settings.reasons.contains_key(&reason) => Some(reason),
            (StatusKind::Break, _) => return Err(Refused::Reason),
            (StatusKind::Preparing | StatusKind::Available | StatusKind::AfterCall | StatusKind::Offline, _) => None,
            (StatusKind::NotAnswering, _) => return Err(Refused::Kind),
        };
        if wish.chosen_at_ms.is_some_and(|at| self.outdated(at)) {
            return Ok(());
        }
        if !self.on_shift() {
            match wish.kind {
                StatusKind::Offline => return Ok(()),
                StatusKind::AfterCall => return Err(Refused::OffShift),
                _ => self.begin_shift(ChangedBy::Operator, now, settings),
            }
            if wish.kind == StatusKind::Preparing {
                return Ok(());
            }
        }
        let ringing = wish.when == When::AfterCall && !self.calls.is_empty();
        if self.talking() || ringing {
            let back = self.next.is_some() && wish.kind == self.status.kind && reason == self.status.reason;
            self.next = (!back).then_some(NextStatus { kind: wish.kind, reason, chosen_at_ms: now });
            self.next_by = ChangedBy::Operator;
            return Ok(());
        }
        self.next = None;
        if wish.kind == StatusKind::Offline {
            self.sign_out(ChangedBy::Operator, now, settings);
            return Ok(());
        }
        if wish.kind == StatusKind::AfterCall && self.status.kind == StatusKind::AfterCall {
            if let (false, Some(until)) = (self.extended, self.status.until_ms) {
                self.status.until_ms = Some(until + settings.after_call_more_ms);
                self.extended = true;
            }
            return Ok(());
        }
        self.begin(wish.kind, reason, ChangedBy::Operator, now, settings);
        Ok(())
    }

    /// A wish that waited for the link ends with its shift, and undoes nothing that another person did since. What a rule did
    /// since (not answering, after-call work) gives way to a person.
    fn outdated(&self, chosen_at: i64) -> bool {
        let later = |at: i64| at > chosen_at + CLOCKS_DIFFER_MS;
        later(self.shift_ended) || later(self.others_since)
    }

    /// Takes the next status back.
    pub fn clear_next(&mut self) {
        self.next = None;
    }

    /// A call is new or changed.
    pub fn call(&mut self, id: &str, call: OwnCall) {
        if let (Some(queue), true) = (call.queue, call.answered) {
            self.not_taken.remove(&queue);
        }
        let returned = self.calls.get(id).is_some_and(|known| known.returned);
        self.calls.insert(id.to_owned(), OwnCall { returned: returned || call.returned, ..call });
    }

    /// The customer of a dead call is back in the queue: nobody talks any more, and no work follows.
    pub fn returned(&mut self, id: &str, now: i64, settings: &Settings) {
        if let Some(call) = self.calls.get_mut(id) {
            call.returned = true;
        }
        self.after_call(now, settings);
    }

    /// A call is over.
    pub fn gone(&mut self, id: &str, talked: bool, now: i64, settings: &Settings) {
        let Some(call) = self.calls.remove(id) else { return };
        if call.queue.is_some() && (call.answered || talked) && !call.returned {
            self.after_call_owed = true;
        }
        self.after_call(now, settings);
    }

    /// A PBX link is up: its calls are told within moments, and one that ended while nobody listened has its consequences
    /// then. Until they are told, a *next* status must not begin in the middle of a call that only a restart forgot.
    pub fn calls_told_soon(&mut self, now: i64) {
        if self.next.is_some() && !self.talking() {
            self.look_at = Some(now + CALLS_TOLD_MS);
        }
    }

    fn after_call(&mut self, now: i64, settings: &Settings) {
        if self.talking() {
            return;
        }
        let owed = std::mem::take(&mut self.after_call_owed);
        if let Some(next) = self.next.take() {
            let same = next.kind == self.status.kind && next.reason == self.status.reason;
            if !same {
                let by = std::mem::replace(&mut self.next_by, ChangedBy::Operator);
                self.begin(next.kind, next.reason, by, now, settings);
            }
        } else if owed && settings.after_call_ms > 0 && self.status.kind == StatusKind::Available {
            self.begin(StatusKind::AfterCall, None, ChangedBy::System, now, settings);
        }
    }

    /// An offer of a queue call ended.
    pub fn offer(&mut self, queue: QueueId, outcome: OfferOutcome, now: i64, settings: &Settings) {
        match outcome {
            OfferOutcome::Answered => {
                self.not_taken.remove(&queue);
            }
            OfferOutcome::Withdrawn => {}
            OfferOutcome::NotTaken => {
                let count = self.not_taken.entry(queue).or_default();
                *count += 1;
                let limit = settings.not_taken_limit;
                if limit > 0 && *count >= limit && self.status.kind == StatusKind::Available {
                    self.begin(StatusKind::NotAnswering, None, ChangedBy::System, now, settings);
                }
            }
        }
    }

    /// A person at the PBX paused the operator.
    pub fn pbx_paused(&mut self, reason: Option<ReasonId>, now: i64, settings: &Settings) {
        if !self.on_shift() || self.leaves() {
            return;
        }
        self.others_since = now;
        if self.talking() {
            self.next = Some(NextStatus { kind: StatusKind::Break, reason, chosen_at_ms: now });
            self.next_by = ChangedBy::Pbx;
        } else {
            self.begin(StatusKind::Break, reason, ChangedBy::Pbx, now, settings);
        }
    }

    /// A person at the PBX set the operator free.
    pub fn pbx_unpaused(&mut self, now: i64, settings: &Settings) {
        if !self.on_shift() || self.leaves() {
            return;
        }
        self.others_since = now;
        if self.talking() {
            // Free at the PBX for the time after the call; so nothing is to follow it.
            self.next = Some(NextStatus { kind: StatusKind::Available, reason: None, chosen_at_ms: now });
            self.next_by = ChangedBy::Pbx;
        } else if self.status.kind != StatusKind::Available {
            self.begin(StatusKind::Available, None, ChangedBy::Pbx, now, settings);
        }
        // Whoever sets somebody free whose workstation is silent knows more than the clock.
        self.grace_until = now + settings.away_pause_ms;
    }

    /// Asterisk paused the operator by itself after an offer was not taken.
    pub fn autopaused(&mut self, now: i64, settings: &Settings) {
        if self.status.kind == StatusKind::Available {
            self.begin(StatusKind::NotAnswering, None, ChangedBy::System, now, settings);
        }
    }

    /// Time passes.
    pub fn tick(&mut self, now: i64, settings: &Settings) {
        if self.status.kind == StatusKind::AfterCall && self.status.until_ms.is_some_and(|until| until <= now) {
            self.begin(StatusKind::Available, None, ChangedBy::System, now, settings);
        }
        if self.look_at.is_some_and(|at| at <= now) {
            self.look_at = None;
            self.after_call(now, settings);
        }
        if self.offline_at(settings).is_some_and(|at| at <= now) {
            self.sign_out(ChangedBy::System, now, settings);
        }
    }

    /// When `tick` or `pause` will next say something else.
    #[must_use]
    pub fn deadline(&self, now: i64, settings: &Settings) -> Option<i64> {
        let after_call = self.status.until_ms.filter(|_| self.status.kind == StatusKind::AfterCall);
        let away = self.away_pause_at(settings).filter(|at| *at > now);
        [after_call, away, self.offline_at(settings), self.look_at].into_iter().flatten().min()
    }

    fn offline_at(&self, settings: &Settings) -> Option<i64> {
        if !self.on_shift() || !self.calls.is_empty() {
            return None;
        }
        let both = self.away_since?.max(self.unreachable_since?);
        Some((both + settings.away_offline_ms).max(self.grace_until))
    }

    fn away_pause_at(&self, settings: &Settings) -> Option<i64> {
        if !self.on_shift() {
            return None;
        }
        let away = self.away_since?;
        let slow = away + settings.away_pause_ms;
        let at = self.unreachable_since.map_or(slow, |since| slow.min(since.max(away)));
        Some(at.max(self.grace_until))
    }

    /// Whether, and why, queues of this PBX must not offer calls.
    #[must_use]
    pub fn pause(&self, pbx: PbxId, now: i64, settings: &Settings) -> Option<Pause> {
        match self.status.kind {
            StatusKind::Offline => return Some(Pause::Offline),
            StatusKind::Preparing => return Some(Pause::Preparing),
            StatusKind::Break => return Some(Pause::Break(self.status.reason)),
            StatusKind::AfterCall => return Some(Pause::AfterCall),
            StatusKind::NotAnswering => return Some(Pause::NotAnswering),
            StatusKind::Available => {}
        }
        match &self.next {
            Some(next) => match next.kind {
                StatusKind::Break => return Some(Pause::Break(next.reason)),
                StatusKind::AfterCall => return Some(Pause::AfterCall),
                StatusKind::Preparing => return Some(Pause::Preparing),
                StatusKind::Offline => return Some(Pause::Offline),
                StatusKind::Available | StatusKind::NotAnswering => {}
            },
            None => {
                let queue_call = |call: &OwnCall| call.answered && call.queue.is_some() && !call.returned;
                if settings.after_call_ms > 0 && (self.after_call_owed || self.calls.values().any(queue_call)) {
                    return Some(Pause::AfterCall);
                }
            }
        }
        if self.calls.values().any(|call| call.answered && !call.returned && call.pbx != pbx) {
            return Some(Pause::BusyElsewhere);
        }
        self.away_pause_at(settings).filter(|at| *at <= now).map(|_| Pause::Away)
    }

    fn begin(&mut self, kind: StatusKind, reason: Option<ReasonId>, by: ChangedBy, now: i64, settings: &Settings) {
        if kind == StatusKind::Available {
            self.not_taken.clear();
        }
        self.extended = false;
        let lasts = match kind {
            StatusKind::AfterCall => Some(settings.after_call_ms).filter(|ms| *ms > 0),
            StatusKind::Break => reason.and_then(|reason| settings.reasons.get(&reason).copied().flatten()),
            _ => None,
        };
        // The same status again is not a new one: its time goes on.
        if kind == self.status.kind && reason == self.status.reason && kind != StatusKind::AfterCall {
            return;
        }
        if kind == StatusKind::Offline {
            self.shift_ended = now;
        }
        self.status = Status { kind, reason, since_ms: now, until_ms: lasts.map(|ms| now + ms), by };
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
