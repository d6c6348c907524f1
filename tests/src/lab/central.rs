//! The server, as its own process with its own database.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::driver::free_port;
use super::pbx::sip_password;
use super::{Lab, Pbx, Process, SHORT, program, until};

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
            more: String::new(),
        }
    }

    fn toml(&self) -> String {
        let Self { people, ami, sip, transport, encryption, tls_ca_pem, more } = self;
        let mut text = format!(
            "[tenant]\nname = \"Linedesk demo\"\nafter_call_s = 0\n\n[[pbx]]\nname = \"lab\"\nhost = \"{}\"\nport = {}\nusername = \"linedesk\"\n\
             secret = \"linedesk-ami\"\nmanaged = true\nsip = {{ server = \"{}\", port = {}, transport = \"{transport}\", encryption = \"{encryption}\"{} }}\n",
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
    port: u16,
    process: Option<Process>,
}

impl Central {
    /// Makes the database, applies the office and serves.
    pub async fn start(lab: &Lab, office: &Office) -> Result<Self> {
        Self::start_in(lab, lab.directory("central")?, office).await
    }

    /// The same with a directory that outlives the lab (the demo's).
    pub async fn start_in(lab: &Lab, directory: PathBuf, office: &Office) -> Result<Self> {
        let port = free_port()?;
        let mut central = Self { lab: lab.clone(), directory, port, process: None };
        std::fs::write(central.configuration(), central.settings())?;
        if !central.directory.join("data").is_dir() {
            std::fs::create_dir_all(central.directory.join("data"))?;
            central.run(&["init"]).await?;
        }
        central.apply(office).await?;
        central.start_again().await?;
        Ok(central)
    }

    fn configuration(&self) -> PathBuf {
        self.directory.join("central.toml")
    }

    fn settings(&self) -> String {
        format!("data = \"{}\"\nlisten = \"127.0.0.1:{}\"\n", self.directory.join("data").display(), self.port)
    }

    /// Where a workstation finds it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// `linedesk-central --config … ARGUMENTS`, to its end; gives what it printed.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.lab.command(program("linedesk-central")?);
        command.arg("--config").arg(self.configuration()).args(arguments).kill_on_drop(true);
        let output = tokio::time::timeout(SHORT, command.output()).await.context("linedesk-central does not end")??;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("linedesk-central {arguments:?} failed: {text}{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(text)
    }

    /// Applies an office, also while it serves.
    pub async fn apply(&self, office: &Office) -> Result<()> {
        // It holds passwords, so it is there only as long as it is read.
        let file = tempfile::Builder::new().suffix(".toml").tempfile_in(&self.directory)?;
        std::fs::write(file.path(), office.toml())?;
        self.run(&["apply", &file.path().to_string_lossy()]).await.map(drop)
    }

    /// SIGKILL; it is away until [`Central::start_again`].
    pub async fn crash(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.crash().await,
            None => bail!("central does not run"),
        }
    }

    /// Ends it in order.
    pub async fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop(SHORT).await,
            None => Ok(()),
        }
    }

    /// Serves (again), on the same port; waits until it does.
    pub async fn start_again(&mut self) -> Result<()> {
        let mut command = self.lab.command(program("linedesk-central")?);
        command.arg("--config").arg(self.configuration()).arg("serve");
        let mut process = Process::start(&self.lab, "central", command)?;
        let served = until("central serves", Duration::from_secs(20), async || {
            if let Err(error) = process.must_run() {
                return Some(Err(error));
            }
            tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.ok().map(|_| Ok(()))
        })
        .await;
        served.and_then(|served| served).with_context(|| process.log())?;
        self.process = Some(process);
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
