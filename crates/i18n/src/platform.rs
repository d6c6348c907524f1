//! The system's gettext. Its language is the process's: it is set at the start, before other threads read the
//! environment.

use gettextrs::{LocaleCategory, bind_textdomain_codeset, bindtextdomain, setlocale, textdomain};

const DOMAIN: &str = "linedesk";

/// Where the package puts `ru/LC_MESSAGES/linedesk.mo`; the build's own directory when the packager did not say.
const DIRECTORY: &str = match option_env!("LINEDESK_LOCALE_DIR") {
    Some(directory) => directory,
    None => env!("LINEDESK_BUILT_LOCALES"),
};

pub(crate) fn set_language(language: &str) {
    speak(language);
    // Binding again empties gettext's cache; without it the former language would go on.
    let bound = bindtextdomain(DOMAIN, DIRECTORY)
        .and_then(|_| bind_textdomain_codeset(DOMAIN, "UTF-8"))
        .and_then(|_| textdomain(DOMAIN));
    if let Err(error) = bound {
        tracing::error!(%error, language, "gettext cannot be set up; texts stay English");
    }
}

/// `LANGUAGE` beside a UTF-8 C locale works where the language's own locale is not generated.
#[expect(unsafe_code, reason = "the C library has no other way to say the language of gettext")]
fn speak(language: &str) {
    // SAFETY: both change what other threads may be reading in the C library. The composition root calls this before it
    // starts threads; a later change comes from the settings, and nothing else here reads the environment by C.
    unsafe {
        std::env::set_var("LANGUAGE", language);
        setlocale(LocaleCategory::LcMessages, "C.UTF-8");
    }
}

pub(crate) fn gettext(text: &str) -> String {
    gettextrs::gettext(text)
}

pub(crate) fn ngettext(one: &str, many: &str, n: u64) -> String {
    // A plural rule looks at the last digits only; gettext-rs takes 32 bits.
    let n = u32::try_from(n).unwrap_or_else(|_| u32::try_from(1_000_000 + n % 1_000_000).unwrap_or(0));
    gettextrs::ngettext(one, many, n)
}
