//! Secrets at rest: sealed with a key that lies beside the database in a file of its own (0600), so that a copy of the
//! database alone gives nothing away.

use central_api::Secret;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

use super::StoreError;

/// The key.
#[derive(Clone)]
pub struct SealingKey(Arc<LessSafeKey>);

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

impl SealingKey {
    /// Reads the key file, or makes it.
    ///
    /// # Errors
    /// When it can be neither read nor made.
    pub fn create_or_read(path: &Path) -> Result<Self, StoreError> {
        let mut bytes = Zeroizing::new([0u8; 32]);
        fill(bytes.as_mut())?;
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path).and_then(|mut file| file.write_all(bytes.as_ref()).and_then(|()| file.sync_all())) {
            Ok(()) => Self::from_bytes(path, bytes.as_ref()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Self::read(path),
            Err(source) => Err(StoreError::File { path: path.to_owned(), source }),
        }
    }

    /// Reads the key file.
    ///
    /// # Errors
    /// When it is missing or is not a key.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let bytes = std::fs::read(path).map_err(|source| StoreError::File { path: path.to_owned(), source })?;
        Self::from_bytes(path, &Zeroizing::new(bytes))
    }

    fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, StoreError> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, bytes).map_err(|_| StoreError::File {
            path: path.to_owned(),
            source: std::io::Error::new(std::io::ErrorKind::InvalidData, "not a key of 32 bytes"),
        })?;
        Ok(Self(Arc::new(LessSafeKey::new(key))))
    }

    /// Seals; only the same purpose opens it, so that a secret cannot be moved to another row.
    pub(super) fn seal(&self, purpose: &str, secret: &Secret) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0u8; NONCE_LEN];
        fill(&mut nonce)?;
        let mut text = secret.expose().as_bytes().to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose.as_bytes()), &mut text)
            .map_err(|_| StoreError::Sealed(purpose.to_owned()))?;
        let mut sealed = nonce.to_vec();
        sealed.extend_from_slice(&text);
        Ok(sealed)
    }

    pub(super) fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Secret, StoreError> {
        let wrong = || StoreError::Sealed(purpose.to_owned());
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let mut text = Zeroizing::new(text.to_vec());
        let plain = self.0.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut text).map_err(|_| wrong())?;
        Ok(Secret::new(std::str::from_utf8(plain).map_err(|_| wrong())?))
    }
}

/// Random bytes from the system.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), StoreError> {
    getrandom::fill(bytes).map_err(|error| StoreError::Random(error.to_string()))
}

/// A directory only we can enter.
pub(super) fn private_dir(path: &Path) -> Result<(), StoreError> {
    let named = |source| StoreError::File { path: path.to_owned(), source };
    if path.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(path).map_err(named)?;
    restrict(path, 0o700).map_err(named)
}

/// A file only we can read, made empty where it is missing.
pub(super) fn private_file(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options.open(path).and_then(|_| restrict(path, 0o600));
    made.map_err(|source| StoreError::File { path: path.to_owned(), source })
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Elsewhere the directory's inherited access list counts.
#[cfg(not(unix))]
fn restrict(_path: &Path, _mode: u32) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::SealingKey;
    use central_api::Secret;

    #[test]
    fn only_the_same_key_and_purpose_open_a_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret.key");
        let key = SealingKey::create_or_read(&path).unwrap();
        let sealed = key.seal("pbx:lab", &Secret::new("amp111")).unwrap();
        assert!(!sealed.windows(6).any(|w| w == b"amp111"));
        let again = SealingKey::read(&path).unwrap();
        assert_eq!(again.open("pbx:lab", &sealed).unwrap().expose(), "amp111");
        assert!(again.open("pbx:other", &sealed).is_err());
        let other = SealingKey::create_or_read(&dir.path().join("other.key")).unwrap();
        assert!(other.open("pbx:lab", &sealed).is_err());
        assert!(again.open("pbx:lab", b"short").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn the_key_file_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret.key");
        SealingKey::create_or_read(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
