//! The connection test: what of a PBX's configuration Linedesk needs and does not find. It only asks; no action that it sends
//! changes anything, so it may run on a PBX in the busiest hour.
//!
//! [`gather`](gather::gather) asks and listens, [`judge`] says what that means and reads no clock. What the classes of the manager
//! user do not allow to know is *unknown*, with the value that it should have; it is never guessed.

mod gather;
mod judge;
#[cfg(test)]
mod judge_tests;
mod needs;
mod seen;

use std::time::Duration;

use ami::{AmiError, Client, ConnectOptions};
use serde::Serialize;

use super::actor::EVENTS_FOR_CALLS;

/// What is to be tested.
#[derive(Debug, Clone)]
pub struct Examination {
    /// The link.
    pub options: ConnectOptions,
    /// Queues that Linedesk knows there; with none all are looked at.
    pub queues: Vec<String>,
    /// Calls go between this PBX and another one of ours.
    pub crossing: bool,
    /// How long events are listened to; None: only as long as files of the PBX cannot be asked instead.
    pub watch: Option<Duration>,
}

/// What was found, in the order in which it should be mended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// All of it, also what is well.
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable name, e.g. `read.dialplan`; a screen has its own words for it.
    pub code: &'static str,
    /// Of which link, where the PBX has several: user@host:port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Name of the queue, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// How it is.
    pub state: State,
    /// What that means, for a person.
    pub means: String,
    /// What to write where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paste: Option<Paste>,
}

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Ok,
    /// Linedesk will not work well without a change.
    Missing,
    /// More than is good: it works, and somebody could do harm with it.
    TooMuch,
    /// The manager user cannot know it.
    Unknown,
}

/// Lines for a file of Asterisk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paste {
    /// File under /etc/asterisk.
    pub file: &'static str,
    /// Section in it.
    pub section: String,
    /// The lines.
    pub lines: Vec<String>,
    /// What makes Asterisk read it.
    pub then: &'static str,
}

impl Report {
    /// Looks at a PBX.
    pub async fn of(examination: &Examination) -> Self {
        let mut options = examination.options.clone();
        EVENTS_FOR_CALLS.clone_into(&mut options.events);
        match Client::connect(&options).await {
            Ok((client, events)) => {
                let evidence = gather::gather(&client, events, examination).await;
                client.close();
                let findings = judge::judge(&options.username, examination.crossing, &evidence);
                Self { findings }
            }
            Err(error) => Self { findings: vec![unreached(&options, &error)] },
        }
    }

    /// Adds what another link of the same PBX told; its queues are the same by each.
    pub fn add(&mut self, link: Option<&str>, other: Self) {
        let of_queue = |finding: &Finding| finding.code.starts_with("queue");
        let queues_known = self.findings.iter().any(of_queue);
        let wanted = other.findings.into_iter().filter(|finding| !(queues_known && of_queue(finding)));
        self.findings.extend(wanted.map(|finding| {
            let link = link.filter(|_| !of_queue(&finding)).map(str::to_owned);
            Finding { link, ..finding }
        }));
    }

    /// What is missing.
    pub fn missing(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.state == State::Missing)
    }
}

impl Finding {
    fn new(code: &'static str, state: State, means: impl Into<String>) -> Self {
        Self { code, link: None, queue: None, state, means: means.into(), paste: None }
    }

    fn of_queue(mut self, queue: &str) -> Self {
        self.queue = Some(queue.to_owned());
        self
    }

    /// What is well needs no change.
    fn paste(mut self, file: &'static str, section: &str, lines: impl IntoIterator<Item = String>) -> Self {
        if self.state != State::Ok {
            let then = match file {
                "manager.conf" => "asterisk -rx 'manager reload'",
                _ => "asterisk -rx 'queue reload all'",
            };
            self.paste = Some(Paste { file, section: section.to_owned(), lines: lines.into_iter().collect(), then });
        }
        self
    }
}

/// There is no link at all.
fn unreached(options: &ConnectOptions, error: &AmiError) -> Finding {
    let (code, section, lines) = match error {
        AmiError::AuthRefused { .. } => (
            "login",
            options.username.as_str(),
            vec![
                "secret = …".to_owned(),
                "deny = 0.0.0.0/0.0.0.0".to_owned(),
                "permit = ADDRESS-OF-CENTRAL/255.255.255.255".to_owned(),
            ],
        ),
        AmiError::Tls { .. } => (
            "tls",
            "general",
            vec![
                "tlsenable = yes".to_owned(),
                format!("tlsbindaddr = {}:{}", options.host, options.port),
                "tlscertfile = /etc/asterisk/keys/ami.crt".to_owned(),
                "tlsprivatekey = /etc/asterisk/keys/ami.key".to_owned(),
            ],
        ),
        _ => ("reach", "general", vec!["enabled = yes".to_owned(), format!("port = {}", options.port)]),
    };
    Finding::new(code, State::Missing, error.to_string()).paste("manager.conf", section, lines)
}

impl std::fmt::Display for Report {
    /// One finding a line, and beneath it what to write.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for Finding { code, link, queue, state, means, paste } in &self.findings {
            let word = match state {
                State::Ok => "ok",
                State::Missing => "MISSING",
                State::TooMuch => "too much",
                State::Unknown => "unknown",
            };
            let queue = queue.as_ref().map(|queue| format!(" [{queue}]")).unwrap_or_default();
            let link = link.as_ref().map(|link| format!(" ({link})")).unwrap_or_default();
            writeln!(f, "{word:<9} {code}{queue}{link}: {means}")?;
            let Some(Paste { file, section, lines, then }) = paste else { continue };
            writeln!(f, "          in {file}, section [{section}]; then {then}:")?;
            for line in lines {
                writeln!(f, "              {line}")?;
            }
        }
        Ok(())
    }
}
