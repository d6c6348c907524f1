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
- Digits are sent one after the other, about four a second, in the way of the call's account; they wait while the call is held. At most 256 may wait.\n\
- A call whose INVITE asks to be answered by itself says so in `answer_after_s`; the softphone does nothing about it. Whoever decides sends `answer` with `by_itself`.\n\
- Redirections (3xx) are followed to the account's own domain or server, five times at most; else the call ends with status 302 and the reason.\n\
- A call that ends while it is joined with another is told (`call-ended`) up to 2 s later: only then it is known whether it was handed over.\n\
- Each call leaves one `call-ended`, also at `shutdown`.\n\
- The client is gone in a call: the call goes on, and the program named by `shell-is` is started again within {SHELL_RESTART_MS} ms. Gone without a call: INVITEs are answered with 480, \
the accounts are unregistered, and the softphone ends after {UNATTACHED_IDLE_MS} ms unless somebody attaches.\n\
- SIP is accepted from the servers of the accounts alone, and for three minutes from an address that a request of ours went to (the far side of a call); \
what others send is dropped and counted. From a server, too, there is an \
end: messages over 8,000 bytes or 200 headers are dropped, a ninth call is answered 486, beyond 512 transactions 503, and what belongs to no \
call but OPTIONS 405 or 489. A challenge is answered four times.\n\
- No line of the log carries a secret (digests, SRTP keys, ICE passwords); numbers and names of callers stand in it as their last two digits, \
unless `log` asks for `numbers`. `sip_trace` writes whole messages, masked the same way. A log file is kept for seven days, and takes 256 MB at most.\n\
- A crash leaves `softphone-crash-<time>-<pid>.txt` in the log directory (ten are kept): the signal, module and offset of each frame, \
the build id, how long it ran, how many calls there were; no memory, no number. Linux only; a panic is kept so everywhere.\n\
- Sound devices are named as the sound server names them, one name for each direction. They are watched: whatever comes, goes or \
becomes the system's choice is told by `sound` within two seconds, also in a call. A device that is chosen and absent stays the choice; until it is there the \
system's is used, else any that works, else the call goes on in silence and `problem` says so. `capture_device` and `playback_device` are what is used.\n\
- A device that does not open within 6 s (4 s where a call rings), or gives or takes nothing for 1.5 s, counts as failed: another is used, it is tried again after 2 s when there is none, and at most three times, ever later, when there is. In a call the next device takes over with its first sound, so a change leaves no gap.\n\
- Devices are open from the first ring or dialling to the end of the last call, and in tests; at no other time.\n\
- `set-sound` replaces all settings: what is not in it is as at the start. `choose-devices` changes two of them and leaves the others.\n\
- A button of a headset does what the command would do, without one: `answer` (the call that rings longest, holding what runs), `hang-up`, `reject` \
with busy, `mute`. Clients see it by the events of the call. `headset` names the one that is heard and why it is not; absent: there is none.\n\
- A call rings on every device of `ring` at once, until it is answered or over; a device that does not open is tried again every 2 s, and when none does, `problem` of the sound state says so and the ear beeps. \
While the operator is busy with a call (also one that rings there) a further one beeps in the ear instead; while calls are only held it rings.\n\
- Ringback, call waiting, hold reminder and the beep of an automatic answer go into the playback device and into no call.\n\
- A test for people runs until its last step is over, `stop-test`, another test, an incoming call, or the client's end. In a call only `level` is possible. What is recorded stays in memory, and no longer than it is played.\n\
- A ring tone of the person's own is WAV, PCM of 16 bits, mono or stereo, at most 60 s and 20 MB, by its whole path. `set-sound` refuses what cannot ring; one that is gone when a call comes is replaced by `classic`, and `problem` says so.\n\
- Servers are tried in order: one that refuses is left at once, one that is silent after 4 s, one that dies while it is registered with within 10 s. \
A server that is dead is asked again after 20 s, then ever more seldom, up to 5 min; the better one is returned to when it lives and there is no call. \
`server` of a registration says through which it stands. A refused secret is not carried to the next server.\n\
- A TCP or TLS connection on which something stays unconfirmed for 10 s counts as dead (Linux; 40 s when it was tried, from the first lost packet to the next registration), and another is made; the server is asked every 15 s whether it is there.\n\
- Our address changes: registered again within 3 s; an answered call is told by a re-INVITE, a ringing one can still be answered, an outgoing call that nobody \
has answered ends with `loss`.\n\
- A talking call without RTP for 30 s (`--media-timeout`) is probed with OPTIONS; when nobody answers that either, it ends with `loss`. A server that is silent does not end a call that is heard.\n\n\
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
    entry::<call::Levels>(&mut out, &config);
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
