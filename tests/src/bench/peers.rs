//! The peers, as Debian has them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::phone::Watch;
use super::process;
use crate::lab::{Desktop, Lab, Pbx, Process, SHORT, sip_password, until};

/// The packages are installed by `cargo xtask bench`.
fn must_be_installed(program: &str) -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|directory| directory.join(program).is_file()) {
        bail!("{program} is not installed on this machine");
    }
    Ok(())
}

/// A softphone without a window.
#[derive(Debug)]
pub struct Baresip {
    process: Process,
}

impl Baresip {
    /// Starts it with PCMA alone, on the same sound card as ours, and waits until it is registered; gives also the
    /// milliseconds that took. With `answers` it takes each call at once.
    pub async fn start(lab: &Lab, desktop: &Desktop, pbx: &Pbx, number: &str, answers: bool) -> Result<(Self, f64)> {
        let start = Watch::begin(pbx);
        let settings = BaresipSettings { number, server: pbx.sip(), answers, ..BaresipSettings::default() };
        let mut phone = Self::open(lab, "baresip", desktop.environment(), desktop.home(), &settings)?;
        match start.registered(pbx, number).await {
            Ok(ready) => Ok((phone, ready)),
            Err(error) => {
                phone.process.must_run()?;
                Err(error.context(phone.process.log()))
            }
        }
    }

    /// Starts one named `name`; whoever has its account sees it register.
    pub fn open(
        lab: &Lab,
        name: &str,
        environment: Vec<(&'static str, String)>,
        home: &Path,
        settings: &BaresipSettings<'_>,
    ) -> Result<Self> {
        must_be_installed("baresip")?;
        let directory = lab.directory(name)?;
        let path = ["/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules"]
            .map(PathBuf::from)
            .into_iter()
            .find(|path| path.is_dir())
            .context("the modules of baresip are not where Debian puts them")?;
        let BaresipSettings { number, server, answers, listen, codec, modules, rtp } = settings;
        let address = server.ip();
        let modules: String = modules.iter().map(|module| format!("module {module}.so\n")).collect();
        let configuration = format!(
            "sip_listen {}\nnet_interface lo\nmodule_path {}\n{modules}module alsa.so\n\
             module_tmp uuid.so\nmodule_tmp account.so\naudio_player alsa,default\naudio_source alsa,default\n\
             audio_alert alsa,default\nring_aufile none\ncall_max_calls 64\ncall_hold_other_calls no\nrtp_ports {}-{}\ncall_local_timeout 60\n",
            listen.unwrap_or(SocketAddr::new(address, 5070)),
            path.display(),
            rtp.0,
            rtp.1,
        );
        std::fs::write(directory.join("config"), configuration)?;
        let mode = if *answers { "auto" } else { "manual" };
        let password = sip_password(number);
        let account = format!(
            "<sip:{number}@{server};transport=udp>;auth_user={number};auth_pass={password};answermode={mode};\
             audio_codecs={codec};regint=120\n"
        );
        std::fs::write(directory.join("accounts"), account)?;
        std::fs::write(directory.join("contacts"), "")?;
        let mut command = process::as_a_person(lab);
        command.args(["baresip", "-f"]).arg(&directory).envs(environment).current_dir(home);
        Ok(Self { process: Process::start(lab, name, command)? })
    }

    /// Its id.
    pub fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// Unregisters and ends.
    pub async fn end(mut self) -> Result<()> {
        self.process.stop(SHORT).await
    }
}

/// What a baresip is started with.
#[derive(Debug, Clone)]
pub struct BaresipSettings<'a> {
    /// Its number.
    pub number: &'a str,
    /// Its registrar.
    pub server: SocketAddr,
    /// Whether it takes each call at once.
    pub answers: bool,
    /// Where it listens; absent: on the server's address.
    pub listen: Option<SocketAddr>,
    /// Codec, as its configuration names it.
    pub codec: &'a str,
    /// Modules besides ALSA: codecs, filters.
    pub modules: &'a [&'a str],
    /// Ports for RTP.
    pub rtp: (u16, u16),
}

impl Default for BaresipSettings<'_> {
    fn default() -> Self {
        Self {
            number: "",
            server: SocketAddr::from(([127, 0, 0, 1], 5060)),
            answers: false,
            listen: None,
            codec: "PCMA/8000/1",
            modules: &["g711"],
            rtp: (43_000, 43_099),
        }
    }
}

/// A softphone with a window.
#[derive(Debug)]
pub struct Linphone {
    process: Process,
    /// Milliseconds until its window is on the screen.
    pub window: f64,
    /// Milliseconds until it is registered, or why it was not.
    pub registered: Result<f64>,
}

impl Linphone {
    /// Starts it with an account, and waits for its window and its registration.
    pub async fn start(lab: &Lab, desktop: &Desktop, pbx: &Pbx, number: &str) -> Result<Self> {
        must_be_installed("linphone")?;
        let configuration = desktop.home().join(".config/linphone");
        std::fs::create_dir_all(&configuration)?;
        let (address, password) = (pbx.sip().ip(), sip_password(number));
        // Only for the first time: later it is as linphone itself has written it.
        if !configuration.join("linphonerc").is_file() {
            let text = format!(
                "[sip]\ndefault_proxy=0\nsip_port=-1\nsip_tcp_port=0\nsip_tls_port=0\nregister_only_when_network_is_up=0\n\n\
                 [net]\nmtu=1300\nfirewall_policy=0\n\n\
                 [proxy_0]\nreg_proxy=<sip:{address};transport=udp>\nreg_identity=sip:{number}@{address}\n\
                 reg_expires=600\nreg_sendregister=1\npublish=0\n\n\
                 [auth_info_0]\nusername={number}\npasswd={password}\nrealm=asterisk\ndomain={address}\n\n\
                 [misc]\nversion_check_url_root=\n\n[ui]\ncheck_for_update_enabled=0\n"
            );
            std::fs::write(configuration.join("linphonerc"), text)?;
        }
        let mut command = lab.command("linphone");
        command.envs(desktop.environment()).current_dir(desktop.home());
        let (start, started) = (Watch::begin(pbx), Instant::now());
        let mut process = Process::start(lab, "linphone", command)?;
        let shown = until("the window of linphone", SHORT, async || {
            let mut look = lab.command("xdotool");
            look.args(["search", "--onlyvisible", "--name", "linphone"]).envs(desktop.environment());
            (!look.output().await.ok()?.stdout.is_empty()).then_some(())
        })
        .await;
        let window = started.elapsed().as_secs_f64() * 1000.0;
        if let Err(error) = shown {
            process.must_run()?;
            return Err(error.context(process.log()));
        }
        let registered = start.registered(pbx, number).await;
        Ok(Self { process, window, registered })
    }

    /// Memory of its tree in MB, once it stands still.
    pub async fn memory(&self) -> Result<f64> {
        process::settled(|| process::tree(self.process.pid())).await?;
        process::pss_of(&process::tree(self.process.pid()))
    }

    /// Ends it.
    pub async fn end(mut self) -> Result<()> {
        self.process.stop(Duration::from_secs(5)).await
    }
}
