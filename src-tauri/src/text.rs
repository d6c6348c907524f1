//! The few texts that are shown outside the window's page.

/// In the person's language.
pub fn text(english: &str) -> String {
    english.to_owned()
}
