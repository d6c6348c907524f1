//! The attach file: how a shell of the same session finds us.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use softphone_api::attach::{ATTACH_FILE, AttachFile};
use softphone_api::{PROTOCOL, Secret};

use crate::platform;

/// Our attach file; removed when this is dropped.
#[derive(Debug)]
pub struct Published {
    path: PathBuf,
    socket: PathBuf,
}

/// The longest path that fits into a `sockaddr_un` everywhere (104 bytes on macOS, with a NUL).
const LONGEST_SOCKET: usize = 103;

/// Where we listen: a socket named after our process, so that a stale one is never taken for ours.
///
/// # Errors
/// When the path would not fit.
pub fn socket_path(dir: &Path) -> Result<PathBuf> {
    let path = dir.join(format!("softphone-{}.sock", std::process::id()));
    let length = path.as_os_str().len();
    if length > LONGEST_SOCKET {
        bail!(
            "the socket path {} has {length} bytes, {LONGEST_SOCKET} are possible; choose a shorter --runtime-dir",
            path.display()
        );
    }
    Ok(path)
}

/// A token that cannot be guessed, in hexadecimal.
///
/// # Errors
/// When the system has no randomness.
pub fn new_token() -> Result<Secret> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("the system gives no random numbers: {e}"))?;
    Ok(Secret::new(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()))
}

/// Removes what a softphone that was killed left behind; refuses when one is alive.
///
/// # Errors
/// When another softphone runs in this directory.
pub fn clear_stale(dir: &Path) -> Result<()> {
    let path = dir.join(ATTACH_FILE);
    if let Ok(bytes) = std::fs::read(&path) {
        match serde_json::from_slice::<AttachFile>(&bytes) {
            // The number alone may belong to another program by now; a listening socket may not.
            Ok(old) if old.pid != std::process::id() && platform::is_alive(old.pid) && answers(&old.socket) => bail!(
                "a softphone (process {}) already runs in {}; attach to it, or end it first",
                old.pid,
                dir.display()
            ),
            _ => std::fs::remove_file(&path).with_context(|| format!("removing the stale {}", path.display()))?,
        }
    }
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|n| n.strip_prefix("softphone-")?.strip_suffix(".sock")) else {
            continue;
        };
        if pid.parse().is_ok_and(|pid: u32| {
            pid == std::process::id() || !platform::is_alive(pid) || !answers(&entry.path().to_string_lossy())
        }) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
}

#[cfg(unix)]
fn answers(socket: &str) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}

#[cfg(not(unix))]
fn answers(_socket: &str) -> bool {
    true
}

/// Writes the attach file, 0600, in one step.
///
/// # Errors
/// What the system said.
pub fn publish(dir: &Path, socket: &Path, token: &Secret, session: &str) -> Result<Published> {
    let path = dir.join(ATTACH_FILE);
    let file = AttachFile {
        protocol: PROTOCOL,
        socket: socket.to_string_lossy().into_owned(),
        token: token.clone(),
        session: session.to_owned(),
        pid: std::process::id(),
    };
    platform::write_private(&path, &serde_json::to_vec(&file)?)
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(Published { path, socket: socket.to_owned() })
}

impl Drop for Published {
    fn drop(&mut self) {
        // Only if it is still ours: another softphone may have taken the place.
        let ours = std::fs::read(&self.path)
            .ok()
            .and_then(|b| serde_json::from_slice::<AttachFile>(&b).ok())
            .is_some_and(|f| f.pid == std::process::id());
        if ours {
            let _ = std::fs::remove_file(&self.path);
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let socket = socket_path(dir.path()).unwrap();
        let token = new_token().unwrap();
        assert_eq!(token.expose().len(), 64);
        let published = publish(dir.path(), &socket, &token, "anna").unwrap();
        let path = dir.path().join(ATTACH_FILE);
        let read: AttachFile = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!((read.session.as_str(), read.pid), ("anna", std::process::id()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        }
        drop(published);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_one_left_is_cleared() {
        let dir = tempfile::tempdir().unwrap();
        // No process has this number: the kernel's greatest is 2^22.
        let left = AttachFile {
            protocol: PROTOCOL,
            socket: dir.path().join("softphone-4194305.sock").to_string_lossy().into_owned(),
            token: Secret::new("x"),
            session: "anna".into(),
            pid: 4_194_305,
        };
        std::fs::write(dir.path().join(ATTACH_FILE), serde_json::to_vec(&left).unwrap()).unwrap();
        std::fs::write(&left.socket, b"").unwrap();
        clear_stale(dir.path()).unwrap();
        assert!(!dir.path().join(ATTACH_FILE).exists());
        assert!(!Path::new(&left.socket).exists());
    }

    #[test]
    #[cfg(unix)]
    fn a_living_one_is_not_pushed_aside() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("softphone-1.sock");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let other = AttachFile {
            protocol: PROTOCOL,
            socket: socket.to_string_lossy().into_owned(),
            token: Secret::new("x"),
            session: "anna".into(),
            pid: 1,
        };
        std::fs::write(dir.path().join(ATTACH_FILE), serde_json::to_vec(&other).unwrap()).unwrap();
        assert!(clear_stale(dir.path()).unwrap_err().to_string().contains("already runs"));
    }
}
