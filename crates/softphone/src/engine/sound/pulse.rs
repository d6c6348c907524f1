//! A client of the sound server's own protocol, which PulseAudio and PipeWire speak alike: what devices there are, and
//! whether that has changed.
//!
//! Not libpulse: once loaded it stays, and costs several megabytes for as long as the softphone waits for calls.

use std::ffi::{CStr, CString};
use std::io::{Error, ErrorKind, Read as _, Result};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pulseaudio::protocol::{
    AuthParams, AuthReply, Command, Prop, Props, ProtocolError, ServerInfo, SinkInfo, SourceInfo, SubscriptionMask,
    TagStructReader, read_descriptor, write_command_message,
};

use super::device::{MOST_DEVICES, Seen, usable_name};

/// The oldest version that tells all we ask for: later ones add ports and formats, which cost and can only go wrong.
const VERSION: u16 = 20;
/// A server answers in milliseconds; one that does not for so long hangs.
const PATIENCE: Duration = Duration::from_secs(3);
/// No message of the kinds that we ask for is as long.
const MOST_BYTES: u32 = 4 << 20;
/// Changes come in bursts: a headset brings a card, a sink and a source.
const QUIET: Duration = Duration::from_millis(60);

/// Where the server listens, as libpulse looks for it; none when it is on another machine.
pub(super) fn socket_paths() -> Vec<PathBuf> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(servers) = variable("PULSE_SERVER") {
        return servers.split_whitespace().filter_map(local_path).collect();
    }
    let runtime = variable("PULSE_RUNTIME_PATH").map(|dir| PathBuf::from(dir).join("native"));
    let session = variable("XDG_RUNTIME_DIR").map(|dir| PathBuf::from(dir).join("pulse/native"));
    let own = PathBuf::from(format!("/run/user/{}/pulse/native", nix::unistd::geteuid()));
    let mut paths: Vec<PathBuf> = runtime.into_iter().chain(session).chain([own]).collect();
    paths.push("/run/pulse/native".into());
    paths
}

/// Out of one word of `PULSE_SERVER`: `unix:PATH` or `/PATH`, after an optional `{machine}`.
fn local_path(server: &str) -> Option<PathBuf> {
    let server = server.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or(server, |(_, rest)| rest);
    let path = server.strip_prefix("unix:").unwrap_or(server);
    path.starts_with('/').then(|| path.into())
}

/// Most servers know us by our user; one that does not asks for this.
fn cookie() -> Vec<u8> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.or_else(|| home.as_ref().map(|home| home.join(".config")));
    std::env::var_os("PULSE_COOKIE")
        .map(PathBuf::from)
        .into_iter()
        .chain(config.map(|dir| dir.join("pulse/cookie")))
        .chain(home.map(|home| home.join(".pulse-cookie")))
        .find_map(|path| std::fs::read(path).ok().filter(|cookie| cookie.len() == 256))
        .unwrap_or_else(|| vec![0; 256])
}

fn bad(e: ProtocolError) -> Error {
    match e {
        ProtocolError::Io(e) => e,
        other => Error::new(ErrorKind::InvalidData, other.to_string()),
    }
}

/// A connection.
pub(super) struct Server {
    socket: UnixStream,
    version: u16,
    next: u32,
    changed: bool,
}

impl Server {
    /// Connects, says who we are and asks to be told of changes.
    pub(super) fn connect() -> Result<Self> {
        let mut last = Error::new(ErrorKind::NotFound, "no sound server on this machine is named");
        for path in socket_paths() {
            match UnixStream::connect(&path) {
                Ok(socket) => return Self::greet(socket),
                Err(e) => last = e,
            }
        }
        Err(last)
    }

    fn greet(socket: UnixStream) -> Result<Self> {
        socket.set_write_timeout(Some(PATIENCE))?;
        let mut server = Self { socket, version: VERSION, next: 0, changed: false };
        let auth = AuthParams { version: VERSION, supports_shm: false, supports_memfd: false, cookie: cookie() };
        let reply: AuthReply = server.ask(&Command::Auth(auth), |reply| reply.read())?;
        server.version = reply.version.min(VERSION);
        let mut props = Props::new();
        props.set(Prop::ApplicationName, c"Linedesk");
        server.ask(&Command::SetClientName(props), |_| Ok(()))?;
        let changes = SubscriptionMask::SINK | SubscriptionMask::SOURCE | SubscriptionMask::SERVER;
        server.ask(&Command::Subscribe(changes), |_| Ok(()))?;
        Ok(server)
    }

    /// Microphones and loudspeakers, in the server's order.
    pub(super) fn devices(&mut self) -> Result<Vec<Seen>> {
        self.changed = false;
        let info: ServerInfo = self.ask(&Command::GetServerInfo, |reply| reply.read())?;
        let sinks: Vec<SinkInfo> = self.ask(&Command::GetSinkInfoList, all)?;
        let sources: Vec<SourceInfo> = self.ask(&Command::GetSourceInfoList, all)?;
        let named = |default: &Option<CString>, name: &CStr| default.as_deref() == Some(name);
        let microphones = sources
            .iter()
            // What a loudspeaker plays is nobody's voice.
            .filter(|source| source.monitor_of_sink_index.is_none())
            .filter_map(|s| {
                seen(&s.name, s.description.as_deref(), s.index, true, named(&info.default_source_name, &s.name))
            });
        let loudspeakers = sinks.iter().filter_map(|s| {
            seen(&s.name, s.description.as_deref(), s.index, false, named(&info.default_sink_name, &s.name))
        });
        Ok(microphones.chain(loudspeakers).take(MOST_DEVICES).collect())
    }

    /// Waits until something has changed and no more changes follow.
    pub(super) fn wait_for_change(&mut self) -> Result<()> {
        while !self.changed {
            self.message(None)?;
        }
        let most = Instant::now() + QUIET * 5;
        while Instant::now() < most {
            match self.message(Some(QUIET)) {
                Ok(_) => {}
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn ask<T>(
        &mut self,
        command: &Command,
        read: impl FnOnce(&mut TagStructReader<'_>) -> std::result::Result<T, ProtocolError>,
    ) -> Result<T> {
        self.next += 1;
        write_command_message(&mut self.socket, self.next, command, self.version).map_err(bad)?;
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let bytes = self.message(Some(left))?;
            let mut rest: &[u8] = &bytes;
            match Command::read_tag_prefixed(&mut rest, self.version) {
                Ok((number, Command::Reply)) if number == self.next => {
                    return read(&mut TagStructReader::new(&mut rest, self.version)).map_err(bad);
                }
                Ok((number, Command::Error(e))) if number == self.next => {
                    return Err(Error::new(ErrorKind::PermissionDenied, format!("the sound server says {e:?}")));
                }
                // A change, which is noted already, or something that a newer server tells.
                _ => {}
            }
        }
    }

    /// The next message, whatever it is; notes a change.
    fn message(&mut self, patience: Option<Duration>) -> Result<Vec<u8>> {
        self.socket.set_read_timeout(patience)?;
        // Nothing is lost when this times out: a header is one write of the server's.
        let header = read_descriptor(&mut self.socket).map_err(bad)?;
        if header.length > MOST_BYTES {
            return Err(Error::new(ErrorKind::InvalidData, "the sound server sent a message of more than 4 MiB"));
        }
        self.socket.set_read_timeout(Some(PATIENCE))?;
        let mut bytes = vec![0; header.length as usize];
        self.socket.read_exact(&mut bytes)?;
        if let Ok((_, Command::SubscribeEvent(_))) = Command::read_tag_prefixed(&mut bytes.as_slice(), self.version) {
            self.changed = true;
        }
        Ok(bytes)
    }
}

fn all<T: pulseaudio::protocol::TagStructRead>(
    reply: &mut TagStructReader<'_>,
) -> std::result::Result<Vec<T>, ProtocolError> {
    let mut list = Vec::new();
    while reply.has_data_left()? {
        list.push(reply.read()?);
    }
    Ok(list)
}

fn seen(name: &CStr, description: Option<&CStr>, id: u32, capture: bool, is_default: bool) -> Option<Seen> {
    let name = name.to_str().ok().filter(|name| usable_name(name))?;
    let label = description.map(|text| text.to_string_lossy().replace(char::is_control, " "));
    let label = label.filter(|text| !text.trim().is_empty()).unwrap_or_else(|| name.to_owned());
    // ALSA ends an argument at a comma; the server knows a device by its number, too.
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:+".contains(&b));
    let native = if plain { format!("pulse:DEVICE={name}") } else { format!("pulse:DEVICE={id}") };
    Some(Seen { name: name.to_owned(), label, native, capture, is_default, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_on_this_machine() {
        for (server, path) in [
            ("unix:/run/x/native", Some("/run/x/native")),
            ("/run/x/native", Some("/run/x/native")),
            ("{0123abcd}unix:/run/x/native", Some("/run/x/native")),
            ("tcp:10.0.0.1:4713", None),
            ("somewhere", None),
        ] {
            assert_eq!(local_path(server), path.map(PathBuf::from), "{server}");
        }
    }

    #[test]
    fn names_that_alsa_would_cut_go_by_number() {
        let one = seen(c"alsa_output.usb-00.analog-stereo", Some(c"Headset"), 3, false, true).unwrap();
        assert_eq!(
            (one.native.as_str(), one.label.as_str()),
            ("pulse:DEVICE=alsa_output.usb-00.analog-stereo", "Headset")
        );
        let two = seen(c"odd,name", None, 7, true, false).unwrap();
        assert_eq!((two.native.as_str(), two.label.as_str()), ("pulse:DEVICE=7", "odd,name"));
        assert_eq!(seen(c"", None, 1, true, false), None);
    }
}
