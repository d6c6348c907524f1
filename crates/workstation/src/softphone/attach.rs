//! The attach file: how a running softphone of our session is found.

use softphone_api::attach::{ATTACH_FILE, AttachFile};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What was found.
#[derive(Debug)]
pub(crate) enum Found {
    /// None, or none that can be read.
    Nothing,
    /// One of this session, alive.
    Ours(AttachFile),
    /// One of another session, alive: nobody adopts another's call.
    Foreign,
}

/// Where the softphone of a session lives: each session has its own directory, so that one that still carries the last
/// person's call is not in the next one's way. Short, for the socket's sake.
pub(crate) fn directory(runtime_dir: &Path, session: &str) -> PathBuf {
    let name: String = session.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    runtime_dir.join(format!("s-{name}"))
}

/// Looks; a file of a dead process is removed.
pub(crate) fn look(runtime_dir: &Path, session: &str) -> Found {
    let path = runtime_dir.join(ATTACH_FILE);
    let Ok(bytes) = std::fs::read(&path) else { return Found::Nothing };
    // A half-written file is nothing yet.
    let Ok(file) = serde_json::from_slice::<AttachFile>(&bytes) else { return Found::Nothing };
    if !alive(file.pid) {
        tracing::info!(pid = file.pid, "the attach file is of a softphone that is dead; it is removed");
        // Somebody else may have removed it already.
        let _ = std::fs::remove_file(&path);
        return Found::Nothing;
    }
    if file.session == session { Found::Ours(file) } else { Found::Foreign }
}

/// Waits for the attach file of this very process.
pub(crate) async fn wait_for(runtime_dir: &Path, pid: u32) -> AttachFile {
    let path = runtime_dir.join(ATTACH_FILE);
    // There is no portable event for "a file is there"; ten milliseconds are below what a person notices.
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    loop {
        tick.tick().await;
        let Ok(bytes) = tokio::fs::read(&path).await else { continue };
        match serde_json::from_slice::<AttachFile>(&bytes) {
            Ok(file) if file.pid == pid => return file,
            _ => {}
        }
    }
}

/// Whether a process lives. One that we may not signal lives too, but is not ours.
#[cfg(unix)]
pub(crate) fn alive(pid: u32) -> bool {
    let Ok(pid) = i32::try_from(pid) else { return false };
    pid > 0 && nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok()
}

/// Whether a process lives: on Windows the pipe says it, there is none without its process.
#[cfg(not(unix))]
pub(crate) fn alive(_pid: u32) -> bool {
    true
}

/// Ends a softphone that answers nothing any more.
#[cfg(unix)]
pub(crate) fn kill(pid: u32) {
    if let Ok(pid) = i32::try_from(pid) {
        // That it is gone already is what is wanted.
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    }
}

/// Not possible without the process's handle.
#[cfg(not(unix))]
pub(crate) fn kill(_pid: u32) {}

#[cfg(test)]
mod tests {
    use super::{Found, look};
    use softphone_api::attach::ATTACH_FILE;

    #[test]
    fn whose_it_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(ATTACH_FILE);
        let file = |session: &str, pid: u32| {
            serde_json::json!({"protocol": {"major": 1, "minor": 0}, "socket": "x", "token": "t", "session": session, "pid": pid}).to_string()
        };
        assert!(matches!(look(dir.path(), "mine"), Found::Nothing));
        std::fs::write(&path, "{\"proto").expect("written");
        assert!(matches!(look(dir.path(), "mine"), Found::Nothing));
        std::fs::write(&path, file("mine", std::process::id())).expect("written");
        assert!(matches!(look(dir.path(), "mine"), Found::Ours(_)));
        assert!(matches!(look(dir.path(), "other"), Found::Foreign));
        // No process has this number: it is above every kernel's limit.
        std::fs::write(&path, file("mine", 0x7fff_fff0)).expect("written");
        assert!(matches!(look(dir.path(), "mine"), Found::Nothing));
        assert!(!path.exists(), "the file of a dead softphone is removed");
    }
}
