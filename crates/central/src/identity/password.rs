//! Passwords: argon2id, off the async threads, at most two at a time (each takes 19 MiB).

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use central_api::Secret;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Why a password could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("the password cannot be hashed: {0}")]
pub struct PasswordError(String);

/// Hashes and verifies.
#[derive(Debug, Clone)]
pub struct Passwords {
    room: Arc<Semaphore>,
    /// Verified when the user is unknown, so that the answer takes as long.
    nobody: Arc<str>,
}

impl Passwords {
    /// Makes the hash that stands for nobody.
    ///
    /// # Errors
    /// When hashing does not work at all.
    pub async fn new() -> Result<Self, PasswordError> {
        let room = Arc::new(Semaphore::new(2));
        let nobody = hash(&room, Secret::new("nobody")).await?;
        Ok(Self { room, nobody: nobody.into() })
    }

    /// A PHC string.
    ///
    /// # Errors
    /// When hashing does not work.
    pub async fn hash(&self, password: Secret) -> Result<String, PasswordError> {
        hash(&self.room, password).await
    }

    /// Whether it is the password; the same work is done for nobody.
    pub async fn verify(&self, password: Secret, stored: Option<String>) -> bool {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.nobody.to_string());
        let right = blocking(&self.room, move || {
            PasswordHash::new(&stored)
                .is_ok_and(|parsed| Argon2::default().verify_password(password.expose().as_bytes(), &parsed).is_ok())
        })
        .await;
        known && right.unwrap_or(false)
    }
}

async fn hash(room: &Arc<Semaphore>, password: Secret) -> Result<String, PasswordError> {
    blocking(room, move || {
        Argon2::default()
            .hash_password(password.expose().as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|error| PasswordError(error.to_string()))
    })
    .await?
}

async fn blocking<T: Send + 'static>(
    room: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PasswordError> {
    let stopped = |error: &dyn std::fmt::Display| PasswordError(error.to_string());
    let _room = room.acquire().await.map_err(|error| stopped(&error))?;
    tokio::task::spawn_blocking(work).await.map_err(|error| stopped(&error))
}

#[cfg(test)]
mod tests {
    use super::Passwords;
    use central_api::Secret;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_right() {
        let passwords = Passwords::new().await.unwrap();
        let hash = passwords.hash(Secret::new("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(passwords.verify(Secret::new("correct horse"), Some(hash.clone())).await);
        assert!(!passwords.verify(Secret::new("wrong horse"), Some(hash)).await);
        assert!(!passwords.verify(Secret::new("nobody"), None).await, "the stand-in's own password opens nothing");
        assert!(!passwords.verify(Secret::new("x"), Some("not a hash".into())).await);
    }
}
