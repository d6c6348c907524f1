//! One WebSocket: frames out, subscriptions in, closed by silence or by the end of the session.

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use central_api::{FromLive, PROTOCOL, SessionEndReason, ToLive};
use std::time::Duration;
use tokio::time::{Instant, timeout};

use super::topic::{Frame, encode};
use crate::clock::now_ms;
use crate::desk::Event;
use crate::store::SessionRow;
use crate::tenant::Tenant;

/// A connection silent for so long is lost.
pub const SILENCE: Duration = Duration::from_secs(15);

/// A sign of life of the session is written so often.
const SEEN_EVERY: Duration = Duration::from_secs(300);

/// Serves it until it ends.
pub async fn run(mut socket: WebSocket, tenant: Tenant, session: SessionRow) {
    let (presence, mut ended) = tenant.sessions.connect(&session.id);
    // Between the check of the token and the line above the session may have ended.
    match tenant.store.session_by_id(&session.id).await {
        Ok(Some(row)) if row.ended.is_none() => {}
        Ok(row) => {
            let why = row.and_then(|row| row.ended).unwrap_or(SessionEndReason::Revoked);
            farewell(&mut socket, why).await;
            return;
        }
        Err(error) => {
            tracing::error!(session = session.id, %error, "cannot look at the session");
            return;
        }
    }
    tenant.desk.tell(Event::Link { user: session.user, up: true }).await;
    let result = serve(&mut socket, &tenant, &session, &mut ended).await;
    tracing::info!(user = %session.user, session = session.id, ended = ?result, "live connection closed");
    drop(presence);
    if !tenant.sessions.connected(&session.id) && ended.borrow().is_none() {
        tenant.desk.tell(Event::Link { user: session.user, up: false }).await;
    }
}

#[derive(Debug)]
#[expect(dead_code, reason = "read by the log line through Debug")]
enum Close {
    ByClient,
    Silent,
    SessionEnded(SessionEndReason),
    Stopping,
    Broken(String),
}

async fn serve(
    socket: &mut WebSocket,
    tenant: &Tenant,
    session: &SessionRow,
    ended: &mut tokio::sync::watch::Receiver<Option<SessionEndReason>>,
) -> Close {
    let (subscriber, mut frames) = tenant.hub.subscriber(session.user);
    let hello = FromLive::Hello { protocol: PROTOCOL, epoch: tenant.hub.epoch().to_owned(), at_ms: now_ms() };
    if let Err(close) = send(socket, encode(&hello)).await {
        return close;
    }
    let mut heard = Instant::now();
    let mut seen = tokio::time::interval(SEEN_EVERY);
    loop {
        tokio::select! {
            // The end of a session goes before anything else it might still be told.
            biased;
            why = end_of(ended) => {
                farewell(socket, why.clone()).await;
                return Close::SessionEnded(why);
            }
            () = tenant.stop.cancelled() => {
                let frame = CloseFrame { code: close_code::AWAY, reason: "central is stopping".into() };
                let _ = timeout(Duration::from_secs(1), socket.send(Message::Close(Some(frame)))).await;
                return Close::Stopping;
            }
            message = socket.recv() => {
                heard = Instant::now();
                match message {
                    Some(Ok(Message::Text(text))) => match serde_json::from_str::<ToLive>(&text) {
                        Ok(ToLive::Subscribe { topic, resume }) => subscriber.subscribe(topic, resume),
                        Ok(ToLive::Unsubscribe { topic }) => subscriber.unsubscribe(topic),
                        Ok(ToLive::Ping) => {
                            if let Err(close) = send(socket, encode(&FromLive::Pong { at_ms: now_ms() })).await {
                                return close;
                            }
                        }
                        // A newer workstation may say what this build does not know.
                        Err(error) => tracing::debug!(session = session.id, %error, "a live frame is not understood"),
                    },
                    Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_))) | None => return Close::ByClient,
                    Some(Err(error)) => return Close::Broken(error.to_string()),
                }
            }
            () = tokio::time::sleep_until(heard + SILENCE) => return Close::Silent,
            Some(frame) = frames.recv() => {
                if let Err(close) = send(socket, frame).await {
                    return close;
                }
            }
            _ = seen.tick() => {
                if let Err(error) = tenant.store.session_seen(&session.id, now_ms()).await {
                    tracing::error!(session = session.id, %error, "cannot write the session's sign of life");
                }
            }
        }
    }
}

async fn end_of(ended: &mut tokio::sync::watch::Receiver<Option<SessionEndReason>>) -> SessionEndReason {
    let why = ended.wait_for(Option::is_some).await;
    why.ok().and_then(|why| why.clone()).unwrap_or(SessionEndReason::Revoked)
}

async fn send(socket: &mut WebSocket, frame: Frame) -> Result<(), Close> {
    match timeout(SILENCE, socket.send(Message::Text(frame))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Close::Broken(error.to_string())),
        Err(_) => Err(Close::Silent),
    }
}

async fn farewell(socket: &mut WebSocket, reason: SessionEndReason) {
    let frame = encode(&FromLive::SessionEnded { reason });
    let close = CloseFrame { code: close_code::NORMAL, reason: "the session is over".into() };
    let both = async {
        socket.send(Message::Text(frame)).await?;
        socket.send(Message::Close(Some(close))).await
    };
    let _ = timeout(Duration::from_secs(2), both).await;
}
