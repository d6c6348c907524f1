//! `linedesk-softphone console`: the same messages as JSON lines on stdin and stdout, for a person or a script.

use anyhow::Result;
use softphone_api::frame::MAX_FRAME_BYTES;
use softphone_api::{FromSoftphone, Outcome, RefusedCode, ToSoftphone};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::mpsc;

use crate::engine::{self, Options};
use crate::hub::{Client, Hub, HubEvent, Outgoing};
use crate::serve::stop_on_signal;
use crate::wire::{CLIENT_QUEUE, Parsed, parse};

const CLIENT: u64 = 1;

/// Runs until stdin ends or `shutdown` is asked.
///
/// # Errors
/// When pjlib does not start.
pub async fn run(options: Options) -> Result<()> {
    let (to_hub, inbox) = mpsc::channel(64);
    let (engine_out, from_engine) = mpsc::channel(1024);
    let engine = engine::spawn(options, engine_out)?;
    let (out, messages) = mpsc::channel(CLIENT_QUEUE);
    let client = Client { id: CLIENT, out: out.clone(), pid: None, name: "console".to_owned() };
    // The channel is empty: this cannot fail.
    let _ = to_hub.send(HubEvent::Hello(client)).await;
    let writing = tokio::spawn(write(messages));
    let reading = tokio::spawn(read(to_hub.clone(), out));
    let stopping = tokio::spawn(stop_on_signal(to_hub));
    Hub::new(engine).run(inbox, from_engine).await;
    reading.abort();
    stopping.abort();
    let _ = writing.await;
    Ok(())
}

async fn write(mut messages: mpsc::Receiver<Outgoing>) {
    let mut stdout = tokio::io::stdout();
    while let Some(Outgoing::Message(message)) = messages.recv().await {
        let Ok(mut line) = serde_json::to_vec(&message) else { continue };
        line.push(b'\n');
        if stdout.write_all(&line).await.is_err() || stdout.flush().await.is_err() {
            break;
        }
    }
}

/// A request may be written without its `type`.
fn with_type(line: &[u8]) -> Vec<u8> {
    if let Ok(serde_json::Value::Object(mut value)) = serde_json::from_slice(line)
        && value.contains_key("command")
        && !value.contains_key("type")
    {
        value.insert("type".to_owned(), "request".into());
        return serde_json::to_vec(&value).unwrap_or_else(|_| line.to_vec());
    }
    line.to_vec()
}

async fn read(hub: mpsc::Sender<HubEvent>, out: mpsc::Sender<Outgoing>) {
    let mut stdin = BufReader::new(tokio::io::stdin());
    loop {
        let mut line = Vec::new();
        let got = (&mut stdin).take(MAX_FRAME_BYTES as u64).read_until(b'\n', &mut line).await;
        if !matches!(got, Ok(n) if n > 0) {
            break;
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let answer = match parse(&with_type(line)) {
            Parsed::Message(ToSoftphone::Request { id, command }) => {
                if hub.send(HubEvent::Request { client: CLIENT, id, command: Box::new(command) }).await.is_err() {
                    return;
                }
                continue;
            }
            Parsed::Message(_) | Parsed::Ignored => continue,
            Parsed::Refused { id, error } => FromSoftphone::Response { id, result: Outcome::Error(error) },
            // A person mistypes: said, and the next line is read.
            Parsed::Malformed(message) => FromSoftphone::Refused { code: RefusedCode::Malformed, message },
        };
        if out.send(Outgoing::Message(answer)).await.is_err() {
            return;
        }
    }
    let _ = hub.send(HubEvent::Stop).await;
}

#[cfg(test)]
mod tests {
    use super::with_type;

    #[test]
    fn the_type_may_be_left_out() {
        let line = with_type(br#"{"id":1,"command":{"do":"snapshot"}}"#);
        assert!(matches!(super::parse(&line), super::Parsed::Message(_)));
        assert_eq!(with_type(b"nonsense"), b"nonsense");
    }
}
