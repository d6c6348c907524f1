//! The server, as its own process with its own database.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::ChildStdout;

use super::driver::free_port;
use super::pbx::sip_password;
use super::{Lab, Pbx, Process, SHORT, certificate, program};

/// What the lab's dialplan says back to whoever calls it.
const ECHO: &str = "600";

/// Somebody of the office.
#[derive(Debug, Clone)]
pub struct Person {
    /// Sign-in name; the password is `NAME-password`.
    pub username: String,
    /// What people read.
    pub display_name: String,
    /// Phone at the PBX.
    pub phone: String,
    /// SIP password of the phone; another than the PBX's for what happens then.
    pub sip_password: String,
}

impl Person {
    /// Of a phone of the lab's PBX.
    pub fn new(username: &str, display_name: &str, phone: &str) -> Self {
        Self {
            username: username.to_owned(),
            display_name: display_name.to_owned(),
            phone: phone.to_owned(),
            sip_password: sip_password(phone),
        }
    }

    /// Their password.
    pub fn password(&self) -> String {
        format!("{}-password", self.username)
    }
}

/// What central is told by `apply`: a PBX, queues, people.
#[derive(Debug, Clone)]
pub struct Office {
    /// People; each may join support (dynamic), sales (static) and night (Local).
    pub people: Vec<Person>,
    /// Manager interface of the PBX.
    pub ami: std::net::SocketAddr,
    /// SIP of the PBX: server, port.
    pub sip: (String, u16),
    /// `udp`, `tcp`, `tls`.
    pub transport: String,
    /// `off`, `sdes`, `dtls`.
    pub encryption: String,
    /// Authority that softphones believe besides the system's, PEM.
    pub tls_ca_pem: Option<String>,
    /// Seconds of after-call work; 0: none.
    pub after_call_s: u32,
    /// Lines of TOML at the end, for what has no word here.
    pub more: String,
}

impl Office {
    /// Anna 1001, Boris 1002, Clara 1003 at this PBX.
    pub fn new(pbx: &Pbx) -> Self {
        Self {
            people: vec![
                Person::new("anna", "Anna Orlova", "1001"),
                Person::new("boris", "Boris Lebedev", "1002"),
                Person::new("clara", "Clara Weiss", "1003"),
            ],
            ami: pbx.ami(),
            sip: (pbx.sip().ip().to_string(), pbx.sip().port()),
            transport: "udp".to_owned(),
            encryption: "off".to_owned(),
            tls_ca_pem: None,
            after_call_s: 0,
            more: String::new(),
        }
    }

    fn toml(&self) -> String {
        let Self { people, ami, sip, transport, encryption, tls_ca_pem, after_call_s, more } = self;
        let mut text = format!(
            "[tenant]\nname = \"Linedesk demo\"\nafter_call_s = {after_call_s}\n\n[[pbx]]\nname = \"lab\"\nhost = \"{}\"\nport = {}\nusername = \"linedesk\"\n\
             secret = \"linedesk-ami\"\nmanaged = true\nsip = {{ server = \"{}\", port = {}, transport = \"{transport}\", encryption = \"{encryption}\"{} }}\n\
             codes = {{ echo_test = \"{ECHO}\" }}\n",
            ami.ip(),
            ami.port(),
            sip.0,
            sip.1,
            tls_ca_pem.as_ref().map(|pem| format!(", tls_ca_pem = {}", toml_text(pem))).unwrap_or_default()
        );
        for (queue, name, project, greeting) in [
            ("support", "Support", "ACME delivery", "ACME delivery, good day!"),
            ("sales", "Sales", "ACME shop", "ACME shop, good day!"),
            ("night", "Night line", "ACME delivery", "ACME, the night line."),
        ] {
            let _ = write!(
                text,
                "\n[[queue]]\nqueue = \"{queue}\"\nname = \"{name}\"\nproject = \"{project}\"\ngreeting = \"{greeting}\"\n"
            );
        }
        for person in people {
            let Person { username, display_name, phone, sip_password } = person;
            let _ = write!(
                text,
                "\n[[user]]\nusername = \"{username}\"\ndisplay_name = \"{display_name}\"\nrole = \"operator\"\npassword = \"{}\"\n\
                 phone = [{{ number = \"{phone}\", secret = \"{sip_password}\" }}]\nmember = [\n  {{ queue = \"support\" }},\n  \
                 {{ queue = \"sales\", fixed = true }},\n  {{ queue = \"night\", interface = \"Local/{{number}}@operators/n\", \
                 state_interface = \"PJSIP/{{number}}\", joined = false }},\n]\n",
                person.password()
            );
        }
        text + more
    }
}

/// A basic TOML string of a text with line ends.
fn toml_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// `linedesk-central serve` on loopback, SQLite in the lab's directory.
#[derive(Debug)]
pub struct Central {
    lab: Lab,
    directory: PathBuf,
    url: String,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    process: Process,
    /// Held, or its next line would end it.
    _said: Lines<BufReader<ChildStdout>>,
}

impl Central {
    /// Makes the database, applies the office and serves.
    pub async fn start(lab: &Lab, office: &Office) -> Result<Self> {
        Self::start_in(lab, lab.directory("central")?, office, "").await
    }

    /// The same with more lines of configuration, e.g. `"away_pause_s = 1\ngrace_s = 0\n"`.
    pub async fn start_with(lab: &Lab, office: &Office, lines: &str) -> Result<Self> {
        Self::start_in(lab, lab.directory("central")?, office, lines).await
    }

    /// With TLS: the certificate is for `name`, signed by [`Central::authority`]; the address stays 127.0.0.1.
    pub async fn start_with_tls(lab: &Lab, office: &Office, name: &str) -> Result<Self> {
        let directory = lab.directory("central")?;
        certificate::write(&directory, "central", &[name])?;
        Self::start_in(lab, directory, office, "tls_certificate = \"central.crt\"\ntls_key = \"central.key\"\n").await
    }

    /// With another house than an office, as a file for `apply` says it. Its directory and log have this name, so that there can
    /// be several.
    pub async fn start_as(lab: &Lab, name: &str, house: &str) -> Result<Self> {
        Self::serve(lab, lab.directory(name)?, house, "", None).await
    }

    /// The same with another database than SQLite.
    pub async fn start_on(lab: &Lab, name: &str, house: &str, database: Option<&str>) -> Result<Self> {
        Self::serve(lab, lab.directory(name)?, house, "", database).await
    }

    /// In a directory that may outlive the lab (the demo's): what is there is taken, and the office applied to it again.
    pub async fn start_in(lab: &Lab, directory: PathBuf, office: &Office, lines: &str) -> Result<Self> {
        Self::serve(lab, directory, &office.toml(), lines, None).await
    }

    async fn serve(lab: &Lab, directory: PathBuf, house: &str, lines: &str, database: Option<&str>) -> Result<Self> {
        let mut central = Self { lab: lab.clone(), directory, url: String::new(), running: None };
        let listen = format!("127.0.0.1:{}", free_port()?);
        let configuration = central.configuration();
        if configuration.is_file() {
            // The port of the last time may be another's now.
            let text = std::fs::read_to_string(&configuration)?;
            let moved: String = text
                .lines()
                .map(|line| {
                    if line.starts_with("listen =") { format!("listen = \"{listen}\"\n") } else { format!("{line}\n") }
                })
                .collect();
            std::fs::write(&configuration, moved)?;
        } else {
            let data = central.directory.join("data");
            let data = data.to_string_lossy();
            let mut init = vec!["init", "--data-dir", &data, "--listen", &listen];
            init.extend(database.iter().flat_map(|database| ["--database", database]));
            central.run(&init, "").await?;
            let text = std::fs::read_to_string(&configuration)?;
            std::fs::write(&configuration, text + lines)?;
        }
        central.apply_text(house).await?;
        central.start_again().await?;
        Ok(central)
    }

    /// What it says when it cannot serve at this address.
    pub async fn refuses_to_start(lab: &Lab, listen: SocketAddr) -> Result<String> {
        let directory = lab.directory("central-refused")?;
        let central = Self { lab: lab.clone(), directory, url: String::new(), running: None };
        let data = central.directory.join("data");
        central.run(&["init", "--data-dir", &data.to_string_lossy(), "--listen", &listen.to_string()], "").await?;
        match central.run(&["serve"], "").await {
            Ok(said) => bail!("central ended well: {said}"),
            Err(words) => Ok(format!("{words:#}")),
        }
    }

    fn configuration(&self) -> PathBuf {
        self.directory.join("central.toml")
    }

    /// Where a workstation finds it.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The authority of [`Central::start_with_tls`], a PEM file for `LINEDESK_CA_FILE`.
    pub fn authority(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    /// `linedesk-central ARGUMENTS` to its end, with `input` on standard input; gives what it printed.
    pub async fn run(&self, arguments: &[&str], input: &str) -> Result<String> {
        self.run_within(SHORT, arguments, input).await
    }

    /// The same for what takes its time.
    pub async fn run_within(&self, patience: Duration, arguments: &[&str], input: &str) -> Result<String> {
        let mut command = self.command()?;
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut pipe = child.stdin.take().context("a pipe was asked for")?;
        pipe.write_all(input.as_bytes()).await?;
        drop(pipe);
        let output = tokio::time::timeout(patience, child.wait_with_output()).await;
        let output = output.with_context(|| format!("linedesk-central {arguments:?} does not end"))??;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("linedesk-central {arguments:?} failed: {text}{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(text)
    }

    fn command(&self) -> Result<tokio::process::Command> {
        let mut command = self.lab.command(program("linedesk-central")?);
        command.arg("--config").arg(self.configuration());
        Ok(command)
    }

    /// Applies an office, also while it serves. Its passwords go through a pipe.
    pub async fn apply(&self, office: &Office) -> Result<()> {
        self.apply_text(&office.toml()).await
    }

    /// The same of a file.
    pub async fn apply_text(&self, house: &str) -> Result<()> {
        self.run(&["apply", "-"], house).await.map(drop)
    }

    /// Process id of the one that serves.
    pub fn pid(&self) -> Result<i32> {
        Ok(self.running.as_ref().context("central does not run")?.process.pid())
    }

    /// What it says of its health.
    pub async fn health(&self) -> Result<serde_json::Value> {
        // Whoever asks again finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = format!("{}{}/health", self.url, central_api::BASE);
        Ok(reqwest::get(url).await?.error_for_status()?.json().await?)
    }

    /// SIGKILL; it is away until [`Central::start_again`].
    pub async fn crash(&mut self) -> Result<()> {
        self.running.take().context("central does not run")?.process.crash().await
    }

    /// Ends it in order.
    pub async fn stop(&mut self) -> Result<()> {
        match self.running.take() {
            Some(mut running) => running.process.stop(SHORT).await,
            None => Ok(()),
        }
    }

    /// Serves (again), on the same port; waits until it says so.
    pub async fn start_again(&mut self) -> Result<()> {
        let mut command = self.command()?;
        let name = self.directory.file_name().map_or_else(|| "central".into(), |name| name.to_string_lossy());
        let log = std::fs::File::options().create(true).append(true).open(self.lab.log(&name))?;
        command.arg("serve").stdout(Stdio::piped()).stderr(log);
        let mut process = Process::start_piped(&self.lab, &name, command)?;
        let mut said = BufReader::new(process.take_stdout().context("a pipe was asked for")?).lines();
        let line = tokio::time::timeout(SHORT, said.next_line()).await;
        let line = line.with_context(|| format!("central does not say that it serves:\n{}", process.log()))??;
        let line = line.with_context(|| format!("central ended at once:\n{}", process.log()))?;
        let ready: serde_json::Value =
            serde_json::from_str(&line).with_context(|| format!("not a JSON line: {line}"))?;
        self.url = ready["listening"].as_str().with_context(|| format!("no URL in {line}"))?.to_owned();
        self.running = Some(Running { process, _said: said });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_survives_toml() {
        assert_eq!(toml_text("-----BEGIN\nab\"\\"), "\"-----BEGIN\\nab\\\"\\\\\"");
    }
}
