//! How speech sounds behind a bad network, and how late it is (`cargo xtask bench voice`): ours beside Debian's baresip, the
//! same packets at the same time. What each figure means is in docs/bench.md.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Parser;
use futures_util::future::{try_join, try_join_all};
use linedesk_tests::bench::voice::{Exit, Headset, Line, Recorder, Relay, VoiceCodec, Wire, coarse, delay, talk};
use linedesk_tests::bench::{Baresip, BaresipSettings, Console, Figure, Report, Target, median, process};
use linedesk_tests::lab::Lab;
use linedesk_tests::lab::sound::read_raw;
use serde_json::json;
use tokio::process::Command;

#[derive(Debug, Parser)]
struct Arguments {
    /// Write the figures here too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// What is measured, for the record.
    #[arg(long, default_value = "unknown")]
    commit: String,
    /// Calls for each median, at once; each says another piece of speech over another pattern.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Loss in per cent.
    #[arg(long, value_delimiter = ',', default_value = "0,3,5,10")]
    loss: Vec<u32>,
    /// Jitter in milliseconds.
    #[arg(long, value_delimiter = ',', default_value = "0,30,60")]
    jitter: Vec<u64>,
    /// Codecs.
    #[arg(long, value_delimiter = ',', default_value = "pcma,opus")]
    codecs: Vec<String>,
    /// Do not wait until the machine is calm.
    #[arg(long)]
    now: bool,
    /// Keep references and recordings here.
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// Our added delay may be so much in the clean cell, and so much above baresip's anywhere.
const MOST_DELAY: f64 = 120.0;
const DELAY_ABOVE: f64 = 20.0;
/// So much may our score be below baresip's in a cell.
const SCORE_BELOW: f64 = 0.05;

/// Of a network with so much loss and jitter.
#[derive(Debug, Clone, Copy)]
struct Cell {
    codec: VoiceCodec,
    loss: u32,
    jitter: u64,
}

impl Cell {
    fn name(self) -> String {
        format!("{} {} % {} ms", self.codec.name(), self.loss, self.jitter)
    }
}

/// One call to one phone.
struct Run {
    cell: usize,
    ours: bool,
    delay: Result<f64>,
    reference: PathBuf,
    recording: PathBuf,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let lab = Lab::new("voice")?;
    let busy = if arguments.now { 100.0 } else { process::calm().await? };
    if busy >= 3.0 {
        eprintln!("  ! others take {busy:.0} % of the processors: the figures will not be true");
    }
    // Each line and each phone has an address of its own.
    let routed = lab.command("ip").args(["route", "add", "local", "10.77.0.0/16", "dev", "lo"]).status().await?;
    ensure!(routed.success(), "the namespace takes no addresses");
    let speech = speech(&lab).await?;
    let mut cells = Vec::new();
    let mut runs = Vec::new();
    for codec in &arguments.codecs {
        let codec = match codec.as_str() {
            "pcma" => VoiceCodec::Pcma,
            "opus" => VoiceCodec::Opus,
            other => bail!("there is no codec {other:?} here: pcma, opus"),
        };
        let mut pairs = try_join_all((0..arguments.runs).map(|lane| Pair::start(&lab, codec, lane))).await?;
        for loss in &arguments.loss {
            for jitter in &arguments.jitter {
                let cell = Cell { codec, loss: *loss, jitter: *jitter };
                eprintln!("{}", cell.name());
                let number = cells.len();
                let calls = pairs.iter_mut().map(|pair| pair.call(&lab, &speech, cell, number));
                runs.extend(try_join_all(calls).await?.into_iter().flatten());
                cells.push(cell);
            }
        }
        for pair in pairs {
            pair.end().await?;
        }
    }
    eprintln!("scores");
    let scores = scores(&lab, &cells, &runs).await?;
    let mut report = Report::new("voice", arguments.commit.clone(), busy);
    let table = judge(&mut report, &cells, &runs, &scores)?;
    print!("\n{}\n{table}\n{}\n", report.table(), report.json()?);
    if let Some(path) = &arguments.json {
        report.write(path)?;
    }
    if let Some(path) = &arguments.keep {
        let copied = Command::new("cp").arg("-r").arg(lab.path()).arg(path).status().await?;
        ensure!(copied.success(), "the recordings cannot be copied to {}", path.display());
    }
    lab.done();
    Ok(())
}

/// The scripts around PESQ: python of an environment made by `cargo xtask bench`.
fn script(lab: &Lab) -> Result<tokio::process::Command> {
    let python = std::env::var_os("LINEDESK_VOICE").context("LINEDESK_VOICE is set by `cargo xtask bench voice`")?;
    let mut command = lab.command(Path::new(&python).join("bin/python"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/voice/voice.py"));
    Ok(command)
}

async fn speech(lab: &Lab) -> Result<PathBuf> {
    let source = std::env::var_os("LINEDESK_SPEECH").context("LINEDESK_SPEECH is set by `cargo xtask bench voice`")?;
    let directory = lab.directory("speech")?;
    let made = script(lab)?.arg("speech").arg(source).arg(&directory).output().await?;
    ensure!(made.status.success(), "no speech could be made: {}", String::from_utf8_lossy(&made.stderr));
    Ok(directory)
}

/// Our softphone and baresip, each with a headset and a line of its own, called at the same time.
struct Pair {
    lane: usize,
    ours: (Console, Ear),
    theirs: (Baresip, Ear),
}

/// What belongs to one phone.
struct Ear {
    headset: Headset,
    recorder: Recorder,
    line: Line,
    address: IpAddr,
}

impl Ear {
    async fn open(lab: &Lab, name: &str, lane: usize, host: u8) -> Result<Self> {
        let headset = Headset::start(lab, name).await?;
        let recorder = Recorder::start(lab, &headset).await?;
        let address = IpAddr::from([10, 77, u8::try_from(lane + 1)?, host]);
        let line = Line::open(address).await?;
        Ok(Self { headset, recorder, line, address })
    }
}

impl Pair {
    async fn start(lab: &Lab, codec: VoiceCodec, lane: usize) -> Result<Self> {
        let number = u16::try_from(lane)?;
        let name = |phone: &str| format!("{}-{phone}-{lane}", codec.name().to_lowercase());
        let mut ear = Ear::open(lab, &name("ours"), lane, 1).await?;
        let (first, last) = (42_000 + number * 40, 42_039 + number * 40);
        let media = json!({
            "codecs": [codec.name().to_lowercase()], "echo_cancellation": false, "rtp_ports": [first, last],
        });
        let account = ("1001", SocketAddr::new(ear.address, 5060));
        let ours =
            Console::open(lab, &name("ours"), ear.headset.environment(), ear.headset.home(), &[account], media).await?;
        ear.line.registered().await?;
        let ours = (ours, ear);

        let mut ear = Ear::open(lab, &name("baresip"), lane, 2).await?;
        let settings = BaresipSettings {
            number: "1002",
            server: SocketAddr::new(ear.address, 5060),
            answers: true,
            listen: Some(SocketAddr::new(ear.address, 5070)),
            codec: match codec {
                VoiceCodec::Pcma => "PCMA/8000/1",
                VoiceCodec::Opus => "opus/48000/2",
            },
            // With its concealment, which it does not load by itself: the better it is, the better the comparison.
            modules: &["g711", "opus", "plc"],
            rtp: (45_000 + number * 40, 45_039 + number * 40),
        };
        let theirs = Baresip::open(lab, &name("baresip"), ear.headset.environment(), ear.headset.home(), &settings)?;
        ear.line.registered().await.context("baresip")?;
        Ok(Self { lane, ours, theirs: (theirs, ear) })
    }

    async fn call(&mut self, lab: &Lab, speech: &Path, cell: Cell, number: usize) -> Result<[Run; 2]> {
        let wire = Wire {
            loss: f64::from(cell.loss) / 100.0,
            jitter: Duration::from_millis(cell.jitter),
            seed: 1 + self.lane as u64,
        };
        let (console, ear) = &mut self.ours;
        let ours = hear(lab, ear, speech, self.lane, wire, cell, number, async || console.answer().await);
        let theirs = hear(lab, &mut self.theirs.1, speech, self.lane, wire, cell, number, async || Ok(()));
        let (mut ours, theirs) =
            try_join(async { ours.await.context("ours") }, async { theirs.await.context("baresip") }).await?;
        ours.ours = true;
        Ok([ours, theirs])
    }

    async fn end(self) -> Result<()> {
        self.ours.0.end().await?;
        self.theirs.0.end().await
    }
}

#[expect(clippy::too_many_arguments, reason = "one call; a struct for it would be named once")]
async fn hear(
    lab: &Lab,
    ear: &mut Ear,
    speech: &Path,
    lane: usize,
    wire: Wire,
    cell: Cell,
    number: usize,
    answer: impl AsyncFnOnce() -> Result<()>,
) -> Result<Run> {
    let payloads = cell.codec.payloads(speech, lane % 5)?;
    ear.recorder.rewind();
    let exit = Exit::open(ear.address).await?;
    let offer = cell.codec.offer(exit.address()?);
    let call = ear.line.call(&offer, answer).await?;
    let relay = Relay::start(exit, call.media, wire).await?;
    let began = talk(cell.codec, &payloads, relay.entry, relay.entry).await?;
    let length = Duration::from_millis(20) * u32::try_from(payloads.len())?;
    // What is still under way, in the network and in the phone.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let heard = ear.recorder.heard(began, length + Duration::from_millis(600));
    ear.line.hang_up(&call).await?;
    let heard = heard?;
    let said = read_raw(&speech.join(format!("{}.8k.raw", lane % 5)))?;
    let recording = lab.directory("heard")?.join(format!("{number}-{}.48k.raw", ear.headset.name()));
    std::fs::write(&recording, heard.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<_>>())?;
    let reference = match cell.codec {
        VoiceCodec::Pcma => speech.join(format!("{}.8k.raw", lane % 5)),
        VoiceCodec::Opus => speech.join(format!("{}.16k.wav", lane % 5)),
    };
    Ok(Run { cell: number, ours: false, delay: delay(&said, &coarse(&heard)), reference, recording })
}

/// PESQ: narrow-band for G.711, wide-band for Opus; MOS-LQO.
async fn scores(lab: &Lab, cells: &[Cell], runs: &[Run]) -> Result<Vec<f64>> {
    let list = lab.path().join("scores.txt");
    let mut text = String::new();
    for run in runs {
        let mode = match cells[run.cell].codec {
            VoiceCodec::Pcma => "nb",
            VoiceCodec::Opus => "wb",
        };
        writeln!(text, "{mode} {} {}", run.reference.display(), run.recording.display())?;
    }
    std::fs::write(&list, text)?;
    let scored = script(lab)?.arg("score").arg(&list).output().await?;
    ensure!(scored.status.success(), "PESQ failed: {}", String::from_utf8_lossy(&scored.stderr));
    let scores: Vec<f64> =
        String::from_utf8(scored.stdout)?.lines().map(str::parse).collect::<Result<_, _>>().context("not a score")?;
    ensure!(scores.len() == runs.len(), "{} scores for {} recordings", scores.len(), runs.len());
    Ok(scores)
}

/// Adds the figures; gives the table that people read.
fn judge(report: &mut Report, cells: &[Cell], runs: &[Run], scores: &[f64]) -> Result<String> {
    let mut table = format!("{:<16} {:>6} {:>8} {:>8} {:>9}\n", "network", "score", "baresip", "delay", "baresip");
    let mut above = 0.0;
    for (number, cell) in cells.iter().enumerate() {
        let of = |ours: bool| runs.iter().zip(scores).filter(move |(run, _)| run.cell == number && run.ours == ours);
        let score = |ours| median(&of(ours).map(|(_, score)| *score).collect::<Vec<_>>());
        let late = |ours| {
            let all: Result<Vec<f64>> =
                of(ours).map(|(run, _)| run.delay.as_ref().copied().map_err(|error| anyhow!("{error:#}"))).collect();
            median(&all?)
        };
        let name = cell.name();
        if let (Ok(a), Ok(b), Ok(c), Ok(d)) = (score(true), score(false), late(true), late(false)) {
            writeln!(table, "{name:<16} {a:>6.2} {b:>8.2} {c:>5.0} ms {d:>6.0} ms")?;
            above += f64::from(u8::from(a > b));
        }
        report.add(
            Figure::new(&format!("{name}: score"), "MOS-LQO", score(true))
                .beside("baresip", score(false))
                .wanted(Target::NotBelowPeer(SCORE_BELOW)),
        );
        let delay = |what: &str| Figure::new(&format!("{name}: {what}"), "ms", late(true));
        report.add(delay("delay").beside("baresip", late(false)).wanted(Target::AbovePeer(DELAY_ABOVE)));
        if cell.loss == 0 && cell.jitter == 0 {
            report.add(delay("delay by itself").wanted(Target::AtMost(MOST_DELAY)));
        }
    }
    let half = cells.len() as f64 / 2.0;
    report.add(Figure::new("cells in which our score is above", "", Ok(above)).wanted(Target::MoreThan(half)));
    Ok(table)
}
