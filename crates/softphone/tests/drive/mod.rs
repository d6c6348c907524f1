//! Drives a softphone from a test: over the console, or as a shell over the socket. Waiting is always for a message.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "shared by test binaries that each use a part; a failed step is a failed test"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The program; `cargo xtask test --deep` runs these tests once more with one that is built with AddressSanitizer.
fn program() -> Command {
    let mut program = Command::new(
        std::env::var_os("LINEDESK_SOFTPHONE").unwrap_or_else(|| env!("CARGO_BIN_EXE_linedesk-softphone").into()),
    );
    // The sanitizer's runtime has to come before all other libraries.
    if let Some(runtime) = std::env::var_os("LINEDESK_SOFTPHONE_PRELOAD") {
        program.env("LD_PRELOAD", runtime);
    }
    program
}

/// Memory means something else then.
pub fn is_sanitized() -> bool {
    std::env::var_os("LINEDESK_SOFTPHONE_PRELOAD").is_some()
}

const PATIENCE: Duration = Duration::from_secs(12);

/// Host and port that a variable of the lab tells.
pub fn lab_at(variable: &str) -> (String, u16) {
    let at = std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable}=host:port is set by cargo xtask test --only softphone"));
    let (host, port) = at.rsplit_once(':').unwrap_or_else(|| panic!("{variable} is not host:port"));
    (host.to_owned(), port.parse().unwrap_or_else(|_| panic!("{variable} does not end with a port")))
}

pub fn account(user: &str, password: &str) -> Value {
    let (server, port) = lab_at("LINEDESK_LAB_SIP");
    json!({"id": user, "server": server, "port": port, "transport": "udp", "domain": server, "user": user, "password": password})
}

/// Over TLS, verified by the lab's authority; the password is the lab's.
pub fn over_tls(user: &str) -> Value {
    let (server, port) = lab_at("LINEDESK_LAB_TLS");
    let authority = std::env::var("LINEDESK_LAB_CA").expect("LINEDESK_LAB_CA is set by cargo xtask test");
    let mut account = account(user, &format!("pw{user}"));
    (account["server"], account["port"]) = (json!(server), json!(port));
    (account["transport"], account["tls_ca_file"]) = (json!("tls"), json!(authority));
    account
}

pub fn media() -> Value {
    json!({"codecs": ["opus", "g722", "pcma", "pcmu"], "echo_cancellation": true, "rtp_ports": [40000, 40999]})
}

pub fn configure(user: &str) -> Value {
    json!({"do": "configure", "accounts": [account(user, &format!("pw{user}"))], "media": media()})
}

pub fn registration(message: &Value, state: &str) -> Option<Value> {
    let r = &message["event"]["registration"];
    (r["state"] == state).then(|| r.clone())
}

pub fn call_in(message: &Value, phase: &str) -> Option<Value> {
    let c = &message["event"]["call"];
    (message["event"]["event"] == "call" && c["phase"] == phase).then(|| c.clone())
}

pub fn ended(message: &Value) -> Option<Value> {
    (message["event"]["event"] == "call-ended").then(|| message["event"]["record"].clone())
}

/// For what tells of itself by no message (a file that appears, a process that ends).
pub fn until(patience: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let (_keep, never) = channel::<()>();
    let end = Instant::now() + patience;
    while !done() {
        assert!(Instant::now() < end, "not within {patience:?}: {what}");
        let _ = never.recv_timeout(Duration::from_millis(10));
    }
}

/// Somebody in between: listens at `address` and carries bytes to and from a server; returns the port.
pub fn between(address: &str, host: &str, port: u16) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let listens = listener.local_addr().unwrap().port();
    let host = host.to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect((host.as_str(), port)).unwrap();
            carry(client.try_clone().unwrap(), server.try_clone().unwrap());
            carry(server, client);
        }
    });
    listens
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
}

/// Messages as they come, and the requests that were sent.
struct Talk {
    messages: Receiver<Value>,
    seen: Vec<Value>,
    next: u64,
}

impl Talk {
    fn new(messages: Receiver<Value>) -> Self {
        Self { messages, seen: Vec::new(), next: 0 }
    }

    fn wait<T>(&mut self, what: &str, found: impl FnMut(&Value) -> Option<T>) -> T {
        self.wait_for(PATIENCE, what, found)
    }

    fn wait_for<T>(&mut self, patience: Duration, what: &str, mut found: impl FnMut(&Value) -> Option<T>) -> T {
        let end = Instant::now() + patience;
        let mut from = 0;
        loop {
            for i in from..self.seen.len() {
                if let Some(t) = found(&self.seen[i]) {
                    self.seen.remove(i);
                    return t;
                }
            }
            from = self.seen.len();
            match self.messages.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(m) => self.seen.push(m),
                Err(RecvTimeoutError::Timeout) => panic!("did not come: {what}; seen: {:#?}", self.seen),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("the softphone ended before: {what}; seen: {:#?}", self.seen)
                }
            }
        }
    }

    fn answer(&mut self, id: u64) -> Value {
        self.wait("an answer", |m| (m["type"] == "response" && m["id"] == id).then(|| m["result"].clone()))
    }
}

/// `linedesk-softphone console`.
pub struct Console {
    child: Child,
    stdin: ChildStdin,
    talk: Talk,
}

impl Console {
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with(&[&["--null-audio"], arguments].concat(), &[])
    }

    /// With sound, when `environment` says where.
    pub fn start_with(arguments: &[&str], environment: &[(&'static str, String)]) -> Self {
        Self::start_by(program(), arguments, environment)
    }

    /// In another network namespace, that of the process `pid`.
    pub fn start_in(pid: u32, arguments: &[&str]) -> Self {
        Self::start_by(Self::inside(pid), &[&["--null-audio"], arguments].concat(), &[])
    }

    /// The same, with its log in a file.
    pub fn start_in_with_log(pid: u32, log: &Path) -> Self {
        let mut program = Self::inside(pid);
        program.stderr(std::fs::File::create(log).unwrap());
        Self::start_by(program, &["--null-audio"], &[])
    }

    fn inside(pid: u32) -> Command {
        let mut enter = Command::new("nsenter");
        let inside = program();
        enter.args(["-t", &pid.to_string(), "-n"]).arg(inside.get_program());
        enter.envs(inside.get_envs().filter_map(|(name, value)| Some((name, value?))));
        enter
    }

    fn start_by(mut program: Command, arguments: &[&str], environment: &[(&'static str, String)]) -> Self {
        let mut child = program
            .arg("console")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (send, messages) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(serde_json::from_str(&line).unwrap()).is_err() {
                    break;
                }
            }
        });
        let mut console = Self { child, stdin, talk: Talk::new(messages) };
        console.wait("welcome", |m| (m["type"] == "welcome").then_some(()));
        console
    }

    pub fn registered(user: &str) -> Self {
        let mut console = Self::start(&[]);
        console.ask(configure(user));
        console.wait("registered", |m| registration(m, "registered"));
        console
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn request(&mut self, command: Value) -> Value {
        self.talk.next += 1;
        let id = self.talk.next;
        writeln!(self.stdin, "{}", json!({"id": id, "command": command})).unwrap();
        self.talk.answer(id)
    }

    pub fn ask(&mut self, command: Value) -> Value {
        let result = self.request(command);
        assert!(result["ok"].is_object(), "refused: {result}");
        result["ok"].clone()
    }

    pub fn refused(&mut self, command: Value) -> Value {
        let result = self.request(command);
        assert!(result["error"].is_object(), "done: {result}");
        result["error"].clone()
    }

    /// Looks at all that was said meanwhile, and forgets it.
    pub fn look(&mut self, look: impl Fn(&Value)) {
        self.so_far().iter().for_each(look);
        self.talk.seen.clear();
    }

    pub fn forget(&mut self) {
        self.look(|_| {});
    }

    /// Whether it is done does not matter.
    pub fn try_ask(&mut self, command: Value) -> Value {
        self.request(command)
    }

    pub fn wait<T>(&mut self, what: &str, found: impl FnMut(&Value) -> Option<T>) -> T {
        self.talk.wait(what, found)
    }

    /// Whether such a message has come up to now, besides those that were waited for.
    pub fn has_come(&self, found: impl Fn(&Value) -> bool) -> bool {
        self.talk.seen.iter().any(found)
    }

    /// Where the usual patience is not that of the test.
    pub fn wait_for<T>(&mut self, patience: Duration, what: &str, found: impl FnMut(&Value) -> Option<T>) -> T {
        self.talk.wait_for(patience, what, found)
    }

    /// All that came and was not waited for.
    pub fn so_far(&mut self) -> &[Value] {
        self.talk.seen.extend(self.talk.messages.try_iter());
        &self.talk.seen
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = writeln!(self.stdin, "{}", json!({"id": 0, "command": {"do": "shutdown", "when_idle": false}}));
        let _ = self.child.wait();
    }
}

/// A shell: starts `serve` and attaches to it.
pub struct Shell {
    dir: tempfile::TempDir,
    child: Child,
    stream: Option<UnixStream>,
    talk: Talk,
}

fn serve(dir: &Path, idle_ms: &str, environment: &[(&str, &str)]) -> Child {
    program()
        .envs(environment.iter().copied())
        .args(["serve", "--null-audio", "--session", "anna", "--runtime-dir"])
        .arg(dir)
        .arg("--log-dir")
        .arg(dir.join("log"))
        .env("LINEDESK_UNATTACHED_IDLE_MS", idle_ms)
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

pub fn write_frame(stream: &mut UnixStream, message: &Value) {
    let bytes = serde_json::to_vec(message).unwrap();
    let mut all = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    all.extend(bytes);
    stream.write_all(&all).unwrap();
}

pub fn read_frame(stream: &mut UnixStream) -> Option<Value> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut bytes).ok()?;
    Some(serde_json::from_slice(&bytes).unwrap())
}

impl Shell {
    pub fn start(idle_ms: &str) -> Self {
        Self::start_with(idle_ms, &[])
    }

    pub fn start_with(idle_ms: &str, environment: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let child = serve(dir.path(), idle_ms, environment);
        let (_, messages) = channel();
        let mut shell = Self { dir, child, stream: None, talk: Talk::new(messages) };
        shell.attach();
        shell
    }

    /// All lines of its log up to now.
    pub fn log(&self) -> String {
        let is_log = |name: &str| name.starts_with("softphone.") && name.ends_with(".log");
        std::fs::read_dir(self.dir.path().join("log"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| is_log(&path.file_name().unwrap().to_string_lossy()))
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect()
    }

    pub fn dir(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// Of the running softphone.
    pub fn attach_file(&self) -> Value {
        let path = self.dir.path().join("softphone.json");
        let pid = self.child.id();
        let read = || std::fs::read(&path).ok().and_then(|b| serde_json::from_slice::<Value>(&b).ok());
        until(PATIENCE, "the attach file", || read().is_some_and(|f| f["pid"] == pid));
        read().unwrap()
    }

    pub fn connect(&self) -> UnixStream {
        UnixStream::connect(self.attach_file()["socket"].as_str().unwrap()).unwrap()
    }

    pub fn hello(&self) -> Value {
        let file = self.attach_file();
        json!({"type": "hello", "protocol": file["protocol"], "token": file["token"], "session": file["session"], "client": "test"})
    }

    /// Attaches anew and returns the welcome.
    pub fn attach(&mut self) -> Value {
        let mut stream = self.connect();
        write_frame(&mut stream, &self.hello());
        let (send, messages) = channel();
        let mut reader = stream.try_clone().unwrap();
        let mut beat = stream.try_clone().unwrap();
        std::thread::spawn(move || {
            while let Some(m) = read_frame(&mut reader) {
                if m["type"] == "heartbeat" {
                    // Answered by our own, which keeps the rhythm of both the same.
                    let bytes = br#"{"type":"heartbeat"}"#;
                    let mut all = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
                    all.extend(bytes);
                    if beat.write_all(&all).is_err() {
                        break;
                    }
                } else if send.send(m).is_err() {
                    break;
                }
            }
        });
        self.stream = Some(stream);
        self.talk = Talk::new(messages);
        self.wait("welcome", |m| (m["type"] == "welcome").then(|| m.clone()))
    }

    /// As the kernel does when the shell's process dies.
    pub fn drop_connection(&mut self) {
        if let Some(stream) = self.stream.take() {
            stream.shutdown(std::net::Shutdown::Both).unwrap();
        }
    }

    /// It has noticed that its shell is gone: a call that overtakes the end of the connection rings.
    pub fn until_left_alone(&self) {
        until(PATIENCE, "the shell's end is noticed", || self.log().contains("nobody is attached and no call runs"));
    }

    pub fn ask(&mut self, command: Value) -> Value {
        self.talk.next += 1;
        let id = self.talk.next;
        write_frame(self.stream.as_mut().unwrap(), &json!({"type": "request", "id": id, "command": command}));
        let result = self.talk.answer(id);
        assert!(result["ok"].is_object(), "refused: {result}");
        result["ok"].clone()
    }

    pub fn wait<T>(&mut self, what: &str, found: impl FnMut(&Value) -> Option<T>) -> T {
        self.talk.wait(what, found)
    }

    /// What came and was not waited for is of no interest any more.
    pub fn forget(&mut self) {
        while self.talk.messages.try_recv().is_ok() {}
        self.talk.seen.clear();
    }

    pub fn ends_within(&mut self, patience: Duration) {
        let child = &mut self.child;
        until(patience, "the softphone ends", || matches!(child.try_wait(), Ok(Some(s)) if s.success()));
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.stream = None;
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// By a signal that it dies of.
    pub fn signal(&mut self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
        let died = self.child.wait().unwrap();
        assert!(std::os::unix::process::ExitStatusExt::signal(&died).is_some(), "{name}: {died}");
        self.stream = None;
    }

    pub fn restart(&mut self, idle_ms: &str) {
        self.child = serve(self.dir.path(), idle_ms, &[]);
        self.attach();
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
