//! What differs between systems.

use std::path::Path;

/// The bundle of certification authorities that the system trusts, "" when none is found (then TLS verifies nothing and
/// fails, which is said in the registration's reason).
#[must_use]
pub fn system_ca_file() -> String {
    if let Ok(file) = std::env::var("SSL_CERT_FILE")
        && Path::new(&file).is_file()
    {
        return file;
    }
    const PLACES: [&str; 4] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];
    PLACES.iter().find(|p| Path::new(p).is_file()).map(ToString::to_string).unwrap_or_default()
}

/// Leads an OS session of its own, so that the end of the shell's session (terminal, window manager) does not reach us. The
/// starter does this too; a process that leads a group already cannot, and keeps what it has.
#[cfg(unix)]
pub fn lead_own_session() {
    use nix::unistd::{getpid, getsid, setsid};
    if getsid(None).is_ok_and(|sid| sid == getpid()) {
        return;
    }
    if let Err(e) = setsid() {
        tracing::debug!("no session of our own: {e}");
    }
}

/// Untried: on Windows a process without a console of its own and outside the shell's job has nothing more to do.
#[cfg(not(unix))]
pub fn lead_own_session() {}

/// Whether a process with this id is there (a zombie counts).
#[cfg(unix)]
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    i32::try_from(pid).is_ok_and(|pid| {
        !matches!(nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None), Err(nix::errno::Errno::ESRCH))
    })
}

/// Untried: not known, so nobody is thought dead.
#[cfg(not(unix))]
#[must_use]
pub fn is_alive(_pid: u32) -> bool {
    true
}

/// Makes `dir` (0700) or checks that it is ours and closed to others.
///
/// # Errors
/// When it cannot be made, belongs to somebody else or is open to others.
#[cfg(unix)]
pub fn private_dir(dir: &Path) -> anyhow::Result<()> {
    use anyhow::Context as _;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("the runtime directory {} cannot be made", dir.display()))?;
    let meta = std::fs::metadata(dir)?;
    anyhow::ensure!(
        meta.uid() == nix::unistd::geteuid().as_raw(),
        "the runtime directory {} belongs to another user; choose another with --runtime-dir",
        dir.display()
    );
    if meta.mode() & 0o077 != 0 {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
            .with_context(|| format!("the runtime directory {} cannot be closed to others", dir.display()))?;
    }
    Ok(())
}

/// Untried: below the user's profile, which is closed to others.
///
/// # Errors
/// When it cannot be made.
#[cfg(not(unix))]
pub fn private_dir(dir: &Path) -> anyhow::Result<()> {
    Ok(std::fs::create_dir_all(dir)?)
}

/// Writes a file that only we may read, in one step: a reader sees the old one or the whole new one.
///
/// # Errors
/// What the system said.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let _ = std::fs::remove_file(&new);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    std::fs::rename(&new, path)
}

/// What a crash prints (a C++ assertion, a panic of another thread) goes to a file, because nobody holds our stderr.
#[cfg(unix)]
pub fn output_to(file: &std::fs::File) {
    let _ = nix::unistd::dup2_stdout(file);
    let _ = nix::unistd::dup2_stderr(file);
}

/// Untried: the starter gives no handles.
#[cfg(not(unix))]
pub fn output_to(_file: &std::fs::File) {}

/// Starts a program that outlives us, with our environment, in a session of its own, without our input and output.
///
/// # Errors
/// What the system said.
pub fn start_detached(program: &str, arguments: &[String]) -> std::io::Result<std::process::Child> {
    let mut command = std::process::Command::new(program);
    command.args(arguments);
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    detach(&mut command);
    command.spawn()
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "the only way to call setsid between fork and exec")]
fn detach(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt as _;
    // SAFETY: runs in the forked child before exec; setsid(2) is async-signal-safe, and nothing is allocated or locked.
    unsafe {
        command.pre_exec(|| {
            let _ = nix::unistd::setsid();
            Ok(())
        });
    }
}

/// Untried: DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP and CREATE_BREAKAWAY_FROM_JOB.
#[cfg(windows)]
fn detach(command: &mut std::process::Command) {
    use std::os::windows::process::CommandExt as _;
    command.creation_flags(0x0000_0008 | 0x0000_0200 | 0x0100_0000);
}

/// How far the clock that counts sleep is ahead of the one that does not; `None` where there is no such pair.
#[must_use]
pub fn slept_in_all() -> Option<std::time::Duration> {
    #[cfg(target_os = "linux")]
    {
        use nix::time::{ClockId, clock_gettime};
        let now = |clock| clock_gettime(clock).ok().map(std::time::Duration::from);
        Some(now(ClockId::CLOCK_BOOTTIME)?.saturating_sub(now(ClockId::CLOCK_MONOTONIC)?))
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Tells when an address, a route or an interface comes or goes.
#[derive(Debug)]
pub struct NetworkChanges {
    #[cfg(target_os = "linux")]
    socket: std::os::fd::OwnedFd,
}

/// Linux alone has it; `None` where it cannot be had.
#[cfg(target_os = "linux")]
#[must_use]
pub fn network_changes() -> Option<NetworkChanges> {
    use nix::libc::{RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE, RTMGRP_LINK};
    use nix::sys::socket::{AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, socket};
    use std::os::fd::AsRawFd as _;
    let groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
    let made = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)
        .and_then(|s| {
            bind(s.as_raw_fd(), &NetlinkAddr::new(0, groups.cast_unsigned()))?;
            Ok(s)
        });
    match made {
        Ok(socket) => Some(NetworkChanges { socket }),
        Err(e) => {
            tracing::debug!("the kernel does not tell of the network's changes: {e}");
            None
        }
    }
}

/// Untried: elsewhere addresses are looked at every two seconds.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn network_changes() -> Option<NetworkChanges> {
    None
}

impl NetworkChanges {
    /// Waits for a change; false when none will be told any more.
    #[must_use]
    pub fn wait(&self) -> bool {
        #[cfg(target_os = "linux")]
        {
            use std::os::fd::AsRawFd as _;
            let mut buffer = [0; 8192];
            loop {
                match nix::sys::socket::recv(self.socket.as_raw_fd(), &mut buffer, nix::sys::socket::MsgFlags::empty())
                {
                    Ok(length) => return length > 0,
                    // More than the socket holds: something has changed, whatever it was.
                    Err(nix::errno::Errno::ENOBUFS) => return true,
                    Err(nix::errno::Errno::EINTR) => {}
                    Err(_) => return false,
                }
            }
        }
        #[cfg(not(target_os = "linux"))]
        false
    }
}
