//! The journal of a collector on disk: what it was told since the oldest call that is not stored yet.
//!
//! A directory of numbered segments. Each begins with all that was live then, so that older ones are needed only until the calls
//! that ended in them are stored. A record is its length, the checksum of its bytes, and the bytes; a half record at the end is
//! what a killed process leaves, and ends the segment. Nothing is synchronised to the platter with each batch: a killed process
//! loses nothing, a power cut may lose the last moments.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use calls::Assembly;

/// A segment is left for a new one when it grew by this, and by as much as it began with.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;

/// Longest record; a longer one is no journal.
const MAX_RECORD: usize = 256 * 1024 * 1024;

/// What a file begins with: name and version of the format; then when it was begun, ms since the Unix epoch, eight bytes.
const MAGIC: &[u8; 8] = b"ldcalls3";

/// Directory of the segments that are no longer needed here.
const DONE: &str = "done";

/// Why the journal cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error(
    "the journal of calls in {path} cannot be {what}: {source}. Calls go on to be collected, but those under way would be lost if \
     this server ended now; make room on the disk, or look at its rights"
)]
pub struct JournalError {
    path: PathBuf,
    what: &'static str,
    source: std::io::Error,
}

/// Where in the journal something stands: the number of its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(u64);

impl Place {
    pub(super) fn of(number: u64) -> Self {
        Self(number)
    }

    pub(super) fn number(self) -> u64 {
        self.0
    }
}

/// A segment that is no longer needed to tell calls: their raw material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The file; whoever takes it moves it away.
    pub path: PathBuf,
    /// Which it was.
    pub place: Place,
    /// When it was begun.
    pub from_ms: i64,
    /// When it was left.
    pub to_ms: i64,
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    directory: PathBuf,
    segment: Segment,
    /// Segments that were done when the last process ended.
    left: Vec<Done>,
    /// Calls that ended in a segment and are not stored yet.
    waiting: BTreeMap<Place, usize>,
    bytes_before: u64,
}

#[derive(Debug)]
struct Segment {
    place: Place,
    file: File,
    bytes: u64,
    /// What was live at its begin.
    began_with: u64,
}

impl Journal {
    /// Opens the journal of a directory and does what it says with an assembly that is empty. What was done since ends again.
    ///
    /// # Errors
    /// When the directory cannot be made, read or written.
    pub fn open(directory: &Path, assembly: &mut Assembly, now_ms: i64) -> Result<Self, JournalError> {
        let named = |what| {
            let path = directory.to_owned();
            move |source| JournalError { path, what, source }
        };
        std::fs::create_dir_all(directory.join(DONE)).map_err(named("made"))?;
        let segments = list(directory).map_err(named("listed"))?;
        let mut bytes_before = 0;
        for place in &segments {
            let path = path_of(directory, *place);
            let text = read(&path).map_err(named("read"))?;
            bytes_before += text.len() as u64;
            let Some((_, rest)) = begun(&text) else {
                tracing::warn!(
                    path = %path.display(),
                    "this part of the journal of calls is of another version of the program or damaged, and is passed over: calls \
                     that were under way in it may be missing"
                );
                continue;
            };
            // Each begins with what was live, which mends what the end of the one before may have lost.
            let mut records = Records { rest };
            for record in records.by_ref() {
                if let Err(error) = assembly.replay(record) {
                    tracing::warn!(path = %path.display(), %error, "{error}");
                }
            }
            if !records.rest.is_empty() {
                let bytes = records.rest.len();
                tracing::info!(path = %path.display(), bytes, "the last {bytes} bytes of a journal of calls were not written to their end");
            }
        }
        // All of it stands in the new segment from the begin.
        drop(assembly.take_journal());
        let next = Place(segments.last().map_or(1, |last| last.0 + 1));
        let left = done(directory).map_err(named("listed"))?;
        let segment = begin(directory, next, assembly, now_ms).map_err(named("written"))?;
        let waiting = segments.into_iter().map(|place| (place, 0)).collect();
        Ok(Self { directory: directory.to_owned(), segment, left, waiting, bytes_before })
    }

    /// Where what is written now will stand.
    #[must_use]
    pub fn place(&self) -> Place {
        self.segment.place
    }

    /// Bytes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes_before + self.segment.bytes
    }

    /// Writes what an assembly changed.
    ///
    /// # Errors
    /// When it cannot be written; then nothing of it is.
    pub fn write(&mut self, changes: &[u8]) -> Result<(), JournalError> {
        if changes.is_empty() {
            return Ok(());
        }
        let before = self.segment.bytes;
        append(&mut self.segment, changes).map_err(|source| {
            // Half a record would hide all that comes after it.
            let _ = self.segment.file.set_len(before);
            self.segment.bytes = before;
            JournalError { path: self.directory.clone(), what: "written", source }
        })
    }

    /// Calls ended here, and wait to be stored.
    pub fn ended(&mut self, count: usize) -> Place {
        *self.waiting.entry(self.segment.place).or_default() += count;
        self.segment.place
    }

    /// Whether all calls that ended in it are stored.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.waiting.values().all(|waiting| *waiting == 0)
    }

    /// A call that ended there is stored.
    pub fn stored(&mut self, place: Place) {
        if let Some(waiting) = self.waiting.get_mut(&place) {
            *waiting = waiting.saturating_sub(1);
        }
    }

    /// Begins a new segment where this one is long, or `now` says so, and gives those that nobody needs any more.
    ///
    /// # Errors
    /// When it cannot be written; the journal goes on in the old segment.
    pub fn turn(&mut self, assembly: &Assembly, now: bool, now_ms: i64) -> Result<Vec<Done>, JournalError> {
        let grown = self.segment.bytes - self.segment.began_with;
        if !now && grown < SEGMENT_BYTES.max(self.segment.began_with) {
            return Ok(Vec::new());
        }
        let named = |what| {
            let path = self.directory.clone();
            move |source| JournalError { path, what, source }
        };
        let next =
            begin(&self.directory, Place(self.segment.place.0 + 1), assembly, now_ms).map_err(named("written"))?;
        let last = std::mem::replace(&mut self.segment, next);
        self.bytes_before += last.bytes;
        self.waiting.entry(last.place).or_default();
        let mut done = std::mem::take(&mut self.left);
        while let Some((place, 0)) = self.waiting.first_key_value().map(|(place, waiting)| (*place, *waiting)) {
            if place == self.segment.place {
                break;
            }
            // What cannot be cleared now is tried again at the next turn; the new segment stands all the same.
            match set_aside(&self.directory, place, now_ms) {
                Ok((segment, bytes)) => {
                    self.bytes_before = self.bytes_before.saturating_sub(bytes);
                    done.push(segment);
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => {
                    let error = named("cleared")(source);
                    tracing::warn!(%error, "{error}");
                    break;
                }
            }
            self.waiting.remove(&place);
        }
        Ok(done)
    }
}

/// Deletes a journal that nobody needs any more, of which this is the last segment. What was set aside and not taken stays.
///
/// # Errors
/// When something cannot be deleted, or stays.
pub(super) fn discard(directory: &Path, last: Place) -> std::io::Result<()> {
    std::fs::remove_file(path_of(directory, last))?;
    std::fs::remove_dir(directory.join(DONE))?;
    std::fs::remove_dir(directory)
}

/// Moves a segment to those that are done; it, and its bytes.
fn set_aside(directory: &Path, place: Place, now_ms: i64) -> std::io::Result<(Done, u64)> {
    let path = path_of(directory, place);
    let mut header = [0; 16];
    let mut file = File::open(&path)?;
    let bytes = file.metadata()?.len();
    let from_ms = match file.read_exact(&mut header) {
        Ok(()) => begun(&header).map_or(now_ms, |(at, _)| at),
        // Cut off at its very begin.
        Err(_) => now_ms,
    };
    let done = directory.join(DONE).join(format!("{:010}-{from_ms}-{now_ms}.calls", place.0));
    std::fs::rename(&path, &done)?;
    Ok((Done { path: done, place, from_ms, to_ms: now_ms }, bytes))
}

/// Segments that are done and that nobody took.
fn done(directory: &Path) -> std::io::Result<Vec<Done>> {
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(directory.join(DONE))? {
        let path = entry?.path();
        let named = path.file_stem().and_then(|name| name.to_str()).and_then(|name| {
            let mut parts = name.split('-').map(str::parse::<i64>);
            let (place, from_ms, to_ms) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
            Some((Place(u64::try_from(place).ok()?), from_ms, to_ms))
        });
        segments.extend(named.map(|(place, from_ms, to_ms)| Done { path, place, from_ms, to_ms }));
    }
    segments.sort_by_key(|segment| segment.place);
    Ok(segments)
}

/// When a segment was begun, and its records; nothing where it is none.
pub(super) fn begun(text: &[u8]) -> Option<(i64, &[u8])> {
    let (at, records) = text.strip_prefix(MAGIC)?.split_first_chunk::<8>()?;
    Some((i64::from_le_bytes(*at), records))
}

/// Records of a segment, up to the first that is not whole.
pub(super) struct Records<'s> {
    pub(super) rest: &'s [u8],
}

impl<'s> Iterator for Records<'s> {
    type Item = &'s [u8];

    fn next(&mut self) -> Option<&'s [u8]> {
        let (length, rest) = self.rest.split_first_chunk::<4>()?;
        let (checksum, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= MAX_RECORD)?;
        let record = rest.get(..length)?;
        if crc32fast::hash(record) != u32::from_le_bytes(*checksum) {
            return None;
        }
        self.rest = &rest[length..];
        Some(record)
    }
}

fn begin(directory: &Path, place: Place, assembly: &Assembly, now_ms: i64) -> std::io::Result<Segment> {
    let path = path_of(directory, place);
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&new)?;
    file.write_all(MAGIC)?;
    file.write_all(&now_ms.to_le_bytes())?;
    let mut segment = Segment { place, file, bytes: MAGIC.len() as u64 + 8, began_with: 0 };
    append(&mut segment, &assembly.dump())?;
    segment.began_with = segment.bytes;
    // It counts as there once it is whole: what stands in it stands in the segment before too.
    segment.file.sync_data()?;
    std::fs::rename(&new, &path)?;
    Ok(segment)
}

/// What stands before a record in a segment: its length and its checksum.
pub(super) fn header(record: &[u8]) -> std::io::Result<[u8; 8]> {
    let length = u32::try_from(record.len()).map_err(std::io::Error::other)?;
    let mut header = [0; 8];
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[4..].copy_from_slice(&crc32fast::hash(record).to_le_bytes());
    Ok(header)
}

fn append(segment: &mut Segment, record: &[u8]) -> std::io::Result<()> {
    let header = header(record)?;
    // Not as one: the record may be all that is live.
    segment.file.write_all(&header)?;
    segment.file.write_all(record)?;
    segment.bytes += (header.len() + record.len()) as u64;
    Ok(())
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn path_of(directory: &Path, place: Place) -> PathBuf {
    directory.join(format!("{:010}.calls", place.0))
}

fn list(directory: &Path) -> std::io::Result<Vec<Place>> {
    let mut places = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".calls")).and_then(|name| name.parse().ok());
        places.extend(number.map(Place));
    }
    places.sort_unstable();
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{House, events};
    use super::{Journal, Place};
    use ami::Event;
    use calls::{Assembly, LINGER_MS, PbxIx};

    fn fresh() -> Assembly {
        let mut assembly = Assembly::new();
        assembly.give_ids(1..100);
        assembly.keep_journal();
        assembly
    }

    fn told(assembly: &mut Assembly) -> Vec<String> {
        assembly.take_ended(i64::MAX - LINGER_MS, &House).iter().map(|ended| ended.call.to_string()).collect()
    }

    /// Killed after each event in turn, also in the middle of a record, also right after a new segment: the same call.
    #[test]
    fn killed_at_any_point_the_same_calls_are_told() {
        let events = events(0);
        let mut whole = fresh();
        for (at, message) in events.iter().enumerate() {
            whole.event(PbxIx(0), at as i64 * 100, &Event::read(message));
        }
        let expected = told(&mut whole);
        assert_eq!(expected.len(), 1);
        for killed in (0..events.len()).step_by(3) {
            let directory = tempfile::tempdir().unwrap();
            let mut assembly = fresh();
            let mut journal = Journal::open(directory.path(), &mut assembly, 1).unwrap();
            for (at, message) in events[..killed].iter().enumerate() {
                assembly.event(PbxIx(0), at as i64 * 100, &Event::read(message));
                journal.write(&assembly.take_journal()).unwrap();
                if at % 40 == 39 {
                    journal.turn(&assembly, true, 2).unwrap();
                }
            }
            let path = super::path_of(directory.path(), journal.place());
            let torn = [9, 0, 0, 0, 1, 2, 3];
            std::io::Write::write_all(&mut std::fs::OpenOptions::new().append(true).open(path).unwrap(), &torn)
                .unwrap();
            drop((assembly, journal));
            let mut again = fresh();
            let mut journal = Journal::open(directory.path(), &mut again, 1).unwrap();
            for (at, message) in events.iter().enumerate().skip(killed) {
                again.event(PbxIx(0), at as i64 * 100, &Event::read(message));
                journal.write(&again.take_journal()).unwrap();
            }
            assert_eq!(told(&mut again), expected, "killed at {killed}");
        }
    }

    #[test]
    fn a_segment_goes_when_its_calls_are_stored() {
        let directory = tempfile::tempdir().unwrap();
        let mut assembly = fresh();
        let mut journal = Journal::open(directory.path(), &mut assembly, 1).unwrap();
        let first = journal.ended(2);
        assert_eq!(first, Place(1));
        assert!(journal.turn(&assembly, true, 2).unwrap().is_empty(), "two calls are not stored");
        journal.stored(first);
        assert!(journal.turn(&assembly, true, 2).unwrap().is_empty(), "one is not");
        journal.stored(first);
        assert_eq!(journal.turn(&assembly, true, 2).unwrap().len(), 3, "it, and those after it in which nothing ended");
        assert_eq!(super::list(directory.path()).unwrap(), [journal.place()]);
        assert!(journal.turn(&assembly, false, 2).unwrap().is_empty(), "a short one is kept");
    }
}
