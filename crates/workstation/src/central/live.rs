//! The live connection: two topics, resumed after a loss.

use central_api::live::Resume;
use central_api::{FromLive, Problem, SessionEndReason, ToLive, Topic, path};
use futures_util::{SinkExt, StreamExt};
use std::collections::HashMap;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message, http::HeaderValue};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::{Client, classify::classify};
use crate::clock;
use crate::view::ConnectProblem;

const PING_EVERY: Duration = Duration::from_secs(5);
const LOST_AFTER: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(8);
const FIRST_PAUSE_MS: u64 = 200;
const LONGEST_PAUSE_MS: u64 = 5_000;
/// No frame is longer.
const MAX_FRAME: usize = 16 * 1024 * 1024;

/// What the live connection says.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// Connected; frames follow.
    Up,
    /// Add it to our clock to get the server's, ms.
    Offset(i64),
    /// The whole state of a topic.
    Snapshot(Topic, serde_json::Value),
    /// What changed.
    Patch(Topic, serde_json::Value),
    /// The right to see it is gone.
    TopicEnd(Topic),
    /// Lost or not made; it is tried again by itself.
    Down(ConnectProblem),
    /// The session is over; it is not tried again.
    Ended(SessionEndReason),
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Follows both topics until the session ends or `say` has no listener.
pub(crate) async fn follow(client: Client, say: impl Fn(LinkEvent) + Send) {
    let mut positions: HashMap<Topic, Resume> = HashMap::new();
    let mut pause_ms = FIRST_PAUSE_MS;
    loop {
        let problem = match connect(&client).await {
            Ok(socket) => {
                pause_ms = FIRST_PAUSE_MS;
                match converse(socket, &mut positions, &say).await {
                    Ended::Session(reason) => {
                        say(LinkEvent::Ended(reason));
                        return;
                    }
                    Ended::Lost(detail) => ConnectProblem::Unreachable { detail },
                    Ended::Silent => ConnectProblem::Timeout,
                }
            }
            Err(Refusal::Session) => {
                say(LinkEvent::Ended(SessionEndReason::Revoked));
                return;
            }
            Err(Refusal::Problem(problem)) => problem,
        };
        tracing::info!(%problem, "the link to central is away");
        say(LinkEvent::Down(problem));
        // Half to whole of the pause: a hundred workstations must not come back in the same instant.
        let wait = pause_ms / 2 + clock::random_below(pause_ms / 2 + 1);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        pause_ms = (pause_ms * 2).min(LONGEST_PAUSE_MS);
    }
}

enum Refusal {
    Session,
    Problem(ConnectProblem),
}

async fn connect(client: &Client) -> Result<Socket, Refusal> {
    let url = client.server.live_url(&format!("{}{}", central_api::BASE, path::LIVE));
    let bad = |detail: String| Refusal::Problem(ConnectProblem::BadAddress { detail });
    let mut request = url.into_client_request().map_err(|error| bad(error.to_string()))?;
    if let Some(token) = &client.token {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .map_err(|_| bad("the token cannot be sent".to_owned()))?;
        value.set_sensitive(true);
        request.headers_mut().insert("authorization", value);
    }
    let connector = match &client.tls {
        Some(config) if client.server.is_tls() => Connector::Rustls(config.clone()),
        _ => Connector::Plain,
    };
    let limits = WebSocketConfig::default().max_message_size(Some(MAX_FRAME)).max_frame_size(Some(MAX_FRAME));
    match timeout(CONNECT, connect_async_tls_with_config(request, Some(limits), true, Some(connector))).await {
        Err(_) => Err(Refusal::Problem(ConnectProblem::Timeout)),
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(tungstenite::Error::Http(response))) => {
            let status = response.status().as_u16();
            let problem = response.body().as_deref().and_then(|body| serde_json::from_slice::<Problem>(body).ok());
            Err(match problem {
                Some(problem) if status == 401 => {
                    tracing::info!(?problem, "central no longer knows the session");
                    Refusal::Session
                }
                Some(problem) => Refusal::Problem(ConnectProblem::Refused { problem: Box::new(problem) }),
                None => Refusal::Problem(ConnectProblem::NotCentral { detail: format!("HTTP {status}") }),
            })
        }
        Ok(Err(tungstenite::Error::Protocol(error))) => {
            Err(Refusal::Problem(ConnectProblem::NotCentral { detail: error.to_string() }))
        }
        Ok(Err(error)) => Err(Refusal::Problem(classify(&client.server, &error, false).await)),
    }
}

enum Ended {
    Session(SessionEndReason),
    Lost(String),
    Silent,
}

async fn converse(mut socket: Socket, positions: &mut HashMap<Topic, Resume>, say: &impl Fn(LinkEvent)) -> Ended {
    say(LinkEvent::Up);
    for topic in [Topic::Me, Topic::Queues] {
        if let Err(lost) = send(&mut socket, &ToLive::Subscribe { topic, resume: positions.get(&topic).cloned() }).await
        {
            return lost;
        }
    }
    let mut ping = interval(PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping.reset();
    let mut heard = Instant::now();
    let mut pinged: Option<Instant> = None;
    loop {
        tokio::select! {
            message = socket.next() => {
                heard = Instant::now();
                let text = match message {
                    None => return Ended::Lost("the server closed the connection".to_owned()),
                    Some(Err(error)) => return Ended::Lost(error.to_string()),
                    Some(Ok(Message::Close(_))) => return Ended::Lost("the server closed the connection".to_owned()),
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(_)) => continue,
                };
                let frame = match serde_json::from_str::<FromLive>(&text) {
                    Ok(frame) => frame,
                    Err(error) => {
                        // A newer central may say more than we know; what we know must still be readable.
                        tracing::warn!(%error, "a live frame cannot be read");
                        continue;
                    }
                };
                if let FromLive::Pong { at_ms } = &frame {
                    if let Some(sent) = pinged.take() {
                        let half_way = i64::try_from(sent.elapsed().as_millis() / 2).unwrap_or(0);
                        say(LinkEvent::Offset(at_ms + half_way - clock::now_ms()));
                    }
                    continue;
                }
                match take(frame, positions, say) {
                    Taken::Next => {}
                    Taken::Gap(topic) => {
                        positions.remove(&topic);
                        if let Err(lost) = send(&mut socket, &ToLive::Subscribe { topic, resume: None }).await {
                            return lost;
                        }
                    }
                    Taken::Ended(reason) => return Ended::Session(reason),
                }
            }
            _ = ping.tick() => {
                if heard.elapsed() >= LOST_AFTER {
                    return Ended::Silent;
                }
                pinged = Some(Instant::now());
                if let Err(lost) = send(&mut socket, &ToLive::Ping).await {
                    return lost;
                }
            }
        }
    }
}

enum Taken {
    Next,
    Gap(Topic),
    Ended(SessionEndReason),
}

fn take(frame: FromLive, positions: &mut HashMap<Topic, Resume>, say: &impl Fn(LinkEvent)) -> Taken {
    match frame {
        FromLive::Hello { at_ms, .. } => say(LinkEvent::Offset(at_ms - clock::now_ms())),
        FromLive::Snapshot { epoch, topic, number, state, .. } => {
            positions.insert(topic, Resume { epoch, number });
            say(LinkEvent::Snapshot(topic, state));
        }
        FromLive::Delta { epoch, topic, number, patch, .. } => match positions.get_mut(&topic) {
            Some(position) if position.epoch == epoch && number == position.number + 1 => {
                position.number = number;
                say(LinkEvent::Patch(topic, patch));
            }
            // Already had: central repeats a frame after a resume.
            Some(position) if position.epoch == epoch && number <= position.number => {}
            Some(_) => return Taken::Gap(topic),
            // A snapshot is under way.
            None => {}
        },
        FromLive::TopicEnd { topic } => {
            positions.remove(&topic);
            say(LinkEvent::TopicEnd(topic));
        }
        FromLive::SessionEnded { reason } => return Taken::Ended(reason),
        FromLive::Pong { .. } | FromLive::Unknown => {}
    }
    Taken::Next
}

async fn send(socket: &mut Socket, message: &ToLive) -> Result<(), Ended> {
    let text = serde_json::to_string(message).map_err(|error| Ended::Lost(error.to_string()))?;
    socket.send(Message::Text(text.into())).await.map_err(|error| Ended::Lost(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{LinkEvent, Taken, take};
    use central_api::{FromLive, Topic};
    use serde_json::json;
    use std::cell::RefCell;
    use std::collections::HashMap;

    fn delta(epoch: &str, number: u64) -> FromLive {
        FromLive::Delta { epoch: epoch.into(), topic: Topic::Me, number, at_ms: 0, patch: json!({"n": number}) }
    }

    #[test]
    fn a_gap_or_another_epoch_asks_anew_and_a_repeat_is_passed_over() {
        let said = RefCell::new(Vec::new());
        let say = |event: LinkEvent| said.borrow_mut().push(format!("{event:?}"));
        let mut positions = HashMap::new();
        let snapshot =
            FromLive::Snapshot { epoch: "a".into(), topic: Topic::Me, number: 4, at_ms: 0, state: json!({}) };
        assert!(matches!(take(delta("a", 4), &mut positions, &say), Taken::Next), "before the snapshot nothing counts");
        assert!(said.borrow().is_empty());
        assert!(matches!(take(snapshot, &mut positions, &say), Taken::Next));
        assert!(matches!(take(delta("a", 5), &mut positions, &say), Taken::Next));
        assert!(matches!(take(delta("a", 5), &mut positions, &say), Taken::Next));
        assert_eq!(said.borrow().len(), 2, "snapshot and one delta: {:?}", said.borrow());
        assert!(matches!(take(delta("a", 7), &mut positions, &say), Taken::Gap(Topic::Me)));
        assert!(matches!(take(delta("b", 6), &mut positions, &say), Taken::Gap(Topic::Me)));
    }
}
