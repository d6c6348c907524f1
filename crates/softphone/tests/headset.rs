//! Headset buttons with the real program and a real Asterisk. The headset is a pseudo-terminal that stands in for
//! `/dev/hidrawN` (`LINEDESK_HID_ROOT`, in debug builds alone): what the softphone opens, reads, writes, locks and loses is
//! a device of the kernel, only the bytes in it are ours.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod drive;

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use drive::{Console, call_in, configure, ended, registration};
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use serde_json::{Value, json};

/// Reports of `tests/headsets/numbered-bits.txt`.
const DARK: [u8; 3] = [2, 0, 0];
const RINGING: [u8; 3] = [2, 0x44, 0];
const TALKING: [u8; 3] = [2, 0x21, 0];
const MUTED: [u8; 3] = [2, 0x23, 0];
const HELD: [u8; 3] = [2, 0x29, 0];
const OFF_HOOK: [u8; 3] = [2, 0x01, 0];
const ON_HOOK: [u8; 3] = [2, 0x00, 0];
const MUTE_DOWN: [u8; 3] = [2, 0x09, 0];

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_by_headset_alone() {
    let desk = Desk::new();
    let mut boris = operator("1002", &desk);
    let mut anna = Console::registered("1001");
    let mut headset = Headset::plug(&desk);
    let is_there = boris.wait("the headset is there", |m| headset_in(m).filter(|h| !h.is_null()));
    assert_eq!(is_there, json!({"name": "Linedesk Test Headset", "muted": false}));
    headset.shows(DARK);

    anna.ask(json!({"do": "dial", "account": "1001", "target": "1002"}));
    boris.wait("ringing", |m| call_in(m, "ringing"));
    headset.shows(RINGING);
    headset.press_until(OFF_HOOK, RINGING, TALKING);
    boris.wait("talking", |m| call_in(m, "talking"));
    anna.wait("talking", |m| call_in(m, "talking"));

    // Mute at the headset, and at the screen: one truth, shown at both.
    headset.says(MUTE_DOWN);
    let call = boris.wait("muted", |m| call_in(m, "talking").filter(|c| c["muted"] == true))["id"].clone();
    headset.shows(MUTED);
    headset.says(OFF_HOOK);
    boris.ask(json!({"do": "mute", "call": call, "muted": false}));
    headset.shows(TALKING);
    boris.ask(json!({"do": "mute", "call": call, "muted": true}));
    headset.shows(MUTED);
    let snapshot = boris.ask(json!({"do": "snapshot"}))["snapshot"].clone();
    assert_eq!(snapshot["headset"]["muted"], true, "{snapshot}");

    // Unplugged, the call goes on; plugged in again, it shows what is.
    headset.unplug();
    boris.wait("the headset is gone", |m| headset_in(m).filter(Value::is_null));
    let talks =
        |ms: u64| move |m: &Value| call_in(m, "talking").filter(|c| c["talk_ms"].as_u64().is_some_and(|t| t > ms));
    let lasted = boris.wait("it goes on", talks(0))["talk_ms"].as_u64().unwrap();
    boris.wait("and on", talks(lasted + 1_500));
    let mut headset = Headset::plug(&desk);
    headset.shows(MUTED);

    // The headset is where its lamp is: on the hook is news.
    boris.wait("longer than echoes last", talks(lasted + 4_000));
    headset.says(ON_HOOK);
    headset.shows(DARK);
    assert_eq!(boris.wait("over", ended)["end"]["by"], "us");
    anna.wait("over", ended);
    // And without a call nothing is called.
    headset.says(OFF_HOOK);
    headset.shows(DARK);
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_press_never_ends_who_waits() {
    let desk = Desk::new();
    let mut headset = Headset::plug(&desk);
    let mut boris = operator("1002", &desk);
    headset.shows(DARK);
    let mut anna = Console::registered("1001");
    let music = boris.ask(json!({"do": "dial", "account": "1002", "target": "603"}))["call"]["id"].clone();
    headset.shows(TALKING);
    boris.wait("talking", |m| call_in(m, "talking"));
    boris.ask(json!({"do": "hold", "call": music}));
    headset.shows(HELD);
    boris.wait("held", |m| call_in(m, "held"));
    headset.says(ON_HOOK);
    headset.shows(HELD);

    // A second call is answered beside the one on hold.
    anna.ask(json!({"do": "dial", "account": "1001", "target": "1002"}));
    let rings = boris.wait("ringing", |m| call_in(m, "ringing"))["id"].clone();
    headset.shows([2, HELD[1] | RINGING[1], 0]);
    headset.press_until(ON_HOOK, [2, HELD[1] | RINGING[1], 0], TALKING);
    boris.wait("the second talks", |m| call_in(m, "talking").filter(|c| c["id"] == rings));

    // Ended by the hook; the first still waits.
    boris.wait("longer than echoes last", |m| {
        call_in(m, "talking").filter(|c| c["id"] == rings && c["talk_ms"].as_u64().is_some_and(|t| t > 1_500))
    });
    headset.says(ON_HOOK);
    headset.shows(HELD);
    assert_eq!(boris.wait("over", ended)["call"]["id"], rings);
    let calls = boris.ask(json!({"do": "snapshot"}))["snapshot"]["calls"].clone();
    assert_eq!((calls.as_array().unwrap().len(), &calls[0]["phase"]), (1, &json!("held")), "{calls}");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_conference_is_muted_and_left_as_one() {
    let desk = Desk::new();
    let mut headset = Headset::plug(&desk);
    let mut boris = operator("1002", &desk);
    headset.shows(DARK);
    let music = boris.ask(json!({"do": "dial", "account": "1002", "target": "603"}))["call"]["id"].clone();
    headset.shows(TALKING);
    boris.wait("talking", |m| call_in(m, "talking"));
    let echo = boris.ask(json!({"do": "dial", "account": "1002", "target": "600"}))["call"]["id"].clone();
    boris.wait("the second talks", |m| call_in(m, "talking").filter(|c| c["id"] == echo));
    boris.wait("the first waits", |m| call_in(m, "held").filter(|c| c["id"] == music));
    boris.ask(json!({"do": "conference", "calls": [music, echo]}));
    boris.wait("both talk", |m| call_in(m, "talking").filter(|c| c["id"] == music && c["conference"] == true));
    headset.says(MUTE_DOWN);
    for id in [&music, &echo] {
        boris.wait("muted", |m| call_in(m, "talking").filter(|c| c["id"] == *id && c["muted"] == true));
    }
    headset.shows(MUTED);
    boris.wait("for longer than a second", |m| {
        call_in(m, "talking").filter(|c| c["id"] == echo && c["talk_ms"].as_u64().is_some_and(|t| t > 2_500))
    });
    headset.says(ON_HOOK);
    headset.shows(DARK);
    let over = [boris.wait("one is over", ended), boris.wait("so is the other", ended)];
    assert!(over.iter().all(|record| record["end"]["by"] == "us"), "{over:?}");
}

/// Needs no Asterisk.
#[test]
fn one_that_another_program_holds_is_told() {
    let desk = Desk::new();
    let headset = Headset::plug(&desk);
    let theirs = Flock::lock(headset.open(), FlockArg::LockExclusiveNonblock).unwrap();
    let mut console = Console::start_with(&["--null-audio"], &desk.environment());
    let told = console.wait("in use", |m| headset_in(m).filter(|h| !h.is_null()));
    assert_eq!(told["problem"], "in-use", "{told}");
    drop(theirs);
    let told = console.wait("free again", |m| headset_in(m).filter(|h| !h.is_null()));
    assert_eq!(told, json!({"name": "Linedesk Test Headset", "muted": false}));
}

fn operator(user: &str, desk: &Desk) -> Console {
    let mut console = Console::start_with(&["--null-audio"], &desk.environment());
    console.ask(configure(user));
    console.wait("registered", |m| registration(m, "registered"));
    console
}

/// What an event says of the headset; null: it is gone.
fn headset_in(message: &Value) -> Option<Value> {
    (message["event"]["event"] == "headset").then(|| message["event"]["headset"].clone())
}

/// A `/dev` and a `/sys` of the test's own.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(desk.node().parent().unwrap()).unwrap();
        std::fs::create_dir_all(desk.class()).unwrap();
        desk
    }

    fn node(&self) -> PathBuf {
        self.0.path().join("dev/hidraw3")
    }

    fn class(&self) -> PathBuf {
        self.0.path().join("sys/class/hidraw")
    }

    fn environment(&self) -> [(&'static str, String); 1] {
        [("LINEDESK_HID_ROOT", self.0.path().to_string_lossy().into_owned())]
    }
}

/// The device's side.
struct Headset {
    master: PtyMaster,
    /// Kept open, or the terminal would hang up while the softphone has it closed.
    _slave: File,
    node: PathBuf,
    class: PathBuf,
}

impl Headset {
    fn plug(desk: &Desk) -> Self {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let slave = open(Path::new(&ptsname_r(&master).unwrap()));
        let mut raw = tcgetattr(&slave).unwrap();
        cfmakeraw(&mut raw);
        tcsetattr(&slave, SetArg::TCSANOW, &raw).unwrap();

        let class = desk.class().join("hidraw3");
        std::fs::create_dir_all(class.join("device")).unwrap();
        std::fs::write(class.join("device/report_descriptor"), descriptor()).unwrap();
        let uevent = "DRIVER=hid-generic\nHID_ID=0003:00001209:00000001\nHID_NAME=Linedesk Test Headset\nHID_UNIQ=\n";
        std::fs::write(class.join("device/uevent"), uevent).unwrap();
        symlink(ptsname_r(&master).unwrap(), desk.node()).unwrap();
        Self { master, _slave: slave, node: desk.node(), class }
    }

    fn open(&self) -> File {
        open(&self.node)
    }

    fn unplug(self) {
        std::fs::remove_dir_all(&self.class).unwrap();
        std::fs::remove_file(&self.node).unwrap();
        // The master is closed with this: whoever reads the other end is told.
    }

    fn says(&mut self, report: [u8; 3]) {
        self.master.write_all(&report).unwrap();
    }

    /// The next report to the device.
    fn next(&mut self) -> [u8; 3] {
        let mut report = [0; 3];
        let mut read = 0;
        while read < report.len() {
            let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
            let within = PollTimeout::try_from(Duration::from_secs(10)).unwrap();
            assert_eq!(poll(&mut fds, within), Ok(1), "the headset is told nothing");
            read += self.master.read(&mut report[read..]).unwrap();
        }
        report
    }

    fn shows(&mut self, report: [u8; 3]) {
        assert_eq!(self.next(), report);
    }

    /// Presses like an impatient person: one within a moment of a change is not meant for it, and is answered by the lamps
    /// as they were.
    fn press_until(&mut self, press: [u8; 3], before: [u8; 3], after: [u8; 3]) {
        loop {
            self.says(press);
            let shown = self.next();
            if shown == after {
                return;
            }
            assert_eq!(shown, before);
        }
    }
}

fn open(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(path).unwrap()
}

/// That of the table.
fn descriptor() -> Vec<u8> {
    let table = include_str!("headsets/numbered-bits.txt");
    let lines = table.lines().map(|line| line.split('#').next().unwrap().trim());
    let lines = lines.skip_while(|line| *line != "descriptor").skip(1).take_while(|line| *line != "controls");
    let bytes = lines.flat_map(str::split_whitespace).map(|byte| u8::from_str_radix(byte, 16).unwrap());
    bytes.collect()
}
