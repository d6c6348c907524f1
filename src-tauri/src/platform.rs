//! What differs from system to system.

/// Before anything else, while there is one thread.
pub fn prepare() {
    #[cfg(target_os = "linux")]
    if std::env::var_os("WEBKIT_DISABLE_DMABUF_RENDERER").is_none() {
        // SAFETY: called first in main, before any thread exists that could read the environment.
        #[expect(unsafe_code, reason = "set_var is unsafe beside other threads; here there are none yet")]
        let set = |name, value| unsafe { std::env::set_var(name, value) };
        // Without it WebKit takes 66 MiB more and paints 200 ms later, for a page that needs no GPU.
        set("WEBKIT_DISABLE_DMABUF_RENDERER", "1");
        if std::env::var_os("WEBKIT_WEB_RENDER_DEVICE_FILE").is_none() {
            // A graphics card that nobody draws with need not be looked for: the search loads Mesa and LLVM into this
            // process, 25 MB and half of the time until the window is there.
            set("WEBKIT_WEB_RENDER_DEVICE_FILE", "/dev/null");
        }
    }
}

/// Whether somebody shows tray icons. Without that a hidden window would be lost.
#[cfg(target_os = "linux")]
pub async fn has_tray() -> bool {
    let ask = async {
        let bus = zbus::Connection::session().await.ok()?;
        let watcher = zbus::Proxy::new(
            &bus,
            "org.kde.StatusNotifierWatcher",
            "/StatusNotifierWatcher",
            "org.kde.StatusNotifierWatcher",
        )
        .await
        .ok()?;
        watcher.get_property::<bool>("IsStatusNotifierHostRegistered").await.ok()
    };
    let answer = tokio::time::timeout(std::time::Duration::from_secs(1), ask).await;
    answer.ok().flatten().unwrap_or(false)
}

/// Windows and macOS always do.
#[cfg(not(target_os = "linux"))]
pub async fn has_tray() -> bool {
    true
}

/// Waits until the system asks this program to end (logging out, `kill`, Ctrl-C).
pub async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hang_up)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
        else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
