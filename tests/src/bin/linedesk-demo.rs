//! What `cargo xtask run` opens: central, a real Asterisk with queues, and the workstation; customers call on request.
//!
//! Unlike a test it lives in the person's own session: loopback and free ports, their display and their sound card.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use linedesk_tests::lab::{
    AmiEvent, Caller, Central, Customer, Lab, Office, Pbx, PbxSettings, Process, Speech, Version, program,
};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Parser)]
struct Arguments {
    /// Where central's database and the workstation's cache stay between two starts.
    #[arg(long)]
    directory: PathBuf,
    /// Leave the window to the person.
    #[arg(long)]
    no_window: bool,
}

const HELP: &str = "  call             a customer calls the queue Support
  call sales       … Sales; also: call night, call 1001 (Anna directly)
  hang up          all customers hang up
  queues           what the PBX says
  quit             ends everything that was started (Ctrl-C too)";

/// Who calls: number, name, what they say (a file of Asterisk's own sounds).
const CUSTOMERS: [(&str, &str, &str); 4] = [
    ("+74951234567", "Ivan Petrov", "demo-congrats"),
    ("+78121112233", "Maria Sokolova", "demo-instruct"),
    ("+442071838750", "John Carter", "demo-echotest"),
    ("+4930901820", "Greta Lang", "demo-abouttotry"),
];

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let lab = Lab::in_the_open("demo")?;
    let stopped = async {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    };
    // Whatever the demo is waiting for, Ctrl-C ends it; then the lab ends all that was started in it.
    let result = tokio::select! {
        result = demo(&lab, &arguments) => result,
        () = stopped => Ok(()),
    };
    println!("\nEnding what was started.");
    if result.is_ok() {
        lab.done();
    }
    result
}

async fn demo(lab: &Lab, arguments: &Arguments) -> Result<()> {
    let started = Instant::now();
    println!("Asterisk 22 on loopback …");
    let pbx = Pbx::start_with(lab, Version::V22, PbxSettings::on_free_ports()?).await?;
    println!("  SIP {}, manager {}, logs {}", pbx.sip(), pbx.ami(), lab.path().join("logs").display());
    println!("central …");
    let directory = arguments.directory.join("central");
    std::fs::create_dir_all(&directory)?;
    let office = Office::new(&pbx);
    let central = Central::start_in(lab, directory, &office, "").await?;
    println!("  {}", central.url());
    let anna = office.people.first().context("the office has people")?;
    let mut window = if arguments.no_window {
        println!("no window: sign in at {} as {}, password {}", central.url(), anna.username, anna.password());
        None
    } else {
        println!("workstation, signed in as {} …", anna.display_name);
        Some(open_window(lab, arguments, &central, &anna.username, &anna.password()).await?)
    };
    println!(
        "\nReady after {:.1} s. In the window choose the status *Available*, then let a customer call:\n{HELP}\n",
        started.elapsed().as_secs_f64()
    );

    let news = tokio::spawn(tell(pbx.tap().clone()));
    let mut customers: Vec<Customer> = Vec::new();
    let mut lines = typed_lines();
    let mut next = 0;
    let mut reading = true;
    loop {
        prompt();
        let line = tokio::select! {
            line = lines.recv(), if reading => line,
            () = window_gone(&mut window) => {
                println!("The workstation was quit.");
                break;
            }
        };
        let Some(line) = line else {
            // No terminal: go on until Ctrl-C or the window's end.
            reading = false;
            continue;
        };
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [] => {}
            ["call"] => call(&pbx, "support", &mut next, &mut customers).await,
            ["call", whom] => call(&pbx, whom, &mut next, &mut customers).await,
            ["hang", "up"] | ["hangup"] => {
                for customer in &mut customers {
                    let _ = customer.hang_up().await;
                }
                println!("{} hung up", if customers.is_empty() { "nobody was there to be" } else { "all customers" });
                customers.clear();
            }
            ["queues"] => println!("{}", pbx.cli("queue show").await?),
            ["quit" | "exit"] => break,
            _ => println!("{HELP}"),
        }
    }
    news.abort();
    drop(customers);
    if let Some(mut window) = window {
        window.stop(Duration::from_secs(3)).await?;
    }
    Ok(())
}

/// What the person types. A thread that nobody waits for: tokio's own standard input would keep the program from ending
/// until the next Enter.
fn typed_lines() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

async fn open_window(
    lab: &Lab,
    arguments: &Arguments,
    central: &Central,
    username: &str,
    password: &str,
) -> Result<Process> {
    let mut command = lab.command(program("linedesk")?);
    // Here the desktop is the person's own.
    for variable in [
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "DBUS_SESSION_BUS_ADDRESS",
        "PULSE_SERVER",
        "XDG_RUNTIME_DIR",
        "LANGUAGE",
        "LC_ALL",
    ] {
        match std::env::var_os(variable) {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    let data = arguments.directory.join("workstation");
    std::fs::create_dir_all(&data)?;
    command.env("LINEDESK_DATA_DIR", data).env("LINEDESK_RUNTIME_DIR", lab.directory("run")?);
    let log = std::fs::File::create(lab.log("workstation"))?;
    command.arg("--sign-in-from-stdin").stdout(log.try_clone()?).stderr(log);
    let mut window = Process::start_with_input(lab, "workstation", command)?;
    // Through the pipe: a command line can be read by everybody on the machine.
    let form = json!({ "server": central.url(), "username": username, "password": password, "takeOver": true });
    let mut input = window.take_stdin().context("a pipe was asked for")?;
    input.write_all(format!("{form}\n").as_bytes()).await.context("the workstation ended at once")?;
    Ok(window)
}

/// Comes when there is a window and it is no more.
async fn window_gone(window: &mut Option<Process>) {
    match window {
        Some(window) => {
            let _ = window.ended(Duration::MAX).await;
        }
        None => std::future::pending().await,
    }
}

async fn call(pbx: &Pbx, whom: &str, next: &mut usize, customers: &mut Vec<Customer>) {
    customers.retain(Customer::is_talking);
    let number = match whom {
        "support" => "700",
        "sales" => "701",
        "night" => "702",
        other => other,
    };
    let (caller_number, name, words) = CUSTOMERS[*next % CUSTOMERS.len()];
    *next += 1;
    let speech = match spoken(pbx, words).await {
        Ok(speech) => speech,
        Err(error) => {
            println!("{error:#}; the customer says something else");
            Speech::new(*next as u64, Duration::from_secs(20))
        }
    };
    let caller = Caller::default().numbered(caller_number).named(name).saying(&speech);
    let called = async {
        let mut customer = Customer::call(pbx, number, caller).await?;
        customer.answered().await?;
        anyhow::Ok(customer)
    };
    match called.await {
        Ok(customer) => {
            println!("{name} ({caller_number}) calls {whom} …");
            customers.push(customer);
        }
        Err(error) => println!("{name} cannot call {whom}: {error:#}"),
    }
}

/// Asterisk's own words as samples.
async fn spoken(pbx: &Pbx, words: &str) -> Result<Speech> {
    let file = pbx.sounds().join(format!("{words}.gsm"));
    let mut sox = tokio::process::Command::new("sox");
    sox.arg(&file).args(["-t", "raw", "-r", "8000", "-c", "1", "-e", "signed", "-b", "16", "-"]).stdin(Stdio::null());
    let output = sox.output().await.context("sox is not there: `cargo xtask setup`")?;
    if !output.status.success() || output.stdout.is_empty() {
        bail!("sox cannot read {}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(Speech::from_samples(output.stdout.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()))
}

/// Says what happens to the calls.
async fn tell(tap: linedesk_tests::lab::Tap) {
    let mut mark = tap.mark();
    let interesting = |event: &AmiEvent| {
        ["AgentCalled", "AgentConnect", "AgentComplete", "QueueCallerAbandon"].iter().any(|name| event.is(name))
    };
    while tap.event_after(mark, Duration::MAX, "anything", interesting).await.is_ok() {
        let events = tap.since(mark);
        mark += events.len();
        for event in events.iter().filter(|event| interesting(event)) {
            let get = |key| event.get(key).unwrap_or("?");
            match get("Event") {
                "AgentCalled" => println!("\n  rings at {} (queue {})", get("MemberName"), get("Queue")),
                "AgentConnect" => println!("\n  {} answered after {} s of waiting", get("MemberName"), get("HoldTime")),
                "AgentComplete" => println!(
                    "\n  over after {} s, ended by the {}",
                    get("TalkTime"),
                    if event.has("Reason", "agent") { "operator" } else { "customer" }
                ),
                _ => println!("\n  a customer gave up waiting in queue {}", get("Queue")),
            }
        }
        prompt();
    }
}

fn prompt() {
    use std::io::Write as _;
    print!("demo> ");
    let _ = std::io::stdout().flush();
}
