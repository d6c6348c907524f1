//! A text that must never be printed.

use zeroize::Zeroize;

/// The manager user's secret. `Debug` shows nothing of it; the memory is overwritten when it is dropped.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", super::Secret::new("hunter2")), "Secret(…)");
    }
}
