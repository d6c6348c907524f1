//! A sound card without hardware: PulseAudio with two sinks that go nowhere.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::{Speech, read_raw, write_wav};
use crate::lab::{Lab, Process, SHORT, until};

/// `spk` is what the operator hears, `mic` what the operator speaks into.
#[derive(Debug)]
pub struct Sound {
    lab: Lab,
    directory: PathBuf,
    server: Process,
}

/// Without `norewinds` a null sink plays two seconds of silence ahead whenever it idles: whoever opens it next then waits up to
/// that long, and closing it does too, as no real card makes one wait.
const CARD: &str = "\
load-module module-native-protocol-unix auth-anonymous=1
load-module module-null-sink sink_name=spk sink_properties=device.description=VirtualSpeaker rate=48000 norewinds=1
load-module module-null-sink sink_name=micsink sink_properties=device.description=MicFeed rate=48000 norewinds=1
load-module module-remap-source master=micsink.monitor source_name=mic source_properties=device.description=VirtualMic
set-default-sink spk
set-default-source mic
";

impl Sound {
    /// Starts it and waits until a client is served. It must be there before a softphone starts.
    pub async fn start(lab: &Lab, name: &str) -> Result<Self> {
        let directory = lab.directory(&format!("{name}/pulse"))?;
        std::fs::write(directory.join("card.pa"), CARD)?;
        let server = launch(lab, &directory)?;
        let mut sound = Self { lab: lab.clone(), directory, server };
        sound.ready().await?;
        Ok(sound)
    }

    async fn ready(&mut self) -> Result<()> {
        until("the virtual sound card", SHORT, async || {
            let mut info = self.client("pactl");
            let answer = info.args(["list", "short", "sources"]).output().await.ok()?;
            String::from_utf8_lossy(&answer.stdout).lines().any(|line| line.contains("\tmic\t")).then_some(())
        })
        .await
        .map_err(|error| error.context(self.server.log()))
    }

    /// What a program needs to find it.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let path = self.directory.to_string_lossy();
        vec![
            ("PULSE_SERVER", format!("unix:{path}/native")),
            ("PULSE_RUNTIME_PATH", path.clone().into_owned()),
            ("PULSE_STATE_PATH", path.into_owned()),
        ]
    }

    /// Speaks into the operator's microphone, once; dropping what is given back stops it.
    pub fn say(&self, speech: &Speech) -> Result<Process> {
        let file = self.directory.join(format!("say-{}.wav", speech.samples().len()));
        write_wav(&file, speech.samples())?;
        let mut play = self.client("paplay");
        play.args(["--device=micsink", "--latency-msec=40"]).arg(file);
        Process::start(&self.lab, "paplay", play)
    }

    /// Listens to what the operator hears, from now on.
    pub async fn listen(&self) -> Result<Ears> {
        self.listen_to("spk.monitor").await
    }

    /// Listens to any source of the card, e.g. `mic` as the softphone would.
    pub async fn listen_to(&self, source: &str) -> Result<Ears> {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let file = self.directory.join(format!("heard-{number}.raw"));
        let mut record = self.client("parec");
        record
            .arg(format!("--device={source}"))
            .args(["--format=s16le", "--rate=8000", "--channels=1", "--raw", "--latency-msec=20"])
            .arg(&file);
        let mut process = Process::start(&self.lab, "parec", record)?;
        until("the recording of what the operator hears", SHORT, async || {
            let _ = process.must_run();
            std::fs::metadata(&file).is_ok_and(|data| data.len() > 0).then_some(())
        })
        .await?;
        Ok(Ears { process, file })
    }

    /// Plugs another loudspeaker in, by the name that people read.
    pub async fn plug_loudspeaker(&self, label: &str) -> Result<()> {
        let mut load = self.client("pactl");
        load.args(["load-module", "module-null-sink", "norewinds=1"]);
        load.arg(format!("sink_properties=device.description={label}"));
        let loaded = load.output().await?;
        ensure!(loaded.status.success(), "no loudspeaker: {}", String::from_utf8_lossy(&loaded.stderr));
        Ok(())
    }

    /// Takes the card away, as when the headset is pulled; [`Sound::plug`] brings it back.
    pub async fn unplug(&mut self) -> Result<()> {
        self.server.stop(SHORT).await
    }

    /// Brings the card back.
    pub async fn plug(&mut self) -> Result<()> {
        self.server = launch(&self.lab, &self.directory)?;
        self.ready().await
    }

    fn client(&self, program: &str) -> tokio::process::Command {
        let mut command = self.lab.command(program);
        command.envs(self.environment()).env("HOME", &self.directory);
        command
    }
}

fn launch(lab: &Lab, directory: &std::path::Path) -> Result<Process> {
    let mut pulse = lab.command("pulseaudio");
    pulse
        .args(["-n", "-F"])
        .arg(directory.join("card.pa"))
        .args(["--exit-idle-time=-1", "--daemonize=no", "--use-pid-file=no", "--disable-shm=yes"])
        .env("HOME", directory)
        .env("XDG_RUNTIME_DIR", directory)
        .env("PULSE_RUNTIME_PATH", directory)
        .env("PULSE_STATE_PATH", directory);
    Process::start(lab, "pulseaudio", pulse)
}

/// A recording of what the operator hears.
#[derive(Debug)]
pub struct Ears {
    process: Process,
    file: PathBuf,
}

impl Ears {
    /// Everything heard up to now.
    pub fn so_far(&self) -> Result<Vec<i16>> {
        read_raw(&self.file)
    }

    /// Ends the recording.
    pub async fn stop(mut self) -> Result<Vec<i16>> {
        self.process.stop(SHORT).await?;
        self.so_far()
    }
}
