//! Who is there: passwords, attempts, tokens, sessions.

mod attempts;
mod password;
mod sessions;

pub use attempts::{Attempts, Wait};
pub use password::{PasswordError, Passwords};
pub use sessions::{Presence, Sessions};

use central_api::Secret;
use sha2::{Digest as _, Sha256};

use crate::store::{StoreError, fill};

/// Hash under which a token is stored.
#[must_use]
pub fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// A new token: 256 random bits as hexadecimal text.
///
/// # Errors
/// When the system gives no random numbers.
pub fn new_token() -> Result<Secret, StoreError> {
    use std::fmt::Write as _;
    let mut bytes = zeroize::Zeroizing::new([0u8; 32]);
    fill(bytes.as_mut())?;
    let mut text = String::with_capacity(64);
    for byte in bytes.iter() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(Secret::new(text))
}
