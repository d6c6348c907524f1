//! An operator's desk of PulseAudio: a headset and a loudspeaker that can be listened to, a microphone that is a tone.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "shared by test binaries that each use a part; a failed step is a failed test"
)]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

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
             load-module module-sine-source source_name=mic rate=48000 frequency=440\n\
             set-default-sink headset\n\
             set-default-source mic\n",
        )
        .unwrap();
        // Where ALSA's names are all that there is, these two are the two.
        std::fs::write(
            at.join(".asoundrc"),
            "pcm.!default { type pulse device headset hint { show on description h } }\n\
             pcm.!pulse { type pulse device loud hint { show on description l } }\n",
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
        let desk = Self { directory, server };
        until(PATIENCE, "the desk's devices", || desk.list("sources").contains("\tmic\t"));
        desk
    }

    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let at = self.directory.path().to_string_lossy().into_owned();
        vec![
            ("PULSE_SERVER", format!("unix:{at}/native")),
            ("PULSE_RUNTIME_PATH", at.clone()),
            ("PULSE_STATE_PATH", at.clone()),
            ("HOME", at),
        ]
    }

    /// A softphone that sits here.
    pub fn console(&self) -> Console {
        Console::start_with(&[], &self.environment())
    }

    /// A new file for it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn pactl(&self, arguments: &[&str]) {
        let status = Command::new("pactl").args(arguments).envs(self.environment()).status().unwrap();
        assert!(status.success(), "pactl {arguments:?}");
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
        self.list("source-outputs").lines().any(|line| number(line, 1) == ours)
    }

    /// Streams that play, on whatever device.
    pub fn players(&self) -> usize {
        self.list("sink-inputs").lines().filter(|line| !line.trim().is_empty()).count()
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

    /// Everything that is heard of a sink from now on.
    pub fn listen(&self, sink: &str) -> Ears {
        let file = self.file(&format!("{sink}.raw"));
        let recorder = Command::new("parec")
            .arg(format!("--device={sink}.monitor"))
            .args(["--format=s16le", "--rate=48000", "--channels=1", "--raw", "--latency-msec=20"])
            .arg(&file)
            .envs(self.environment())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let ears = Ears { recorder, file };
        until(PATIENCE, "the sink is heard", || !ears.all().is_empty());
        ears
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.hangs(false);
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The name by which a softphone knows a sink.
pub fn device(console: &mut Console, sink: &str) -> String {
    let devices = console.ask(serde_json::json!({"do": "devices"}))["devices"].clone();
    let plays = |d: &&Value| d["capture"] == false;
    let all = devices.as_array().unwrap();
    let named = |part: &str| {
        all.iter().filter(plays).map(|d| d["name"].as_str().unwrap().to_owned()).find(|name| name.contains(part))
    };
    let alsa = if sink == "headset" { "default" } else { "pulse" };
    named(sink).or_else(|| named(alsa)).unwrap_or_else(|| panic!("no {sink} in {devices}"))
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
