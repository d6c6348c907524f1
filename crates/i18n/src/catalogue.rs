//! The pure reader: embedded .mo files, no file and no locale of the system.

use gettext::{Catalog, ParseOptions};
use std::sync::{PoisonError, RwLock};

const RU: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/locale/ru/LC_MESSAGES/linedesk.mo"));

/// Nothing: the source's own texts.
static SPOKEN: RwLock<Option<Catalog>> = RwLock::new(None);

pub(crate) fn set_language(language: &str) {
    let catalogue = match language {
        // The crate splits the catalogue's own rule at `&&` before `?:` and then takes the first form for 2.
        "ru" => ParseOptions::new()
            .force_plural(russian_form)
            .parse(RU)
            .inspect_err(|error| tracing::error!(%error, language, "the embedded catalogue cannot be read"))
            .ok(),
        _ => None,
    };
    *SPOKEN.write().unwrap_or_else(PoisonError::into_inner) = catalogue;
}

pub(crate) fn gettext(text: &str) -> String {
    match &*SPOKEN.read().unwrap_or_else(PoisonError::into_inner) {
        Some(catalogue) => catalogue.gettext(text).to_owned(),
        None => text.to_owned(),
    }
}

pub(crate) fn ngettext(one: &str, many: &str, n: u64) -> String {
    match &*SPOKEN.read().unwrap_or_else(PoisonError::into_inner) {
        Some(catalogue) => catalogue.ngettext(one, many, n).to_owned(),
        None => if n == 1 { one } else { many }.to_owned(),
    }
}

/// Which of the three Russian forms: 1, 21, 31 … | 2–4, 22–24 … | the rest, 11–14 with it.
fn russian_form(n: u64) -> usize {
    match (n % 10, n % 100) {
        (_, 11..=14) => 2,
        (1, _) => 0,
        (2..=4, _) => 1,
        _ => 2,
    }
}
