//! A softphone that crashes says where, and nothing else. Real processes, real signals.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod drive;
mod peer;

use std::path::PathBuf;

use drive::{Shell, call_in};
use linedesk_softphone::crash::left_by;
use peer::{Peer, sdp};
use serde_json::json;

fn report_of(shell: &mut Shell, signal: &str) -> String {
    let (pid, dir) = (shell.pid(), shell.dir().join("log"));
    shell.signal(signal);
    let path = left_by(&dir, pid).expect("a crash file with something in it");
    std::fs::read_to_string(path).unwrap()
}

fn crash_files(shell: &Shell) -> Vec<PathBuf> {
    let all = std::fs::read_dir(shell.dir().join("log")).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("softphone-crash-")).collect()
}

#[test]
fn each_deadly_signal_leaves_a_report_and_kills() {
    for signal in ["SEGV", "BUS", "ILL", "FPE", "ABRT"] {
        let mut shell = Shell::start("15000");
        let report = report_of(&mut shell, signal);
        assert!(report.contains(&format!("what: SIG{signal}\n")), "{report}");
        assert!(report.contains(concat!("linedesk-softphone ", env!("CARGO_PKG_VERSION"), " crashed\n")), "{report}");
        assert!(
            report.contains("\nuptime: ") && report.contains("\ncalls: 0\n") && report.contains("\nthread: "),
            "{report}"
        );
        let id = report.split("build id: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
        assert!(id.len() >= 16 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{report}");
        let ours = report.lines().filter(|line| line.starts_with("  linedesk-softphone+0x")).count();
        assert!(ours >= 3 && report.contains("  libc.so.6+0x"), "{report}");
    }
}

#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn a_crash_in_a_call_names_no_secret_and_no_number() {
    let mut peer = Peer::udp();
    let mut shell = Shell::start("15000");
    shell.ask(peer.configure());
    shell.wait("registered", |m| drive::registration(m, "registered"));
    shell.ask(json!({"do": "dial", "account": peer::USER, "target": "74951234567"}));
    let invite = peer.hear_request("INVITE");
    peer.say(peer.answer(&invite, "200 OK", "b", "Content-Type: application/sdp\r\n", &sdp("8", "")));
    shell.wait("talking", |m| call_in(m, "talking"));
    let report = report_of(&mut shell, "SEGV");
    assert!(report.contains("\ncalls: 1\n"), "{report}");
    let home = std::env::var("HOME").unwrap_or_else(|_| "no home".to_owned());
    for private in ["4951234567", "1001", "2002", "127.0.0.1", "sip:", "pw", &home] {
        assert!(!report.contains(private), "{private}: {report}");
    }
}

#[test]
fn an_end_in_order_leaves_nothing() {
    let mut shell = Shell::start("15000");
    assert_eq!(crash_files(&shell).len(), 1, "opened beforehand");
    shell.ask(json!({"do": "shutdown", "when_idle": false}));
    shell.ends_within(std::time::Duration::from_secs(5));
    assert_eq!(crash_files(&shell), Vec::<PathBuf>::new());
}
