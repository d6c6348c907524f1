//! Calls that wait for the database and are too many for memory: a file, first in, first out.
//!
//! Nothing depends on it: a process that is killed tells the same calls again from its journal. So it is begun empty, and is
//! as good as memory that is a little slow.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use calls::{Call, Ended};
use serde::{Deserialize, Serialize};

use super::journal::Place;

/// A call that waits, and where it was told.
pub type Waiting = (Place, Ended);

#[derive(Serialize)]
struct Put<'c> {
    id: u64,
    absorbed: &'c [u64],
    call: &'c Call,
}

#[derive(Deserialize)]
struct Taken {
    id: u64,
    absorbed: Vec<u64>,
    call: Call,
}

/// The file.
#[derive(Debug)]
pub struct Overflow {
    file: File,
    read_at: u64,
    write_at: u64,
    count: usize,
}

impl Overflow {
    /// Begins it, empty.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn begin(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok(Self { file, read_at: 0, write_at: 0, count: 0 })
    }

    /// Deletes what another process left of one, which nobody reads any more.
    pub fn discard(path: &Path) {
        match std::fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "a file of calls that waited for the database cannot be deleted: {error}; delete it, the calls are stored otherwise");
            }
        }
    }

    /// How many wait in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// How long the file is.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.write_at
    }

    /// Whether none waits in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Puts a call behind the others.
    ///
    /// # Errors
    /// When it cannot be written; then nothing of it is.
    pub fn put(&mut self, (place, ended): &Waiting) -> std::io::Result<()> {
        let put = Put { id: ended.id, absorbed: &ended.absorbed, call: &ended.call };
        let text = serde_json::to_vec(&put).map_err(std::io::Error::other)?;
        let length = u32::try_from(text.len()).map_err(std::io::Error::other)?;
        let record = [&place.number().to_le_bytes()[..], &length.to_le_bytes(), &text].concat();
        self.file.seek(SeekFrom::Start(self.write_at))?;
        self.file.write_all(&record)?;
        self.write_at += record.len() as u64;
        self.count += 1;
        Ok(())
    }

    /// Takes the first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn take(&mut self) -> std::io::Result<Option<Waiting>> {
        if self.count == 0 {
            return Ok(None);
        }
        self.file.seek(SeekFrom::Start(self.read_at))?;
        let mut head = [0; 12];
        self.file.read_exact(&mut head)?;
        let (place, length) = head.split_at(8);
        let place = place.try_into().map_or(0, u64::from_le_bytes);
        let length = length.try_into().map_or(0, u32::from_le_bytes);
        let mut text = vec![0; usize::try_from(length).map_err(std::io::Error::other)?];
        self.file.read_exact(&mut text)?;
        let Taken { id, absorbed, call } = serde_json::from_slice(&text).map_err(std::io::Error::other)?;
        self.read_at += 12 + u64::from(length);
        self.count -= 1;
        if self.count == 0 {
            self.file.set_len(0)?;
            (self.read_at, self.write_at) = (0, 0);
        }
        Ok(Some((Place::of(place), Ended { id, absorbed, call })))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{calls_of, told};
    use super::Overflow;
    use crate::collector::Place;

    #[test]
    fn what_waits_comes_out_as_it_went_in_and_the_file_is_empty_then() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("waiting");
        let mut overflow = Overflow::begin(&path).unwrap();
        let calls = calls_of(5);
        for (at, ended) in calls.iter().enumerate() {
            overflow.put(&(Place::of(at as u64), ended.clone())).unwrap();
        }
        assert_eq!(overflow.len(), 5);
        let mut out = Vec::new();
        for at in 0..3 {
            let (place, ended) = overflow.take().unwrap().unwrap();
            assert_eq!(place, Place::of(at));
            out.push(ended);
        }
        overflow.put(&(Place::of(5), calls[0].clone())).unwrap();
        while let Some((_, ended)) = overflow.take().unwrap() {
            out.push(ended);
        }
        assert_eq!(told(&out[..5]), told(&calls));
        assert_eq!((out[5].id, std::fs::metadata(&path).unwrap().len()), (calls[0].id, 0));
    }
}
