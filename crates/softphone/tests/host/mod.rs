//! A second host for the phone, in a network namespace of its own behind a pair of virtual interfaces.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "shared by test binaries that each use a part; a failed step is a failed test"
)]

use std::process::{Child, Command, Stdio};

/// A host of its own, at the other end of a cable; `10.78.0.x` with the lab at `10.78.0.1`.
pub struct Host {
    holder: Child,
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program} {}", arguments.join(" "));
}

impl Host {
    pub fn new(address: &str) -> Self {
        // Its namespace lives as long as this process, which waits for ever for input.
        let mut holder = Command::new("unshare")
            .args(["-n", "sh", "-c", "echo made; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut made = [0; 5];
        std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut made).unwrap();
        let host = Self { holder };
        run("ip", &["link", "add", "lab0", "type", "veth", "peer", "name", "host0", "netns", &host.pid().to_string()]);
        run("ip", &["addr", "add", "10.78.0.1/24", "dev", "lab0"]);
        run("ip", &["link", "set", "lab0", "up"]);
        host.ip(&["link", "set", "lo", "up"]);
        host.ip(&["link", "set", "host0", "up"]);
        host.gets(address);
        host
    }

    pub fn pid(&self) -> u32 {
        self.holder.id()
    }

    fn ip(&self, arguments: &[&str]) {
        run("nsenter", &[&["-t", &self.pid().to_string(), "-n", "ip"], arguments].concat());
    }

    pub fn gets(&self, address: &str) {
        self.ip(&["addr", "add", &format!("{address}/24"), "dev", "host0"]);
        self.ip(&["route", "add", "default", "via", "10.78.0.1"]);
    }

    /// As a lease that ran out, or another network: the old address is gone, and its routes with it.
    pub fn moves(&self, from: &str, to: &str) {
        self.loses(from);
        self.gets(to);
    }

    /// From now on no UDP but to these ports leaves it, as behind a firewall.
    pub fn lets_out(&self, ports: &[u16]) {
        for port in ports {
            self.ip(&["rule", "add", "pref", "10", "ipproto", "udp", "dport", &port.to_string(), "lookup", "main"]);
        }
        self.ip(&["rule", "add", "pref", "20", "ipproto", "udp", "unreachable"]);
    }

    /// What it sends from this TCP port is lost without a word, as by a firewall that has forgotten the connection.
    pub fn forgets(&self, port: u16) {
        self.ip(&["rule", "add", "pref", "10", "ipproto", "tcp", "sport", &port.to_string(), "blackhole"]);
    }

    pub fn loses(&self, address: &str) {
        self.ip(&["addr", "del", &format!("{address}/24"), "dev", "host0"]);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["link", "del", "lab0"]).status();
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
