//! An operator's desk of PulseAudio: a headset and a loudspeaker that can be listened to, a microphone that is a tone.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "shared by test binaries that each use a part; a failed step is a failed test"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use super::drive::{Console, until};

const PATIENCE: Duration = Duration::from_secs(10);
pub const RATE: usize = 48_000;
/// Below this nobody hears anything: a codec makes a little out of nothing.
const QUIET: u16 = 100;
/// What the microphone gives.
pub const MICROPHONE_HZ: f64 = 440.0;

pub struct Desk {
    directory: tempfile::TempDir,
    server: Child,
    awake: Option<Child>,
}

impl Desk {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        std::fs::write(
            at.join("desk.pa"),
            "load-module module-native-protocol-unix auth-anonymous=1\n\
             load-module module-null-sink sink_name=headset rate=48000\n\
             load-module module-null-sink sink_name=loud rate=48000\n\
             load-module module-null-sink sink_name=mouth rate=48000\n\
             load-module module-remap-source source_name=mic master=mouth.monitor\n\
             load-module module-sine sink=mouth frequency=440\n\
             set-default-sink headset\n\
             set-default-source mic\n",
        )
        .unwrap();
        let server = Command::new("pulseaudio")
            .args(["-n", "-F"])
            .arg(at.join("desk.pa"))
            .args(["--exit-idle-time=-1", "--daemonize=no", "--use-pid-file=no", "--disable-shm=yes"])
            .envs(["HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH"].map(|name| (name, at)))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pulseaudio is installed by cargo xtask setup");
        let mut desk = Self { directory, server, awake: None };
        until(PATIENCE, "the desk's devices", || desk.list("sources").contains("\tmic\t"));
        // A source of PulseAudio that nobody listens to begins with a block of two seconds.
        desk.awake = Some(desk.record("mic", &desk.file("mic.raw")));
        until(PATIENCE, "the microphone", || desk.file("mic.raw").metadata().is_ok_and(|about| about.len() > 0));
        desk
    }

    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let at = self.directory.path().to_string_lossy().into_owned();
        vec![
            ("PULSE_SERVER", format!("unix:{at}/native")),
            ("PULSE_RUNTIME_PATH", at.clone()),
            ("PULSE_STATE_PATH", at),
        ]
    }

    /// A softphone that sits here, and has seen the devices.
    pub fn console(&self) -> Console {
        let mut console = Console::start_with(&[], &self.environment());
        until(PATIENCE, "the softphone sees the devices", || {
            let devices = console.ask(json!({"do": "devices"}))["devices"].clone();
            ["headset", "loud", "mic"].iter().all(|name| devices.as_array().unwrap().iter().any(|d| d["name"] == *name))
        });
        console
    }

    /// A new file for it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn pactl(&self, arguments: &[&str]) {
        let status = Command::new("pactl").args(arguments).envs(self.environment()).status().unwrap();
        assert!(status.success(), "pactl {arguments:?}");
    }

    /// A sink is pulled out.
    pub fn unload(&self, sink: &str) {
        let modules = self.list("modules");
        let line = modules.lines().find(|line| line.contains(&format!("sink_name={sink} "))).unwrap();
        self.pactl(&["unload-module", line.split('\t').next().unwrap()]);
    }

    fn list(&self, what: &str) -> String {
        let mut list = Command::new("pactl");
        let list = list.args(["list", "short", what]).envs(self.environment()).stderr(Stdio::null()).output();
        list.map(|answer| String::from_utf8_lossy(&answer.stdout).into_owned()).unwrap_or_default()
    }

    /// Whether somebody has the microphone open.
    pub fn microphone_is_open(&self) -> bool {
        let number = |line: &str, column: usize| line.split('\t').nth(column).map(str::to_owned);
        let sources = self.list("sources");
        let ours = sources.lines().find(|line| line.contains("\tmic\t")).and_then(|line| number(line, 0));
        // One is what keeps it awake.
        self.list("source-outputs").lines().filter(|line| number(line, 1) == ours).count() > 1
    }

    /// Streams that play, on whatever device.
    pub fn players(&self) -> usize {
        let sinks = self.list("sinks");
        let number = |line: &str, column: usize| line.split('\t').nth(column).map(str::to_owned);
        let mouth = sinks.lines().find(|line| line.contains("\tmouth\t")).and_then(|line| number(line, 0));
        let inputs = self.list("sink-inputs");
        inputs.lines().filter(|line| !line.trim().is_empty() && number(line, 1) != mouth).count()
    }

    /// Gives its tone, or nothing at all.
    pub fn microphone(&self, on: bool) {
        self.pactl(&["set-source-mute", "mic", if on { "0" } else { "1" }]);
    }

    /// The server stops to answer, without ending.
    pub fn hangs(&self, yes: bool) {
        let signal = if yes { "-STOP" } else { "-CONT" };
        assert!(Command::new("kill").args([signal, &self.server.id().to_string()]).status().unwrap().success());
    }

    fn record(&self, source: &str, file: &Path) -> Child {
        Command::new("parec")
            .arg(format!("--device={source}"))
            .args(["--format=s16le", "--rate=48000", "--channels=1", "--raw", "--latency-msec=20"])
            .arg(file)
            .envs(self.environment())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Everything that is heard of a sink from now on.
    pub fn listen(&self, sink: &str) -> Ears {
        let file = self.file(&format!("{sink}.raw"));
        let recorder = self.record(&format!("{sink}.monitor"), &file);
        let ears = Ears { recorder, file };
        until(PATIENCE, "the sink is heard", || !ears.all().is_empty());
        ears
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.hangs(false);
        if let Some(awake) = &mut self.awake {
            let _ = awake.kill();
            let _ = awake.wait();
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// What is heard of a sink.
pub struct Ears {
    recorder: Child,
    file: PathBuf,
}

impl Ears {
    /// Since the beginning.
    pub fn all(&self) -> Vec<i16> {
        let bytes = std::fs::read(&self.file).unwrap_or_default();
        bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }

    pub fn length(&self) -> usize {
        self.all().len()
    }

    /// The last so many milliseconds; empty while there are fewer.
    pub fn last(&self, ms: usize) -> Vec<i16> {
        let all = self.all();
        let count = ms * RATE / 1000;
        all.len().checked_sub(count).map(|from| all[from..].to_vec()).unwrap_or_default()
    }

    /// This tone, more than anything else, for the last so many milliseconds.
    pub fn hears(&self, hz: f64, ms: usize) -> bool {
        let last = self.last(ms);
        loudest(&last) > 300 && share(&last, hz) > 0.8
    }

    pub fn is_silent_for(&self, ms: usize) -> bool {
        let last = self.last(ms);
        !last.is_empty() && loudest(&last) < QUIET
    }

    pub fn until_hears(&self, hz: f64, ms: usize) {
        until(PATIENCE, &format!("{hz} Hz for {ms} ms"), || self.hears(hz, ms));
    }

    pub fn until_silent(&self, ms: usize) {
        until(PATIENCE, &format!("silence for {ms} ms"), || self.is_silent_for(ms));
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        let _ = self.recorder.kill();
        let _ = self.recorder.wait();
    }
}

pub fn loudest(samples: &[i16]) -> u16 {
    samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0)
}

/// How much of the energy is this tone.
pub fn share(samples: &[i16], hz: f64) -> f64 {
    let (mut sine, mut cosine, mut all) = (0.0, 0.0, 1e-9);
    for (i, sample) in samples.iter().enumerate() {
        let (at, s) = (std::f64::consts::TAU * hz * i as f64 / RATE as f64, f64::from(*sample));
        sine += s * at.sin();
        cosine += s * at.cos();
        all += s * s;
    }
    2.0 * (sine * sine + cosine * cosine) / (samples.len().max(1) as f64 * all)
}

/// Of something that is one tone.
pub fn pitch(samples: &[i16]) -> f64 {
    let rises = samples.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
    rises as f64 * RATE as f64 / samples.len() as f64
}
