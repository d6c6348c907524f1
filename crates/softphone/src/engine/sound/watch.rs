//! Watches what sound devices there are, on a thread of its own: the sound server tells of changes; without one, the
//! directory of ALSA's devices does, and a child process looks ([`super::super::probe`]).

use std::collections::BTreeMap;
use std::sync::mpsc::SyncSender;

use anyhow::Result;

use super::super::{Event, probe};
use super::device::{MOST_DEVICES, Seen, usable_name};

/// What was seen.
#[derive(Debug)]
pub(crate) enum Sight {
    /// These devices, and no others.
    Devices(Vec<Seen>),
    /// It could not be looked.
    Failed(String),
}

/// Begins; ends with the engine.
pub(super) fn spawn(events: SyncSender<Event>) {
    #[cfg(target_os = "linux")]
    if let Err(e) =
        std::thread::Builder::new().name("devices".into()).stack_size(1 << 18).spawn(move || linux::watch(&events))
    {
        tracing::error!("sound devices are not watched, no thread could be made: {e}");
    }
    #[cfg(not(target_os = "linux"))]
    drop(events);
}

/// One look, now; waits for the sound system's answer.
pub(super) fn look() -> Sight {
    #[cfg(target_os = "linux")]
    if let Ok(devices) = super::pulse::Server::connect().and_then(|mut server| server.devices()) {
        return Sight::Devices(devices);
    }
    sight(probed())
}

fn sight(found: Result<Vec<Seen>>) -> Sight {
    found.map_or_else(|e| Sight::Failed(format!("{e:#}")), Sight::Devices)
}

/// ALSA's own devices, seen by a child.
fn probed() -> Result<Vec<Seen>> {
    let cards = std::fs::read_to_string("/proc/asound/cards").map(|text| cards(&text)).unwrap_or_default();
    let found = probe::ask()?;
    // What is spoken into and heard with when nothing is chosen: as ALSA's own programs do.
    let default = |capture: bool| {
        let can = |name: &&str| found.iter().any(|d| d.name == **name && if capture { d.capture } else { d.playback });
        ["default", "pulse", "pipewire"].iter().find(|name| can(name)).copied()
    };
    let (microphone, loudspeaker) = (default(true), default(false));
    let mut seen = Vec::new();
    for d in found.iter().filter(|d| usable_name(&d.name)) {
        let label = label(&d.name, &cards);
        let one = |capture, is_default| Seen {
            name: d.name.clone(),
            label: label.clone(),
            native: d.name.clone(),
            capture,
            is_default,
            id: 0,
        };
        if d.capture {
            seen.push(one(true, microphone == Some(&d.name)));
        }
        if d.playback {
            seen.push(one(false, loudspeaker == Some(&d.name)));
        }
    }
    seen.truncate(MOST_DEVICES);
    Ok(seen)
}

/// `/proc/asound/cards`: two lines a card, ` 0 [PCH            ]: HDA-Intel - HDA Intel PCH` and where it is.
fn cards(text: &str) -> BTreeMap<String, String> {
    let named = text.lines().filter_map(|line| {
        let (id, rest) = line.split_once('[')?.1.split_once("]:")?;
        let label = rest.split_once(" - ").map_or(rest, |(_, label)| label);
        Some((id.trim().to_owned(), label.trim().to_owned()))
    });
    named.collect()
}

/// What a person reads for `plughw:CARD=PCH,DEV=0`.
fn label(name: &str, cards: &BTreeMap<String, String>) -> String {
    let argument = |key: &str| {
        let value = name.split_once(key)?.1;
        Some(value.split(',').next().unwrap_or(value))
    };
    let Some(card) = argument("CARD=").and_then(|id| cards.get(id)) else { return name.to_owned() };
    match argument("DEV=") {
        Some(device) if device != "0" => format!("{card} ({device})"),
        _ => card.clone(),
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc::SyncSender;
    use std::time::Duration;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

    use super::super::super::Event;
    use super::super::pulse::{Server, socket_paths};
    use super::{Seen, Sight, probed, sight};

    /// How long to wait before the sound server is looked for again, doubled up to the last.
    const RETRY_FIRST: Duration = Duration::from_millis(100);
    const RETRY_LAST: Duration = Duration::from_secs(1);
    /// A device's files come one after the other, and udev gives them their rights last.
    const SETTLES: Duration = Duration::from_millis(300);

    /// Numbers of devices, unlike those of the server, which begins anew when it starts again.
    #[derive(Default)]
    struct Numbers {
        connection: u32,
        next: u32,
        given: BTreeMap<(u32, bool, u32), u32>,
    }

    impl Numbers {
        fn give(&mut self, devices: &mut [Seen]) {
            let mut given = BTreeMap::new();
            for d in devices {
                let key = (self.connection, d.capture, d.id);
                let number = self.given.get(&key).copied().unwrap_or_else(|| {
                    self.next += 1;
                    self.next
                });
                given.insert(key, number);
                d.id = number;
            }
            self.given = given;
        }
    }

    pub(super) fn watch(events: &SyncSender<Event>) {
        let tell = |sight| events.send(Event::Sound(sight)).is_ok();
        let mut numbers = Numbers::default();
        let mut alsa = Alsa { look_in: Some(Duration::ZERO), wait: RETRY_FIRST };
        loop {
            match Server::connect() {
                Ok(mut server) => {
                    numbers.connection += 1;
                    let Err(e) = serve(&mut server, &mut numbers, &tell) else { return };
                    tracing::warn!("the sound server is gone: {e}");
                    // Its devices went with it. It held ALSA's cards itself: they are looked at once it has had the time to
                    // start again.
                    if !tell(Sight::Devices(Vec::new())) {
                        return;
                    }
                    alsa = Alsa { look_in: Some(RETRY_LAST), wait: RETRY_FIRST };
                }
                Err(e) => tracing::debug!("no sound server: {e}"),
            }
            if !alsa.until_server(&tell) {
                return;
            }
        }
    }

    /// Tells what the server has until it is gone (an error) or the engine has ended.
    fn serve(server: &mut Server, numbers: &mut Numbers, tell: &impl Fn(Sight) -> bool) -> std::io::Result<()> {
        loop {
            let mut devices = server.devices()?;
            numbers.give(&mut devices);
            if !tell(Sight::Devices(devices)) {
                return Ok(());
            }
            server.wait_for_change()?;
        }
    }

    /// The time without a server.
    struct Alsa {
        /// When ALSA's cards are to be looked at.
        look_in: Option<Duration>,
        /// How long until the server is tried again.
        wait: Duration,
    }

    impl Alsa {
        /// Until a server takes connections. False: the engine has ended.
        fn until_server(&mut self, tell: &impl Fn(Sight) -> bool) -> bool {
            let cards = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok().filter(|inotify| {
                let changes = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_ATTRIB;
                inotify.add_watch("/dev/snd", changes).is_ok()
            });
            loop {
                if self.look_in.is_some_and(|left| left.is_zero()) {
                    self.look_in = None;
                    if !tell(sight(probed())) {
                        return false;
                    }
                }
                let mut nap = self.wait.min(self.look_in.unwrap_or(self.wait));
                let paths = socket_paths();
                if paths.is_empty() && self.look_in.is_none() {
                    // No server that we could reach will ever be there.
                    nap = Duration::from_secs(60);
                }
                if changed(cards.as_ref(), nap) {
                    self.look_in = Some(SETTLES);
                    continue;
                }
                self.look_in = self.look_in.map(|left| left.saturating_sub(nap));
                self.wait = (self.wait * 2).min(RETRY_LAST);
                if paths.iter().any(|path| UnixStream::connect(path).is_ok()) {
                    return true;
                }
            }
        }
    }

    /// Whether ALSA's devices have changed within that time.
    fn changed(alsa: Option<&Inotify>, within: Duration) -> bool {
        let within = PollTimeout::try_from(within).unwrap_or(PollTimeout::MAX);
        let Some(alsa) = alsa else {
            let _ = poll(&mut [], within);
            return false;
        };
        let mut files = [PollFd::new(alsa.as_fd(), PollFlags::POLLIN)];
        poll(&mut files, within).is_ok_and(|n| n > 0) && alsa.read_events().is_ok_and(|events| !events.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alsa_cards_by_their_names() {
        let text = " 0 [PCH            ]: HDA-Intel - HDA Intel PCH\n                      HDA Intel PCH at 0xf7 irq 31\n \
                    1 [Headset        ]: USB-Audio - Blackwire 5220\n                      Plantronics at usb-0000:00\n";
        let cards = cards(text);
        assert_eq!(label("plughw:CARD=PCH,DEV=0", &cards), "HDA Intel PCH");
        assert_eq!(label("plughw:CARD=Headset,DEV=1", &cards), "Blackwire 5220 (1)");
        assert_eq!(label("sysdefault:CARD=Gone", &cards), "sysdefault:CARD=Gone");
        assert_eq!(label("default", &cards), "default");
    }
}
