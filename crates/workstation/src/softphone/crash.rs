//! What a softphone that crashed has left in its log directory.

use softphone_api::attach::CRASH_FILES;
use std::path::{Path, PathBuf};

/// The file of the process with this id, when there is something in it: it is opened before it is needed.
pub(crate) fn left_by(log_dir: &Path, pid: u32) -> Option<PathBuf> {
    let end = format!("-{pid}.txt");
    let is_its = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(CRASH_FILES)
            && name.ends_with(&end)
            && std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0)
    };
    std::fs::read_dir(log_dir).ok()?.flatten().map(|entry| entry.path()).filter(is_its).max()
}

#[cfg(test)]
mod tests {
    use super::left_by;

    #[test]
    fn the_file_of_that_process_with_something_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        assert_eq!(left_by(dir.path(), 7), None);
        write("softphone-crash-00000000001-17.txt", "x");
        write("softphone-crash-00000000001-7.txt", "");
        write("softphone.log", "x");
        assert_eq!(left_by(dir.path(), 7), None);
        write("softphone-crash-00000000002-7.txt", "x");
        assert!(left_by(dir.path(), 7).unwrap().ends_with("softphone-crash-00000000002-7.txt"));
        assert_eq!(left_by(&dir.path().join("none"), 7), None);
    }
}
