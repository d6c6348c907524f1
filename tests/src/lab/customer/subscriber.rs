//! Somebody whom an operator calls.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::voice;
use crate::lab::Pbx;
use crate::lab::sip::{Direction, Heard, Media, Message, token};
use crate::lab::sound::Speech;

/// The far end of the trunk: takes one call at a time that goes out through the PBX, rings, and answers after a while.
#[derive(Debug)]
pub struct Subscriber {
    media: Arc<Media>,
    state: watch::Receiver<State>,
    task: JoinHandle<()>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    called: Option<String>,
    talking: bool,
    over: bool,
}

impl Subscriber {
    /// Waits for calls; answers each after `ringing` and says `speech`.
    pub async fn start(pbx: &Pbx, ringing: Duration, speech: Option<Speech>) -> Result<Self> {
        let settings = pbx.settings();
        let socket = UdpSocket::bind((settings.customer_address, settings.customer_port))
            .await
            .context("somebody else stands at the far end of the trunk")?;
        let media = Arc::new(Media::open(settings.customer_address, voice(speech)).await?);
        let (sender, state) = watch::channel(State::default());
        let task = tokio::spawn(serve(socket, media.clone(), sender, ringing));
        Ok(Self { media, state, task })
    }

    /// Waits until somebody called; gives the number that was dialled.
    pub async fn called(&mut self, deadline: Duration) -> Result<String> {
        let state = tokio::time::timeout(deadline, self.state.wait_for(|state| state.called.is_some())).await;
        let state = state.context("nobody called the subscriber")??;
        Ok(state.called.clone().unwrap_or_default())
    }

    /// Waits until the call is up.
    pub async fn talking(&mut self, deadline: Duration) -> Result<()> {
        tokio::time::timeout(deadline, self.state.wait_for(|state| state.talking))
            .await
            .context("no call with the subscriber")??;
        Ok(())
    }

    /// Waits until the caller hung up.
    pub async fn over(&mut self, deadline: Duration) -> Result<()> {
        tokio::time::timeout(deadline, self.state.wait_for(|state| state.over)).await.context("the call goes on")??;
        Ok(())
    }

    /// Everything that was heard.
    pub fn heard(&self) -> Heard {
        self.media.heard()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, media: Arc<Media>, state: watch::Sender<State>, ringing: Duration) {
    let Ok(local) = socket.local_addr() else { return };
    let contact = format!("<sip:subscriber@{local}>");
    let tag = token();
    let mut buffer = vec![0; 65_536];
    let mut offered: Option<(Message, SocketAddr, tokio::time::Instant)> = None;
    loop {
        let answer_at = offered.as_ref().map(|(_, _, at)| *at);
        tokio::select! {
            received = socket.recv_from(&mut buffer) => {
                let Ok((length, from)) = received else { return };
                let Some(message) = Message::parse(&buffer[..length]) else { continue };
                let Some(method) = message.method() else { continue };
                let (status, reason, body) = match method {
                    "ACK" => continue,
                    // A second one within the call is a change of its sound.
                    "INVITE" if state.borrow().talking => (200, "OK", media.description(1, Direction::Both)),
                    "INVITE" => (180, "Ringing", String::new()),
                    _ => (200, "OK", String::new()),
                };
                let _ = socket.send_to(message.answer(status, reason, &tag, &contact, &body).as_bytes(), from).await;
                match method {
                    "INVITE" if status == 180 && offered.is_none() => {
                        let number = message.header("To").and_then(|to| to.split_once("sip:")).and_then(|(_, uri)| uri.split_once('@'));
                        state.send_replace(State { called: Some(number.map_or("", |(user, _)| user).to_owned()), ..State::default() });
                        offered = Some((message, from, tokio::time::Instant::now() + ringing));
                    }
                    "CANCEL" => {
                        if let Some((invite, from, _)) = offered.take() {
                            let _ = socket.send_to(invite.answer(487, "Request Terminated", &tag, &contact, "").as_bytes(), from).await;
                        }
                        state.send_modify(|state| state.over = true);
                    }
                    "BYE" => {
                        media.stop();
                        state.send_modify(|state| (state.talking, state.over) = (false, true));
                    }
                    _ => {}
                }
            }
            () = tokio::time::sleep_until(answer_at.unwrap_or_else(tokio::time::Instant::now)), if answer_at.is_some() => {
                let Some((invite, from, _)) = offered.take() else { continue };
                let _ = socket.send_to(invite.answer(200, "OK", &tag, &contact, &media.description(1, Direction::Both)).as_bytes(), from).await;
                if let Some(remote) = invite.media_address() {
                    media.start(remote);
                }
                state.send_modify(|state| state.talking = true);
            }
        }
    }
}
