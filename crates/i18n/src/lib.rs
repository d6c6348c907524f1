//! Texts for people in their language, from `locales/*.po`.
//!
//! English is the language of the source: a text without a translation is shown as it stands. Two readers stand behind
//! one surface and one test: the pure one (`catalogue`), and with the feature `system` the C library's gettext
//! (`platform`). The language is the process's, as gettext has it.
//!
//! A text is found for the catalogues when it is a literal: `gettext("…")`, `ngettext("…", "…", n)`. Values are put in
//! afterwards, with `replace("{name}", …)`: a format string must not come out of a file.

#[cfg(not(all(feature = "system", any(target_os = "linux", target_os = "macos"))))]
mod catalogue;
#[cfg(all(feature = "system", any(target_os = "linux", target_os = "macos")))]
mod platform;

#[cfg(not(all(feature = "system", any(target_os = "linux", target_os = "macos"))))]
use catalogue as reader;
#[cfg(all(feature = "system", any(target_os = "linux", target_os = "macos")))]
use platform as reader;

/// Languages with a complete catalogue, and the source's own.
pub const LANGUAGES: [&str; 2] = ["en", "ru"];

/// Speaks the language of a tag such as `ru`, `ru-RU` or `ru_RU.UTF-8` from now on; English when there is no catalogue
/// for it.
pub fn set_language(tag: &str) {
    let known = LANGUAGES.into_iter().find(|language| {
        tag.get(..language.len()).is_some_and(|head| head.eq_ignore_ascii_case(language))
            && !tag[language.len()..].starts_with(|next: char| next.is_ascii_alphabetic())
    });
    reader::set_language(known.unwrap_or("en"));
}

/// The text in the present language.
#[must_use]
pub fn gettext(text: &str) -> String {
    // The empty text is the catalogue's header, which nobody means.
    if text.is_empty() { String::new() } else { reader::gettext(text) }
}

/// The text for a number of things in the present language; `one` and `many` are English.
#[must_use]
pub fn ngettext(one: &str, many: &str, n: u64) -> String {
    reader::ngettext(one, many, n)
}

#[cfg(test)]
mod tests {
    use super::{gettext, ngettext, set_language};

    // One test, because the language is the process's.
    #[test]
    fn texts_follow_the_language() {
        set_language("ru_RU.UTF-8");
        assert_eq!(gettext("Available"), "На линии");
        assert_eq!(gettext("Not answering"), "Не отвечает");
        assert_eq!(gettext("no such text"), "no such text");
        assert_eq!(gettext(""), "");
        let forms = [(1, "1 ждёт"), (2, "2 ждут"), (5, "5 ждут"), (21, "21 ждёт"), (22, "22 ждут"), (111, "111 ждут")];
        for (n, expected) in forms {
            let text = ngettext("${ waiting } waiting", "${ waiting } waiting", n);
            assert_eq!(text.replace("${ waiting }", &n.to_string()), expected);
        }
        let seconds: Vec<String> = [1, 3, 11, 22]
            .into_iter()
            .map(|n| ngettext("Try again in ${ seconds } second.", "Try again in ${ seconds } seconds.", n))
            .collect();
        assert!(seconds[0].ends_with("секунду."), "{seconds:?}");
        assert!(seconds[1].ends_with("секунды."), "{seconds:?}");
        assert!(seconds[2].ends_with("секунд."), "{seconds:?}");
        assert!(seconds[3].ends_with("секунды."), "{seconds:?}");

        for tag in ["en-GB", "de", "rus", "", "р"] {
            set_language(tag);
            assert_eq!(gettext("Available"), "Available", "{tag}");
            assert_eq!(ngettext("one thing", "many things", 1), "one thing");
            assert_eq!(ngettext("one thing", "many things", 2), "many things");
        }
        set_language("ru");
        assert_eq!(gettext("Available"), "На линии");
    }
}
