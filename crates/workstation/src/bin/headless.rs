//! A workstation driven by JSON lines: for scripts, load tests and the lab.
//!
//! Out: `{"number":1,"view":…}`, then `{"number":2,"patch":…}`, and for each command with an `id`
//! `{"answer":{"id":…,"ok":…}}` or `{"answer":{"id":…,"error":…}}`.
//! In, one a line: `{"id":1,"sign-in":{"server","username","password","takeOver"}}`, `{"sign-out":{}}`,
//! `{"phone":{"do":"answer","call":1}}`, `{"request":{"method":"PUT","path":"/api/v1/me/status","body":{…}}}`,
//! `{"restart-softphone":{}}`, `{"dismiss-notice":{"number":1}}`, `{"quit":{}}`. The end of the input is `quit`.

use anyhow::Context as _;
use clap::Parser;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use workstation::host::{Method, SignInForm};
use workstation::keyring::{Keyring, MemoryKeyring, OsKeyring};
use workstation::preferences::PreferencesFile;
use workstation::{Handle, Options};

/// A workstation without a window, driven by JSON lines on stdin and stdout.
#[derive(Debug, Parser)]
#[command(name = "linedesk-headless", version)]
struct Arguments {
    /// `typescript`: print the window's contract and end
    what: Option<String>,
    /// Cache, outbox, record, logs (LINEDESK_DATA_DIR)
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Private directory of the softphone's socket, a short path (LINEDESK_RUNTIME_DIR)
    #[arg(long)]
    runtime_dir: Option<PathBuf>,
    /// linedesk-softphone; beside this program when not given (LINEDESK_SOFTPHONE)
    #[arg(long)]
    softphone: Option<PathBuf>,
    /// One more certification authority for central, PEM (LINEDESK_CA_FILE)
    #[arg(long)]
    ca_file: Option<PathBuf>,
    /// Use the keyring of the operating system; else secrets live in memory only
    #[arg(long)]
    os_keyring: bool,
    /// Sign in at the start: server; the password is the first line of the input
    #[arg(long, requires = "username")]
    server: Option<String>,
    /// Sign in at the start: name
    #[arg(long, requires = "server")]
    username: Option<String>,
    /// Move here when the operator works elsewhere
    #[arg(long)]
    take_over: bool,
    /// Print no view updates
    #[arg(long)]
    quiet: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Wish {
    SignIn(SignInForm),
    SignOut {},
    Phone(softphone_api::Command),
    Request { method: Method, path: String, body: Option<Value> },
    RestartSoftphone {},
    DismissNotice { number: u64 },
    Quit {},
}

#[derive(Debug, Deserialize)]
struct Line {
    id: Option<Value>,
    #[serde(flatten)]
    wish: Wish,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.what.as_deref() {
        Some("typescript") => {
            print!("{}", workstation::typescript::contract());
            return Ok(());
        }
        Some(other) => anyhow::bail!("{other} is not known; the only word is `typescript`"),
        None => {}
    }
    // A second provider cannot have been installed before main.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("LINEDESK_LOG")
                .unwrap_or_else(|_| "warn,workstation=info".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    tokio::runtime::Runtime::new().context("the runtime cannot start")?.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let keyring: Arc<dyn Keyring> =
        if arguments.os_keyring { Arc::new(OsKeyring) } else { Arc::new(MemoryKeyring::default()) };
    let handle = workstation::start(options(&arguments)?, keyring).await?;
    let (say, mut said) = mpsc::unbounded_channel::<Value>();
    let printer = tokio::spawn(async move {
        let mut out = tokio::io::stdout();
        while let Some(line) = said.recv().await {
            // Nobody reads any more: then there is nobody to tell, either.
            if out.write_all(format!("{line}\n").as_bytes()).await.is_err() || out.flush().await.is_err() {
                return;
            }
        }
    });
    if !arguments.quiet {
        let mut updates = handle.subscribe().await?;
        let say = say.clone();
        tokio::spawn(async move {
            while let Some(update) = updates.recv().await {
                let line = serde_json::to_value(update).unwrap_or_else(|error| json!({ "error": error.to_string() }));
                if say.send(line).is_err() {
                    return;
                }
            }
        });
    }
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    if let (Some(server), Some(username)) = (arguments.server, arguments.username) {
        let password =
            lines.next_line().await?.context("the password is the first line of the input, but there is none")?;
        let password = serde_json::from_value(Value::String(password)).context("a password is a text")?;
        let form = SignInForm { server, username, password, take_over: arguments.take_over };
        let outcome = handle.sign_in(form).await;
        // The reader of our output decides what a failure means.
        let _ = say.send(answer(json!("sign-in"), outcome));
    }
    while let Some(line) = lines.next_line().await? {
        if line.trim().is_empty() {
            continue;
        }
        let Line { id, wish } = match serde_json::from_str(&line) {
            Ok(line) => line,
            Err(error) => {
                let _ = say.send(json!({ "error": format!("this line cannot be read: {error}") }));
                continue;
            }
        };
        if matches!(wish, Wish::Quit {}) {
            break;
        }
        let (handle, say) = (handle.clone(), say.clone());
        tokio::spawn(async move {
            let outcome = carry_out(&handle, id.clone().unwrap_or(Value::Null), wish).await;
            if id.is_some() {
                let _ = say.send(outcome);
            }
        });
    }
    handle.quit().await;
    drop(say);
    printer.await.context("the output")
}

async fn carry_out(handle: &Handle, id: Value, wish: Wish) -> Value {
    match wish {
        Wish::SignIn(form) => answer(id, handle.sign_in(form).await),
        Wish::SignOut {} => {
            handle.sign_out().await;
            json!({ "answer": { "id": id, "ok": null } })
        }
        Wish::Phone(command) => answer(id, handle.phone(command).await),
        Wish::Request { method, path, body } => answer(id, handle.request(method, path, body).await),
        Wish::RestartSoftphone {} => {
            handle.restart_softphone();
            json!({ "answer": { "id": id, "ok": null } })
        }
        Wish::DismissNotice { number } => {
            handle.dismiss_notice(number);
            json!({ "answer": { "id": id, "ok": null } })
        }
        Wish::Quit {} => Value::Null,
    }
}

fn answer(id: Value, outcome: Result<impl serde::Serialize, impl serde::Serialize>) -> Value {
    match outcome {
        Ok(ok) => json!({ "answer": { "id": id, "ok": ok } }),
        Err(error) => json!({ "answer": { "id": id, "error": error } }),
    }
}

fn options(arguments: &Arguments) -> anyhow::Result<Options> {
    let given = |argument: &Option<PathBuf>, variable: &str| {
        argument.clone().or_else(|| std::env::var_os(variable).map(PathBuf::from))
    };
    let softphone_program = match given(&arguments.softphone, "LINEDESK_SOFTPHONE") {
        Some(path) => path,
        None => {
            workstation::beside_this_program("linedesk-softphone").context("where this program lies is not known")?
        }
    };
    let data_dir = given(&arguments.data_dir, "LINEDESK_DATA_DIR").context("give --data-dir")?;
    Ok(Options {
        preferences: PreferencesFile::open(data_dir.join("preferences.json")),
        data_dir,
        runtime_dir: given(&arguments.runtime_dir, "LINEDESK_RUNTIME_DIR").context("give --runtime-dir")?,
        softphone_program,
        shell_command: Vec::new(),
        extra_ca: given(&arguments.ca_file, "LINEDESK_CA_FILE"),
    })
}
