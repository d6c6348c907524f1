//! What is left of a softphone that crashed: a small file in the log directory that says which signal, where in which
//! module, and how long it had run. No memory, no message and no number is in it; `addr2line -e <program> <offset>` and the
//! build id tell a developer the rest. Nobody sends it anywhere.
//!
//! The file is opened at the start, because a dying process may not be able to; it is removed at an end in order.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;

mod build_id;
mod platform;

/// Files that are kept, the one of this run included.
const KEEP: usize = 10;
/// Panics of one run that are written down; a callback that panics each time must not push older crashes out.
const PANICS: u32 = 3;
const PREFIX: &str = softphone_api::attach::CRASH_FILES;

/// How many calls there are, for the file.
static CALLS: AtomicU32 = AtomicU32::new(0);

/// The engine tells it, after each event.
pub(crate) fn calls_are(count: usize) {
    CALLS.store(u32::try_from(count).unwrap_or(u32::MAX), Ordering::Relaxed);
}

/// Also the stack of this thread is watched: what overflows it cannot be told on it. Nothing where that is not known.
pub(crate) fn watch_this_thread() {
    platform::own_stack_for_signals();
}

/// The file of this run; dropped at an end in order, it goes.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
}

/// From now on a crash is written down below `dir`. Call it on the main thread.
///
/// # Errors
/// When the file cannot be made; the softphone can do without.
pub fn watch(dir: &Path) -> anyhow::Result<Watch> {
    clear(dir)?;
    let head = head();
    panics_to(dir.to_owned(), head.clone());
    let path = dir.join(name("", std::process::id()));
    let file = private(&path).with_context(|| format!("the crash file {} cannot be made", path.display()))?;
    watch_this_thread();
    platform::arm(file, head);
    Ok(Watch { path })
}

impl Drop for Watch {
    fn drop(&mut self) {
        // What was written into it is of interest.
        if std::fs::metadata(&self.path).is_ok_and(|meta| meta.len() == 0) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// What a process that had this id left when it crashed.
#[must_use]
pub fn left_by(dir: &Path, pid: u32) -> Option<PathBuf> {
    let of_pid = |path: &PathBuf| pid_of(path) == Some(pid) && std::fs::metadata(path).is_ok_and(|m| m.len() > 0);
    files(dir).into_iter().rev().find(of_pid)
}

fn name(what: &str, pid: u32) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("{PREFIX}{now:011}{what}-{pid}.txt")
}

fn private(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The oldest first: the time stands in the name.
fn files(dir: &Path) -> Vec<PathBuf> {
    let is_ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).filter(is_ours).collect();
    all.sort();
    all
}

fn pid_of(path: &Path) -> Option<u32> {
    path.file_stem()?.to_string_lossy().rsplit('-').next()?.parse().ok()
}

/// Makes room for one more, and removes the empty ones of processes that were ended by force.
fn clear(dir: &Path) -> anyhow::Result<()> {
    let is_waiting = |path: &PathBuf| pid_of(path).is_some_and(crate::platform::is_alive);
    let (empty, full): (Vec<_>, Vec<_>) =
        files(dir).into_iter().partition(|path| std::fs::metadata(path).is_ok_and(|meta| meta.len() == 0));
    let too_many = (full.len() + 1).saturating_sub(KEEP);
    for path in empty.iter().filter(|path| !is_waiting(path)).chain(&full[..too_many]) {
        std::fs::remove_file(path)
            .with_context(|| format!("the old crash file {} cannot be removed", path.display()))?;
    }
    Ok(())
}

fn head() -> String {
    format!(
        "linedesk-softphone {} crashed\nbuild id: {}\nsystem: {} {}\n",
        env!("CARGO_PKG_VERSION"),
        build_id::of_this_program().unwrap_or_else(|| "unknown".to_owned()),
        std::env::consts::OS,
        std::env::consts::ARCH,
    )
}

/// A panic is told in the log, where its words are masked, and its place is kept like that of a crash. Most panics end
/// nothing: callbacks of pjlib catch them.
fn panics_to(dir: PathBuf, head: String) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let words = info.payload_as_str().unwrap_or_default();
        tracing::error!("panic at {place}: {words}");
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        if count >= PANICS {
            return;
        }
        let mut text = format!("{head}what: panic at {place}\ncalls: {}\nframes:\n", CALLS.load(Ordering::Relaxed));
        for (module, offset) in platform::frames() {
            let _ = writeln!(text, "  {module}+{offset:#x}");
        }
        let path = dir.join(name(&format!("-panic{count}"), std::process::id()));
        if let Ok(mut file) = private(&path) {
            let _ = std::io::Write::write_all(&mut file, text.as_bytes());
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_are_kept_and_the_empty_ones_of_the_dead_go() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..14 {
            std::fs::write(dir.path().join(format!("{PREFIX}{n:011}-999999.txt")), "x").unwrap();
        }
        let of_the_dead = dir.path().join(format!("{PREFIX}{:011}-999998.txt", 20));
        let of_the_living = dir.path().join(format!("{PREFIX}{:011}-{}.txt", 21, std::process::id()));
        std::fs::write(&of_the_dead, "").unwrap();
        std::fs::write(&of_the_living, "").unwrap();
        std::fs::write(dir.path().join("softphone.log"), "").unwrap();
        clear(dir.path()).unwrap();
        let left = files(dir.path());
        // Nine that tell something and room for one more; and the one that waits for the crash of somebody else.
        assert_eq!(left.len(), KEEP, "{left:?}");
        assert!(left.contains(&of_the_living) && !left.contains(&of_the_dead), "{left:?}");
        assert!(left[0].to_string_lossy().contains("00005-"), "the oldest go: {left:?}");
        assert!(dir.path().join("softphone.log").exists());
    }

    #[test]
    fn found_by_its_process() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(left_by(dir.path(), 7), None);
        std::fs::write(dir.path().join(format!("{PREFIX}00000000001-17.txt")), "x").unwrap();
        std::fs::write(dir.path().join(format!("{PREFIX}00000000001-7.txt")), "").unwrap();
        assert_eq!(left_by(dir.path(), 7), None, "an empty one tells nothing");
        std::fs::write(dir.path().join(format!("{PREFIX}00000000001-7.txt")), "x").unwrap();
        assert!(left_by(dir.path(), 7).is_some());
    }
}
