//! What is remembered between two starts, in the keyring of the operating system: the session's token and the SIP secrets.
//!
//! Without a keyring nothing is stored and the password is asked again; there is no file as a second best.

use central_api::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Mutex;

const SERVICE: &str = "org.linedesk.Linedesk";

/// The secrets of one session. Small, since Windows takes at most 2,560 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Session it belongs to.
    pub session: String,
    /// Token.
    pub token: Secret,
    /// Fence.
    pub fence: u64,
    /// SIP passwords by phone.
    pub sip: BTreeMap<String, Secret>,
}

/// The keyring's own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyringError(pub String);

/// A place for secrets. The calls block: they are never made on the runtime's own threads.
pub trait Keyring: Debug + Send + Sync + 'static {
    /// What is kept under this name; nothing when nothing is.
    ///
    /// # Errors
    /// When there is no keyring or it is locked.
    fn read(&self, name: &str) -> Result<Option<Remembered>, KeyringError>;
    /// Keeps it.
    ///
    /// # Errors
    /// When there is no keyring or it is locked.
    fn write(&self, name: &str, what: &Remembered) -> Result<(), KeyringError>;
    /// Forgets it; that nothing was there is well.
    ///
    /// # Errors
    /// When there is no keyring or it is locked.
    fn erase(&self, name: &str) -> Result<(), KeyringError>;
}

/// The operating system's.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsKeyring;

impl OsKeyring {
    fn entry(name: &str) -> Result<keyring::Entry, KeyringError> {
        if let Err(error) = keyring::Entry::store_status() {
            return Err(KeyringError(error.to_string()));
        }
        keyring::Entry::new(SERVICE, name).map_err(|error| KeyringError(error.to_string()))
    }
}

impl Keyring for OsKeyring {
    fn read(&self, name: &str) -> Result<Option<Remembered>, KeyringError> {
        match Self::entry(name)?.get_secret() {
            // What cannot be read was written by another version: it is as good as nothing, and no error of the keyring.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(KeyringError(error.to_string())),
        }
    }

    fn write(&self, name: &str, what: &Remembered) -> Result<(), KeyringError> {
        let bytes = zeroize::Zeroizing::new(serde_json::to_vec(what).map_err(|error| KeyringError(error.to_string()))?);
        Self::entry(name)?.set_secret(&bytes).map_err(|error| KeyringError(error.to_string()))
    }

    fn erase(&self, name: &str) -> Result<(), KeyringError> {
        match Self::entry(name)?.delete_credential() {
            Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(error) => Err(KeyringError(error.to_string())),
        }
    }
}

/// None at all: for hundreds of headless workstations on one machine. The memory of the process is all it has.
#[derive(Debug, Default)]
pub struct MemoryKeyring(Mutex<BTreeMap<String, Remembered>>);

impl MemoryKeyring {
    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Remembered>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Keyring for MemoryKeyring {
    fn read(&self, name: &str) -> Result<Option<Remembered>, KeyringError> {
        Ok(self.kept().get(name).cloned())
    }

    fn write(&self, name: &str, what: &Remembered) -> Result<(), KeyringError> {
        self.kept().insert(name.to_owned(), what.clone());
        Ok(())
    }

    fn erase(&self, name: &str) -> Result<(), KeyringError> {
        self.kept().remove(name);
        Ok(())
    }
}
