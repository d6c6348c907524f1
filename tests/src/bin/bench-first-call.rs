//! The figures of the first call (`cargo xtask bench first-call`): ours, and Debian's baresip and linphone in the same run.
//! What each means is in docs/bench.md.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Parser;
use linedesk_tests::bench::{
    Baresip, Console, Contact, Figure, Linphone, Memory, Report, Start, Target, Workplace, first_contact, median,
    process, setups, talk,
};
use linedesk_tests::lab::{Lab, Speech};

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
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let lab = Lab::new("bench")?;
    let busy = process::calm().await?;
    if busy >= 3.0 {
        eprintln!("  ! others take {busy:.0} % of the processors: the figures will not be true");
    }
    let mut report = Report::new("first-call", arguments.commit.clone(), busy);
    let workplace = Workplace::start(&lab).await?;
    let times = arguments.times;

    eprintln!("window: calls");
    let contact = calls(&workplace, times).await;
    if let Ok(contact) = &contact {
        eprintln!("  {contact:.0?}");
    }
    eprintln!("window: starts and memory");
    let desk = if contact.is_ok() { starts(&workplace, times).await } else { Err(anyhow!("nobody is signed in")) };
    eprintln!("softphone alone");
    let ours = softphone(&workplace, times).await;
    eprintln!("baresip");
    let baresip = baresip(&workplace, times).await;
    eprintln!("linphone");
    let linphone = linphone(&workplace, times.min(5)).await;

    for figure in starting(&desk, &linphone).into_iter().chain(calling(&contact, &ours, &baresip)) {
        report.add(figure);
    }
    for figure in remembering(&desk, &linphone, &ours, &baresip).into_iter().chain(working(&ours, &baresip)) {
        report.add(figure);
    }
    print!("\n{}\n{}\n", report.table(), report.json()?);
    if let Some(path) = &arguments.json {
        report.write(path)?;
    }
    if [contact.is_ok(), desk.is_ok(), ours.is_ok()].iter().all(|well| *well) {
        lab.done();
    }
    Ok(())
}

async fn calls(workplace: &Workplace, times: usize) -> Result<Contact> {
    let desk = workplace.sign_in().await.context("signing in")?;
    let contact = first_contact(workplace, &desk, times).await?;
    workplace.quit(desk.pid()?).await?;
    Ok(contact)
}

struct Window {
    starts: Vec<Start>,
    idle: Memory,
    in_a_call: Result<Memory>,
}

impl Window {
    fn median(&self, of: impl Fn(&Start) -> f64) -> Result<f64> {
        median(&self.starts.iter().map(of).collect::<Vec<_>>())
    }
}

async fn starts(workplace: &Workplace, times: usize) -> Result<Window> {
    let mut starts = Vec::new();
    for _ in 1..times {
        let (shell, start) = workplace.warm_start().await?;
        starts.push(start);
        workplace.quit(shell.pid()).await?;
    }
    let (shell, start) = workplace.warm_start().await?;
    starts.push(start);
    eprintln!("  {starts:.0?}");
    let idle = workplace.memory(shell.pid()).await?;
    let in_a_call = workplace.memory_in_a_call(shell.pid()).await;
    workplace.quit(shell.pid()).await?;
    Ok(Window { starts, idle, in_a_call })
}

/// A softphone without a window.
struct Phone {
    ready: f64,
    idle: f64,
    setup: f64,
    /// Share of a core in a call with PCMA and no echo canceller.
    plain: f64,
    /// The same with the echo canceller.
    echo: Option<f64>,
    /// The same with Opus, as a queue call of a central with Opus is.
    opus: Result<f64>,
}

const ALL_CODECS: &[&str] = &["opus", "g722", "pcma", "pcmu"];
const PCMA: &[&str] = &["pcma"];

async fn softphone(workplace: &Workplace, times: usize) -> Result<Phone> {
    let Workplace { lab, desktop, pbx, .. } = workplace;
    let start = async |codecs, echo| Console::start(lab, desktop, pbx, "1004", codecs, echo).await;
    let (mut ready, mut last) = (Vec::new(), None);
    for _ in 0..times {
        if let Some(console) = last.take() {
            Console::end(console).await?;
        }
        let (console, took) = start(ALL_CODECS, true).await?;
        ready.push(took);
        last = Some(console);
    }
    let console = last.context("it was never started")?;
    let idle = idle(console.pid()).await?;
    let setup = median(&setups(pbx, "1004", times).await?)?;
    // What rang in vain is still in the pipe; a fresh one answers the right call.
    console.end().await?;

    let share = async |codecs, echo| {
        let (mut console, _) = start(codecs, echo).await?;
        let mouth = desktop.sound.say(&Speech::new(41, Duration::from_secs(25)))?;
        let share = talk(pbx, "1004", console.pid(), async || console.answer().await).await?;
        drop(mouth);
        let codec = console.codec().await?;
        console.end().await?;
        anyhow::Ok((codec, share))
    };
    let opus = match share(&["opus"], true).await {
        Ok((codec, _)) if codec != "opus" => Err(anyhow!("the call was to use Opus and uses {codec}")),
        shared => shared.map(|(_, share)| share),
    };
    let (codec, echo) = share(PCMA, true).await?;
    ensure!(codec.contains("pcma"), "the call was to use PCMA and uses {codec}");
    let (_, plain) = share(PCMA, false).await?;
    Ok(Phone { ready: median(&ready)?, idle, setup, plain, echo: Some(echo), opus })
}

async fn baresip(workplace: &Workplace, times: usize) -> Result<Phone> {
    let Workplace { lab, desktop, pbx, .. } = workplace;
    let (mut ready, mut last) = (Vec::new(), None);
    for _ in 0..times {
        if let Some(phone) = last.take() {
            Baresip::end(phone).await?;
        }
        let (phone, took) = Baresip::start(lab, desktop, pbx, "1002", false).await?;
        ready.push(took);
        last = Some(phone);
    }
    let phone = last.context("it was never started")?;
    let idle = idle(phone.pid()).await?;
    let setup = median(&setups(pbx, "1002", times).await?)?;
    phone.end().await?;
    let (phone, _) = Baresip::start(lab, desktop, pbx, "1002", true).await?;
    let mouth = desktop.sound.say(&Speech::new(41, Duration::from_secs(25)))?;
    let plain = talk(pbx, "1002", phone.pid(), async || Ok(())).await?;
    drop(mouth);
    phone.end().await?;
    Ok(Phone { ready: median(&ready)?, idle, setup, plain, echo: None, opus: Err(anyhow!("not measured")) })
}

async fn idle(pid: i32) -> Result<f64> {
    process::settled(|| vec![pid]).await?;
    process::pss(pid)
}

struct OtherWindow {
    shown: f64,
    registered: Result<f64>,
    idle: f64,
}

async fn linphone(workplace: &Workplace, times: usize) -> Result<OtherWindow> {
    let Workplace { lab, desktop, pbx, .. } = workplace;
    // It looks for a way out before it registers; the namespace has none.
    let _ = lab.command("ip").args(["route", "add", "default", "dev", "lo"]).output().await;
    // The first start unpacks and makes its databases.
    Linphone::start(lab, desktop, pbx, "1003").await?.end().await?;
    let (mut shown, mut registered, mut idle) = (Vec::new(), Vec::new(), 0.0);
    for turn in 1..=times {
        let phone = Linphone::start(lab, desktop, pbx, "1003").await?;
        shown.push(phone.window);
        if let Ok(took) = &phone.registered {
            registered.push(*took);
        }
        if turn == times {
            idle = phone.memory().await?;
        }
        phone.end().await?;
    }
    let registered = median(&registered).context("it never registered");
    Ok(OtherWindow { shown: median(&shown)?, registered, idle })
}

/// One figure of a part that may have failed as a whole.
fn of<T>(part: &Result<T>, figure: impl FnOnce(&T) -> Result<f64>) -> Result<f64> {
    part.as_ref().map_err(|error| anyhow!("{error:#}")).and_then(figure)
}

fn again(value: &Result<f64>) -> Result<f64> {
    value.as_ref().copied().map_err(|error| anyhow!("{error:#}"))
}

fn starting(desk: &Result<Window>, linphone: &Result<OtherWindow>) -> Vec<Figure> {
    let start = |name, pick: fn(&Start) -> f64| Figure::new(name, "ms", of(desk, |desk| desk.median(pick)));
    let shown = || of(linphone, |other| Ok(other.shown));
    vec![
        start("start to first paint", |start| start.first_paint),
        start("start to usable", |start| start.usable)
            .beside("linphone (window)", shown())
            .wanted(Target::AtMost(900.0)),
        start("start to registered", |start| start.registered)
            .beside("linphone", of(linphone, |other| again(&other.registered)))
            .wanted(Target::AtMost(1500.0)),
    ]
}

fn calling(contact: &Result<Contact>, ours: &Result<Phone>, baresip: &Result<Phone>) -> Vec<Figure> {
    let setup = || of(baresip, |phone| Ok(phone.setup));
    vec![
        Figure::new("ring: PBX event to window", "ms", of(contact, |contact| median(&contact.rings)))
            .wanted(Target::AtMost(300.0)),
        Figure::new("answer click to first RTP", "ms", of(contact, |contact| median(&contact.answers))),
        Figure::new("call set-up, whole workplace", "ms", of(contact, |contact| median(&contact.setups)))
            .beside("baresip", setup())
            .wanted(Target::AbovePeer(20.0)),
        Figure::new(
            "call set-up, right after a call",
            "ms",
            of(contact, |contact| median(&contact.setups_after_a_call)),
        ),
        Figure::new("call set-up, softphone alone", "ms", of(ours, |phone| Ok(phone.setup)))
            .beside("baresip", setup())
            .wanted(Target::AbovePeer(20.0)),
        Figure::new("softphone start to registered", "ms", of(ours, |phone| Ok(phone.ready)))
            .beside("baresip", of(baresip, |phone| Ok(phone.ready))),
    ]
}

fn remembering(
    desk: &Result<Window>,
    linphone: &Result<OtherWindow>,
    ours: &Result<Phone>,
    baresip: &Result<Phone>,
) -> Vec<Figure> {
    let idle = |name, pick: fn(&Memory) -> f64| Figure::new(name, "MB", of(desk, |desk| Ok(pick(&desk.idle))));
    let in_a_call = |name, pick: fn(&Memory) -> f64| {
        let value = of(desk, |desk| desk.in_a_call.as_ref().map(pick).map_err(|error| anyhow!("{error:#}")));
        Figure::new(name, "MB", value)
    };
    vec![
        idle("PSS idle: shell", |memory| memory.shell),
        idle("PSS idle: WebKit", |memory| memory.webkit),
        idle("PSS idle: softphone", |memory| memory.softphone)
            .beside("baresip", of(baresip, |phone| Ok(phone.idle)))
            .wanted(Target::AtMost(15.0)),
        idle("PSS idle: shell and softphone", |memory| memory.shell + memory.softphone).wanted(Target::AtMost(110.0)),
        idle("PSS idle: whole tree", Memory::sum)
            .beside("linphone", of(linphone, |other| Ok(other.idle)))
            .wanted(Target::TimesPeer(1.15)),
        in_a_call("PSS in a call: shell", |memory| memory.shell),
        in_a_call("PSS in a call: WebKit", |memory| memory.webkit),
        in_a_call("PSS in a call: softphone", |memory| memory.softphone),
        in_a_call("PSS in a call: whole tree", Memory::sum),
        Figure::new("PSS idle: softphone alone", "MB", of(ours, |phone| Ok(phone.idle)))
            .beside("baresip", of(baresip, |phone| Ok(phone.idle))),
    ]
}

fn working(ours: &Result<Phone>, baresip: &Result<Phone>) -> Vec<Figure> {
    let echo = of(ours, |phone| phone.echo.context("not measured"));
    vec![
        Figure::new("CPU in a call: Opus, echo canceller", "%", of(ours, |phone| again(&phone.opus))),
        Figure::new("CPU in a call: PCMA, echo canceller", "%", echo),
        Figure::new("CPU in a call: PCMA, no echo canceller", "%", of(ours, |phone| Ok(phone.plain)))
            .beside("baresip", of(baresip, |phone| Ok(phone.plain))),
    ]
}
