//! How much of a busy PBX one core can follow (`cargo xtask bench collector`): parse, assemble, tell; beside AMI clients of other
//! languages on the same stream. What each figure means is in docs/bench.md.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{Args, Parser, Subcommand};
use linedesk_tests::bench::collector::{
    self, Database, Generator, Lag, Mix, Pace, Pass, Peer, ROUND, Sent, Settings, Stream, Whole,
};
use linedesk_tests::bench::{Figure, Report, Target, median, process};
use linedesk_tests::lab::Lab;

/// As the server has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    instead: Option<Instead>,
    /// Write the figures here too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// What is measured, for the record.
    #[arg(long, default_value = "unknown")]
    commit: String,
    /// Runs for each median.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Only these parts: memory, peers, live, whole, whole-live.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Do not wait until the machine is calm.
    #[arg(long)]
    now: bool,
    /// The whole record day instead of a tenth of it.
    #[arg(long)]
    full: bool,
}

impl Arguments {
    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }
}

/// The stream by itself.
#[derive(Debug, Subcommand)]
enum Instead {
    /// Be a PBX with a manager interface on loopback; `go` on standard input begins the stream, its end ends the process.
    Serve {
        #[command(flatten)]
        of: Of,
        /// Each event at its moment.
        #[arg(long, conflicts_with = "times")]
        live: bool,
        /// So many times faster than it happens; without both, as fast as it is read.
        #[arg(long)]
        times: Option<f64>,
        /// Stay on this core.
        #[arg(long)]
        core: Option<usize>,
    },
    /// Write the stream to a file.
    Write {
        #[command(flatten)]
        of: Of,
        /// Which.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Of {
    /// `quiet`: 60 events a call; `loud`: 408.
    #[arg(long, default_value = "quiet")]
    mix: String,
    /// Hundreds of calls.
    #[arg(long, default_value_t = 10)]
    rounds: u64,
    /// Calls at a time.
    #[arg(long, default_value_t = 200)]
    at_once: usize,
}

impl Of {
    fn settings(&self) -> Result<Settings> {
        let mix = Mix::ALL.into_iter().find(|mix| mix.name == self.mix);
        let mix = mix.with_context(|| format!("there is no mix {:?}: quiet, loud", self.mix))?;
        Ok(Settings { at_once: self.at_once, ..Settings::new(mix, self.rounds, 1_795_390_905_000_000) })
    }
}

/// Events of a run in memory, and of one over a socket.
const IN_MEMORY: u64 = 600_000;
const OVER_SOCKET: u64 = 120_000;

/// What a PBX that floods its reader has to bear, in the worst run.
const WAITS: [(&str, &str); 2] =
    [("longest wait of a write, flooded", "ms"), ("writes at which Asterisk cuts off, flooded", "")];

/// Events a second that one core must parse, and assemble.
const PARSED: f64 = 1_000_000.0;
const ASSEMBLED: f64 = 500_000.0;
/// What two cores must do of what one does.
const TWO_CORES: f64 = 1.7;
/// ms that a live call may be late, and MB that the process may have.
const LAG: f64 = 50.0;
const MEMORY: f64 = 150.0;

/// One thread: the figures are of one core.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.instead {
        Some(Instead::Serve { of, live, times, core }) => {
            if let Some(core) = core {
                collector::stay_on(core)?;
            }
            let pace = if live { Pace::Live } else { times.map_or(Pace::AsTaken, Pace::Times) };
            collector::serve(of.settings()?, pace).await
        }
        Some(Instead::Write { of, file }) => write(&of.settings()?, &file),
        None => measure(&arguments).await,
    }
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let lab = Lab::new("collector")?;
    let busy = if arguments.now { 100.0 } else { process::calm().await? };
    if busy >= 3.0 {
        eprintln!("  ! others take {busy:.0} % of the processors: the figures will not be true");
    }
    let mut report = Report::new("collector", arguments.commit.clone(), busy);
    let cores = collector::cores()?;
    let here = *cores.first().context("no core may be used")?;
    // With one core alone the stream is made on the same: figures by the processor's time stay true.
    let there = cores.get(1).copied();
    collector::stay_on(here)?;
    if arguments.wants("memory") {
        for mix in Mix::ALL {
            in_memory(&mut report, mix, arguments.runs);
        }
        on_two_cores(&mut report, &cores, arguments.runs);
    }
    if arguments.wants("peers") {
        beside_peers(&mut report, &lab, there, arguments.runs).await?;
    }
    if arguments.wants("live") {
        // Calls that say more last longer: fewer at a time, and the stream is as busy.
        for (mix, at_once, rounds) in [(Mix::QUIET, 200, 10), (Mix::LOUD, 50, 2)] {
            let settings = Settings { at_once, ..Settings::new(mix, rounds, 0) };
            live(&mut report, &lab, there, settings).await;
        }
    }
    collector::roam(&cores)?;
    if arguments.wants("whole") {
        end_to_end(&mut report, &lab, there, if arguments.full { 10 } else { 1 }).await;
    }
    if arguments.wants("whole-live") {
        live_on_a_screen(&mut report, &lab, there).await;
    }
    print!("\n{}\n{}\n", report.table(), report.json()?);
    if let Some(path) = &arguments.json {
        report.write(path)?;
    }
    lab.done();
    Ok(())
}

/// So many events of a mix, as whole rounds.
fn stream(mix: Mix, events: u64) -> Settings {
    Settings::new(mix, (events / (mix.events as u64 * ROUND)).max(1), 1_795_390_905_000_000)
}

fn in_memory(report: &mut Report, mix: Mix, runs: usize) {
    let settings = stream(mix, IN_MEMORY);
    let mut add = |what: &str, pass: fn(Settings) -> Result<Pass>, wanted: f64| {
        let passes: Result<Vec<Pass>> = (0..runs).map(|_| pass(settings)).collect();
        let name = format!("{what}, {} events a call", mix.events);
        let of = |value: fn(&Pass) -> f64| middle(&passes, value);
        report.add(Figure::new(&name, "events/s", of(Pass::events_a_second)).wanted(Target::AtLeast(wanted)));
        report.add(Figure::new(&format!("{name}: by the clock"), "events/s", of(Pass::events_by_the_clock)));
        report.add(Figure::new(&format!("{name}: bytes"), "MB/s", of(Pass::megabytes_a_second)));
    };
    add("parse", collector::parse, PARSED);
    add("parse and assemble", collector::assemble, ASSEMBLED);
}

/// Two federations at once, each on a core of its own, beside one alone: what they shared would cost.
fn on_two_cores(report: &mut Report, cores: &[usize], runs: usize) {
    let settings = stream(Mix::QUIET, IN_MEMORY);
    let on = |core: usize| {
        collector::stay_on(core)?;
        Ok(collector::assemble(settings)?.events_by_the_clock())
    };
    let rate = |cores: &[usize]| -> Result<f64> {
        std::thread::scope(|threads| {
            let federations: Vec<_> = cores.iter().map(|core| threads.spawn(|| on(*core))).collect();
            federations.into_iter().map(|federation| federation.join().map_err(|_| anyhow!("it broke"))?).sum()
        })
    };
    let ratio = || -> Result<f64> {
        ensure!(cores.len() >= 2, "this machine has one core");
        let ratios = (0..runs).map(|_| Ok(rate(&cores[..2])? / rate(&cores[..1])?)).collect::<Result<Vec<f64>>>()?;
        median(&ratios)
    };
    let name = "parse and assemble two federations on two cores, beside one on one";
    report.add(Figure::new(name, "×", ratio()).wanted(Target::AtLeast(TWO_CORES)));
}

/// The median of one value over the runs, or why there is none.
fn middle(passes: &Result<Vec<Pass>>, value: fn(&Pass) -> f64) -> Result<f64> {
    match passes {
        Ok(passes) => median(&passes.iter().map(value).collect::<Vec<_>>()),
        Err(error) => Err(anyhow!("{error:#}")),
    }
}

/// Everybody gets the same bytes, one after the other, on the same core.
async fn beside_peers(report: &mut Report, lab: &Lab, there: Option<usize>, runs: usize) -> Result<()> {
    let settings = stream(Mix::QUIET, OVER_SOCKET);
    let file = lab.path().join("stream.ami");
    write(&settings, &file)?;
    let ours = received(lab, &settings, there, None, runs).await;
    let parsed: Result<Vec<Pass>> = (0..runs).map(|_| collector::parse(settings)).collect();
    let waits = |of: &Result<Vec<(Pass, Sent)>>| {
        [worst(of, |sent| sent.longest_wait_ms), worst(of, |sent| sent.cut_offs as f64)]
    };
    let passes = |of: Result<Vec<(Pass, Sent)>>| of.map(|all| all.into_iter().map(|(pass, _)| pass).collect());
    let made = match &ours {
        Ok(runs) => median(&runs.iter().map(|(_, sent)| sent.events as f64 / sent.processor).collect::<Vec<_>>()),
        Err(error) => Err(anyhow!("{error:#}")),
    };
    let (our_waits, ours) = (waits(&ours), passes(ours));
    for peer in Peer::ALL {
        let name = peer.name();
        // The slower ones need no median of many: they are not judged.
        let theirs = received(lab, &settings, there, Some(peer), runs.min(3)).await;
        let (their_waits, theirs) = (waits(&theirs), passes(theirs));
        let rate = middle(&theirs, Pass::events_a_second);
        report
            .add(Figure::new("receive and count", "events/s", middle(&ours, Pass::events_a_second)).beside(name, rate));
        let rate = peer.parse(lab, &file, settings.events()).await.map(|pass| pass.events_a_second());
        report.add(Figure::new("parse a file", "events/s", middle(&parsed, Pass::events_a_second)).beside(name, rate));
        let again = |value: &Result<f64>| value.as_ref().copied().map_err(|error| anyhow!("{error:#}"));
        for (at, (what, unit)) in WAITS.iter().enumerate() {
            report.add(Figure::new(what, unit, again(&our_waits[at])).beside(name, again(&their_waits[at])));
        }
    }
    report.add(Figure::new("making the stream", "events/s", made));
    Ok(())
}

/// Runs of a reader of a stream that comes as fast as it is read.
async fn received(
    lab: &Lab,
    settings: &Settings,
    there: Option<usize>,
    peer: Option<Peer>,
    runs: usize,
) -> Result<Vec<(Pass, Sent)>> {
    let mut all = Vec::new();
    for _ in 0..runs {
        let mut generator = Generator::start(lab, settings, Pace::AsTaken, there).await?;
        let run = match peer {
            Some(peer) => peer.count(lab, &mut generator, settings).await?,
            None => collector::count(&mut generator, settings).await?,
        };
        ensure!(run.1.events == settings.events(), "the stream had {} events", run.1.events);
        all.push(run);
        generator.end().await?;
    }
    Ok(all)
}

fn worst(runs: &Result<Vec<(Pass, Sent)>>, value: fn(&Sent) -> f64) -> Result<f64> {
    match runs {
        Ok(runs) => Ok(runs.iter().map(|(_, sent)| value(sent)).fold(0.0, f64::max)),
        Err(error) => Err(anyhow!("{error:#}")),
    }
}

/// Each event at its moment, and each change of a call told.
async fn live(report: &mut Report, lab: &Lab, there: Option<usize>, settings: Settings) {
    let lag = async {
        let mut generator = Generator::start(lab, &settings, Pace::Live, there).await?;
        let lag = collector::follow(&mut generator, &settings).await?;
        generator.end().await?;
        Ok::<Lag, anyhow::Error>(lag)
    };
    let lag = lag.await;
    let of = |value: &dyn Fn(&Lag) -> Result<f64>| match &lag {
        Ok(lag) => value(lag),
        Err(error) => Err(anyhow!("{error:#}")),
    };
    let events = settings.mix.events;
    let mut add = |what: &str, unit, value: Result<f64>, wanted: Option<f64>| {
        let figure = Figure::new(&format!("live, {events} events a call: {what}"), unit, value);
        report.add(match wanted {
            Some(limit) => figure.wanted(Target::AtMost(limit)),
            None => figure,
        });
    };
    add("events, in the middle half", "/s", of(&|lag| Ok(lag.rate)), None);
    add("told after, half", "ms", of(&|lag| share(&lag.lags_ms, 0.5)), None);
    add("told after, 99 of 100", "ms", of(&|lag| share(&lag.lags_ms, 0.99)), Some(LAG));
    add("calls told", "/s", of(&|lag| Ok(lag.told as f64 / lag.sent.seconds)), None);
    add("of a core", "%", of(&|lag| Ok(lag.share * 100.0)), None);
    add("longest wait of the PBX to write", "ms", of(&|lag| Ok(lag.sent.longest_wait_ms)), Some(100.0));
}

/// The value below which this share of them is.
fn share(values: &[f64], share: f64) -> Result<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().context("nothing was measured")
}

/// Socket, database, live subscriber, for so many tenths of a record day.
async fn end_to_end(report: &mut Report, lab: &Lab, there: Option<usize>, tenths: u64) {
    for (mix, limit) in [(Mix::QUIET, 6.0), (Mix::LOUD, 24.0)] {
        for database in Database::ALL {
            let settings = Settings::new(mix, 150 * tenths, 0);
            let limit = limit * tenths as f64;
            // Three quarters of the time that it may take at most; the rest is for what is then still under way.
            let pace = Pace::Times(settings.lasts_us() as f64 / 1e6 / (limit * 0.75));
            let whole = collector::follow_whole(lab, &settings, pace, there, database).await;
            let calls = settings.rounds * ROUND;
            let name = format!("{calls} calls of {} events to {} and a screen", mix.events, database.name());
            let mut add = |what: &str, unit: &'static str, of: fn(&Whole) -> f64, wanted: Option<f64>| {
                let value = whole.as_ref().map(of).map_err(|error| anyhow!("{error:#}"));
                let figure = Figure::new(&format!("{name}{what}"), unit, value);
                report.add(match wanted {
                    Some(limit) => figure.wanted(Target::AtMost(limit)),
                    None => figure,
                });
            };
            add("", "s", |whole| whole.taken.as_secs_f64(), Some(limit));
            add(
                ": of a core of central",
                "events/s",
                |whole| whole.sent.events as f64 / whole.used[0].as_secs_f64(),
                None,
            );
            add(": of it", "MB/s", |whole| whole.sent.bytes as f64 / 1e6 / whole.used[0].as_secs_f64(), None);
            if database == Database::Postgres {
                add(": processor of its server", "s", |whole| whole.used[1].as_secs_f64(), None);
            }
            add(": longest wait of the PBX to write", "ms", |whole| whole.sent.longest_wait_ms, Some(100.0));
            add(": memory of central", "MB", |whole| whole.memory, Some(MEMORY));
        }
    }
}

/// A busy PBX at its own pace, and when a supervisor sees what goes on there.
async fn live_on_a_screen(report: &mut Report, lab: &Lab, there: Option<usize>) {
    for database in Database::ALL {
        let settings = Settings::new(Mix::QUIET, 10, 0);
        let whole = collector::follow_whole(lab, &settings, Pace::Live, there, database).await;
        let name = format!("live on a screen, {}", database.name());
        let of = |value: &dyn Fn(&Whole) -> Result<f64>| match &whole {
            Ok(whole) => value(whole),
            Err(error) => Err(anyhow!("{error:#}")),
        };
        report.add(Figure::new(&format!("{name}: half"), "ms", of(&|whole| share(&whole.lags_ms, 0.5))));
        let late = Figure::new(&format!("{name}: 99 of 100"), "ms", of(&|whole| share(&whole.lags_ms, 0.99)));
        report.add(late.wanted(Target::AtMost(LAG)));
        let busy = |whole: &Whole| Ok(whole.used[0].as_secs_f64() / whole.taken.as_secs_f64() * 100.0);
        report.add(Figure::new(&format!("{name}: of a core of central"), "%", of(&busy)));
        report.add(
            Figure::new(&format!("{name}: memory of central"), "MB", of(&|whole| Ok(whole.memory)))
                .wanted(Target::AtMost(MEMORY)),
        );
    }
}

fn write(settings: &Settings, file: &Path) -> Result<()> {
    let mut stream = Stream::new(*settings)?;
    let mut to = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
    to.write_all(b"Asterisk Call Manager/11.0.0\r\n")?;
    let mut bytes = Vec::new();
    while stream.fill(&mut bytes, 1 << 20) > 0 {
        to.write_all(&bytes)?;
        bytes.clear();
    }
    if stream.events() != settings.events() {
        bail!("{} of {} events were written", stream.events(), settings.events());
    }
    Ok(())
}
