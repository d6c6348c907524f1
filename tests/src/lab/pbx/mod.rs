//! A real Asterisk with its own directories.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{Lab, Process, SHORT, sound, until};

mod config;
mod tap;

pub use config::sip_password;
pub use tap::{AmiEvent, Tap};

/// Which Asterisk. A test for 16 has `asterisk_16` in its name: where 16 cannot be had it counts as skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 16, the oldest that is tested live.
    V16,
    /// 22.
    V22,
}

impl Version {
    /// Where it was unpacked by `cargo xtask setup`.
    fn root(self) -> Result<PathBuf> {
        let (variable, name) = match self {
            Self::V16 => ("LINEDESK_ASTERISK_16", "16"),
            Self::V22 => ("LINEDESK_ASTERISK_22", "22"),
        };
        let root = std::env::var_os(variable).map(PathBuf::from).unwrap_or_else(|| cache().join("asterisk").join(name));
        if !root.is_dir() {
            bail!("there is no Asterisk {name} in {}: `cargo xtask setup`, or set {variable}", root.display());
        }
        Ok(root)
    }
}

fn cache() -> PathBuf {
    std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .unwrap_or_default()
        .join("linedesk")
}

/// Addresses and ports.
#[derive(Debug, Clone)]
pub struct PbxSettings {
    /// Name of its directory and log.
    pub name: String,
    /// Where SIP listens.
    pub address: IpAddr,
    /// Where it listens too, for phones that are not on this host's loopback: at most one address of each family. They must be
    /// there before it starts.
    pub network: Vec<IpAddr>,
    /// SIP over UDP and TCP.
    pub sip: u16,
    /// SIP over TLS.
    pub tls: u16,
    /// Manager interface, on 127.0.0.1.
    pub ami: u16,
    /// RTP.
    pub rtp: (u16, u16),
    /// The trunk: whoever calls from here is a customer.
    pub customer_address: IpAddr,
    /// Where the PBX finds the trunk for calls that go out.
    pub customer_port: u16,
    /// Files of its configuration that are others than those of the office in tests/lab/asterisk/: name and text. The fields
    /// of templates (`@SIP_PORT@` and so on) are filled in here too.
    pub files: Vec<(&'static str, String)>,
}

impl Default for PbxSettings {
    /// The well-known ports, for a namespace of its own.
    fn default() -> Self {
        Self {
            name: "pbx".to_owned(),
            address: Ipv4Addr::LOCALHOST.into(),
            network: Vec::new(),
            sip: 5060,
            tls: 5061,
            ami: 5038,
            rtp: (10_000, 10_199),
            customer_address: Ipv4Addr::new(127, 0, 0, 2).into(),
            customer_port: 5080,
            files: Vec::new(),
        }
    }
}

impl PbxSettings {
    /// Free ports, for a namespace that is shared with others.
    pub fn on_free_ports() -> Result<Self> {
        // All are held at once, or the same would be given twice.
        let tcp: Vec<std::net::TcpListener> =
            (0..3).map(|_| std::net::TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
        let port = |index: usize| tcp[index].local_addr().map(|address| address.port());
        let customer = std::net::UdpSocket::bind("127.0.0.2:0")?;
        let rtp = (20_000..60_000)
            .step_by(200)
            .find(|first| (*first..*first + 20).all(|port| std::net::UdpSocket::bind(("127.0.0.1", port)).is_ok()))
            .context("there is no range of free UDP ports for RTP")?;
        Ok(Self {
            sip: port(0)?,
            tls: port(1)?,
            ami: port(2)?,
            rtp: (rtp, rtp + 199),
            customer_port: customer.local_addr()?.port(),
            ..Self::default()
        })
    }
}

/// A member of a queue as Asterisk has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What Queue() rings.
    pub interface: String,
    /// `static`, `dynamic`, `realtime`.
    pub membership: String,
    /// Paused?
    pub paused: bool,
    /// With this reason.
    pub reason: String,
    /// AST_DEVICE_*: 1 not in use, 2 in use, 5 unavailable, 6 ringing, …
    pub status: u32,
}

/// A running Asterisk.
#[derive(Debug)]
pub struct Pbx {
    lab: Lab,
    version: Version,
    settings: PbxSettings,
    root: PathBuf,
    base: PathBuf,
    process: Process,
    tap: Tap,
}

impl Pbx {
    /// Starts one on the well-known ports and waits until it says FullyBooted.
    pub async fn start(lab: &Lab, version: Version) -> Result<Self> {
        Self::start_with(lab, version, PbxSettings::default()).await
    }

    /// Starts one elsewhere.
    pub async fn start_with(lab: &Lab, version: Version, settings: PbxSettings) -> Result<Self> {
        let root = version.root()?;
        let base = lab.directory(&settings.name)?;
        config::write(&root, &base, &settings)?;
        let tap = Tap::new();
        let process = launch(lab, &root, &base, &settings, &tap).await?;
        Ok(Self { lab: lab.clone(), version, settings, root, base, process, tap })
    }

    /// Which version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Addresses and ports.
    pub fn settings(&self) -> &PbxSettings {
        &self.settings
    }

    /// Where SIP listens (UDP, TCP).
    pub fn sip(&self) -> SocketAddr {
        SocketAddr::new(self.settings.address, self.settings.sip)
    }

    /// Where the manager interface listens; user `linedesk`, secret `linedesk-ami`.
    pub fn ami(&self) -> SocketAddr {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.settings.ami)
    }

    /// Certificate of the authority that signed the PBX's TLS certificate (names: localhost, its address).
    pub fn tls_authority(&self) -> PathBuf {
        self.base.join("etc/ca.crt")
    }

    /// Asterisk's own spoken words (gsm files).
    pub fn sounds(&self) -> PathBuf {
        self.base.join("data/sounds/en")
    }

    /// Its directory of configuration; `cli("module reload …")` after a change.
    pub fn etc(&self) -> PathBuf {
        self.base.join("etc")
    }

    /// Events and actions.
    pub fn tap(&self) -> &Tap {
        &self.tap
    }

    /// `asterisk -rx COMMAND`, without colours.
    pub async fn cli(&self, command: &str) -> Result<String> {
        let mut asterisk = asterisk(&self.lab, &self.root, &self.base)?;
        let output = asterisk.args(["-n", "-r", "-x", command]).output().await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("asterisk -rx {command:?} failed: {text}{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(text)
    }

    /// Members of a queue.
    pub async fn members(&self, queue: &str) -> Result<Vec<Member>> {
        let events = self.tap.action("QueueStatus", &[("Queue", queue)]).await?;
        let member = |event: &AmiEvent| Member {
            interface: event.get("Location").or(event.get("StateInterface")).unwrap_or_default().to_owned(),
            membership: event.get("Membership").unwrap_or_default().to_owned(),
            paused: event.has("Paused", "1"),
            reason: event.get("PausedReason").unwrap_or_default().to_owned(),
            status: event.get("Status").and_then(|status| status.parse().ok()).unwrap_or_default(),
        };
        Ok(events.iter().filter(|event| event.is("QueueMember")).map(member).collect())
    }

    /// Waits until a member of a queue is as wanted (`None`: not in it).
    pub async fn member_until(
        &self,
        queue: &str,
        interface: &str,
        what: &str,
        wanted: impl Fn(Option<&Member>) -> bool,
    ) -> Result<Option<Member>> {
        let mut last = None;
        let found = until(what, SHORT, async || {
            let members = self.members(queue).await.ok()?;
            let member = members.into_iter().find(|member| member.interface == interface);
            last = Some(member.clone());
            wanted(member.as_ref()).then_some(member)
        })
        .await;
        found.with_context(|| format!("{interface} in queue {queue} was last {last:?}"))
    }

    /// Waits until a phone has a contact.
    pub async fn registered(&self, number: &str) -> Result<()> {
        let prefix = format!("{number}/");
        until(&format!("{number} is registered"), SHORT, async || {
            let contacts = self.cli("pjsip show contacts").await.ok()?;
            contacts
                .lines()
                .any(|line| line.trim().trim_start_matches("Contact:").trim().starts_with(&prefix))
                .then_some(())
        })
        .await
    }

    /// Recordings of calls, `rx-UNIQUEID.sln` (what the channel said) and `tx-UNIQUEID.sln` (what it heard): 8 kHz samples,
    /// readable while the call goes on.
    pub fn recordings(&self) -> PathBuf {
        self.base.join("spool/monitor")
    }

    /// What the channel of this Uniqueid said and what it heard, up to now.
    pub fn recording(&self, uniqueid: &str) -> Result<(Vec<i16>, Vec<i16>)> {
        let read = |side: &str| sound::read_raw(&self.recordings().join(format!("{side}-{uniqueid}.sln")));
        Ok((read("rx")?, read("tx")?))
    }

    /// Ends it at once, as a power failure would, and leaves it off until [`Pbx::start_again`].
    pub async fn crash(&mut self) -> Result<()> {
        self.process.crash().await
    }

    /// Starts it again with the same configuration; registrations and dynamic members are as Asterisk finds them.
    pub async fn start_again(&mut self) -> Result<()> {
        self.process = launch(&self.lab, &self.root, &self.base, &self.settings, &self.tap).await?;
        Ok(())
    }

    /// Ends and starts it.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.stop(SHORT).await?;
        self.start_again().await
    }

    /// Ends it in order.
    pub async fn stop(mut self) -> Result<()> {
        self.process.stop(SHORT).await
    }
}

/// Asterisk runs from where it was unpacked, through its own loader: no root, nothing installed.
fn asterisk(lab: &Lab, root: &Path, base: &Path) -> Result<tokio::process::Command> {
    let loader =
        ["lib64/ld-linux-x86-64.so.2", "usr/lib64/ld-linux-x86-64.so.2", "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"]
            .map(|path| root.join(path))
            .into_iter()
            .find(|path| path.is_file())
            .with_context(|| format!("{} has no loader: `cargo xtask setup` unpacks it again", root.display()))?;
    let libraries: Vec<String> = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "usr/lib", "usr/lib/asterisk"]
        .map(|path| root.join(path).to_string_lossy().into_owned())
        .to_vec();
    let mut command = lab.command(loader);
    command.arg("--library-path").arg(libraries.join(":")).arg(root.join("usr/sbin/asterisk"));
    command.arg("-C").arg(base.join("etc/asterisk.conf"));
    Ok(command)
}

async fn launch(lab: &Lab, root: &Path, base: &Path, settings: &PbxSettings, tap: &Tap) -> Result<Process> {
    let mut command = asterisk(lab, root, base)?;
    command.arg("-f");
    let mut process = Process::start(lab, &settings.name, command)?;
    let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), settings.ami);
    let mark = tap.mark();
    let connected = until("the PBX's manager interface", SHORT, async || match tap.connect(address).await {
        Ok(()) => Some(Ok(())),
        Err(_) => process.must_run().err().map(Err),
    })
    .await;
    connected.and_then(|connected| connected).with_context(|| {
        let log = std::fs::read_to_string(base.join("log/full")).unwrap_or_default();
        format!(
            "Asterisk does not start; its log ends with:\n{}",
            log.lines().rev().take(15).collect::<Vec<_>>().join("\n")
        )
    })?;
    tap.event_after(mark, SHORT, "FullyBooted", |event| event.is("FullyBooted")).await?;
    Ok(process)
}
