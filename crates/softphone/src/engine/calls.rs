//! Calls: their state, how they come, are made and answered, and their ends. What happens in between has rooms of its own.

mod alert;
mod audible;
mod conference;
mod course;
mod digits;
mod ending;
mod headset;
mod hold;
mod incoming;
mod measure;
mod media;
mod moved;
mod progress;
mod transfer;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use softphone_api::{
    AccountId, Call, CallDirection, CallId, CallPhase, CommandErrorCode, EndedBy, Event, Progress, Quality,
    RejectReason, Reply, Transfer, TransferStep, Warning,
};

pub(super) use audible::Audible;
pub(crate) use ending::Undecided;
pub(crate) use incoming::Invitation;

use super::phone::{Invite, NativeAccount, Stream};
use super::{Done, Loop, MAX_CALLS, ms, refuse, utc_ms};
use crate::target;
use crate::warnings::{LEVELS_EVERY, Watch};
use course::Course;
use digits::Digits;
use progress::Redirections;

/// An answer waits so long for sound to flow, or its first words would not be heard. Devices are opened when it rings, so this
/// takes no time unless it is answered at once.
const SOUND_BEGINS: Duration = Duration::from_millis(500);
const MEASURE_EVERY: Duration = Duration::from_secs(1);
/// pjlib's words for "the call is over".
const PJSIP_ESESSIONTERMINATED: i32 = 171_140;
/// How long that may be on its way to us.
const END_IS_TOLD: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct CallState {
    id: CallId,
    account: AccountId,
    native: NativeAccount,
    sip_call_id: String,
    direction: CallDirection,
    invite: Invite,
    stream: Stream,
    number: String,
    name: Option<String>,
    headers: BTreeMap<String, String>,
    answer_after_s: Option<u16>,
    answered_by_itself: bool,
    progress: Option<Progress>,
    /// Whom we called, as `user@host`.
    dialled: Option<String>,
    redirections: Redirections,
    started: Instant,
    started_at_ms: i64,
    answered: Option<(Instant, i64)>,
    held: Option<Instant>,
    /// All holds but the present one.
    held_before: Duration,
    answering: bool,
    /// Not before sound has begun to flow, or then.
    answer_at: Option<Instant>,
    muted: bool,
    encrypted: bool,
    quality: Option<Quality>,
    course: Course,
    /// Whether we want it held; differs from `stream` while a re-INVITE is under way.
    want_hold: bool,
    hold_at: Option<Instant>,
    hold_until: Option<Instant>,
    digits: Digits,
    measure_at: Option<Instant>,
    /// Our address has changed, and the other side does not know.
    pub(crate) moved: bool,
    /// The re-INVITE with our new address was sent; when it is sent again.
    told_moved: bool,
    moved_again: Option<Instant>,
    /// pjlib has forgotten the call: if it has not told so by then it never will.
    gone_at: Option<Instant>,
    received: u32,
    received_at: Instant,
    probe_until: Option<Instant>,
    ended_by: Option<EndedBy>,
    /// The call that this one was made for.
    consults_for: Option<CallId>,
    transfer: Option<Transfer>,
    /// A call to a target: when it has rung long enough. Set: the two are joined at the answer.
    ring_until: Option<Instant>,
    /// When somebody should have said what became of our REFER.
    join_until: Option<Instant>,
    /// The target has answered, and is joined with who waits for it at this moment.
    join_at: Option<Instant>,
    /// When we end it, if the PBX does not.
    end_at: Option<Instant>,
    conference: bool,
    watch: Watch,
    warnings: Vec<Warning>,
    level_at: Option<Instant>,
}

impl CallState {
    fn new(
        id: CallId,
        account: AccountId,
        native: NativeAccount,
        sip_call_id: String,
        direction: CallDirection,
    ) -> Self {
        let now = Instant::now();
        Self {
            id,
            account,
            native,
            sip_call_id,
            direction,
            invite: if direction == CallDirection::Incoming { Invite::Incoming } else { Invite::Calling },
            stream: Stream::None,
            number: String::new(),
            name: None,
            headers: BTreeMap::new(),
            answer_after_s: None,
            answered_by_itself: false,
            progress: None,
            dialled: None,
            redirections: Redirections::default(),
            started: now,
            started_at_ms: utc_ms(),
            answered: None,
            held: None,
            held_before: Duration::ZERO,
            answering: false,
            answer_at: None,
            muted: false,
            encrypted: false,
            quality: None,
            course: Course::default(),
            want_hold: false,
            hold_at: None,
            hold_until: None,
            digits: Digits::default(),
            measure_at: None,
            moved: false,
            told_moved: false,
            moved_again: None,
            gone_at: None,
            received: 0,
            received_at: now,
            probe_until: None,
            ended_by: None,
            consults_for: None,
            transfer: None,
            ring_until: None,
            join_until: None,
            join_at: None,
            end_at: None,
            conference: false,
            watch: Watch::default(),
            warnings: Vec::new(),
            level_at: None,
        }
    }

    pub(crate) fn native_account(&self) -> NativeAccount {
        self.native
    }

    pub(crate) fn id(&self) -> CallId {
        self.id
    }

    fn phase(&self) -> CallPhase {
        match (self.invite, self.direction) {
            (Invite::Disconnected, _) => CallPhase::Ended,
            (Invite::Connecting, _) => CallPhase::Connecting,
            (Invite::Confirmed, _) => match self.stream {
                Stream::HeldByUs => CallPhase::Held,
                Stream::HeldThere => CallPhase::HeldThere,
                _ => CallPhase::Talking,
            },
            (_, CallDirection::Incoming) if self.answering => CallPhase::Connecting,
            (_, CallDirection::Incoming) => CallPhase::Ringing,
            (Invite::Early, CallDirection::Outgoing) => CallPhase::RingingThere,
            (_, CallDirection::Outgoing) => CallPhase::Dialing,
        }
    }

    fn is_confirmed(&self) -> bool {
        self.invite == Invite::Confirmed
    }

    pub(crate) fn public(&self) -> Call {
        Call {
            id: self.id,
            account: self.account.clone(),
            sip_call_id: self.sip_call_id.clone(),
            direction: self.direction,
            phase: self.phase(),
            remote_number: self.number.clone(),
            remote_name: self.name.clone(),
            headers: self.headers.clone(),
            answer_after_s: self.answer_after_s,
            answered_by_itself: self.answered_by_itself,
            progress: self.progress,
            started_at_ms: self.started_at_ms,
            answered_at_ms: self.answered.map(|(_, at)| at),
            age_ms: ms(self.started.elapsed()),
            talk_ms: self.answered.map(|(at, _)| ms(at.elapsed())),
            hold_ms: self.held.map(|at| ms(at.elapsed())),
            held_in_all_ms: ms(self.held_before + self.held.map(|at| at.elapsed()).unwrap_or_default()),
            muted: self.muted,
            encrypted: self.encrypted,
            consults_for: self.consults_for,
            transfer: self.transfer.clone(),
            conference: self.conference,
            warnings: self.warnings.clone(),
            quality: self.quality.clone(),
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let own = [self.hold_at, self.digits.next_at, self.measure_at, self.probe_until, self.level_at];
        let others = [self.end_at, self.ring_until, self.join_until, self.join_at, self.moved_again, self.gone_at];
        let own = own.into_iter().chain([self.answer_at]);
        own.chain(others).flatten().min()
    }
}

/// Whether an answer to OPTIONS says that nobody knows this call there. Anything else, even an error, is a sign of life.
fn is_dead(code: u16) -> bool {
    matches!(code, 0 | 408 | 481 | 503)
}

impl Loop {
    fn call(&self, id: CallId) -> Result<&CallState, softphone_api::CommandError> {
        self.calls.get(&id).ok_or_else(|| refuse(CommandErrorCode::NoSuchCall, format!("there is no call {}", id.0)))
    }

    fn in_phase(&self, id: CallId, what: &str, phases: &[CallPhase]) -> Result<(), softphone_api::CommandError> {
        let phase = self.call(id)?.phase();
        if phases.contains(&phase) {
            return Ok(());
        }
        Err(refuse(CommandErrorCode::WrongPhase, format!("call {} is {phase:?}: it cannot {what}", id.0)))
    }

    /// A new call, with the ways of its account.
    fn take_in(&mut self, mut call: CallState) {
        call.digits = Digits::by(self.accounts.get(&call.account).map(|account| account.dtmf()).unwrap_or_default());
        let id = call.id;
        self.calls.insert(id, call);
        // Now, and not when it is answered: a device takes longer to open than a customer to say the first word.
        self.settle_sound();
        self.idle_since = None;
        self.emit_call(id);
    }

    pub(super) fn dial(&mut self, account: &AccountId, to: &str, headers: &[(String, String)]) -> Done {
        let id = self.place(account, to, headers, None)?;
        Ok(Reply::Call { call: Box::new(self.call(id)?.public()) })
    }

    /// A new call; whoever talks is held.
    fn place(
        &mut self,
        account: &AccountId,
        to: &str,
        headers: &[(String, String)],
        consults_for: Option<CallId>,
    ) -> Result<CallId, softphone_api::CommandError> {
        let state = self.account(account)?;
        if !state.is_registered() {
            return Err(refuse(CommandErrorCode::NotRegistered, format!("account {:?} is not registered", account.0)));
        }
        let bad = |e: target::TargetError| refuse(CommandErrorCode::BadArgument, e.to_string());
        let uri = target::uri_of(to, state.domain()).map_err(bad)?;
        target::check_headers(headers).map_err(bad)?;
        if self.calls.len() >= MAX_CALLS as usize {
            return Err(refuse(
                CommandErrorCode::WrongPhase,
                format!("there are {MAX_CALLS} calls already; end one first"),
            ));
        }
        let native = state.native();
        let held = self.hold_others(None);
        let made = self.phone.make(native, &uri, headers);
        if made.is_err() {
            for id in held {
                self.wish_hold(id, false);
            }
        }
        let (id, sip_call_id) = made?;
        let mut call = CallState::new(id, account.clone(), native, sip_call_id, CallDirection::Outgoing);
        call.number = target::number_of(&uri);
        call.dialled = progress::place_of(&uri);
        call.consults_for = consults_for;
        tracing::info!(call = id.0, sip_call_id = %call.sip_call_id, "outgoing call {}", id.0);
        self.take_in(call);
        Ok(id)
    }

    pub(super) fn answer(&mut self, id: CallId, end_running: bool, busy: &[CallId], by_itself: bool) -> Done {
        self.in_phase(id, "be answered", &[CallPhase::Ringing])?;
        if let Some(call) = self.calls.get_mut(&id) {
            call.answering = true;
        }
        self.settle_sound();
        if self.sound.has_begun() {
            // First: whoever has hung up in this moment costs nobody else the conversation.
            if let Err(gone) = self.phone.answer(id, 200) {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.answering = false;
                }
                return Err(gone.into());
            }
        } else if let Some(call) = self.calls.get_mut(&id) {
            call.answer_at = Some(Instant::now() + SOUND_BEGINS);
        }
        if end_running {
            for running in self.running(Some(id)) {
                let _ = self.finish(running, EndedBy::Us, 0);
            }
        } else {
            let _ = self.hold_others(Some(id));
        }
        if by_itself {
            self.tell_answered_by_itself(id);
        }
        for other in busy {
            // One that has gone meanwhile need not be refused.
            if *other != id && self.in_phase(*other, "be refused", &[CallPhase::Ringing]).is_ok() {
                let _ = self.finish(*other, EndedBy::Us, 486);
            }
        }
        Ok(Reply::Done)
    }

    /// Those who were to be answered as soon as what they say is heard: it is now, or nobody waits for it any longer.
    pub(super) fn answer_when_heard(&mut self) {
        let (begun, now) = (self.sound.has_begun(), Instant::now());
        let due = |call: &mut CallState| call.answer_at.take_if(|at| begun || *at <= now).map(|_| call.id);
        let due: Vec<CallId> = self.calls.values_mut().filter_map(due).collect();
        for id in due {
            if let Err(error) = self.phone.answer(id, 200) {
                // It has ended in this moment, which is on its way to us.
                tracing::warn!(call = id.0, %error, "call {} cannot be answered: {error}", id.0);
            }
        }
    }

    /// The operator did nothing and is in a conversation all the same: it must be heard and seen.
    fn tell_answered_by_itself(&mut self, id: CallId) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.answered_by_itself = true;
        }
        self.beep(super::tones::Beep::AutoAnswer);
        self.emit_call(id);
    }

    pub(super) fn reject(&mut self, id: CallId, reason: RejectReason) -> Done {
        self.in_phase(id, "be rejected", &[CallPhase::Ringing])?;
        let code = match reason {
            RejectReason::Busy => 486,
            RejectReason::Decline => 603,
            RejectReason::Unavailable => 480,
        };
        self.finish(id, EndedBy::Us, code)
    }

    pub(super) fn hang_up(&mut self, id: CallId) -> Done {
        let ringing = self.call(id)?.phase() == CallPhase::Ringing;
        if let Some(waiting) = self.call(id)?.consults_for
            && self
                .calls
                .get(&waiting)
                .and_then(|c| c.transfer.as_ref())
                .is_some_and(|t| t.step != TransferStep::Consulting)
        {
            return self.cancel_transfer(waiting);
        }
        // pjlib takes 0 as "what fits": CANCEL, BYE; a ringing call is declined.
        self.finish(id, EndedBy::Us, if ringing { 603 } else { 0 })
    }

    fn finish(&mut self, id: CallId, by: EndedBy, code: u16) -> Done {
        let done = self.phone.hang_up(id, code);
        let Some(call) = self.calls.get_mut(&id) else { return Ok(Reply::Done) };
        match done {
            // It has ended by itself, which is on its way to us.
            Err(e) if e.status == PJSIP_ESESSIONTERMINATED => {
                if by == EndedBy::Loss {
                    call.ended_by.get_or_insert(by);
                }
                call.gone_at.get_or_insert_with(|| Instant::now() + END_IS_TOLD);
            }
            done => {
                call.ended_by.get_or_insert(by);
                done?;
            }
        }
        Ok(Reply::Done)
    }

    pub(super) fn call_state(&mut self, id: CallId, invite: Invite, code: u16, reason: String, why: &str) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let (before, progress) = (call.phase(), call.progress);
        call.invite = invite;
        match invite {
            Invite::Early => call.goes_forward(code),
            Invite::Connecting | Invite::Confirmed => {
                call.progress = None;
                if call.answered.is_none() {
                    call.answered = Some((Instant::now(), utc_ms()));
                    // Early media had no microphone in it.
                    self.set_microphone(id);
                }
            }
            Invite::Disconnected => {
                self.call_over(id, code, reason, ending::q850(why));
                return;
            }
            _ => {}
        }
        let Some(call) = self.calls.get_mut(&id) else { return };
        if invite == Invite::Confirmed {
            call.measure_at.get_or_insert_with(|| Instant::now() + MEASURE_EVERY);
            call.level_at.get_or_insert_with(|| Instant::now() + LEVELS_EVERY);
            call.received_at = Instant::now();
            // A hold that was wished for while it connected.
            if call.want_hold {
                self.apply_hold(id);
            }
            self.tell_where_we_are(id);
        }
        if self.calls.get(&id).is_some_and(|c| c.phase() != before || c.progress != progress) {
            self.emit_call(id);
            self.target_state(id);
        }
        self.digits_go_on(id);
    }

    pub(super) fn tick_calls(&mut self, now: Instant) {
        self.answer_when_heard();
        let due: Vec<CallId> =
            self.calls.values().filter(|c| c.deadline().is_some_and(|at| at <= now)).map(|c| c.id).collect();
        for id in due {
            let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
            let Some(call) = self.calls.get(&id) else { continue };
            let (hold, digit, measure) = (is_due(call.hold_at), is_due(call.digits.next_at), is_due(call.measure_at));
            let (level, probe) = (is_due(call.level_at), is_due(call.probe_until));
            let (moved, gone) = (is_due(call.moved_again), is_due(call.gone_at));
            if gone {
                tracing::warn!(call = id.0, "the end of call {} was not told", id.0);
                self.call_over(id, 0, "its end was not told".to_owned(), None);
                continue;
            }
            if moved {
                self.tell_where_we_are(id);
            }
            if hold {
                self.apply_hold(id);
            }
            if digit {
                self.next_digit(id);
            }
            if level {
                self.look_at_levels(id, now);
            }
            if measure {
                self.measure(id, now);
            }
            self.transfer_due(id, now);
            if probe {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.probe_until = None;
                }
                self.lose(id);
            }
        }
        self.decide_due(now);
    }

    fn emit_call(&mut self, id: CallId) {
        if let Some(call) = self.calls.get(&id) {
            let call = Box::new(call.public());
            self.emit(Event::Call { call });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_life() {
        for (code, dead) in [(200, false), (405, false), (488, false), (408, true), (481, true), (503, true)] {
            assert_eq!(is_dead(code), dead, "{code}");
        }
    }
}
