//! What the softphone says, and what it is told.

use softphone_api::{
    CallDirection, CallRecord, Command, EndedBy, Event as PhoneChange, Reply, Snapshot, SoundSettings,
};
use std::collections::BTreeMap;
use tokio::sync::oneshot;

use super::{Desk, Event};
use crate::clock;
use crate::host::PhoneError;
use crate::softphone::{Order, PhoneEvent, configuration};
use crate::view::{NoticeKind, PhoneView, ProcessState, ProfileView, SoftphoneProcess};

impl Desk {
    pub(crate) fn phone_event(&mut self, event: PhoneEvent) {
        match event {
            PhoneEvent::Process { state, deaths, problem } => {
                let before = &self.view.softphone;
                let since_ms = if before.state == state { before.since_ms } else { clock::now_ms() };
                if before.state != state {
                    tracing::info!(?state, problem, "softphone: {state:?}");
                }
                self.view.softphone = SoftphoneProcess { state, since_ms, deaths, problem };
            }
            PhoneEvent::Attached { snapshot, adopted, reborn } => {
                self.view.phone = Some(from_snapshot(*snapshot));
                if adopted && self.view.calls().next().is_some() {
                    self.view.add_notice(NoticeKind::CallAdopted);
                }
                if reborn {
                    let calls = std::mem::take(&mut self.lost_with_softphone);
                    self.view.add_notice(NoticeKind::SoftphoneRestarted { calls });
                }
            }
            PhoneEvent::Changed(change) => self.phone_changed(*change),
            PhoneEvent::Died => self.phone_died(),
            PhoneEvent::Stopped => self.view.phone = None,
        }
    }

    fn phone_changed(&mut self, change: PhoneChange) {
        let Some(phone) = &mut self.view.phone else { return };
        match change {
            PhoneChange::Registration { registration } => {
                phone.registrations.insert(registration.account.0.clone(), registration);
            }
            PhoneChange::AccountRemoved { account } => drop(phone.registrations.remove(&account.0)),
            PhoneChange::Call { call } => {
                let id = call.id;
                let before = phone.calls.insert(id.0, *call).map(|call| call.phase);
                self.refuse_beside(id, before);
            }
            PhoneChange::CallEnded { record } => {
                // Seen once as it ended: what became of it at the last may have come in the same moment.
                phone.calls.insert(record.call.id.0, record.call.clone());
                if is_worth_saying(&record) {
                    self.view.add_notice(NoticeKind::CallEnded { record });
                }
            }
            PhoneChange::Sound { sound } => {
                if sound.test.is_none() {
                    phone.level = None;
                }
                phone.sound = *sound;
            }
            PhoneChange::Headset { headset } => phone.headset = headset,
            // The last level may come after the end of its test.
            PhoneChange::Level { microphone } => phone.level = phone.sound.test.is_some().then_some(microphone),
            PhoneChange::Unknown => {}
        }
    }

    /// Its calls are lost: central sends the customers back to their queue.
    fn phone_died(&mut self) {
        let lost: Vec<String> = self.view.calls().map(|call| call.sip_call_id.clone()).collect();
        self.lost_with_softphone += u32::try_from(lost.len()).unwrap_or(u32::MAX);
        // What a dead process said last is no truth any more.
        self.view.phone = None;
        if let Some(session) = &mut self.session {
            session.lost_calls.extend(lost);
        }
        self.report_losses();
    }

    pub(crate) fn phone_command(&mut self, mut command: Command, reply: oneshot::Sender<Result<Reply, PhoneError>>) {
        if let Command::Answer { call, busy, .. } = &mut command {
            busy.extend(self.refused.with_answer(&self.view, *call));
        }
        let own = matches!(command, Command::Configure { .. } | Command::ShellIs { .. } | Command::Shutdown { .. });
        let refusal = if own {
            Some(PhoneError::NotAllowed)
        } else if self.view.softphone.state == ProcessState::Running {
            None
        } else {
            Some(PhoneError::NotRunning)
        };
        match (refusal, self.chosen_sound(&command)) {
            // Whoever asked may have left meanwhile.
            (Some(error), _) => drop(reply.send(Err(error))),
            (None, None) => self.order(Order::Command(command, Some(reply))),
            (None, Some(settings)) => self.choose_sound(command, settings, reply),
        }
    }

    /// What would be chosen about sound if the softphone took this.
    fn chosen_sound(&self, command: &Command) -> Option<SoundSettings> {
        match command {
            Command::SetSound { settings } => Some((**settings).clone()),
            Command::ChooseDevices { capture, playback } => {
                let before = self.options.preferences.now().sound;
                Some(SoundSettings { capture: capture.clone(), playback: playback.clone(), ..before })
            }
            _ => None,
        }
    }

    /// Kept when the softphone has taken it, and only then: a file that it cannot use would be refused at each start.
    fn choose_sound(
        &mut self,
        command: Command,
        settings: SoundSettings,
        reply: oneshot::Sender<Result<Reply, PhoneError>>,
    ) {
        self.sound_asked += 1;
        let (asked, events) = (self.sound_asked, self.events.clone());
        let (to_us, answer) = oneshot::channel();
        self.order(Order::Command(command, Some(to_us)));
        tokio::spawn(async move {
            let answer = answer.await.unwrap_or(Err(PhoneError::Lost));
            if answer.is_ok() {
                // The loop may have ended meanwhile.
                let _ = events.send(Event::SoundTaken(asked, Box::new(settings)));
            }
            // So may whoever asked.
            let _ = reply.send(answer);
        });
    }

    /// Choices follow each other fast while a slider moves, and their answers may be heard in another order.
    pub(super) fn sound_taken(&mut self, asked: u64, settings: SoundSettings) {
        if asked < self.sound_kept {
            return;
        }
        self.sound_kept = asked;
        self.order(Order::Sound(Box::new(settings.clone())));
        if let Err(error) = self.options.preferences.change(|now| now.sound = settings) {
            tracing::warn!(%error, "the sound settings cannot be written down; they last until the program ends");
        }
    }

    /// The softphone is to be what the session's profile says.
    pub(crate) fn configure_softphone(&mut self) {
        let Some(profile) = self.session.as_ref().and_then(|session| session.profile.as_ref()) else { return };
        self.view.profile = Some(ProfileView::of(profile));
        match configuration(profile, &self.options.runtime_dir) {
            Ok(configuration) => self.order(Order::Configure(configuration)),
            Err(error) => tracing::error!(%error, "the softphone cannot be configured"),
        }
    }
}

pub(super) fn from_snapshot(snapshot: Snapshot) -> PhoneView {
    PhoneView {
        registrations: snapshot.registrations.into_iter().map(|state| (state.account.0.clone(), state)).collect(),
        calls: snapshot.calls.into_iter().map(|call| (call.id.0, call)).collect::<BTreeMap<_, _>>(),
        sound: snapshot.sound,
        headset: snapshot.headset,
        level: None,
    }
}

/// An ordinary hang-up says itself; so does a call that the caller took back or the operator declined.
fn is_worth_saying(record: &CallRecord) -> bool {
    match record.end.by {
        EndedBy::Loss => true,
        EndedBy::Us => false,
        EndedBy::FarSide => {
            let call = &record.call;
            let unanswered = call.direction == CallDirection::Outgoing && call.answered_at_ms.is_none();
            // Of a colleague who did not take a call over, that call says it.
            unanswered && call.consults_for.is_none()
        }
    }
}
