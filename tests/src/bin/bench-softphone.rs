//! What our softphone takes and how quick it is (`cargo xtask bench softphone`), beside Debian's baresip in the same run. No
//! PBX stands between: a line of the bench calls the phones. What each figure means is in docs/bench.md.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Parser;
use linedesk_tests::bench::voice::{Answered, Headset, Line, Talker, VoiceCodec};
use linedesk_tests::bench::{Baresip, BaresipSettings, Console, Figure, Report, Target, median, process};
use linedesk_tests::lab::{Lab, Process, Speech};
use serde_json::json;

#[derive(Debug, Parser)]
struct Arguments {
    /// Write the figures here too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// What is measured, for the record.
    #[arg(long, default_value = "unknown")]
    commit: String,
    /// Calls and starts for each median.
    #[arg(long, default_value_t = 10)]
    times: usize,
    /// Times that the softphone registers and unregisters.
    #[arg(long, default_value_t = 1000)]
    cycles: usize,
    /// Do not wait until the machine is calm.
    #[arg(long)]
    now: bool,
}

/// Our limit of calls is that of a person; so many phones have [`CALLS`] of them in all.
const PHONES: usize = 4;
/// Less than a page for each time: a pool of pjlib's that is not given back is more.
const LEAK: f64 = 400.0;
/// Registrations after which those are waited for that have been answered: over UDP each is kept for timer K, 5 s.
const AT_ONCE: usize = 50;
const TRANSACTION_ENDS: Duration = Duration::from_millis(5_500);
/// Until the last transaction is forgotten.
const TRANSACTIONS_END: Duration = Duration::from_secs(34);
/// Calls at once.
const CALLS: usize = 30;

const OURS: &str = "1004";
const THEIRS: &str = "1002";

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let lab = Lab::new("softphone")?;
    let busy = if arguments.now { 100.0 } else { process::calm().await? };
    if busy >= 3.0 {
        eprintln!("  ! others take {busy:.0} % of the processors: the figures will not be true");
    }
    // Each line and each phone has an address of its own.
    let routed = lab.command("ip").args(["route", "add", "local", "10.77.0.0/16", "dev", "lo"]).status().await?;
    ensure!(routed.success(), "the namespace takes no addresses");
    let mut report = Report::new("softphone", arguments.commit.clone(), busy);
    let bench = Bench { lab: lab.clone(), headset: Headset::start(&lab, "headset").await?, times: arguments.times };

    eprintln!("baresip");
    let theirs = bench.theirs().await;
    eprintln!("ours");
    let ours = bench.ours().await;
    eprintln!("thirty calls");
    let many = bench.many_calls().await;
    let many_theirs = bench.many_calls_of_baresip().await;
    eprintln!("{} registrations", arguments.cycles);
    let growth = bench.cycles(arguments.cycles).await;

    let of = |phone: &Result<Phone>, pick: fn(&Phone) -> f64| match phone {
        Ok(phone) => Ok(pick(phone)),
        Err(error) => Err(anyhow!("{error:#}")),
    };
    let mut add = |name: &str, unit, pick: fn(&Phone) -> f64, target: Target| {
        let figure = Figure::new(name, unit, of(&ours, pick)).beside("baresip", of(&theirs, pick));
        report.add(figure.wanted(target));
    };
    add("PSS idle", "MB", |phone| phone.idle, Target::AtMost(15.0));
    add("start to registered", "ms", |phone| phone.ready, Target::AtMost(300.0));
    add("INVITE to 180", "ms", |phone| phone.ring, Target::AbovePeer(10.0));
    add("answer to first RTP", "ms", |phone| phone.answer, Target::AbovePeer(10.0));
    add("CPU in a call: PCMA, no echo canceller", "%", |phone| phone.cpu, Target::TimesPeer(1.5));
    let echo = ours.as_ref().map_err(|error| anyhow!("{error:#}")).and_then(|phone| phone.echo.context("not measured"));
    report.add(Figure::new("CPU in a call: PCMA, echo canceller", "%", echo));
    let opus = ours.as_ref().map_err(|error| anyhow!("{error:#}")).and_then(|phone| phone.opus.context("not measured"));
    report.add(Figure::new("CPU in a call: Opus, echo canceller", "%", opus));
    report.add(
        Figure::new("CPU in 30 calls, 4 processes", "%", many)
            .beside("baresip", many_theirs)
            .wanted(Target::AtMost(25.0)),
    );
    let (first, last) = match growth {
        Ok((first, last)) => (Ok(first), Ok(last)),
        Err(error) => (Err(anyhow!("{error:#}")), Err(anyhow!("{error:#}"))),
    };
    report
        .add(Figure::new("growth over the second half of the registrations", "KB", first).wanted(Target::AtMost(LEAK)));
    report.add(Figure::new("handles more than after the first half", "", last).wanted(Target::AtMost(0.0)));
    print!("\n{}\n{}\n", report.table(), report.json()?);
    if let Some(path) = &arguments.json {
        report.write(path)?;
    }
    if ours.is_ok() && theirs.is_ok() {
        lab.done();
    }
    Ok(())
}

/// The figures of one kind of phone.
struct Phone {
    idle: f64,
    ready: f64,
    ring: f64,
    answer: f64,
    cpu: f64,
    echo: Option<f64>,
    opus: Option<f64>,
}

struct Bench {
    lab: Lab,
    headset: Headset,
    times: usize,
}

/// What a phone may use, by its number among those that run at once.
fn address(host: u8, number: usize) -> IpAddr {
    IpAddr::from([10, 77, host, u8::try_from(number + 1).unwrap_or(u8::MAX)])
}

fn media(codec: VoiceCodec, echo: bool, number: usize) -> serde_json::Value {
    let first = 42_000 + number * 100;
    json!({ "codecs": [codec.name().to_lowercase()], "echo_cancellation": echo, "rtp_ports": [first, first + 99] })
}

impl Bench {
    async fn open_ours(&self, line: &Line, codec: VoiceCodec, echo: bool, number: usize) -> Result<Console> {
        let name = format!("console-{number}");
        let (environment, home) = (self.headset.environment(), self.headset.home());
        Console::open(&self.lab, &name, environment, home, &[(OURS, line.address())], media(codec, echo, number)).await
    }

    /// One whose calls do not hold each other, as those of a person do.
    async fn open_all_talk(&self, line: &Line, number: usize) -> Result<Console> {
        let (name, media) = (format!("console-{number}"), media(VoiceCodec::Pcma, false, number));
        let (environment, home) = (self.headset.environment(), self.headset.home());
        Console::open_with(&self.lab, &name, environment, home, &[(OURS, line.address())], media, &["--all-talk"]).await
    }

    fn open_theirs(&self, line: &Line, answers: bool) -> Result<Baresip> {
        let at = line.address();
        let settings = BaresipSettings {
            number: THEIRS,
            server: at,
            answers,
            listen: Some(SocketAddr::new(at.ip(), 5070)),
            ..BaresipSettings::default()
        };
        Baresip::open(&self.lab, "baresip", self.headset.environment(), self.headset.home(), &settings)
    }

    async fn theirs(&self) -> Result<Phone> {
        let (mut ready, mut ring, mut answer) = (Vec::new(), Vec::new(), Vec::new());
        let mut idle = 0.0;
        for turn in 0..self.times {
            let mut line = Line::open(address(2, 10 + turn)).await?;
            let started = Instant::now();
            // It answers by itself: nobody is there to press a key.
            let phone = self.open_theirs(&line, true)?;
            ready.push((line.registered().await? - started).as_secs_f64() * 1000.0);
            if turn + 1 == self.times {
                idle = settled(phone.pid()).await?;
            }
            let (rung, heard) = one_call(&mut line, VoiceCodec::Pcma, async || Ok(())).await?;
            ring.push(rung);
            answer.push(heard);
            phone.end().await?;
        }
        let mut line = Line::open(address(2, 0)).await?;
        let phone = self.open_theirs(&line, true)?;
        line.registered().await?;
        let cpu = self.share(&mut line, VoiceCodec::Pcma, phone.pid(), async || Ok(())).await?;
        phone.end().await?;
        Ok(Phone {
            idle,
            ready: median(&ready)?,
            ring: median(&ring)?,
            answer: median(&answer)?,
            cpu,
            echo: None,
            opus: None,
        })
    }

    async fn ours(&self) -> Result<Phone> {
        let (mut ready, mut ring, mut answer) = (Vec::new(), Vec::new(), Vec::new());
        let mut idle = 0.0;
        for turn in 0..self.times {
            let mut line = Line::open(address(1, 10 + turn)).await?;
            let started = Instant::now();
            let mut phone = self.open_ours(&line, VoiceCodec::Pcma, false, 0).await?;
            ready.push((line.registered().await? - started).as_secs_f64() * 1000.0);
            if turn + 1 == self.times {
                idle = settled(phone.pid()).await?;
            }
            let (rung, heard) = one_call(&mut line, VoiceCodec::Pcma, async || phone.answer().await).await?;
            ring.push(rung);
            answer.push(heard);
            phone.end().await?;
        }
        let share = async |number, codec, echo| {
            let mut line = Line::open(address(1, number)).await?;
            let mut phone = self.open_ours(&line, codec, echo, 0).await?;
            let pid = phone.pid();
            let share = self.share(&mut line, codec, pid, async || phone.answer().await).await?;
            phone.end().await?;
            anyhow::Ok(share)
        };
        let cpu = share(0, VoiceCodec::Pcma, false).await?;
        let echo = Some(share(1, VoiceCodec::Pcma, true).await?);
        let opus = share(2, VoiceCodec::Opus, true).await.ok();
        Ok(Phone { idle, ready: median(&ready)?, ring: median(&ring)?, answer: median(&answer)?, cpu, echo, opus })
    }

    /// Share of a core in a call with speech both ways.
    async fn share(
        &self,
        line: &mut Line,
        codec: VoiceCodec,
        pid: i32,
        answer: impl AsyncFnOnce() -> Result<()>,
    ) -> Result<f64> {
        let mouth = self.mouth()?;
        let talker = Talker::open(line.address().ip(), codec).await?;
        let call = line.call(&codec.offer(talker.address()?), answer).await?;
        let talker = talker.start(call.media);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let before = talker.heard();
        let share = process::cpu_share(pid).await?;
        let packets = talker.heard() - before;
        ensure!(packets > 400, "there was no sound: {packets} packets came in ten seconds, not 500");
        line.hang_up(&call).await?;
        drop(mouth);
        Ok(share)
    }

    /// The operator speaks.
    fn mouth(&self) -> Result<Process> {
        self.headset.sound().say(&Speech::new(41, Duration::from_secs(40)))
    }

    async fn many_calls(&self) -> Result<f64> {
        let mouth = self.mouth()?;
        let mut phones = Vec::new();
        for number in 0..PHONES {
            let mut line = Line::open(address(3, number)).await?;
            let mut phone = self.open_all_talk(&line, number).await?;
            let mut calls = Vec::new();
            for _ in 0..CALLS / PHONES + usize::from(number < CALLS % PHONES) {
                let (call, talker) = talking(&mut line, async || phone.answer().await).await?;
                calls.push((call, talker));
            }
            phones.push((line, phone, calls));
        }
        let pids = phones.iter().map(|(_, phone, _)| phone.pid()).collect::<Vec<_>>();
        let share = cpu_of(&pids).await?;
        let heard: u64 =
            phones.iter().flat_map(|(_, _, calls)| calls).map(|(_, talker)| u64::from(talker.heard() > 0)).sum();
        ensure!(heard == CALLS as u64, "sound came in {heard} of {CALLS} calls");
        drop(mouth);
        for (mut line, phone, calls) in phones {
            for (call, _) in &calls {
                line.hang_up(call).await?;
            }
            phone.end().await?;
        }
        Ok(share)
    }

    async fn many_calls_of_baresip(&self) -> Result<f64> {
        let mouth = self.mouth()?;
        let mut line = Line::open(address(2, 1)).await?;
        let phone = self.open_theirs(&line, true)?;
        line.registered().await?;
        let mut calls = Vec::new();
        for _ in 0..CALLS {
            calls.push(talking(&mut line, async || Ok(())).await?);
        }
        let share = cpu_of(&[phone.pid()]).await?;
        drop(mouth);
        for (call, _) in &calls {
            line.hang_up(call).await?;
        }
        phone.end().await?;
        Ok(share)
    }

    /// Registers and unregisters so often; gives the growth of the second half in KB, and how many handles more are open.
    async fn cycles(&self, times: usize) -> Result<(f64, f64)> {
        let mut line = Line::open(address(4, 0)).await?;
        let mut phone = self.open_ours(&line, VoiceCodec::Pcma, false, 0).await?;
        let mut looks = Vec::new();
        for _ in 0..2 {
            for cycle in 1..=times / 2 {
                phone.say(json!({ "do": "unregister", "account": OURS })).await?;
                line.unregistered().await?;
                phone.say(json!({ "do": "register", "account": OURS })).await?;
                phone.hear("registered", |m| m["event"]["registration"]["state"] == "registered").await?;
                // So many at once are no day's work, and what they hold at their height would look like growth.
                if cycle % AT_ONCE == 0 {
                    tokio::time::sleep(TRANSACTION_ENDS).await;
                }
            }
            // SIP keeps its transactions for a while, in case an answer was lost (RFC 3261, 17.1.2: timers F and K).
            tokio::time::sleep(TRANSACTIONS_END).await;
            looks.push((process::private(phone.pid())?, process::handles(phone.pid())?));
        }
        let (grown, more) = (looks[1].0 - looks[0].0, looks[1].1 as f64 - looks[0].1 as f64);
        phone.end().await?;
        Ok((grown, more))
    }
}

async fn settled(pid: i32) -> Result<f64> {
    process::settled(|| vec![pid]).await?;
    process::pss(pid)
}

async fn cpu_of(pids: &[i32]) -> Result<f64> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    let sum = || pids.iter().map(|pid| process::cpu(*pid)).sum::<Result<Duration>>();
    let (before, started) = (sum()?, Instant::now());
    tokio::time::sleep(Duration::from_secs(10)).await;
    Ok((sum()? - before).as_secs_f64() / started.elapsed().as_secs_f64() * 100.0)
}

/// A call in which the line talks, and goes on talking.
async fn talking(line: &mut Line, answer: impl AsyncFnOnce() -> Result<()>) -> Result<(Answered, Talker)> {
    let talker = Talker::open(line.address().ip(), VoiceCodec::Pcma).await?;
    let call = line.call(&VoiceCodec::Pcma.offer(talker.address()?), answer).await?;
    let talker = talker.start(call.media);
    Ok((call, talker))
}

/// Milliseconds from INVITE to 180, and from 200 to the first packet of sound.
async fn one_call(line: &mut Line, codec: VoiceCodec, answer: impl AsyncFnOnce() -> Result<()>) -> Result<(f64, f64)> {
    let talker = Talker::open(line.address().ip(), codec).await?;
    let call = line.call(&codec.offer(talker.address()?), answer).await?;
    let talker = talker.start(call.media);
    let first = talker.first().await?;
    let rang = call.rang.context("it never rang")?;
    let moments =
        ((rang - call.asked).as_secs_f64() * 1000.0, first.saturating_duration_since(call.at).as_secs_f64() * 1000.0);
    line.hang_up(&call).await?;
    Ok(moments)
}
