//! A sound server of a test's own, whose devices come and go, and ears for what they play.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "shared by test binaries that each use a part; a failed step is a failed test"
)]

use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::drive::until;

const PATIENCE: Duration = Duration::from_secs(10);
/// Of everything that is listened to.
pub const RATE: u32 = 8000;
/// Amplitude of a tone that is there, and of one that is not.
pub const THERE: f64 = 1500.0;
pub const NOT_THERE: f64 = 150.0;

/// PulseAudio, with the devices that a test loads.
pub struct Card {
    directory: tempfile::TempDir,
    server: Child,
    voices: Vec<Voice>,
}

impl Card {
    /// A loudspeaker `spk` and a microphone `mic`, a tone of 440 Hz; both are the system's.
    pub fn start() -> Self {
        Self::speaking(tone_of(440))
    }

    /// The same with something else in the microphone.
    pub fn speaking(samples: Vec<i16>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mic = Voice::new(directory.path(), "mic", samples);
        let lines = [
            "load-module module-native-protocol-unix auth-anonymous=1",
            "load-module module-null-sink sink_name=spk rate=48000",
            &format!("load-module {}", mic.module),
            "set-default-sink spk",
            "set-default-source mic",
        ];
        std::fs::write(directory.path().join("card.pa"), lines.join("\n") + "\n").unwrap();
        let server = serve(directory.path());
        let card = Self { directory, server, voices: vec![mic] };
        card.is_up();
        card
    }

    fn is_up(&self) {
        until(PATIENCE, "the sound server", || self.try_pactl(&["info"]).is_some());
    }

    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let at = self.directory.path().to_string_lossy().into_owned();
        vec![
            ("PULSE_SERVER", format!("unix:{at}/native")),
            ("PULSE_RUNTIME_PATH", at.clone()),
            ("PULSE_STATE_PATH", at),
        ]
    }

    /// The server dies, with all devices.
    pub fn stop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }

    /// It is there again, with what it was started with.
    pub fn restart(&mut self) {
        // What is left of the dead one is in the way.
        for entry in std::fs::read_dir(self.directory.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "pipe") {
                std::fs::remove_file(path).unwrap();
            }
        }
        self.server = serve(self.directory.path());
        self.is_up();
    }

    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.server.id().to_string()]).status().unwrap();
        assert!(status.success(), "kill {signal}");
    }

    fn try_pactl(&self, arguments: &[&str]) -> Option<String> {
        let mut pactl = Command::new("pactl");
        let answer = pactl.args(arguments).envs(self.environment()).stderr(Stdio::null()).output().ok()?;
        answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).into_owned())
    }

    pub fn pactl(&self, arguments: &[&str]) -> String {
        self.try_pactl(arguments).unwrap_or_else(|| panic!("pactl {arguments:?}"))
    }

    pub fn list(&self, what: &str) -> String {
        self.pactl(&["list", "short", what])
    }

    /// A module; its number is for [`Card::unload`].
    pub fn load(&self, module: &str) -> String {
        let words: Vec<&str> = ["load-module"].into_iter().chain(module.split(' ')).collect();
        self.pactl(&words).trim().to_owned()
    }

    pub fn unload(&self, number: &str) {
        self.pactl(&["unload-module", number]);
    }

    pub fn loudspeaker(&self, name: &str) -> String {
        self.load(&format!("module-null-sink sink_name={name} rate=48000"))
    }

    /// A microphone that is a tone.
    pub fn microphone(&mut self, name: &str, hertz: u32) -> String {
        // One that came back.
        self.voices.retain(|voice| voice.name != name);
        let voice = Voice::new(self.directory.path(), name, tone_of(hertz));
        let number = self.load(&voice.module);
        self.voices.push(voice);
        number
    }

    /// `mic` gives its tone, or nothing at all, like one with its switch off.
    pub fn switch_microphone(&self, on: bool) {
        self.pactl(&["set-source-mute", "mic", if on { "0" } else { "1" }]);
    }

    /// Number of the module that made a device.
    pub fn module_of(&self, device: &str) -> String {
        let list = self.list("modules");
        let line =
            list.lines().find(|line| line.contains(&format!("_name={device} "))).unwrap_or_else(|| panic!("{list}"));
        line.split('\t').next().unwrap().to_owned()
    }

    /// Listens to what a loudspeaker plays, from now on.
    pub fn ear(&self, loudspeaker: &str) -> Ear {
        Ear::at(self, &format!("{loudspeaker}.monitor"))
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        self.voices.clear();
        let _ = Command::new("kill").args(["-CONT", &self.server.id().to_string()]).status();
        self.stop();
    }
}

fn serve(at: &Path) -> Child {
    Command::new("pulseaudio")
        .args(["-n", "-F"])
        .arg(at.join("card.pa"))
        .args(["--exit-idle-time=-1", "--daemonize=no", "--use-pid-file=no", "--disable-shm=yes"])
        .envs(["HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH"].map(|name| (name, at)))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("pulseaudio is installed by cargo xtask setup")
}

/// What a microphone hears: samples, over and over, as fast as time goes by. PulseAudio's own virtual microphones give two
/// seconds at once.
struct Voice {
    name: String,
    module: String,
    stop: Option<Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Of what goes into a microphone.
pub const MICROPHONE_RATE: u32 = 48_000;

impl Voice {
    fn new(directory: &Path, name: &str, samples: Vec<i16>) -> Self {
        let pipe = directory.join(format!("{name}.pipe"));
        let module = format!(
            "module-pipe-source source_name={name} file={} format=s16le rate={MICROPHONE_RATE} channels=1",
            pipe.display()
        );
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || speak(&pipe, &samples, &stopped));
        Self { name: name.to_owned(), module, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn speak(pipe: &Path, samples: &[i16], stopped: &Receiver<()>) {
    const STEP: Duration = Duration::from_millis(10);
    let step = MICROPHONE_RATE as usize / 100;
    let mut bytes = samples.iter().cycle().flat_map(|s| s.to_le_bytes());
    let mut due = Instant::now();
    let mut open: Option<std::fs::File> = None;
    loop {
        due = (due + STEP).max(Instant::now() - STEP * 5);
        let wait = due.saturating_duration_since(Instant::now());
        if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        // Not to wait for a server that is not there; it makes the pipe, and reads from it as long as it lives.
        let nonblocking =
            || std::fs::OpenOptions::new().write(true).custom_flags(nix::libc::O_NONBLOCK).open(pipe).ok();
        let now: Vec<u8> = bytes.by_ref().take(step * 2).collect();
        open = open.or_else(nonblocking);
        if let Some(file) = open.as_mut()
            && let Err(e) = file.write_all(&now)
            && e.kind() != std::io::ErrorKind::WouldBlock
        {
            open = None;
        }
    }
}

/// A tone of half of full scale, a second of it.
pub fn tone_of(hertz: u32) -> Vec<i16> {
    let turn = std::f64::consts::TAU * f64::from(hertz) / f64::from(MICROPHONE_RATE);
    (0..MICROPHONE_RATE).map(|i| ((turn * f64::from(i)).sin() * 16_384.0) as i16).collect()
}

/// Hears what is played.
pub struct Ear {
    recorder: Child,
    heard: Arc<Mutex<Vec<i16>>>,
}

impl Ear {
    fn at(card: &Card, source: &str) -> Self {
        let mut recorder = Command::new("parec")
            .args(["--raw", "--format=s16le", "--channels=1", "--latency-msec=20"])
            .args([format!("--rate={RATE}"), format!("--device={source}")])
            .envs(card.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut from = recorder.stdout.take().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut pair = [0; 2];
            let mut from = std::io::BufReader::new(&mut from);
            while from.read_exact(&mut pair).is_ok() {
                to.lock().unwrap().push(i16::from_le_bytes(pair));
            }
        });
        let ear = Self { recorder, heard };
        until(PATIENCE, "something is recorded", || !ear.all().is_empty());
        ear
    }

    pub fn all(&self) -> Vec<i16> {
        self.heard.lock().unwrap().clone()
    }

    /// The last so many milliseconds; `None` while it is less.
    pub fn last(&self, ms: usize) -> Option<Vec<i16>> {
        tail(&self.all(), ms)
    }

    /// Whether this tone is heard now.
    pub fn hears(&self, hertz: u32) -> bool {
        self.last(300).is_some_and(|last| tone(&last, hertz) > THERE)
    }

    pub fn forget(&self) {
        self.heard.lock().unwrap().clear();
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let _ = self.recorder.kill();
        let _ = self.recorder.wait();
    }
}

/// The last so many milliseconds of [`RATE`].
pub fn tail(samples: &[i16], ms: usize) -> Option<Vec<i16>> {
    let from = samples.len().checked_sub(RATE as usize / 1000 * ms)?;
    Some(samples[from..].to_vec())
}

/// A file of raw samples, as Asterisk records them.
pub fn recorded(path: &Path) -> Vec<i16> {
    let bytes = std::fs::read(path).unwrap_or_default();
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// Amplitude of a tone in samples of [`RATE`] (Goertzel).
pub fn tone(samples: &[i16], hertz: u32) -> f64 {
    let turn = std::f64::consts::TAU * f64::from(hertz) / f64::from(RATE);
    let (mut re, mut im) = (0.0, 0.0);
    for (i, s) in samples.iter().enumerate() {
        re += f64::from(*s) * (turn * i as f64).cos();
        im += f64::from(*s) * (turn * i as f64).sin();
    }
    2.0 * re.hypot(im) / samples.len().max(1) as f64
}

/// Root of the mean square.
pub fn loudness(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|s| f64::from(*s).powi(2)).sum();
    (sum / samples.len().max(1) as f64).sqrt()
}

/// Ratio in decibels.
pub fn decibels(one: f64, other: f64) -> f64 {
    20.0 * (one / other).log10()
}

/// Recordings that appear in the lab's Asterisk: what phones said (`rx`), what they heard (`tx`).
pub struct Recordings {
    directory: PathBuf,
    before: Vec<PathBuf>,
}

impl Recordings {
    /// Those that appear from now on.
    pub fn from_now() -> Self {
        let base = std::env::var_os("LINEDESK_LAB_PBX").expect("LINEDESK_LAB_PBX is set by cargo xtask test");
        let directory = Path::new(&base).join("spool/monitor");
        let mut new = Self { directory, before: Vec::new() };
        new.before = new.all("rx-");
        new
    }

    fn all(&self, kind: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.directory).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(kind))).collect()
    }

    /// What a phone says, once it is recorded.
    pub fn said(&self) -> PathBuf {
        let mut found = None;
        until(PATIENCE, "Asterisk records what is said", || {
            found = self.all("rx-").into_iter().find(|path| !self.before.contains(path));
            found.is_some()
        });
        found.unwrap()
    }
}
