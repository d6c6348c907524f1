//! What central says, and what it is asked.

use central_api::{BASE, ChangedBy, MeState, Reason, SoftphoneProfile, Topic, merge_patch, path};
use serde_json::{Value, json};
use softphone_api::{AccountId, Command};
use std::time::Duration;
use tokio::sync::oneshot;

use super::secrets::without;
use super::{Desk, Work};
use crate::cache::Kept;
use crate::central::{Failure, LinkEvent};
use crate::clock;
use crate::host::{Answer, Method, RequestError};
use crate::outbox::Wish;
use crate::softphone::Order;
use crate::view::{LinkState, NoticeKind};

/// What changed is written down this long after the first change.
const KEEP_AFTER: Duration = Duration::from_secs(1);
/// A difference of clocks below this is not worth a word.
const OFFSET_STEP_MS: i64 = 25;
/// Workstations of one PBX register again within this time, not all at once.
const REGISTER_WITHIN_MS: u64 = 500;

impl Desk {
    pub(crate) async fn link_event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Up => self.link_up(),
            LinkEvent::Offset(offset) => {
                if (offset - self.view.server_offset_ms).abs() >= OFFSET_STEP_MS {
                    self.view.server_offset_ms = offset;
                }
                if let Some(session) = &mut self.session {
                    session.offset_ms = Some(offset);
                }
                // What waits goes with its time, so it goes when central's is known.
                self.send_outbox();
            }
            LinkEvent::Snapshot(topic, state) => {
                let Some(shown) = self.topic(topic) else { return };
                let before = shown.replace(state);
                self.topic_changed(topic, before.as_ref());
            }
            LinkEvent::Patch(topic, patch) => {
                let Some(state) = self.topic(topic) else { return };
                let before = state.clone();
                merge_patch::apply(state.get_or_insert_with(|| json!({})), &patch);
                self.topic_changed(topic, before.as_ref());
            }
            LinkEvent::TopicEnd(topic) => {
                if let Some(state) = self.topic(topic) {
                    *state = None;
                }
            }
            LinkEvent::Down(problem) => {
                if let Some(session) = &mut self.session {
                    session.me_is_live = false;
                }
                // Until the first connection it is not lost, it is still on its way; the problem says why.
                let state = match self.view.central.state {
                    LinkState::Connected | LinkState::Lost => LinkState::Lost,
                    _ => LinkState::Connecting,
                };
                self.link_state(state, Some(problem));
            }
            LinkEvent::Ended(reason) => self.session_ended(Some(reason)).await,
        }
    }

    /// Where a topic is shown; nothing for one that a workstation does not follow.
    fn topic(&mut self, topic: Topic) -> Option<&mut Option<Value>> {
        match topic {
            Topic::Me => Some(&mut self.view.me),
            Topic::Queues => Some(&mut self.view.queues),
            Topic::Calls => None,
        }
    }

    fn link_up(&mut self) {
        self.link_state(LinkState::Connected, None);
        let Some(client) = self.session.as_ref().and_then(|session| session.client.clone()) else { return };
        let again = client.clone();
        self.beside(async move { Work::Profile(client.get(&format!("{BASE}{}", path::ME_PROFILE)).await) });
        self.beside(async move { Work::Reasons(again.get(&format!("{BASE}{}", path::REASONS)).await) });
        self.report_losses();
    }

    /// Central's state is passed on as it is; what must be done or said because of it happens here.
    fn topic_changed(&mut self, topic: Topic, before: Option<&Value>) {
        if topic == Topic::Me {
            self.me_changed(before);
        }
        let due = self.session.as_mut().is_some_and(|session| !std::mem::replace(&mut session.keep_due, true));
        if due {
            self.beside(async {
                tokio::time::sleep(KEEP_AFTER).await;
                Work::Keep
            });
        }
    }

    fn me_changed(&mut self, before: Option<&Value>) {
        let read = |value: &Value| serde_json::from_value::<MeState>(value.clone());
        let now = match self.view.me.as_ref().map(read) {
            Some(Ok(now)) => now,
            Some(Err(error)) => {
                tracing::warn!(%error, "central's state of the operator cannot be read");
                return;
            }
            None => return,
        };
        let Some(session) = &mut self.session else { return };
        let was_live = std::mem::replace(&mut session.me_is_live, true);
        let mut again = Vec::new();
        for (phone, state) in &now.phones {
            let seen = session.register_again.insert(phone.to_string(), state.register_again);
            if seen.is_some_and(|seen| state.register_again > seen) {
                again.push(phone.to_string());
            }
        }
        for phone in again {
            let pause = Duration::from_millis(clock::random_below(REGISTER_WITHIN_MS));
            self.beside(async move {
                tokio::time::sleep(pause).await;
                Work::Register(phone)
            });
        }
        self.begin_shift(&now);
        if was_live && let Some(Ok(before)) = before.map(read) {
            self.say_changes(&before, &now);
        }
    }

    fn say_changes(&mut self, before: &MeState, now: &MeState) {
        for (id, call) in &now.calls {
            let said = before.calls.get(id).is_some_and(|call| call.returned_to_queue);
            if call.returned_to_queue && !said {
                let queue = call.queue_name.clone().unwrap_or_default();
                self.view.add_notice(NoticeKind::CustomerReturned { queue });
            }
        }
        if now.status.by == ChangedBy::Pbx && now.status != before.status {
            self.view.add_notice(NoticeKind::ChangedAtPbx { queue: String::new() });
            return;
        }
        for (id, membership) in &now.memberships {
            let changed = before.memberships.get(id).is_none_or(|old| old.changed_ms != membership.changed_ms);
            if membership.by == ChangedBy::Pbx && changed {
                let name =
                    self.view.queues.as_ref().and_then(|queues| queues["queues"][id.to_string()]["name"].as_str());
                let queue = name.map_or_else(|| id.to_string(), str::to_owned);
                self.view.add_notice(NoticeKind::ChangedAtPbx { queue });
            }
        }
    }

    pub(crate) fn register(&self, phone: String) {
        self.order(Order::Command(Command::Register { account: AccountId(phone) }, None));
    }

    pub(crate) async fn profile(&mut self, outcome: Result<SoftphoneProfile, Failure>) {
        let profile = match outcome {
            Ok(profile) => profile,
            Err(failure) => {
                tracing::warn!(?failure, "the softphone profile was not received");
                return;
            }
        };
        let Some(session) = &mut self.session else { return };
        if session.profile.as_ref() == Some(&profile) {
            return;
        }
        tracing::info!(
            revision = profile.revision,
            accounts = profile.accounts.len(),
            "softphone profile {}",
            profile.revision
        );
        session.profile = Some(profile);
        self.configure_softphone();
        self.remember();
        let Some(session) = &self.session else { return };
        if let Some(profile) = &session.profile {
            self.cache.put(&session.id, Kept::Profile, &without(profile)).await;
        }
    }

    pub(crate) async fn reasons(&mut self, outcome: Result<Vec<Reason>, Failure>) {
        match outcome {
            Ok(reasons) => {
                if let Some(session) = &self.session {
                    self.cache.put(&session.id, Kept::Reasons, &reasons).await;
                }
                self.view.reasons = reasons;
            }
            Err(failure) => tracing::warn!(?failure, "the break reasons were not received"),
        }
    }

    /// Passes a request of the window on.
    pub(crate) fn request(
        &mut self,
        method: Method,
        path: String,
        body: Option<Value>,
        reply: oneshot::Sender<Result<Answer, RequestError>>,
    ) {
        // Whoever asked may have left meanwhile: `drop` of each answer.
        if let Err(detail) = allowed(&path) {
            return drop(reply.send(Err(RequestError::NotAllowed { detail })));
        }
        let online = self.view.central.state == LinkState::Connected;
        let problem = self.view.central.problem.clone().map(Box::new);
        let Some(session) = &mut self.session else {
            return drop(reply.send(Err(RequestError::SignedOut)));
        };
        let is_status = path.starts_with(&format!("{BASE}{}", path::ME_STATUS)) && method != Method::Get;
        let key = uuid::Uuid::new_v4().to_string();
        let mut wish = Wish { key, method, path, body, chosen_ms: clock::now_ms(), under_way: false };
        let client = match (&session.client, session.offset_ms) {
            (Some(client), Some(offset)) if online && is_status => {
                wish.stamp(offset);
                wish.under_way = true;
                client.clone()
            }
            _ if is_status => {
                self.outbox.put(&session.owner, wish);
                return drop(reply.send(Ok(Answer { status: 202, body: None, queued: true })));
            }
            (Some(client), _) if online => client.clone(),
            _ => return drop(reply.send(Err(RequestError::Offline { problem }))),
        };
        let (events, generation) = (self.events.clone(), self.generation);
        let kept = is_status.then(|| wish.clone());
        tokio::spawn(async move {
            let Wish { key, path, body, .. } = wish;
            let key_to_send = (method != Method::Get).then_some(key.as_str());
            let outcome = client.send(method, &path, body.as_ref(), key_to_send).await;
            let answer = match &outcome {
                Ok(answer) => Ok(answer.clone()),
                Err(Failure::Refused(problem)) => Err(RequestError::Refused { problem: problem.clone() }),
                Err(Failure::Away(_)) if is_status => Ok(Answer { status: 202, body: None, queued: true }),
                Err(Failure::Away(problem)) => Err(RequestError::Offline { problem: Some(Box::new(problem.clone())) }),
            };
            if is_status {
                // The loop may have ended meanwhile.
                let _ = events.send(super::Event::Of(generation, Work::Sent { key, outcome }));
            }
            drop(reply.send(answer));
        });
        // After it was sent: a pause must not wait for the disk.
        if let Some(wish) = kept {
            self.outbox.put(&session.owner, wish);
        }
    }

    pub(crate) fn send_outbox(&mut self) {
        let Some(session) = &self.session else { return };
        let (Some(client), Some(offset)) = (session.client.clone(), session.offset_ms) else { return };
        let Some(wish) = self.outbox.next(&session.owner, offset) else { return };
        self.beside(async move {
            let outcome = client.send(wish.method, &wish.path, wish.body.as_ref(), Some(&wish.key)).await;
            Work::Sent { key: wish.key, outcome }
        });
    }

    pub(crate) fn sent(&mut self, key: &str, outcome: Result<Answer, Failure>) {
        let Some(session) = &self.session else { return };
        match outcome {
            Ok(_) => self.outbox.settled(&session.owner, key),
            Err(Failure::Refused(problem)) => {
                tracing::warn!(?problem, "central refused a status wish");
                self.outbox.settled(&session.owner, key);
                if session.shift_wish.as_deref() == Some(key) {
                    // The shift cannot begin with what is remembered: then it begins by signing in.
                    self.forget_session(Some(central_api::SessionEndReason::SignedOut));
                }
            }
            Err(Failure::Away(_)) => self.outbox.not_sent(&session.owner, key),
        }
    }

    /// Tells central which calls died with the softphone.
    pub(crate) fn report_losses(&mut self) {
        if self.view.central.state != LinkState::Connected {
            return;
        }
        let Some(session) = self.session.as_mut().filter(|session| !session.lost_calls.is_empty()) else { return };
        let Some(client) = session.client.clone() else { return };
        let calls = std::mem::take(&mut session.lost_calls);
        self.beside(async move {
            let body = json!(central_api::session::LostCalls { sip_call_ids: calls.clone() });
            let key = uuid::Uuid::new_v4().to_string();
            let path = format!("{BASE}{}", path::ME_LOST_CALLS);
            let outcome = client.send(Method::Post, &path, Some(&body), Some(&key)).await;
            Work::LossReported { calls, outcome }
        });
    }

    pub(crate) fn loss_reported(&mut self, calls: Vec<String>, outcome: &Result<Answer, Failure>) {
        match outcome {
            Ok(_) => tracing::info!(calls = calls.len(), "central knows of the lost calls"),
            Err(Failure::Refused(problem)) => tracing::warn!(?problem, "central refused the lost calls"),
            Err(Failure::Away(_)) => {
                if let Some(session) = &mut self.session {
                    session.lost_calls.extend(calls);
                }
            }
        }
    }

    /// Writes the last state down, without the customers in it.
    pub(crate) async fn keep(&mut self) {
        let Some(session) = &mut self.session else { return };
        session.keep_due = false;
        let id = session.id.clone();
        if let Some(me) = &self.view.me {
            let mut me = me.clone();
            me["calls"] = json!({});
            self.cache.put(&id, Kept::Me, &me).await;
        }
        if let Some(queues) = &self.view.queues {
            self.cache.put(&id, Kept::Queues, queues).await;
        }
    }
}

/// Only central's contract, and of it not what carries secrets: those stay on this side.
fn allowed(path: &str) -> Result<(), String> {
    let below = path.strip_prefix(BASE).filter(|below| below.starts_with('/'));
    let Some(below) = below else { return Err(format!("{path} is not below {BASE}")) };
    let resource = below.split('?').next().unwrap_or_default();
    let clean = resource.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."))
        && below.chars().all(|character| character.is_ascii_graphic() && !matches!(character, '\\' | '#'))
        // `%2e%2e` and the like would be read as dots by somebody on the way.
        && !resource.contains('%');
    if !clean {
        return Err(format!("{path} is not a plain path"));
    }
    let own = [self::path::SESSION, self::path::ME_PROFILE, self::path::ME_LOST_CALLS, self::path::LIVE];
    if own.contains(&resource) {
        return Err(format!("{path} is the workstation's own"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn what_the_window_may_ask() {
        let cases = [
            ("/api/v1/me/status", true),
            ("/api/v1/me/queues/12", true),
            ("/api/v1/history?from=1&text=%D0%90", true),
            ("/api/v1", false),
            ("/api/v1/", false),
            ("/api/v10/me", false),
            ("/api/v1/../admin", false),
            ("/api/v1/%2e%2e/admin", false),
            ("/api/v1//evil.example", false),
            ("https://evil.example/api/v1/me", false),
            ("/api/v1/me\\x", false),
            ("/api/v1/me#x", false),
            ("/api/v1/me\r\nx: y", false),
            ("/api/v1/session", false),
            ("/api/v1/session?x", false),
            ("/api/v1/me/softphone-profile", false),
            ("/api/v1/live", false),
        ];
        for (path, expected) in cases {
            assert_eq!(allowed(path).is_ok(), expected, "{path}");
        }
    }
}
