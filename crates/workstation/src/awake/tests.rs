//! Against a small login1 on a bus of our own: what it is asked, and that the descriptor closes when the call is over.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Awake;
use super::platform::system::inhibit_by;

const PATIENCE: Duration = Duration::from_secs(20);

/// A bus that nobody else is on.
struct Bus {
    daemon: Child,
    address: String,
}

impl Bus {
    fn start() -> Self {
        let mut daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon is installed (cargo xtask setup)");
        let mut address = String::new();
        let mut output = std::io::BufReader::new(daemon.stdout.take().expect("piped"));
        std::io::BufRead::read_line(&mut output, &mut address).expect("its address");
        Self { daemon, address: address.trim().to_owned() }
    }

    async fn connected(&self) -> zbus::Connection {
        let builder = zbus::connection::Builder::address(self.address.as_str()).expect("an address");
        builder.build().await.expect("connected")
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// What logind does, as far as an inhibitor sees it; it hears of each wish, with its own end of the descriptor.
struct Login {
    asked: mpsc::UnboundedSender<([String; 4], UnixStream)>,
    refuses: bool,
}

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Login {
    fn inhibit(
        &self,
        what: String,
        who: String,
        why: String,
        mode: String,
    ) -> zbus::fdo::Result<zbus::zvariant::OwnedFd> {
        let (ours, theirs) = UnixStream::pair().map_err(|error| zbus::fdo::Error::Failed(error.to_string()))?;
        // The test may have seen enough.
        let _ = self.asked.send(([what, who, why, mode], ours));
        if self.refuses {
            return Err(zbus::fdo::Error::AccessDenied("not the active session".to_owned()));
        }
        Ok(OwnedFd::from(theirs).into())
    }
}

type Asked = mpsc::UnboundedReceiver<([String; 4], UnixStream)>;

/// A bus with such a logind, what it is asked, and a client of it.
async fn machine(refuses: bool) -> (Bus, zbus::Connection, Asked, zbus::Connection) {
    let bus = Bus::start();
    let (tell, asked) = mpsc::unbounded_channel();
    let service = bus.connected().await;
    service.object_server().at("/org/freedesktop/login1", Login { asked: tell, refuses }).await.expect("served");
    service.request_name("org.freedesktop.login1").await.expect("its name");
    let client = bus.connected().await;
    (bus, service, asked, client)
}

async fn ask(client: zbus::Connection) -> Result<super::platform::Held, String> {
    inhibit_by(&client).await.map_err(|error| error.to_string())
}

async fn next(asked: &mut Asked) -> ([String; 4], UnixStream) {
    timeout(PATIENCE, asked.recv()).await.expect("asked in time").expect("served")
}

#[tokio::test(flavor = "multi_thread")]
async fn sleep_is_blocked_as_long_as_a_call_runs() {
    let (_bus, _service, mut asked, client) = machine(false).await;
    let awake = Awake::by(move || ask(client.clone()));
    for _ in 0..2 {
        awake.call_runs(true);
        let (wish, mut descriptor) = next(&mut asked).await;
        assert_eq!(wish, ["sleep", "Linedesk", "A call is running", "block"]);
        // One more call, or one less: it is the same wish.
        awake.call_runs(true);
        descriptor.set_nonblocking(true).expect("set");
        let still = descriptor.read(&mut [0]).expect_err("held");
        assert_eq!(still.kind(), std::io::ErrorKind::WouldBlock);
        awake.call_runs(false);
        descriptor.set_nonblocking(false).expect("set");
        descriptor.set_read_timeout(Some(PATIENCE)).expect("set");
        let end = tokio::task::spawn_blocking(move || descriptor.read(&mut [0])).await.expect("read");
        assert_eq!(end.expect("closed, not silent"), 0, "let go");
    }
    assert!(asked.is_empty(), "asked once for each call");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_said_once_and_asked_again_with_the_next_call() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let writer = {
        let said = said.clone();
        move || Said(said.clone())
    };
    let subscriber = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).finish();
    let (_bus, _service, mut asked, client) = machine(true).await;
    // In this task, so that what it says is heard here and nowhere else.
    let (wanted, heard) = tokio::sync::watch::channel(false);
    let keeping = super::keep(move || ask(client.clone()), heard);
    let calls = async {
        for _ in 0..2 {
            wanted.send_replace(true);
            next(&mut asked).await;
            wanted.send_replace(false);
        }
        drop(wanted);
    };
    let _default = tracing::subscriber::set_default(subscriber);
    tokio::join!(keeping, calls);
    let text = String::from_utf8(said.lock().expect("said").clone()).expect("text");
    assert_eq!(text.matches("cannot be kept awake").count(), 1, "{text}");
    assert!(text.contains("not the active session"), "{text}");
}

struct Said(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("said").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
