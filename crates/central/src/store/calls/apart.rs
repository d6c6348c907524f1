//! What in a call is a customer's: numbers and names of whoever is not of the house, also where they hide in dial strings and
//! extensions. Pure; [`super::personal`] keeps it apart from the call, which is left with ids.
//!
//! A number that is taken for a customer's and is none costs nothing: it is filled in again whenever the call is read. One that
//! is overlooked stays behind when its owner is forgotten. So whatever looks like a number of the outside is one, unless the
//! house is known by it.

use calls::Call;
use calls::call::{Attribute, Direction, Party, PartyIx, Who};
use std::borrow::Cow;

/// So many digits are nobody's extension.
const OUTSIDE: usize = 7;
/// Where a text was taken apart: ‹id›. ‹› is the sign itself.
const OPEN: char = '‹';
const CLOSE: char = '›';

/// Something of somebody, as it was told; what there is none of is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Personal<'c> {
    /// Number.
    pub number: &'c str,
    /// Name.
    pub name: &'c str,
    /// Name in the attribute catalogue.
    pub attribute: &'c str,
    /// Its value.
    pub value: &'c str,
}

impl<'c> Personal<'c> {
    /// A number alone.
    #[must_use]
    pub fn number(number: &'c str) -> Self {
        Self { number, name: "", attribute: "", value: "" }
    }

    /// By which numbers are compared: their digits, if it is one; nothing without a number.
    #[must_use]
    pub fn folded(&self) -> Option<Cow<'c, str>> {
        folded(self.number)
    }
}

/// See [`Personal::folded`].
#[must_use]
pub fn folded(number: &str) -> Option<Cow<'_, str>> {
    /// An index takes no text of any length; whatever is longer is no number.
    const LONGEST: usize = 64;
    if number.is_empty() {
        return None;
    }
    if number.bytes().all(|byte| byte.is_ascii_digit()) && number.len() <= LONGEST {
        return Some(Cow::Borrowed(number));
    }
    let written = |sign: char| sign.is_ascii_digit() || matches!(sign, '+' | ' ' | '-' | '(' | ')' | '.');
    let digits: String = number.chars().filter(char::is_ascii_digit).take(LONGEST).collect();
    if number.chars().all(written) && !digits.is_empty() {
        return Some(Cow::Owned(digits));
    }
    Some(Cow::Owned(number.to_lowercase().chars().take(LONGEST).collect()))
}

/// How much a text may hide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// Somebody dialled it: whatever is long enough is a number of the outside.
    Dialled,
    /// A name given by the house, or a value that is not personal: only numbers that the call has anyway.
    Named,
}

/// Whose numbers a call has.
#[derive(Debug)]
pub struct Numbers<'c> {
    /// Of the house.
    ours: Vec<&'c str>,
    /// Of others.
    theirs: Vec<&'c str>,
}

impl<'c> Numbers<'c> {
    /// Of a call.
    #[must_use]
    pub fn of(call: &'c Call) -> Self {
        let mut ours: Vec<&str> = Vec::new();
        let mut theirs: Vec<&str> = Vec::new();
        for party in &call.parties {
            let number = party.number.as_deref().filter(|number| !number.is_empty());
            if is_outside(party) {
                theirs.extend(number);
            } else {
                ours.extend(number);
                ours.extend(tokens(&party.endpoint).filter(|token| digits(token).count() > 0));
            }
        }
        if let Some(dialled) = call.dialled.as_deref().filter(|dialled| !dialled.is_empty()) {
            let outside = call.direction == Direction::Outgoing || digits(dialled).count() >= OUTSIDE;
            if call.direction == Direction::Incoming {
                // The customer dialled a number of the house.
                ours.push(dialled);
            } else if outside && !ours.contains(&dialled) {
                theirs.push(dialled);
            }
        }
        Self { ours, theirs }
    }

    /// The text with what is personal in it replaced; `id` says by what. `None` leaves it as it is.
    pub fn apart<'t>(&self, text: &'t str, kind: Text, mut id: impl FnMut(&'t str) -> Option<i64>) -> Cow<'t, str> {
        if !text.bytes().any(|byte| byte.is_ascii_digit()) && self.theirs.is_empty() && !text.contains(OPEN) {
            return Cow::Borrowed(text);
        }
        if self.is_theirs(text, kind) {
            return id(text).map_or(Cow::Borrowed(text), |id| Cow::Owned(format!("{OPEN}{id}{CLOSE}")));
        }
        let mut replaced: Option<String> = None;
        let mut rest = 0;
        let mut replace = |from: usize, to: usize, by: &str| {
            let text_so_far = replaced.get_or_insert_with(String::new);
            text_so_far.push_str(&text[rest..from]);
            text_so_far.push(OPEN);
            text_so_far.push_str(by);
            text_so_far.push(CLOSE);
            rest = to;
        };
        // What stands behind the @ is where it was dialled through, which is the house's.
        let gateway = text.rfind('@').unwrap_or(text.len());
        for (from, token) in token_places(text) {
            let kind = if from > gateway { Text::Named } else { kind };
            if token.starts_with(OPEN) {
                replace(from, from + token.len(), "");
            } else if self.is_theirs(token, kind) {
                if let Some(id) = id(token) {
                    replace(from, from + token.len(), &id.to_string());
                }
            } else {
                for (at, run) in runs(token) {
                    if self.is_theirs(run, kind)
                        && let Some(id) = id(run)
                    {
                        replace(from + at, from + at + run.len(), &id.to_string());
                    }
                }
            }
        }
        match replaced {
            Some(mut replaced) => {
                replaced.push_str(&text[rest..]);
                Cow::Owned(replaced)
            }
            None => Cow::Borrowed(text),
        }
    }

    fn is_theirs(&self, text: &str, kind: Text) -> bool {
        if self.ours.contains(&text) {
            return false;
        }
        if self.theirs.contains(&text) {
            return true;
        }
        let is_number = text.strip_prefix('+').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || digits(text).count() < OUTSIDE {
            return false;
        }
        kind == Text::Dialled || self.theirs.iter().any(|their| ends_alike(their, text))
    }
}

/// Whether somebody is not of the house.
#[must_use]
pub fn is_outside(party: &Party) -> bool {
    // Whoever nobody knows is rather a customer whose number stays apart than a colleague whose number does not.
    party.who != Who::Phone
}

/// Number and name of somebody who is not of the house, if there are any.
#[must_use]
pub fn of_party(party: &Party) -> Option<Personal<'_>> {
    let number = party.number.as_deref().unwrap_or_default();
    let name = party.name.as_deref().unwrap_or_default();
    (is_outside(party) && !(number.is_empty() && name.is_empty()))
        .then_some(Personal { name, ..Personal::number(number) })
}

/// Whose value an attribute is: of whoever's channel had it, else of who called, else of whoever else is not of the house.
#[must_use]
pub fn customer_of<'c>(call: &'c Call, attribute: &Attribute) -> &'c str {
    let outside = |party: PartyIx| call.parties.get(party).filter(|party| is_outside(party));
    let customer = attribute.party.and_then(outside).or_else(|| outside(call.caller));
    let customer = customer.or_else(|| call.parties.iter().find(|party| is_outside(party)));
    customer.and_then(|party| party.number.as_deref()).unwrap_or_default()
}

/// A text that was taken apart, as it was; `text_of` says what stands behind an id.
#[must_use]
pub fn filled<'t>(text: &str, text_of: impl Fn(i64) -> Option<&'t str>) -> String {
    let mut parts = text.split(OPEN);
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let Some((id, after)) = part.split_once(CLOSE) else {
            filled.push(OPEN);
            filled.push_str(part);
            continue;
        };
        if id.is_empty() {
            filled.push(OPEN);
        } else if let Some(text) = id.parse().ok().and_then(&text_of) {
            filled.push_str(text);
        }
        filled.push_str(after);
    }
    filled
}

/// Words of a dial string, with their places; an opening sign is one by itself.
fn token_places(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let divides = |sign: char| {
        matches!(
            sign,
            '/' | '@' | ':' | ';' | ',' | '&' | '=' | '<' | '>' | '(' | ')' | '[' | ']' | '"' | '\'' | '|' | CLOSE
        ) || sign.is_whitespace()
    };
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let begin = at + rest.find(|sign| !divides(sign))?;
        let rest = &text[begin..];
        let length = match rest.starts_with(OPEN) {
            true => OPEN.len_utf8(),
            false => rest.find(|sign| divides(sign) || sign == OPEN).unwrap_or(rest.len()),
        };
        at = begin + length;
        Some((begin, &rest[..length]))
    })
}

fn tokens(text: &str) -> impl Iterator<Item = &str> {
    token_places(text).map(|(_, token)| token)
}

/// Digits in a row, with a + before them, and their places.
fn runs(token: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = token.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let first = at + bytes.get(at..)?.iter().position(u8::is_ascii_digit)?;
        let length = bytes[first..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        at = first + length;
        let begin = if first > 0 && bytes[first - 1] == b'+' { first - 1 } else { first };
        Some((begin, &token[begin..at]))
    })
}

fn digits(text: &str) -> impl DoubleEndedIterator<Item = u8> {
    text.bytes().filter(u8::is_ascii_digit)
}

/// Whether the last digits are the same, however the first ones are spelt.
fn ends_alike(one: &str, two: &str) -> bool {
    digits(one).count() >= OUTSIDE && digits(one).rev().take(OUTSIDE).eq(digits(two).rev().take(OUTSIDE))
}

#[cfg(test)]
#[path = "apart_tests.rs"]
mod tests;
