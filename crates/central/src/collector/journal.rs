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

/// A segment is left for a new one at this size.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;

/// Longest record; a longer one is no journal.
const MAX_RECORD: usize = 256 * 1024 * 1024;

/// What a file begins with: name and version of the format.
const MAGIC: &[u8; 8] = b"ldcalls1";

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

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    directory: PathBuf,
    segment: Segment,
    /// Calls that ended in a segment and are not stored yet.
    waiting: BTreeMap<Place, usize>,
    bytes_before: u64,
}

#[derive(Debug)]
struct Segment {
    place: Place,
    file: File,
    bytes: u64,
}

impl Journal {
    /// Opens the journal of a directory and does what it says with an assembly that is empty. What was done since ends again.
    ///
    /// # Errors
    /// When the directory cannot be made, read or written.
    pub fn open(directory: &Path, assembly: &mut Assembly) -> Result<Self, JournalError> {
        let named = |what| {
            let path = directory.to_owned();
            move |source| JournalError { path, what, source }
        };
        std::fs::create_dir_all(directory).map_err(named("made"))?;
        let segments = list(directory).map_err(named("listed"))?;
        let mut bytes_before = 0;
        for (at, place) in segments.iter().enumerate() {
            let path = path_of(directory, *place);
            let text = read(&path).map_err(named("read"))?;
            bytes_before += text.len() as u64;
            let mut records = Records { rest: text.strip_prefix(MAGIC).unwrap_or_default() };
            // The first record says what was live; those who come from the segment before know it.
            let live = records.next();
            for record in live.filter(|_| at == 0).into_iter().chain(records) {
                if let Err(error) = assembly.replay(record) {
                    tracing::warn!(path = %path.display(), %error, "{error}");
                }
            }
        }
        // All of it stands in the new segment from the begin.
        drop(assembly.take_journal());
        let next = Place(segments.last().map_or(1, |last| last.0 + 1));
        let segment = begin(directory, next, assembly).map_err(named("written"))?;
        let waiting = segments.into_iter().map(|place| (place, 0)).collect();
        Ok(Self { directory: directory.to_owned(), segment, waiting, bytes_before })
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

    /// A call that ended there is stored.
    pub fn stored(&mut self, place: Place) {
        if let Some(waiting) = self.waiting.get_mut(&place) {
            *waiting = waiting.saturating_sub(1);
        }
    }

    /// Begins a new segment where this one is long, or `now` says so, and deletes those that nobody needs; gives these.
    ///
    /// # Errors
    /// When it cannot be written; the journal goes on in the old segment.
    pub fn turn(&mut self, assembly: &Assembly, now: bool) -> Result<Vec<Vec<u8>>, JournalError> {
        if !now && self.segment.bytes < SEGMENT_BYTES {
            return Ok(Vec::new());
        }
        let named = |what| {
            let path = self.directory.clone();
            move |source| JournalError { path, what, source }
        };
        let next = begin(&self.directory, Place(self.segment.place.0 + 1), assembly).map_err(named("written"))?;
        let last = std::mem::replace(&mut self.segment, next);
        self.bytes_before += last.bytes;
        self.waiting.entry(last.place).or_default();
        let mut done = Vec::new();
        while let Some((place, 0)) = self.waiting.first_key_value().map(|(place, waiting)| (*place, *waiting)) {
            if place == self.segment.place {
                break;
            }
            let path = path_of(&self.directory, place);
            let bytes = read(&path).map_err(named("read"))?;
            std::fs::remove_file(&path).map_err(named("cleared"))?;
            self.waiting.remove(&place);
            self.bytes_before = self.bytes_before.saturating_sub(bytes.len() as u64);
            done.push(bytes);
        }
        Ok(done)
    }
}

/// Records of a segment, up to the first that is not whole.
struct Records<'s> {
    rest: &'s [u8],
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

fn begin(directory: &Path, place: Place, assembly: &Assembly) -> std::io::Result<Segment> {
    let path = path_of(directory, place);
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&new)?;
    file.write_all(MAGIC)?;
    let mut segment = Segment { place, file, bytes: MAGIC.len() as u64 };
    append(&mut segment, &assembly.dump())?;
    // It counts as there once it is whole: what stands in it stands in the segment before too.
    segment.file.sync_data()?;
    std::fs::rename(&new, &path)?;
    Ok(segment)
}

fn append(segment: &mut Segment, record: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(record.len()).map_err(std::io::Error::other)?;
    let mut bytes = Vec::with_capacity(record.len() + 8);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(record).to_le_bytes());
    bytes.extend_from_slice(record);
    segment.file.write_all(&bytes)?;
    segment.bytes += bytes.len() as u64;
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
    use super::{Journal, Place};
    use ami::{Event, Frame, Message, Parser};
    use calls::{Assembly, Directory, LINGER_MS, PbxIx, Who};

    const STREAM: &str = include_str!("../../../ami/tests/data/asterisk22-queue-call.txt");

    #[derive(Debug)]
    struct House;

    impl Directory for House {
        fn who(&self, _: PbxIx, endpoint: &str) -> Who {
            if endpoint.contains("/trunk") { Who::Trunk } else { Who::Phone }
        }
    }

    fn events() -> Vec<Message> {
        let mut parser = Parser::new();
        parser.push(STREAM.as_bytes());
        let mut events = Vec::new();
        while let Some(frame) = parser.next_frame().unwrap() {
            if let Frame::Message(message) = frame {
                events.push(message);
            }
        }
        events
    }

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
        let events = events();
        let mut whole = fresh();
        for (at, message) in events.iter().enumerate() {
            whole.event(PbxIx(0), at as i64 * 100, &Event::read(message));
        }
        let expected = told(&mut whole);
        assert_eq!(expected.len(), 1);
        for killed in (0..events.len()).step_by(3) {
            let directory = tempfile::tempdir().unwrap();
            let mut assembly = fresh();
            let mut journal = Journal::open(directory.path(), &mut assembly).unwrap();
            for (at, message) in events[..killed].iter().enumerate() {
                assembly.event(PbxIx(0), at as i64 * 100, &Event::read(message));
                journal.write(&assembly.take_journal()).unwrap();
                if at % 40 == 39 {
                    journal.turn(&assembly, true).unwrap();
                }
            }
            let path = super::path_of(directory.path(), journal.place());
            let torn = [9, 0, 0, 0, 1, 2, 3];
            std::io::Write::write_all(&mut std::fs::OpenOptions::new().append(true).open(path).unwrap(), &torn)
                .unwrap();
            drop((assembly, journal));
            let mut again = fresh();
            let mut journal = Journal::open(directory.path(), &mut again).unwrap();
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
        let mut journal = Journal::open(directory.path(), &mut assembly).unwrap();
        let first = journal.ended(2);
        assert_eq!(first, Place(1));
        assert!(journal.turn(&assembly, true).unwrap().is_empty(), "two calls are not stored");
        journal.stored(first);
        assert!(journal.turn(&assembly, true).unwrap().is_empty(), "one is not");
        journal.stored(first);
        assert_eq!(journal.turn(&assembly, true).unwrap().len(), 3, "it, and those after it in which nothing ended");
        assert_eq!(super::list(directory.path()).unwrap(), [journal.place()]);
        assert!(journal.turn(&assembly, false).unwrap().is_empty(), "a short one is kept");
    }
}
