//! A sound server of a test's own (PulseAudio), whose devices come and go, ears for what they play, and what Asterisk records.
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

use serde_json::json;

use crate::drive::{Console, until};

const PATIENCE: Duration = Duration::from_secs(10);
/// Of what Asterisk records, and of ears that need no more.
pub const RATE: u32 = 8000;
/// Of the devices, and of ears that must not round a peak off.
pub const CARD_RATE: u32 = 48_000;
/// Amplitude of a tone that is there, and of one that is not.
pub const THERE: f64 = 1500.0;
pub const NOT_THERE: f64 = 150.0;
/// Below this nobody hears anything: a codec makes a little out of nothing.
const QUIET: u16 = 100;

/// PulseAudio, with the devices that a test loads.
pub struct Card {
    directory: tempfile::TempDir,
    server: Child,
    voices: Vec<Voice>,
}

impl Card {
    /// A loudspeaker `spk` and a microphone `mic`, a tone of [`MICROPHONE_HERTZ`]; both are the system's.
    pub fn start() -> Self {
        Self::speaking(tone_of(MICROPHONE_HERTZ))
    }

    /// The same with something else in the microphone.
    pub fn speaking(samples: Vec<i16>) -> Self {
        Self::with(&["spk"], samples)
    }

    /// What an operator has: a headset, whose microphone is `mic`, and a loudspeaker `loud`.
    pub fn desk() -> Self {
        Self::with(&["headset", "loud"], tone_of(MICROPHONE_HERTZ))
    }

    /// The first loudspeaker is the system's.
    fn with(loudspeakers: &[&str], samples: Vec<i16>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mic = Voice::new(directory.path(), "mic", samples);
        let mut lines = vec!["load-module module-native-protocol-unix auth-anonymous=1".to_owned()];
        lines.extend(loudspeakers.iter().map(|name| format!("load-module {}", loudspeaker(name))));
        lines.push(format!("load-module {}", mic.module));
        lines.push(format!("set-default-sink {}", loudspeakers[0]));
        lines.push("set-default-source mic".to_owned());
        std::fs::write(directory.path().join("card.pa"), lines.join("\n") + "\n").unwrap();
        let server = serve(directory.path());
        let card = Self { directory, server, voices: vec![mic] };
        card.is_up();
        card
    }

    fn is_up(&self) {
        // The microphone is the last to be loaded.
        let mic = || self.try_pactl(&["list", "short", "sources"]).is_some_and(|list| list.contains("\tmic\t"));
        until(PATIENCE, "the sound server", mic);
    }

    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let at = self.directory.path().to_string_lossy().into_owned();
        vec![
            ("PULSE_SERVER", format!("unix:{at}/native")),
            ("PULSE_RUNTIME_PATH", at.clone()),
            ("PULSE_STATE_PATH", at),
        ]
    }

    /// A softphone that sits at this desk, and has seen the devices.
    pub fn console(&self) -> Console {
        let mut console = Console::start_with(&[], &self.environment());
        until(PATIENCE, "the softphone sees the devices", || {
            let devices = console.ask(json!({"do": "devices"}))["devices"].clone();
            ["headset", "loud", "mic"].iter().all(|name| devices.as_array().unwrap().iter().any(|d| d["name"] == *name))
        });
        console
    }

    /// A new file that goes with it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
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

    /// The server stops to answer, without ending.
    pub fn hangs(&self, yes: bool) {
        let signal = if yes { "-STOP" } else { "-CONT" };
        assert!(Command::new("kill").args([signal, &self.server.id().to_string()]).status().unwrap().success());
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

    fn load(&self, module: &str) {
        let words: Vec<&str> = ["load-module"].into_iter().chain(module.split(' ')).collect();
        self.pactl(&words);
    }

    /// A device is pulled out.
    pub fn unload(&self, device: &str) {
        let modules = self.list("modules");
        let line = modules.lines().find(|line| line.contains(&format!("_name={device} ")));
        self.pactl(&["unload-module", line.unwrap_or_else(|| panic!("{modules}")).split('\t').next().unwrap()]);
    }

    pub fn loudspeaker(&self, name: &str) {
        self.load(&loudspeaker(name));
    }

    /// A microphone that is a tone.
    pub fn microphone(&mut self, name: &str, hertz: u32) {
        // One that came back.
        self.voices.retain(|voice| voice.name != name);
        let voice = Voice::new(self.directory.path(), name, tone_of(hertz));
        self.load(&voice.module);
        self.voices.push(voice);
    }

    /// `mic` gives its tone, or nothing at all, like one with its switch off.
    pub fn switch_microphone(&self, on: bool) {
        self.pactl(&["set-source-mute", "mic", if on { "0" } else { "1" }]);
    }

    /// Whether somebody has `mic` open.
    pub fn microphone_is_open(&self) -> bool {
        let column = |line: &str, number: usize| line.split('\t').nth(number).map(str::to_owned);
        let sources = self.list("sources");
        let mic = sources.lines().find(|line| line.contains("\tmic\t")).and_then(|line| column(line, 0));
        self.list("source-outputs").lines().any(|line| column(line, 1) == mic)
    }

    /// Streams that play, on whatever device.
    pub fn players(&self) -> usize {
        self.list("sink-inputs").lines().filter(|line| !line.trim().is_empty()).count()
    }

    /// Listens to what a loudspeaker plays, from now on.
    pub fn ear(&self, loudspeaker: &str) -> Ear {
        Ear::at(self, loudspeaker, RATE)
    }

    /// The same at the card's own rate, at which a peak is as high as it was.
    pub fn sharp_ear(&self, loudspeaker: &str) -> Ear {
        Ear::at(self, loudspeaker, CARD_RATE)
    }
}

/// Without `norewinds` a null sink plays two seconds of silence ahead whenever it idles: whoever opens it next then waits up to
/// that long, and closing it does too, as no real card makes one wait.
fn loudspeaker(name: &str) -> String {
    format!("module-null-sink sink_name={name} rate={CARD_RATE} norewinds=1")
}

impl Drop for Card {
    fn drop(&mut self) {
        self.voices.clear();
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

/// What a microphone says, unless a test gives it something else.
pub const MICROPHONE_HERTZ: u32 = 440;

impl Voice {
    fn new(directory: &Path, name: &str, samples: Vec<i16>) -> Self {
        let pipe = directory.join(format!("{name}.pipe"));
        let module = format!(
            "module-pipe-source source_name={name} file={} format=s16le rate={CARD_RATE} channels=1",
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
    let step = CARD_RATE as usize / 100;
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
    let turn = std::f64::consts::TAU * f64::from(hertz) / f64::from(CARD_RATE);
    (0..CARD_RATE).map(|i| ((turn * f64::from(i)).sin() * 16_384.0) as i16).collect()
}

/// Hears what is played.
pub struct Ear {
    recorder: Child,
    rate: u32,
    heard: Arc<Mutex<Vec<i16>>>,
}

impl Ear {
    fn at(card: &Card, loudspeaker: &str, rate: u32) -> Self {
        let mut recorder = Command::new("parec")
            .args(["--raw", "--format=s16le", "--channels=1", "--latency-msec=20"])
            .args([format!("--rate={rate}"), format!("--device={loudspeaker}.monitor")])
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
            let (mut bytes, mut odd) = ([0; 4096], 0);
            while let Ok(length @ 1..) = from.read(&mut bytes[odd..]) {
                let whole = (odd + length) / 2 * 2;
                to.lock().unwrap().extend(samples(&bytes[..whole]));
                odd = (odd + length) % 2;
                bytes[0] = bytes[whole.min(bytes.len() - 1)];
            }
        });
        let ear = Self { recorder, rate, heard };
        until(PATIENCE, "something is recorded", || !ear.all().is_empty());
        ear
    }

    pub fn all(&self) -> Vec<i16> {
        self.heard.lock().unwrap().clone()
    }

    /// The last so many milliseconds; empty while there are fewer.
    pub fn last(&self, ms: usize) -> Vec<i16> {
        let all = self.heard.lock().unwrap();
        let from = all.len().checked_sub(self.rate as usize / 1000 * ms);
        from.map(|from| all[from..].to_vec()).unwrap_or_default()
    }

    /// Whether this tone is heard now, whatever else is.
    pub fn hears(&self, hertz: u32) -> bool {
        amplitude(&self.last(300), hertz, self.rate) > THERE
    }

    /// This tone, more than anything else, for the last so many milliseconds.
    pub fn hears_alone(&self, hertz: u32, ms: usize) -> bool {
        let last = self.last(ms);
        loudest(&last) > 300 && amplitude(&last, hertz, self.rate).powi(2) / 2.0 > 0.8 * loudness(&last).powi(2)
    }

    pub fn until_hears(&self, hertz: u32, ms: usize) {
        until(PATIENCE, &format!("{hertz} Hz for {ms} ms"), || self.hears_alone(hertz, ms));
    }

    pub fn until_silent(&self, ms: usize) {
        until(PATIENCE, &format!("silence for {ms} ms"), || {
            let last = self.last(ms);
            !last.is_empty() && loudest(&last) < QUIET
        });
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

fn samples(bytes: &[u8]) -> impl Iterator<Item = i16> + '_ {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
}

/// A file of raw samples, as Asterisk records them.
pub fn recorded(path: &Path) -> Vec<i16> {
    samples(&std::fs::read(path).unwrap_or_default()).collect()
}

/// Amplitude of a tone in samples of [`RATE`].
pub fn tone(samples: &[i16], hertz: u32) -> f64 {
    amplitude(samples, hertz, RATE)
}

/// Of a tone.
fn amplitude(samples: &[i16], hertz: u32, rate: u32) -> f64 {
    let turn = std::f64::consts::TAU * f64::from(hertz) / f64::from(rate);
    let (mut re, mut im) = (0.0, 0.0);
    for (i, s) in samples.iter().enumerate() {
        re += f64::from(*s) * (turn * i as f64).cos();
        im += f64::from(*s) * (turn * i as f64).sin();
    }
    2.0 * re.hypot(im) / samples.len().max(1) as f64
}

pub fn loudest(samples: &[i16]) -> u16 {
    samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0)
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
