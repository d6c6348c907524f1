//! docs/softphone-protocol.md, made out of the types of `softphone-api`.

use std::fmt::Write as _;

use softphone_api::attach::{ATTACH_FILE, SHELL_RESTART_MS, UNATTACHED_IDLE_MS};
use softphone_api::frame::{HEARTBEAT_EVERY_MS, HEARTBEAT_LOST_MS, MAX_FRAME_BYTES};
use softphone_api::{PROTOCOL, ProtocolVersion, account, call, command, message, snapshot, sound};
use ts_rs::{Config, TS};

fn entry<T: TS>(out: &mut String, config: &Config) {
    // ts-rs keeps the doc comments with the declaration.
    let docs = T::docs().unwrap_or_default();
    let _ = write!(out, "### {}\n\n```ts\n{docs}{}\n```\n\n", T::ident(config), T::decl(config));
}

/// The whole document.
#[must_use]
pub fn protocol() -> String {
    let config = Config::default();
    let ProtocolVersion { major, minor } = PROTOCOL;
    let mut out = format!(
        "<!-- Generated from crates/softphone-api: cargo run -p linedesk-softphone -- protocol-doc > docs/softphone-protocol.md -->\n\
# The softphone's protocol\n\n\
Version {major}.{minor}. Between a shell (or any program of the same user) and `linedesk-softphone`.\n\n\
## Two ways\n\n\
**Socket** (`linedesk-softphone serve --runtime-dir DIR --session S --log-dir DIR`). The softphone writes `DIR/{ATTACH_FILE}` \
(0600, in a directory of 0700) when it listens: `{{\"protocol\":{{\"major\":{major},\"minor\":{minor}}},\"socket\":…,\"token\":…,\"session\":…,\"pid\":…}}`. \
Each message is JSON behind a 32-bit big-endian length of at most {MAX_FRAME_BYTES} bytes. The client speaks first, with `hello`; the answer is \
`welcome` with a whole snapshot, or `refused`, after which the connection closes. One client is attached at a time; a later one takes the place of an earlier one. \
Both sides send `heartbeat` every {HEARTBEAT_EVERY_MS} ms; who is silent for {HEARTBEAT_LOST_MS} ms counts as gone.\n\n\
**Console** (`linedesk-softphone console`). The same messages as JSON lines on stdin and stdout, without `hello` and heartbeats; the first line out is `welcome`. \
A request may be written without its `type`. The end of stdin hangs up, unregisters and ends.\n\n\
```\n{{\"id\":1,\"command\":{{\"do\":\"dial\",\"account\":\"desk\",\"target\":\"700\"}}}}\n```\n\n\
## Rules\n\n\
- Events are numbered without gaps from the snapshot's `event_number` on. A client that sees a gap attaches again.\n\
- Each event carries the whole new state of what changed. A response may come before or after the events that it causes.\n\
- Unknown message types and unknown fields are ignored; an unknown command is answered with the error `unknown`.\n\
- Hold, resume, DTMF and transfers are answered when they are accepted; what happened follows as an event of the call.\n\
- The client is gone in a call: the call goes on, and the program named by `shell-is` is started again within {SHELL_RESTART_MS} ms. Gone without a call: INVITEs are answered with 480, \
the accounts are unregistered, and the softphone ends after {UNATTACHED_IDLE_MS} ms unless somebody attaches.\n\
- SIP is accepted from the servers of the accounts alone; what others send is dropped and counted. From a server, too, there is an \
end: messages over 8,000 bytes or 200 headers are dropped, a ninth call is answered 486, beyond 512 transactions 503, and what belongs to no \
call but OPTIONS 405 or 489. A challenge is answered four times.\n\
- No line of the log carries a secret (digests, SRTP keys, ICE passwords); numbers and names of callers stand in it as their last two digits, \
unless `log` asks for `numbers`. `sip_trace` writes whole messages, masked the same way. A log file is kept for seven days, and takes 256 MB at most.\n\
- A crash leaves `softphone-crash-<time>-<pid>.txt` in the log directory (ten are kept): the signal, module and offset of each frame, \
the build id, how long it ran, how many calls there were; no memory, no number. Linux only; a panic is kept so everywhere.\n\
- A talking call without RTP for 30 s (`--media-timeout`) is probed with OPTIONS; when nobody answers that either, it ends with `loss`.\n\n\
## Client to softphone\n\n"
    );
    entry::<message::ToSoftphone>(&mut out, &config);
    entry::<command::Command>(&mut out, &config);
    entry::<account::Account>(&mut out, &config);
    entry::<account::AccountId>(&mut out, &config);
    entry::<account::ServerAddress>(&mut out, &config);
    entry::<account::Transport>(&mut out, &config);
    entry::<account::Encryption>(&mut out, &config);
    entry::<account::AddressFamily>(&mut out, &config);
    entry::<account::Nat>(&mut out, &config);
    entry::<account::Turn>(&mut out, &config);
    entry::<account::DtmfMethod>(&mut out, &config);
    entry::<account::Media>(&mut out, &config);
    entry::<account::Codec>(&mut out, &config);
    entry::<command::RejectReason>(&mut out, &config);
    entry::<sound::SoundSettings>(&mut out, &config);
    entry::<sound::DeviceChoice>(&mut out, &config);
    entry::<sound::RingTone>(&mut out, &config);
    entry::<sound::SoundTest>(&mut out, &config);
    entry::<command::LogLevel>(&mut out, &config);
    entry::<message::ProtocolVersion>(&mut out, &config);
    out.push_str("## Softphone to client\n\n");
    entry::<message::FromSoftphone>(&mut out, &config);
    entry::<message::RefusedCode>(&mut out, &config);
    entry::<message::Outcome>(&mut out, &config);
    entry::<command::Reply>(&mut out, &config);
    entry::<command::CommandError>(&mut out, &config);
    entry::<command::CommandErrorCode>(&mut out, &config);
    entry::<message::Event>(&mut out, &config);
    entry::<snapshot::Snapshot>(&mut out, &config);
    entry::<snapshot::Registration>(&mut out, &config);
    entry::<snapshot::RegistrationState>(&mut out, &config);
    entry::<snapshot::RegistrationProblem>(&mut out, &config);
    entry::<call::Call>(&mut out, &config);
    entry::<call::CallId>(&mut out, &config);
    entry::<call::CallDirection>(&mut out, &config);
    entry::<call::CallPhase>(&mut out, &config);
    entry::<call::Progress>(&mut out, &config);
    entry::<call::Warning>(&mut out, &config);
    entry::<call::Transfer>(&mut out, &config);
    entry::<call::TransferKind>(&mut out, &config);
    entry::<call::TransferStep>(&mut out, &config);
    entry::<call::TransferFailure>(&mut out, &config);
    entry::<call::Quality>(&mut out, &config);
    entry::<call::CallRecord>(&mut out, &config);
    entry::<call::CallEnd>(&mut out, &config);
    entry::<call::EndedBy>(&mut out, &config);
    entry::<sound::SoundState>(&mut out, &config);
    entry::<sound::AudioDevice>(&mut out, &config);
    entry::<sound::TestState>(&mut out, &config);
    entry::<sound::TestStep>(&mut out, &config);
    entry::<sound::HeadsetState>(&mut out, &config);
    entry::<sound::HeadsetProblem>(&mut out, &config);
    // One blank line at most, none at the end.
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_document_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/softphone-protocol.md");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == super::protocol(),
            "docs/softphone-protocol.md is stale: cargo run -p linedesk-softphone -- protocol-doc > docs/softphone-protocol.md"
        );
    }
}
