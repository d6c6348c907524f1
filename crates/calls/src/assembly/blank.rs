//! A journal without somebody: the same calls by the same joins, and nothing in it by which a person is known.

use serde::Serialize;

use super::Unreadable;
use super::journal::Op;
use crate::note::What;

/// Who is to go, and what stands in the place of what is known of them.
pub trait Blank {
    /// A text in which a number may stand: dialled, an extension, a channel's name. None: nothing of theirs is in it.
    fn text(&self, text: &str) -> Option<String>;
    /// Whether a number is theirs, so that the name beside it goes, too.
    fn is_theirs(&self, number: &str) -> bool;
    /// A value of an attribute. None: nothing of theirs is in it.
    fn value(&self, value: &str) -> Option<String>;
}

/// The journal without them; None: nothing of theirs is in it. Numbers have to be replaced alike everywhere, or what was joined by
/// them would not be.
///
/// # Errors
/// When it is cut off or is none.
pub fn blanked(journal: &[u8], blank: &dyn Blank) -> Result<Option<Vec<u8>>, Unreadable> {
    let (mut rest, mut written, mut changed) = (journal, Vec::with_capacity(journal.len()), false);
    while !rest.is_empty() {
        let wrong = |_| Unreadable { at: journal.len() - rest.len() };
        let (mut op, after) = postcard::take_from_bytes::<Op<'_>>(rest).map_err(wrong)?;
        match &mut op {
            Op::Note { what, .. } | Op::Looked { what, .. } => changed |= note(what, blank),
            Op::Make { ix, pbx, uniqueid, name } => {
                if let Some(new) = blank.text(name) {
                    put(&Op::Make { ix: *ix, pbx: *pbx, uniqueid, name: &new }, &mut written);
                    (rest, changed) = (after, true);
                    continue;
                }
            }
            _ => {}
        }
        put(&op, &mut written);
        rest = after;
    }
    Ok(changed.then_some(written))
}

fn put(op: &impl Serialize, to: &mut Vec<u8>) {
    // Writing into memory cannot fail.
    *to = postcard::to_extend(op, std::mem::take(to)).unwrap_or_default();
}

fn note(what: &mut What, blank: &dyn Blank) -> bool {
    let text = |texts: &mut [&mut Box<str>]| {
        let mut changed = false;
        for text in texts {
            if let Some(new) = blank.text(text) {
                **text = new.into();
                changed = true;
            }
        }
        changed
    };
    match what {
        What::Caller { number, name } | What::ConnectedTo { number, name } => {
            let theirs = number.as_deref().is_some_and(|number| blank.is_theirs(number));
            let nameless = theirs && name.as_mut().is_some_and(|name| !std::mem::take(name).is_empty());
            // A name may be the number again.
            let name = name.as_mut().is_some_and(|name| text(&mut [name]));
            number.as_mut().is_some_and(|number| text(&mut [number])) | name | nameless
        }
        What::Renamed(name) => text(&mut [name]),
        What::At { context, exten, application: _, data } => text(&mut [context, exten, data]),
        What::Dials { dialled, .. } => text(&mut [dialled]),
        What::DialEnds { forward: Some(forward), .. } => text(&mut [forward]),
        What::Offered { interface, member, .. } => text(&mut [interface, member]),
        What::Taken { interface, .. } | What::NotTaken { interface, .. } => text(&mut [interface]),
        What::TransfersBlind { context, exten, .. } => text(&mut [context, exten]),
        What::TransfersAttended { application: Some(application), .. } => text(&mut [application]),
        What::Parked { parker: Some(parker), .. } => text(&mut [parker]),
        What::Attribute { value, .. } => match blank.value(value) {
            Some(new) => {
                *value = new.into();
                true
            }
            None => false,
        },
        _ => false,
    }
}
