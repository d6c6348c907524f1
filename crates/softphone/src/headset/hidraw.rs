//! Headsets on Linux: `/dev/hidrawN` and what sysfs says of them.
//!
//! Without hidapi, which other systems use: its Linux part says why an open failed in words only, hides the descriptor that
//! could be waited on together with our own wake-ups (so it would have to be asked ten times a second), and reads every
//! attribute of every parent of every device, up to the PCI bus, for each look.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::bus::{Bus, Found, NotOpened, Port, Woken};
use super::descriptor::MAX_DESCRIPTOR;

/// When changes of `/dev` cannot be watched it is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(3);
const PREFIX: &str = "hidraw";

/// See the module.
#[derive(Debug)]
pub struct Hidraw {
    dev: PathBuf,
    class: PathBuf,
    changes: Option<Inotify>,
    phone: io::PipeReader,
}

impl Hidraw {
    /// `root` is `/`, but in tests. A byte in `phone`, or its end, is a change of the phone.
    #[must_use]
    pub fn new(root: &Path, phone: io::PipeReader) -> Self {
        let dev = root.join("dev");
        let watch = || {
            let changes = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
            // Rights are given after a device has appeared: a change of attributes.
            let what = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_ATTRIB;
            changes.add_watch(&dev, what)?;
            Ok::<_, Errno>(changes)
        };
        let changes = watch()
            .inspect_err(|error| {
                tracing::warn!(
                    "headsets are looked for every few seconds: {} cannot be watched: {error}",
                    dev.display()
                )
            })
            .ok();
        Self { class: root.join("sys/class/hidraw"), dev, changes, phone }
    }

    /// Whether what has changed are headsets, or might be.
    fn has_changed(&self) -> bool {
        let Some(changes) = &self.changes else { return true };
        let is_ours =
            |name: &Option<std::ffi::OsString>| name.as_ref().is_none_or(|n| n.to_string_lossy().starts_with(PREFIX));
        let mut found = false;
        // A queue that overran loses names: then it might.
        while let Ok(events) = changes.read_events() {
            found |= events.iter().any(|event| is_ours(&event.name));
        }
        found
    }
}

impl Bus for Hidraw {
    type Port = Device;

    fn list(&mut self) -> Vec<Found> {
        let Ok(entries) = std::fs::read_dir(&self.class) else { return Vec::new() };
        let number = |name: &str| name.strip_prefix(PREFIX)?.parse::<u32>().ok();
        let mut numbers: Vec<u32> =
            entries.filter_map(|entry| number(&entry.ok()?.file_name().to_string_lossy())).collect();
        numbers.sort_unstable();
        numbers.into_iter().filter_map(|number| found(&self.class, &format!("{PREFIX}{number}"))).collect()
    }

    fn open(&mut self, found: &Found) -> Result<Device, NotOpened> {
        // Without O_NOCTTY a terminal that stands in for a device would become ours.
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let path = self.dev.join(&found.place);
        let file =
            OpenOptions::new().read(true).write(true).custom_flags(flags.bits()).open(path).map_err(|e| why(&e))?;
        // Linux lets any number of programs open a device, and all hear its buttons. Among those that care for it, a lock
        // says whose it is: two softphones must not answer by one press.
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(Device(file)),
            Err((_, error)) => Err(why(&error.into())),
        }
    }

    fn wait(&mut self, port: Option<&mut Device>, at_most: Option<Duration>) -> Woken {
        let at_most =
            if self.changes.is_none() { Some(at_most.unwrap_or(LOOK_EVERY).min(LOOK_EVERY)) } else { at_most };
        let timeout = at_most.map_or(PollTimeout::NONE, |time| {
            // Rounded up: a little early would be a turn for nothing.
            PollTimeout::try_from(time + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        let ready = |fd: &PollFd| fd.revents().is_some_and(|events| !events.is_empty());
        let mut fds: Vec<PollFd> = vec![watched(self.phone.as_fd())];
        fds.extend(self.changes.as_ref().map(|changes| watched(changes.as_fd())));
        fds.extend(port.as_ref().map(|port| watched(port.0.as_fd())));
        let has_device = port.is_some();
        let (by_phone, by_change, by_device) = match poll(&mut fds, timeout) {
            Ok(0) => (false, self.changes.is_none(), false),
            Ok(_) => {
                let by_device = has_device && fds.last().is_some_and(ready);
                (ready(&fds[0]), self.changes.is_some() && ready(&fds[1]), by_device)
            }
            // Interrupted by a signal.
            Err(_) => (false, false, false),
        };
        drop(fds);
        if by_phone {
            // Several changes may have left a byte each; what counts is the last state. At the end there is none.
            let _ = self.phone.read(&mut [0; 64]);
        }
        Woken { by_device, by_change: by_change && self.has_changed(), by_phone }
    }
}

fn watched(fd: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::new(fd, PollFlags::POLLIN)
}

fn why(error: &io::Error) -> NotOpened {
    match error.kind() {
        io::ErrorKind::PermissionDenied => NotOpened::NotAllowed,
        io::ErrorKind::ResourceBusy | io::ErrorKind::WouldBlock => NotOpened::InUse,
        _ => NotOpened::Broken,
    }
}

fn found(class: &Path, name: &str) -> Option<Found> {
    let device = class.join(name).join("device");
    let mut descriptor = Vec::new();
    let bytes = File::open(device.join("report_descriptor")).ok()?;
    bytes.take(MAX_DESCRIPTOR as u64 + 1).read_to_end(&mut descriptor).ok()?;
    let uevent = std::fs::read_to_string(device.join("uevent")).ok()?;
    let called = uevent.lines().find_map(|line| line.strip_prefix("HID_NAME=")).unwrap_or_default();
    Some(Found { place: name.to_owned(), name: called.trim().to_owned(), descriptor })
}

/// An open `/dev/hidrawN`.
#[derive(Debug)]
pub struct Device(Flock<File>);

impl Port for Device {
    fn read(&mut self, report: &mut [u8]) -> io::Result<usize> {
        match self.0.read(report) {
            // A device always has something to say when it can be read; the end means that it is gone.
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            read => read,
        }
    }

    fn write(&mut self, report: &[u8]) -> io::Result<()> {
        let written = self.0.write(report)?;
        if written == report.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }
}
