//! `linedesk-lab [--version 16] -- COMMAND …`: runs a command beside a PBX of the lab, in the network namespace it is in.
//!
//! For tests of crates that know nothing of the lab, and for a person who wants a PBX to try something by hand:
//! `unshare -n -p -f --kill-child --mount-proc sh -c 'ip link set lo up; target/debug/linedesk-lab -- bash'`.

use std::process::ExitCode;

use std::net::IpAddr;

use anyhow::{Context, Result};
use clap::Parser;
use linedesk_tests::lab::{Lab, Pbx, PbxSettings, Version};

/// Where the PBX listens for phones of other hosts, that is, of network namespaces that a test makes.
const NETWORK: [&str; 2] = ["10.77.0.9/32", "fd77::9/128"];

#[derive(Debug, Parser)]
struct Arguments {
    /// 22 or 16.
    #[arg(long, default_value = "22", value_parser = ["22", "16"])]
    version: String,
    /// What to run. It finds the PBX by LINEDESK_LAB_NETWORK (addresses for other namespaces), LINEDESK_LAB_SIP, LINEDESK_LAB_TLS and LINEDESK_LAB_AMI (host:port; user and secret in …_USER, …_SECRET), the authority of
    /// its certificate by LINEDESK_LAB_CA, its files by LINEDESK_LAB_PBX.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let version = if arguments.version == "16" { Version::V16 } else { Version::V22 };
    let lab = Lab::new("beside")?;
    let mut network = Vec::new();
    for address in NETWORK {
        let mut add = tokio::process::Command::new("ip");
        // Nobody else is asked for the address first, or it could not be bound for a while.
        add.args(["addr", "add", address, "dev", "lo", "nodad"]).stderr(std::process::Stdio::null());
        // Perhaps it is there already; whether it is shows in the next line. A machine without IPv6 has not the second.
        add.status().await.context("running `ip`")?;
        let address: IpAddr = address.split('/').next().unwrap_or_default().parse()?;
        if std::net::UdpSocket::bind((address, 0)).is_ok() {
            network.push(address);
        }
    }
    let addresses: Vec<String> = network.iter().map(ToString::to_string).collect();
    let pbx = Pbx::start_with(&lab, version, PbxSettings { network, ..PbxSettings::default() }).await?;
    let (program, rest) = arguments.command.split_first().context("clap asks for a command")?;
    let status = tokio::process::Command::new(program)
        .args(rest)
        .env("LINEDESK_LAB_SIP", pbx.sip().to_string())
        .env("LINEDESK_LAB_TLS", std::net::SocketAddr::new(pbx.settings().address, pbx.settings().tls).to_string())
        .env("LINEDESK_LAB_NETWORK", addresses.join(" "))
        .env("LINEDESK_LAB_CA", pbx.tls_authority())
        .env("LINEDESK_LAB_AMI", pbx.ami().to_string())
        .env("LINEDESK_LAB_AMI_USER", "linedesk")
        .env("LINEDESK_LAB_AMI_SECRET", "linedesk-ami")
        .env("LINEDESK_LAB_PBX", pbx.etc().parent().unwrap_or(lab.path()))
        .status()
        .await
        .with_context(|| format!("cannot start {program}"))?;
    pbx.stop().await?;
    if status.success() {
        lab.done();
    }
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
