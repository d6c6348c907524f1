//! What the softphone says, and what it is told.

use softphone_api::{CallDirection, CallRecord, Command, EndedBy, Event as PhoneChange, Reply, Snapshot};
use std::collections::BTreeMap;
use tokio::sync::oneshot;

use super::Desk;
use crate::clock;
use crate::host::PhoneError;
use crate::softphone::{Order, PhoneEvent, configuration};
use crate::view::{NoticeKind, PhoneView, ProcessState, SoftphoneProcess};

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
            PhoneChange::Call { call } => drop(phone.calls.insert(call.id.0, *call)),
            PhoneChange::CallEnded { record } => {
                phone.calls.remove(&record.call.id.0);
                if is_worth_saying(&record) {
                    self.view.add_notice(NoticeKind::CallEnded { record });
                }
            }
            PhoneChange::Sound { sound } => phone.sound = sound,
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

    pub(crate) fn phone_command(&mut self, command: Command, reply: oneshot::Sender<Result<Reply, PhoneError>>) {
        let own = matches!(command, Command::Configure { .. } | Command::ShellIs { .. } | Command::Shutdown { .. });
        let refusal = if own {
            Some(PhoneError::NotAllowed)
        } else if self.view.softphone.state == ProcessState::Running {
            None
        } else {
            Some(PhoneError::NotRunning)
        };
        match refusal {
            // Whoever asked may have left meanwhile.
            Some(error) => drop(reply.send(Err(error))),
            None => self.order(Order::Command(command, Some(reply))),
        }
    }

    /// The softphone is to be what the session's profile says.
    pub(crate) fn configure_softphone(&mut self) {
        let Some(profile) = self.session.as_ref().and_then(|session| session.profile.as_ref()) else { return };
        match configuration(profile, &self.options.runtime_dir) {
            Ok(configuration) => self.order(Order::Configure(configuration)),
            Err(error) => tracing::error!(%error, "the softphone cannot be configured"),
        }
    }
}

fn from_snapshot(snapshot: Snapshot) -> PhoneView {
    PhoneView {
        registrations: snapshot.registrations.into_iter().map(|state| (state.account.0.clone(), state)).collect(),
        calls: snapshot.calls.into_iter().map(|call| (call.id.0, call)).collect::<BTreeMap<_, _>>(),
        sound: snapshot.sound,
    }
}

/// An ordinary hang-up says itself; so does a call that the caller took back or the operator declined.
fn is_worth_saying(record: &CallRecord) -> bool {
    match record.end.by {
        EndedBy::Loss => true,
        EndedBy::Us => false,
        EndedBy::FarSide => record.call.direction == CallDirection::Outgoing && record.call.answered_at_ms.is_none(),
    }
}
