//! What a store is opened with.

use central_api::Secret;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

use super::StoreError;
use super::location::Location;

/// How long one waits for a connection or for somebody else's transaction.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a tenant's database is and how it is opened.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreOptions {
    /// Directory of the key file, and of the database when it is SQLite.
    pub data_dir: PathBuf,
    /// Where the database is.
    pub location: Location,
    /// File with the password of a server, which only its owner may read. Absent: PGPASSWORD, or none.
    pub password_file: Option<PathBuf>,
    /// How long one waits for a connection or for somebody else's transaction; a statement of PostgreSQL may take six times
    /// as long.
    pub patience: Duration,
}

impl StoreOptions {
    /// SQLite in a data directory.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), location: Location::Sqlite, password_file: None, patience: PATIENCE }
    }

    /// As messages call the database.
    #[must_use]
    pub fn shown(&self) -> String {
        match &self.location {
            Location::Sqlite => self.database_file().display().to_string(),
            Location::Postgres(server) => server.to_string(),
        }
    }

    /// The file of SQLite.
    pub(super) fn database_file(&self) -> PathBuf {
        self.data_dir.join("central.sqlite")
    }

    pub(super) fn key_file(&self) -> PathBuf {
        self.data_dir.join("secret.key")
    }

    /// The first line of the password file. PGPASSWORD is read by the driver.
    pub(super) fn password(&self) -> Result<Option<Secret>, StoreError> {
        let Some(path) = &self.password_file else { return Ok(None) };
        let text = std::fs::read_to_string(path).map(Zeroizing::new);
        let text = text.map_err(|source| StoreError::File { path: path.clone(), source })?;
        if is_open(path)? {
            return Err(StoreError::OpenPassword(path.clone()));
        }
        match text.lines().next() {
            Some(line) if !line.is_empty() => Ok(Some(Secret::new(line))),
            _ => Err(StoreError::EmptyPassword(path.clone())),
        }
    }
}

/// Whether others than its owner can read it.
#[cfg(unix)]
fn is_open(path: &Path) -> Result<bool, StoreError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(path).map_err(|source| StoreError::File { path: path.to_owned(), source })?;
    Ok(metadata.permissions().mode() & 0o077 != 0)
}

/// Elsewhere the directory's inherited access list counts.
#[cfg(not(unix))]
fn is_open(_path: &Path) -> Result<bool, StoreError> {
    Ok(false)
}

#[cfg(all(test, unix))]
mod tests {
    use super::StoreOptions;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_password_is_the_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("database.password");
        let mut options = StoreOptions::new(dir.path());
        assert!(options.password().unwrap().is_none());
        options.password_file = Some(file.clone());
        assert!(options.password().unwrap_err().to_string().contains("database.password"));
        std::fs::write(&file, "hunter2\n").unwrap();
        for (mode, right) in [(0o644, false), (0o640, false), (0o600, true), (0o400, true)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            match options.password() {
                Ok(password) => assert!(right && password.unwrap().expose() == "hunter2", "{mode:o}"),
                Err(error) => assert!(!right && error.to_string().contains("chmod 600"), "{mode:o}: {error}"),
            }
        }
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&file, "\n").unwrap();
        assert!(options.password().unwrap_err().to_string().contains("is empty"));
    }
}
