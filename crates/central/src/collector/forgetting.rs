//! A customer is taken out of the raw material of calls: derived again they are the same calls, of nobody.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use calls::Blank;

use super::raw::Raw;
use crate::store::Asked;

/// Shorter digits in a row are no number of the outside.
const SHORTEST: usize = 5;

/// What is left of somebody in the files of the collector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InFiles {
    /// Segments of raw material that had something of theirs and have it no more.
    pub blanked: usize,
    /// Files of calls that the database refused, which are left to a person.
    pub refused: usize,
}

/// Takes a customer out of what the collectors of a data directory keep. `values` are those of the personal attributes. What is
/// still in a journal comes to the raw material when its calls are stored, a minute later or two.
///
/// # Errors
/// When raw material cannot be read or written.
pub fn forget(data_dir: &Path, asked: Asked<'_>, values: Vec<String>) -> std::io::Result<InFiles> {
    let directory = data_dir.join("calls");
    let theirs = Theirs::new(asked, values);
    let mut files = InFiles::default();
    for raw in Raw::all(&Raw::directory(data_dir))? {
        files.blanked += raw.blank(&theirs)?;
    }
    for journal in std::fs::read_dir(directory.join("journal")).into_iter().flatten().flatten() {
        let entries = std::fs::read_dir(journal.path()).into_iter().flatten().flatten();
        let is_refused = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with("refused-");
        files.refused += entries.filter(|entry| is_refused(&entry.file_name())).count();
    }
    Ok(files)
}

struct Theirs<'a> {
    asked: Asked<'a>,
    values: BTreeSet<String>,
    /// Stands for the number, from its end: the same for all its spellings, so that what was joined by it still is.
    stand_in: String,
    /// What was compared: there are far more events than numbers.
    known: RefCell<HashMap<String, bool>>,
}

impl<'a> Theirs<'a> {
    fn new(asked: Asked<'a>, values: Vec<String>) -> Self {
        // No number begins with so many zeros, and another customer who is forgotten has another end.
        let end = uuid::Uuid::new_v4().as_u128() % 1_000_000;
        let stand_in = format!("{end:064}");
        Self { asked, values: values.into_iter().collect(), stand_in, known: RefCell::default() }
    }

    fn is(&self, text: &str) -> bool {
        if let Some(known) = self.known.borrow().get(text) {
            return *known;
        }
        let is = self.asked.is(text);
        self.known.borrow_mut().insert(text.to_owned(), is);
        is
    }

    fn in_place_of(&self, number: &str) -> &str {
        &self.stand_in[self.stand_in.len().saturating_sub(number.len())..]
    }
}

impl Blank for Theirs<'_> {
    fn text(&self, text: &str) -> Option<String> {
        let mut new = String::with_capacity(text.len());
        let mut rest = text;
        let mut changed = false;
        while let Some(from) = rest.find(|sign: char| sign.is_ascii_digit()) {
            let to = rest[from..].find(|sign: char| !sign.is_ascii_digit()).map_or(rest.len(), |length| from + length);
            let number = &rest[from..to];
            // A + before it tells what country it is of.
            let with_plus = from > 0 && rest[..from].ends_with('+');
            let whole = if with_plus { &rest[from - 1..to] } else { number };
            new.push_str(&rest[..from]);
            if number.len() >= SHORTEST && (self.is(whole) || self.is(number)) {
                new.push_str(self.in_place_of(number));
                changed = true;
            } else {
                new.push_str(number);
            }
            rest = &rest[to..];
        }
        new.push_str(rest);
        // Written with blanks and dashes between its digits.
        let spelt = || {
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            let plain = |sign: char| sign.is_ascii_digit() || matches!(sign, '+' | ' ' | '-' | '(' | ')' | '.');
            (digits >= SHORTEST && text.chars().all(plain) && self.is(text))
                .then(|| self.stand_in[self.stand_in.len() - digits.min(self.stand_in.len())..].to_owned())
        };
        if changed { Some(new) } else { spelt() }
    }

    fn is_theirs(&self, number: &str) -> bool {
        self.is(number)
    }

    fn value(&self, value: &str) -> Option<String> {
        let mut changed = false;
        // Of a user event there is a field a line.
        let lines = value.split('\n').map(|line| {
            let (field, told) = line.split_once('=').map_or(("", line), |(field, told)| (field, told));
            let of_value = self.values.contains(told) || self.values.contains(line);
            let new = if of_value { Some(String::new()) } else { self.text(told) };
            changed |= new.is_some();
            let new = new.unwrap_or_else(|| told.to_owned());
            if line.contains('=') && !self.values.contains(line) { format!("{field}={new}") } else { new }
        });
        let new = lines.collect::<Vec<_>>().join("\n");
        changed.then_some(new)
    }
}

#[cfg(test)]
#[path = "forgetting_tests.rs"]
mod tests;
