//! Reading and writing of messages: one connection of the local socket, from the first byte to the last.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use softphone_api::frame::{self, HEARTBEAT_EVERY_MS, HEARTBEAT_LOST_MS};
use softphone_api::{
    Command, CommandError, CommandErrorCode, FromSoftphone, Outcome, RefusedCode, Secret, ToSoftphone,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::codec::Framed;

use crate::hub::{Client, Gone, HubEvent, Outgoing};

/// Messages that may wait for a client; one that does not read this many is dropped and attaches anew.
pub const CLIENT_QUEUE: usize = 512;

/// How long a client that is sent away may take to close, too.
const PARTING: Duration = Duration::from_millis(300);

/// What a message of a client turned out to be.
#[derive(Debug, PartialEq)]
pub enum Parsed {
    /// As the contract has it.
    Message(ToSoftphone),
    /// A request that this version cannot do; it is answered, not punished.
    Refused {
        /// Of the request.
        id: u64,
        /// Why.
        error: CommandError,
    },
    /// A message of a later version: ignored.
    Ignored,
    /// Not a message at all.
    Malformed(String),
}

/// Reads one message. A command that a later version knows is told apart from nonsense.
#[must_use]
pub fn parse(bytes: &[u8]) -> Parsed {
    match serde_json::from_slice::<ToSoftphone>(bytes) {
        Ok(message) => Parsed::Message(message),
        Err(e) => classify(bytes, &e.to_string()),
    }
}

fn classify(bytes: &[u8], why: &str) -> Parsed {
    let Ok(serde_json::Value::Object(value)) = serde_json::from_slice(bytes) else {
        return Parsed::Malformed("a message is a JSON object".to_owned());
    };
    match value.get("type").and_then(|t| t.as_str()) {
        Some("request") => {
            let Some(id) = value.get("id").and_then(serde_json::Value::as_u64) else {
                return Parsed::Malformed("a request carries a number as its id".to_owned());
            };
            let command = value.get("command").cloned().unwrap_or_default();
            let unknown =
                serde_json::from_value::<Command>(command).is_err_and(|e| e.to_string().contains("unknown variant"));
            let code = if unknown { CommandErrorCode::Unknown } else { CommandErrorCode::BadArgument };
            // serde's text may quote what was given, and a secret may have been given.
            let message = if unknown {
                "this softphone does not know the command"
            } else {
                "the command's fields cannot be read"
            };
            Parsed::Refused { id, error: CommandError { code, message: message.to_owned() } }
        }
        Some("hello" | "heartbeat") => {
            Parsed::Malformed(format!("fields are missing or of the wrong kind: {}", brief(why)))
        }
        Some(_) => Parsed::Ignored,
        None => Parsed::Malformed("a message has a type".to_owned()),
    }
}

fn brief(why: &str) -> &str {
    if why.starts_with("missing field") { why } else { "see docs/softphone-protocol.md" }
}

/// Compares without telling by time how much was right.
#[must_use]
pub fn same_secret(a: &Secret, b: &Secret) -> bool {
    let (a, b) = (a.expose().as_bytes(), b.expose().as_bytes());
    a.len() == b.len() && a.iter().zip(b).fold(0, |acc, (x, y)| acc | (x ^ y)) == 0
}

/// What a connection must show.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Out of the attach file.
    pub token: Secret,
    /// Ours.
    pub session: String,
}

type Wire<S> = Framed<S, tokio_util::codec::LengthDelimitedCodec>;

async fn send<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, message: &FromSoftphone) -> std::io::Result<()> {
    let bytes = serde_json::to_vec(message).map_err(std::io::Error::other)?;
    wire.send(Bytes::from(bytes)).await
}

async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, code: RefusedCode, message: &str) {
    tracing::warn!(?code, "a client was refused: {message}");
    let _ = send(wire, &FromSoftphone::Refused { code, message: message.to_owned() }).await;
    part(wire).await;
}

/// Closes so that our last words arrive: a socket that is dropped with unread bytes in it makes the kernel reset the other
/// end, which then never reads what we wrote.
async fn part<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>) {
    let stream = wire.get_mut();
    let _ = stream.shutdown().await;
    let mut rest = [0; 4096];
    let drain = async { while matches!(stream.read(&mut rest).await, Ok(n) if n > 0) {} };
    let _ = tokio::time::timeout(PARTING, drain).await;
}

/// Serves one connection until it ends. `peer` is the process at the other end, where the system tells.
pub async fn connection<S>(stream: S, id: u64, peer: Option<u32>, admission: Admission, hub: mpsc::Sender<HubEvent>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut wire = Framed::new(stream, frame::codec());
    let Some(name) = admit(&mut wire, &admission).await else { return };
    let (out, inbox) = mpsc::channel(CLIENT_QUEUE);
    let client = Client { id, out, pid: peer, name };
    if hub.send(HubEvent::Hello(client)).await.is_err() {
        return;
    }
    let how = converse(&mut wire, id, inbox, &hub).await;
    let _ = hub.send(HubEvent::Gone { client: id, how }).await;
}

async fn admit<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, admission: &Admission) -> Option<String> {
    let first = tokio::time::timeout(Duration::from_millis(HEARTBEAT_LOST_MS), wire.next()).await;
    let (token, session, client) = match first {
        Ok(Some(Ok(bytes))) => match parse(&bytes) {
            Parsed::Message(ToSoftphone::Hello { token, session, client, .. }) => (token, session, client),
            Parsed::Malformed(why) => {
                refuse(wire, RefusedCode::Malformed, &why).await;
                return None;
            }
            _ => {
                refuse(wire, RefusedCode::NoHello, "the first message must be hello").await;
                return None;
            }
        },
        Ok(Some(Err(e))) => {
            refuse(wire, RefusedCode::Malformed, &e.to_string()).await;
            return None;
        }
        Ok(None) => return None,
        Err(_) => {
            refuse(wire, RefusedCode::NoHello, "no hello came in time").await;
            return None;
        }
    };
    if !same_secret(&token, &admission.token) {
        refuse(wire, RefusedCode::WrongToken, "wrong token").await;
        return None;
    }
    if session != admission.session {
        refuse(wire, RefusedCode::OtherSession, "this softphone belongs to another session").await;
        return None;
    }
    Some(client)
}

async fn converse<S>(
    wire: &mut Wire<S>,
    id: u64,
    mut inbox: mpsc::Receiver<Outgoing>,
    hub: &mpsc::Sender<HubEvent>,
) -> Gone
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let lost_after = Duration::from_millis(HEARTBEAT_LOST_MS);
    let mut heartbeat = interval(Duration::from_millis(HEARTBEAT_EVERY_MS));
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut lost_at = Instant::now() + lost_after;
    loop {
        tokio::select! {
            message = inbox.recv() => match message {
                Some(Outgoing::Message(message)) => {
                    // A client that does not read blocks here; its heartbeats are not read then either, and it is lost.
                    match tokio::time::timeout(lost_after, send(wire, &message)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) => return Gone::Closed,
                        Err(_) => return Gone::Silent,
                    }
                }
                Some(Outgoing::Close) | None => {
                    part(wire).await;
                    return Gone::Dismissed;
                }
            },
            _ = heartbeat.tick() => {
                if !matches!(tokio::time::timeout(lost_after, send(wire, &FromSoftphone::Heartbeat)).await, Ok(Ok(()))) {
                    return Gone::Closed;
                }
            }
            () = sleep_until(lost_at) => return Gone::Silent,
            frame = wire.next() => {
                lost_at = Instant::now() + lost_after;
                match frame {
                    None => return Gone::Closed,
                    Some(Err(e)) => {
                        // Too long is told; a broken connection has nobody to tell.
                        refuse(wire, RefusedCode::Malformed, &e.to_string()).await;
                        return Gone::Closed;
                    }
                    Some(Ok(bytes)) => match parse(&bytes) {
                        Parsed::Message(ToSoftphone::Request { id: request, command }) => {
                            let event = HubEvent::Request { client: id, id: request, command: Box::new(command) };
                            if hub.send(event).await.is_err() {
                                return Gone::Dismissed;
                            }
                        }
                        Parsed::Refused { id: request, error } => {
                            let answer = FromSoftphone::Response { id: request, result: Outcome::Error(error) };
                            if send(wire, &answer).await.is_err() {
                                return Gone::Closed;
                            }
                        }
                        Parsed::Message(_) | Parsed::Ignored => {}
                        Parsed::Malformed(why) => {
                            refuse(wire, RefusedCode::Malformed, &why).await;
                            return Gone::Closed;
                        }
                    },
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_messages() {
        assert!(matches!(parse(br#"{"type":"heartbeat"}"#), Parsed::Message(ToSoftphone::Heartbeat)));
        assert_eq!(parse(br#"{"type":"wave"}"#), Parsed::Ignored);
        assert!(matches!(parse(b"[]"), Parsed::Malformed(_)));
        assert!(matches!(parse(b"\xff"), Parsed::Malformed(_)));
        assert!(matches!(parse(br#"{"type":"request","command":{}}"#), Parsed::Malformed(_)));
        let code = |text: &[u8]| match parse(text) {
            Parsed::Refused { id: 7, error } => error.code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code(br#"{"type":"request","id":7,"command":{"do":"levitate"}}"#), CommandErrorCode::Unknown);
        assert_eq!(code(br#"{"type":"request","id":7,"command":{"do":"hold"}}"#), CommandErrorCode::BadArgument);
    }

    #[test]
    fn a_secret_is_not_quoted_back() {
        let text =
            br#"{"type":"hello","protocol":{"major":1,"minor":0},"token":["hunter2"],"session":"s","client":"c"}"#;
        let Parsed::Malformed(why) = parse(text) else { panic!("not malformed") };
        assert!(!why.contains("hunter2"), "{why}");
    }

    proptest::proptest! {
        #[test]
        fn anything_can_come(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
