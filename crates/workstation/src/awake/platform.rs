//! How each system is told not to sleep.

pub(crate) use system::{Held, inhibit};

/// logind (<https://www.freedesktop.org/wiki/Software/systemd/inhibit/>): sleep is blocked as long as a descriptor is open.
#[cfg(target_os = "linux")]
pub(crate) mod system {
    /// Sleep is blocked until it is dropped, also by the end of the process.
    #[derive(Debug)]
    pub(crate) struct Held {
        _descriptor: zbus::zvariant::OwnedFd,
    }

    pub(crate) async fn inhibit() -> Result<Held, String> {
        let bus = zbus::Connection::system().await.map_err(|error| error.to_string())?;
        inhibit_by(&bus).await.map_err(|error| error.to_string())
    }

    pub(crate) async fn inhibit_by(bus: &zbus::Connection) -> zbus::Result<Held> {
        let (service, path) = ("org.freedesktop.login1", "/org/freedesktop/login1");
        let manager = zbus::Proxy::new(bus, service, path, "org.freedesktop.login1.Manager").await?;
        let why = ("sleep", "Linedesk", "A call is running", "block");
        Ok(Held { _descriptor: manager.call("Inhibit", &why).await? })
    }
}

/// Untried. The wish belongs to a thread, so one thread stays for as long as it is held.
#[cfg(windows)]
pub(crate) mod system {
    use std::sync::mpsc;

    const ES_CONTINUOUS: u32 = 0x8000_0000;
    const ES_SYSTEM_REQUIRED: u32 = 0x0000_0001;

    #[link(name = "kernel32")]
    #[expect(unsafe_code, reason = "the system has no other way")]
    unsafe extern "system" {
        // SAFETY: takes flags and gives flags back; it touches no memory of ours.
        safe fn SetThreadExecutionState(flags: u32) -> u32;
    }

    /// Sleep is blocked until it is dropped.
    #[derive(Debug)]
    pub(crate) struct Held {
        _ends_the_thread: mpsc::Sender<()>,
    }

    #[expect(clippy::unused_async, reason = "elsewhere it waits for an answer")]
    pub(crate) async fn inhibit() -> Result<Held, String> {
        let (ends, ended) = mpsc::channel::<()>();
        let stay = move || {
            if SetThreadExecutionState(ES_CONTINUOUS | ES_SYSTEM_REQUIRED) == 0 {
                tracing::warn!("the machine may go to sleep in a call: Windows refused to stay awake");
            }
            // Until the other end is dropped.
            let _ = ended.recv();
            SetThreadExecutionState(ES_CONTINUOUS);
        };
        let thread = std::thread::Builder::new().name("awake".to_owned()).spawn(stay);
        thread.map_err(|error| error.to_string())?;
        Ok(Held { _ends_the_thread: ends })
    }
}

/// Untried. `caffeinate` ends with us at the latest, so that a crash does not keep the machine awake for ever.
#[cfg(target_os = "macos")]
pub(crate) mod system {
    /// Sleep is blocked until it is dropped.
    #[derive(Debug)]
    pub(crate) struct Held {
        _caffeinate: tokio::process::Child,
    }

    #[expect(clippy::unused_async, reason = "elsewhere it waits for an answer")]
    pub(crate) async fn inhibit() -> Result<Held, String> {
        let pid = std::process::id().to_string();
        let mut caffeinate = tokio::process::Command::new("/usr/bin/caffeinate");
        let child = caffeinate.args(["-i", "-w", &pid]).kill_on_drop(true).spawn();
        Ok(Held { _caffeinate: child.map_err(|error| format!("caffeinate cannot be started: {error}"))? })
    }
}
