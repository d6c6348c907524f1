//! Eight hours a day, for weeks: what a call or a registration leaves behind is measured. `cargo xtask test --only softphone`;
//! with `--deep` five hundred calls and a thousand registrations.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod drive;

use std::time::Duration;

use drive::{Shell, account, call_in, ended, registration};
use serde_json::{Value, json};

/// Of the heap, a call or a registration.
const MOST_BYTES: f64 = 1024.0;
/// The lines that are measured, in the log of a phone that is not asked for more.
const MEASURED: (&str, &str) = ("LINEDESK_LOG", "info,linedesk_softphone::engine=debug");

fn deep() -> bool {
    std::env::var_os("LINEDESK_DEEP").is_some()
}

/// What was held when something was over.
#[derive(Debug, Clone, Copy)]
struct Held {
    heap: f64,
    pools: f64,
}

fn measured(shell: &Shell, over: &str) -> Vec<Held> {
    let over = format!("memory over=\"{over}\"");
    let number = |line: &str, name: &str| -> f64 {
        let word = line.split(' ').find_map(|word| word.strip_prefix(name)).expect("it is there");
        word.trim().trim_matches('"').parse().unwrap()
    };
    let log = shell.log();
    let lines = log.split_inclusive('\n').filter(|line| line.contains(&over) && line.ends_with('\n'));
    lines.map(|line| Held { heap: number(line, "heap_kb=") * 1000.0, pools: number(line, "pools=") }).collect()
}

/// Of the straight line through the points, by least squares: how much more with each.
fn slope(values: impl Iterator<Item = f64>) -> f64 {
    let all: Vec<f64> = values.collect();
    let count = all.len() as f64;
    let (mean_x, mean_y) = ((count - 1.0) / 2.0, all.iter().sum::<f64>() / count);
    let (mut above, mut below) = (0.0, 0.0);
    for (x, y) in all.iter().enumerate() {
        above += (x as f64 - mean_x) * (y - mean_y);
        below += (x as f64 - mean_x).powi(2);
    }
    above / below
}

/// Over TCP a transaction ends with its answer; over UDP each would live on for 32 s, and look like a leak.
fn configured() -> (Shell, Value) {
    let mut shell = Shell::start_with("15000", &[MEASURED]);
    let mut account = account("1001", "pw1001");
    account["transport"] = json!("tcp");
    shell.ask(json!({"do": "configure", "accounts": [account], "media": drive::media()}));
    shell.wait("registered", |m| registration(m, "registered"));
    (shell, account)
}

fn fds(shell: &Shell) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", shell.pid())).unwrap().count()
}

fn rss_kb(shell: &Shell) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", shell.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// When nothing is under way that would be over in a moment (the PBX asks with OPTIONS whether we are there).
fn at_rest(shell: &mut Shell, pools: Option<f64>) -> Held {
    let mut now = None;
    let end = std::time::Instant::now() + Duration::from_secs(10);
    drive::until(Duration::from_secs(20), "a measurement", || {
        let before = measured(shell, "snapshot").len();
        shell.ask(json!({"do": "snapshot"}));
        drive::until(Duration::from_secs(5), "a line", || measured(shell, "snapshot").len() > before);
        now = measured(shell, "snapshot").last().copied();
        // A leak is not waited for longer.
        pools.is_none_or(|pools| now.is_some_and(|now| now.pools <= pools)) || std::time::Instant::now() > end
    });
    now.unwrap()
}

/// `each`: how many lie between two points.
fn flat(what: &str, held: &[Held], each: f64) {
    let bytes = slope(held.iter().map(|h| h.heap)) / each;
    let pools = slope(held.iter().map(|h| h.pools)) / each;
    println!(
        "{what}: {bytes:.0} bytes and {pools:.3} pools each; {:.0} kB of heap at last",
        held.last().map_or(0.0, |h| h.heap / 1000.0)
    );
    assert!(bytes <= MOST_BYTES, "{what}: {bytes:.0} bytes each: {held:#?}");
    assert!(pools < 0.05, "{what}: {pools:.3} pools each: {held:#?}");
}

/// Calls in batches, and what there is when all of a batch are forgotten; the first batch warms up.
fn calls(batches: usize, batch: usize) {
    let (mut shell, _) = configured();
    let mut points = Vec::new();
    let mut edges = Vec::new();
    for n in 1..=batches {
        for _ in 0..batch {
            let call = shell.ask(json!({"do": "dial", "account": "1001", "target": "600"}))["call"]["id"].clone();
            shell.wait("talking", |m| call_in(m, "talking").filter(|c| c["id"] == call));
            shell.ask(json!({"do": "hang-up", "call": call}));
            shell.wait("over", |m| ended(m).filter(|r| r["call"]["id"] == call));
            shell.forget();
        }
        drive::until(Duration::from_secs(10), "all are forgotten", || measured(&shell, "call").len() == n * batch);
        points.push(at_rest(&mut shell, points.first().map(|first: &Held| first.pools)));
        edges.push((fds(&shell), rss_kb(&shell)));
    }
    println!("descriptors and resident kB after each {batch} calls: {edges:?}");
    flat("calls", &points, batch as f64);
    let (first, last) = (edges[0], edges[batches - 1]);
    assert!(last.0 <= first.0, "descriptors: {edges:?}");
    // The heap's own holes come and go; what is resident follows within bounds.
    assert!(last.1 <= first.1 + 1000, "resident: {edges:?}");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn sixty_calls_leave_nothing_behind() {
    calls(3, 20);
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone --deep"]
fn deep_five_hundred_calls_leave_nothing_behind() {
    // The first hundred warm up.
    calls(5, 100);
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn registrations_leave_nothing_behind() {
    let (count, first) = if deep() { (1000, 100) } else { (50, 10) };
    let (mut shell, account) = configured();
    let one = |shell: &mut Shell| {
        let before = measured(shell, "registration").len();
        shell.ask(json!({"do": "unregister", "account": account["id"]}));
        // A new REGISTER waits for the answer to the last.
        drive::until(Duration::from_secs(5), "unregistered", || measured(shell, "registration").len() > before);
        shell.ask(json!({"do": "register", "account": account["id"]}));
        shell.wait("registered", |m| registration(m, "registered"));
        shell.forget();
    };
    for _ in 0..first {
        one(&mut shell);
    }
    let before = fds(&shell);
    for _ in first..count {
        one(&mut shell);
    }
    let after = fds(&shell);
    let all = measured(&shell, "registration");
    let skipped = all.len() * first / count;
    // Each is told twice, going and coming.
    flat("registrations", &all[skipped..], 0.5);
    assert!(after <= before + 2, "{before} descriptors, then {after}");
}
