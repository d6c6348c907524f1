//! What calls were told from, kept for a while: past calls are told again, by better rules of telling and by what is known of the house.
//!
//! Segments of the journal, compressed, in a directory of the federation. Each begins with all that was live then, so that
//! telling may begin with any of them.

use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use calls::{Assembly, Blank, Directory, Ended};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::journal::{Done, Records, begun, header};

/// How long raw material is kept.
pub const KEPT_MS: i64 = 14 * 24 * 3600 * 1000;

/// Raw material of a federation.
#[derive(Debug, Clone)]
pub struct Raw {
    directory: PathBuf,
}

/// A segment of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kept {
    from_ms: i64,
    to_ms: i64,
    path: PathBuf,
}

impl Raw {
    /// In this directory, which need not be there.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Where in a data directory that of all federations is.
    #[must_use]
    pub fn directory(data_dir: &Path) -> PathBuf {
        data_dir.join("calls").join("raw")
    }

    /// That of all federations, in the directories of this one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn all(directory: &Path) -> std::io::Result<Vec<Self>> {
        let entries = match std::fs::read_dir(directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        entries.map(|entry| Ok(Self { directory: entry?.path() })).collect()
    }

    /// Takes a segment that the journal no longer needs.
    ///
    /// # Errors
    /// When it cannot be written; then the segment stays where it is, and is given again after a restart.
    pub fn keep(&self, done: &Done) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.directory)?;
        let name = format!("{}-{}-{}.calls.gz", done.from_ms, done.to_ms, done.place.number());
        write(&self.directory.join(name), &mut File::open(&done.path)?)?;
        std::fs::remove_file(&done.path)
    }

    /// Deletes what is older than it has to be, of all federations in the directories of this one; how many segments.
    ///
    /// # Errors
    /// When the directory cannot be read, or a file not be deleted.
    pub fn trim(directory: &Path, now_ms: i64) -> std::io::Result<usize> {
        let mut count = 0;
        for raw in Self::all(directory)? {
            let kept = raw.list()?;
            let old: Vec<&Kept> = kept.iter().filter(|kept| kept.to_ms < now_ms - KEPT_MS).collect();
            for kept in &old {
                std::fs::remove_file(&kept.path)?;
            }
            // That of a federation which is no more is empty one day.
            if !old.is_empty() && old.len() == kept.len() {
                let _ = std::fs::remove_dir(&raw.directory);
            }
            count += old.len();
        }
        Ok(count)
    }

    /// Takes somebody out of all of it; how many segments had something of theirs. Calls are told again from it as before, without
    /// who they were.
    ///
    /// # Errors
    /// When a segment cannot be read or written; those before it are done.
    pub fn blank(&self, blank: &dyn Blank) -> std::io::Result<usize> {
        let mut count = 0;
        for kept in self.list()? {
            let mut text = Vec::new();
            match File::open(&kept.path) {
                Ok(file) => GzDecoder::new(BufReader::new(file)).read_to_end(&mut text)?,
                // It became too old meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let Some((_, records)) = begun(&text) else {
                tracing::warn!(path = %kept.path.display(), "raw material of another version of the program is left as it is");
                continue;
            };
            let mut new = text[..text.len() - records.len()].to_vec();
            let mut changed = false;
            for record in (Records { rest: records }) {
                let blanked = calls::blanked(record, blank).map_err(std::io::Error::other)?;
                changed |= blanked.is_some();
                let record = blanked.as_deref().unwrap_or(record);
                new.extend(header(record)?);
                new.extend(record);
            }
            if changed {
                write(&kept.path, &mut &*new)?;
                count += 1;
            }
        }
        Ok(count)
    }

    fn list(&self) -> std::io::Result<Vec<Kept>> {
        let entries = match std::fs::read_dir(&self.directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut kept = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let named = path.file_name().and_then(|name| name.to_str()).and_then(|name| {
                let mut parts = name.strip_suffix(".calls.gz")?.split('-').map(str::parse::<i64>);
                Some((parts.next()?.ok()?, parts.next()?.ok()?))
            });
            kept.extend(named.map(|(from_ms, to_ms)| Kept { from_ms, to_ms, path }));
        }
        kept.sort();
        Ok(kept)
    }

    /// Tells the calls again that ended in a time, by an assembly that is empty; each goes to `told` once. Those come too that ended a
    /// little earlier or later, since segments are taken whole.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub fn tell_again(
        &self,
        (from_ms, to_ms): (i64, i64),
        mut assembly: Assembly,
        directory: &dyn Directory,
        mut told: impl FnMut(Ended),
    ) -> std::io::Result<()> {
        let overlaps = |kept: &Kept| kept.from_ms <= to_ms && kept.to_ms >= from_ms;
        let mut until_ms = i64::MIN;
        for kept in self.list()?.into_iter().filter(overlaps) {
            let mut text = Vec::new();
            GzDecoder::new(BufReader::new(File::open(&kept.path)?)).read_to_end(&mut text)?;
            let Some((_, records)) = begun(&text) else {
                tracing::warn!(path = %kept.path.display(), "raw material of another version of the program is passed over");
                continue;
            };
            for record in (Records { rest: records }) {
                if let Err(error) = assembly.replay(record) {
                    tracing::warn!(path = %kept.path.display(), %error, "{error}");
                }
                assembly.take_told_before(directory).into_iter().for_each(&mut told);
            }
            until_ms = kept.to_ms;
        }
        // By then everything that was over had been told.
        assembly.take_split_off(until_ms, directory).into_iter().for_each(&mut told);
        Ok(())
    }
}

/// Whole or not at all.
fn write(path: &Path, from: &mut dyn std::io::Read) -> std::io::Result<()> {
    let new = path.with_extension("gz.new");
    // Quick rather than small: it happens beside the calls.
    let mut to = GzEncoder::new(File::create(&new)?, Compression::fast());
    std::io::copy(from, &mut to)?;
    to.finish()?.flush()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{House, feed, told};
    use super::{KEPT_MS, Raw};
    use crate::collector::Journal;
    use calls::{Assembly, Ended, LINGER_MS};

    /// Calls over several segments, each left in the middle of one: told again they are the same, with the same ids.
    #[test]
    fn calls_told_again_from_raw_material_are_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let raw = Raw::in_directory(&directory.path().join("raw"));
        let mut assembly = Assembly::new();
        assembly.give_ids(1..1_000);
        assembly.keep_journal();
        let mut journal = Journal::open(&directory.path().join("journal"), &mut assembly, 0).unwrap();
        let (mut first, mut now) = (Vec::<Ended>::new(), 0);
        let mut kept = 0;
        for call in 0..12 {
            feed(&mut assembly, call, |assembly, at, step| {
                now = at;
                journal.write(&assembly.take_journal()).unwrap();
                for ended in assembly.take_ended(at, &House) {
                    journal.write(&assembly.take_journal()).unwrap();
                    let place = journal.ended(1);
                    journal.stored(place);
                    first.push(ended);
                }
                // In the middle of each second call.
                if call % 2 == 1 && step == 60 {
                    for done in journal.turn(assembly, true, at).unwrap() {
                        raw.keep(&done).unwrap();
                        assert!(!done.path.exists());
                        kept += 1;
                    }
                }
            });
        }
        first.extend(assembly.take_ended(now + LINGER_MS, &House));
        journal.write(&assembly.take_journal()).unwrap();
        journal.turn(&assembly, true, now).unwrap().iter().for_each(|done| raw.keep(done).unwrap());
        assert!(kept >= 5);
        let mut again = Vec::new();
        raw.tell_again((0, i64::MAX), Assembly::new(), &House, |ended| again.push(ended)).unwrap();
        again.sort_by_key(|ended| ended.id);
        first.sort_by_key(|ended| ended.id);
        assert_eq!((first.len(), told(&again)), (12, told(&first)));

        let mut late = 0;
        raw.tell_again((first[8].call.ended_ms.unwrap(), i64::MAX), Assembly::new(), &House, |_| late += 1).unwrap();
        assert!((4..10).contains(&late), "only the segments of that time are read: {late}");
        // Its directory holds that of each federation.
        assert_eq!(Raw::trim(directory.path(), now + KEPT_MS).unwrap(), kept);
    }
}
