//! The command line. Secrets come from standard input, never from arguments, which every user of the machine can read.

mod arguments;
mod call;
mod classification;
mod customer;
mod directory;
mod examine;
mod look;
mod number;

pub use arguments::Cli;

use anyhow::{Context as _, bail};
use central_api::{Role, Secret};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use arguments::{
    Command, Init, MemberCommand, OnOff, PbxCommand, PhoneCommand, QueueCommand, ReasonCommand, RoleArg, UserCommand,
};

use crate::config::{Config, NewConfig};
use crate::server::Server;
use crate::store::{
    CodesInput, FiguresInput, Input, Location, MemberInput, PbxInput, PhoneInput, QueueInput, ReasonInput, SipInput,
    Store, UserInput,
};

impl Cli {
    /// Carries it out.
    ///
    /// # Errors
    /// A text for a person: what failed, why, what to do.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Init(ref init) => self.init(init).await,
            Command::Serve => serve(&Config::read(&self.config)?).await,
            Command::Apply { ref file } => {
                let text = if file.as_os_str() == "-" {
                    let mut text = String::new();
                    std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
                    text
                } else {
                    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
                };
                let input = crate::apply::parse(&file.display().to_string(), &text)?;
                let store = self.store().await?;
                let warnings = crate::apply::carry_out(&store.0, &input).await?;
                if input.tenant.retention.is_given() {
                    say(&store.0.retention().await?.to_string())?;
                }
                store.0.close().await;
                warn(&warnings)
            }
            Command::User(ref command) => self.user(command).await,
            Command::Pbx(ref command) => self.pbx(command).await,
            Command::Line(_) => self.lines().await,
            Command::Project(_) => self.projects().await,
            Command::ExternalNumber(_) => self.external_numbers().await,
            Command::Group(_) => self.groups().await,
            Command::Classification(ref command) => self.classification(command).await,
            Command::Number(ref command) => self.number(command).await,
            Command::Queue(ref command) => self.queue(command).await,
            Command::Phone(ref command) => self.phone(command).await,
            Command::Member(ref command) => self.member(command).await,
            Command::Reason(ref command) => self.reason(command).await,
            Command::Call(ref command) => call::run(self.store().await?.0, &Config::read(&self.config)?, command).await,
            Command::Customer(ref command) => {
                customer::run(self.store().await?.0, &Config::read(&self.config)?, command).await
            }
        }
    }

    /// A config file that is there is kept, a database that is there is refused: nothing is ever overwritten.
    async fn init(&self, init: &Init) -> anyhow::Result<()> {
        let path = self.config.display();
        if !self.config.exists() {
            let new = NewConfig {
                listen: init.listen,
                data_dir: std::path::absolute(&init.data_dir)?,
                database: init.database.clone(),
                database_password_file: init.database_password_file.as_ref().map(std::path::absolute).transpose()?,
            };
            // What cannot be read again must not lie there.
            if let Some(database) = &new.database {
                database.parse::<Location>()?;
            }
            Config::write_new(&self.config, &new)?;
            say(&format!("Config file written: {path}"))?;
        }
        let options = Config::read(&self.config)?.store();
        Store::create_new(&options).await?.close().await;
        say(&format!("Database made: {}", options.shown()))?;
        say(&format!("Next: `linedesk-central --config {path} apply FILE.toml`, then `serve`."))
    }

    async fn store(&self) -> anyhow::Result<Administration> {
        Ok(Administration(Store::open(&Config::read(&self.config)?.store()).await?))
    }

    async fn user(&self, command: &UserCommand) -> anyhow::Result<()> {
        let store = self.store().await?;
        let user = |username: &str| UserInput {
            username: username.to_owned(),
            display_name: None,
            role: None,
            password: None,
            tracked: None,
            tracked_from: None,
            tracked_until: None,
            phones: Vec::new(),
            members: Vec::new(),
        };
        let input = match command {
            UserCommand::List => {
                return store
                    .list(|config| {
                        let line = |row: &crate::store::UserRow| {
                            format!(
                                "{}\t{}\t{:?}\t{}",
                                row.user.id, row.user.username, row.user.role, row.user.display_name
                            )
                        };
                        config.users.values().map(line).collect()
                    })
                    .await;
            }
            UserCommand::Add { username, display_name, role, password_stdin } => UserInput {
                display_name: display_name.clone(),
                role: role.map(|role| match role {
                    RoleArg::Operator => Role::Operator,
                    RoleArg::Supervisor => Role::Supervisor,
                    RoleArg::Administrator => Role::Administrator,
                }),
                password: secret(*password_stdin)?,
                ..user(username)
            },
            UserCommand::Password { username, password_stdin } => {
                if store.0.credentials(username).await?.is_none() {
                    bail!("there is no user {username}; `linedesk-central user list` shows them");
                }
                UserInput { password: secret(*password_stdin)?, ..user(username) }
            }
        };
        store.take(&Input { users: vec![input], ..Input::default() }).await
    }

    async fn pbx(&self, command: &PbxCommand) -> anyhow::Result<()> {
        let store = self.store().await?;
        match command {
            PbxCommand::List => {
                store
                    .list(|config| {
                        let line = |pbx: &crate::store::PbxRow| {
                            let managed = if pbx.managed { "managed" } else { "watched only" };
                            format!("{}\t{}\t{}:{}\t{managed}", pbx.id, pbx.name, pbx.host, pbx.port)
                        };
                        config.pbxs.values().map(line).collect()
                    })
                    .await
            }
            PbxCommand::Look { name } => look::look(&store.0, name).await,
            PbxCommand::Propose { name } => directory::propose(&store.0, name).await,
            PbxCommand::Confirm { name, keys } => directory::confirm(&store.0, name, keys).await,
            PbxCommand::Managed { name, managed } => {
                Ok(store.0.set_managed(name, matches!(managed, OnOff::On)).await?)
            }
            PbxCommand::Test { name, watch, json } => examine::examine(store.0, name, *watch, *json).await,
            PbxCommand::Add(add) => {
                let tls_ca_pem = add
                    .tls_ca
                    .as_ref()
                    .map(|file| {
                        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
                    })
                    .transpose()?;
                let sip = SipInput {
                    server: add.sip_server.clone(),
                    port: add.sip_port,
                    transport: add.sip_transport,
                    domain: add.sip_domain.clone(),
                    encryption: add.sip_encryption,
                    tls_ca_pem,
                    ..SipInput::default()
                };
                let pbx = PbxInput {
                    name: add.name.clone(),
                    host: add.host.clone(),
                    port: add.port,
                    username: add.username.clone(),
                    secret: secret(add.secret_stdin)?,
                    tls: add.tls.map(|tls| matches!(tls, OnOff::On)),
                    links: None,
                    managed: None,
                    sip,
                    codes: CodesInput::default(),
                    number_plan: None,
                    mirror_of: None,
                    member_template: None,
                    lines: Vec::new(),
                };
                store.take(&Input { pbxs: vec![pbx], ..Input::default() }).await
            }
        }
    }

    async fn queue(&self, command: &QueueCommand) -> anyhow::Result<()> {
        let store = self.store().await?;
        match command.clone_input() {
            None => {
                store
                    .list(|config| {
                        let line = |queue: &crate::store::Queue| {
                            format!("{}\t{}\t{}\tpbx {}", queue.id, queue.pbx_queue, queue.name, queue.pbx)
                        };
                        config.queues.values().map(line).collect()
                    })
                    .await
            }
            Some(queue) => store.take(&Input { queues: vec![queue], ..Input::default() }).await,
        }
    }

    async fn phone(&self, command: &PhoneCommand) -> anyhow::Result<()> {
        let store = self.store().await?;
        match command {
            PhoneCommand::List => {
                store
                    .list(|config| {
                        let line = |phone: &crate::directory::PhonePlace| {
                            let whose = phone.user.map_or_else(|| "nobody's".to_owned(), |user| format!("user {user}"));
                            format!("{}\t{}\t{whose}\tpbx {}", phone.id, phone.number, phone.pbx)
                        };
                        config.house.phones.values().map(line).collect()
                    })
                    .await
            }
            PhoneCommand::Add { username, number, pbx, sip_user, auth_user, display_name, secret_stdin } => {
                let phone = PhoneInput {
                    pbx: pbx.clone(),
                    number: number.clone(),
                    secret: secret(*secret_stdin)?,
                    kind: None,
                    sip_user: sip_user.clone(),
                    auth_user: auth_user.clone(),
                    display_name: display_name.clone(),
                };
                store.take_for(username, vec![phone], Vec::new()).await
            }
        }
    }

    async fn member(&self, command: &MemberCommand) -> anyhow::Result<()> {
        let store = self.store().await?;
        match command {
            MemberCommand::List => {
                store
                    .list(|config| {
                        let line = |member: &crate::store::Member| {
                            let fixed = if member.fixed { "fixed" } else { "dynamic" };
                            format!("user {}\tqueue {}\t{}\t{fixed}", member.user, member.queue, member.interface)
                        };
                        config.members.values().map(line).collect()
                    })
                    .await
            }
            MemberCommand::Add {
                username,
                queue,
                pbx,
                interface,
                state_interface,
                member_name,
                penalty,
                fixed,
                out,
            } => {
                let member = MemberInput {
                    pbx: pbx.clone(),
                    queue: queue.clone(),
                    interface: interface.clone(),
                    state_interface: state_interface.clone(),
                    member_name: member_name.clone(),
                    penalty: *penalty,
                    fixed: *fixed,
                    joined: !out,
                };
                store.take_for(username, Vec::new(), vec![member]).await
            }
        }
    }

    async fn reason(&self, command: &ReasonCommand) -> anyhow::Result<()> {
        let store = self.store().await?;
        match command {
            ReasonCommand::List => {
                store
                    .list(|config| {
                        let line = |row: &crate::store::ReasonRow| {
                            let name = row.reason.names.get("en").map_or("", String::as_str);
                            format!("{}\t{}\t{:?}\t{name}", row.reason.id, row.key, row.reason.class)
                        };
                        config.reasons.values().map(line).collect()
                    })
                    .await
            }
            ReasonCommand::Add { key, class, limit_min, en, ru } => {
                let mut names = BTreeMap::from([("en".to_owned(), en.clone())]);
                names.extend(ru.clone().map(|ru| ("ru".to_owned(), ru)));
                let reason = ReasonInput { key: key.clone(), class: *class, limit_min: *limit_min, names };
                store.take(&Input { reasons: vec![reason], ..Input::default() }).await
            }
        }
    }
}

impl QueueCommand {
    fn clone_input(&self) -> Option<QueueInput> {
        match self {
            Self::List => None,
            Self::Add { queue, pbx, name, project, greeting } => Some(QueueInput {
                pbx: pbx.clone(),
                queue: queue.clone(),
                name: name.clone(),
                project: project.clone(),
                greeting: greeting.clone(),
                managed_by: crate::directory::ManagedBy::Pbx,
                figures: FiguresInput::default(),
            }),
        }
    }
}

/// The database as the command line works on it.
struct Administration(Store);

impl Administration {
    async fn take(self, input: &Input) -> anyhow::Result<()> {
        let warnings = crate::apply::carry_out(&self.0, input).await?;
        self.0.close().await;
        warn(&warnings)
    }

    async fn take_for(self, username: &str, phones: Vec<PhoneInput>, members: Vec<MemberInput>) -> anyhow::Result<()> {
        let Some((user, _)) = self.0.credentials(username).await? else {
            bail!(
                "there is no user {username}; add the user first: `linedesk-central user add {username} --password-stdin`"
            );
        };
        let user = UserInput {
            username: user.username,
            display_name: None,
            role: None,
            password: None,
            tracked: None,
            tracked_from: None,
            tracked_until: None,
            phones,
            members,
        };
        self.take(&Input { users: vec![user], ..Input::default() }).await
    }

    async fn list(self, lines: impl FnOnce(&crate::store::Configuration) -> Vec<String>) -> anyhow::Result<()> {
        let config = self.0.configuration().await?;
        self.0.close().await;
        for line in lines(&config) {
            say(&line)?;
        }
        Ok(())
    }
}

/// The first line of standard input, when asked for.
fn secret(from_stdin: bool) -> anyhow::Result<Option<Secret>> {
    if !from_stdin {
        return Ok(None);
    }
    let mut line = zeroize::Zeroizing::new(String::new());
    std::io::stdin().read_line(&mut line).context("cannot read the secret from standard input")?;
    let text = line.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        bail!("standard input gave no secret; pipe one line into it");
    }
    Ok(Some(Secret::new(text)))
}

/// What was taken and may not be meant so.
fn warn(warnings: &[String]) -> anyhow::Result<()> {
    for warning in warnings {
        writeln!(std::io::stderr(), "taken, but: {warning}").context("cannot write to standard error")?;
    }
    Ok(())
}

fn say(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}").context("cannot write to standard output")
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    let _log = crate::log::start(config)?;
    let server = Server::start(config, Arc::<crate::links::Ami>::default()).await?;
    tracing::info!(url = server.url(), "listening");
    say(&serde_json::json!({ "listening": server.url() }).to_string())?;
    server.serve_until(stop_signal()?).await?;
    Ok(())
}

/// Ctrl-C or, on Unix, SIGTERM.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    })
}
