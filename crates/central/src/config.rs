//! The config file: TOML, every key explained in the one that `init` writes; an unknown key is an error.

use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::desk::Timing;
use crate::store::{Location, StoreOptions};
use crate::tenant::TenantOptions;

/// What `init` writes; what it is told is filled in.
const TEMPLATE: &str = include_str!("config.toml");

/// Keys, for the nearest name of an unknown one.
const KEYS: [&str; 14] = [
    "listen",
    "data",
    "database",
    "database_password_file",
    "tls_certificate",
    "tls_key",
    "log",
    "log_dir",
    "session_idle_hours",
    "waiting_mib",
    "away_pause_s",
    "away_offline_s",
    "grace_s",
    "day_offset_min",
];

/// Why a config file cannot be used: what failed, why, what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not readable.
    #[error("cannot read the config file {path}: {source}; make one with `linedesk-central --config {path} init`")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, or a value of the wrong kind.
    #[error(
        "the config file {path} cannot be used: {why}; mend it, or compare with a new one that `init` writes elsewhere"
    )]
    Form {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A key nobody knows.
    #[error("the config file {path} has the unknown key `{key}`; {advice}")]
    UnknownKey {
        /// Which.
        path: PathBuf,
        /// Which.
        key: String,
        /// The nearest known one.
        advice: String,
    },
    /// Passwords would travel in clear.
    #[error(
        "will not listen on {0} without TLS, because passwords would travel in clear; set tls_certificate and tls_key, or \
         listen on 127.0.0.1"
    )]
    NeedsTls(SocketAddr),
    /// Half of TLS.
    #[error("TLS needs both tls_certificate and tls_key, and only one is set; set the other, or neither")]
    HalfTls,
    /// It is there already.
    #[error("{0} is there already and is not overwritten; choose another path with --config, or edit it")]
    Exists(PathBuf),
    /// Not writable.
    #[error("cannot write {path}: {source}; choose another path with --config")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A config file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address and port.
    pub listen: SocketAddr,
    /// Key file, and the database when it is SQLite.
    #[serde(rename = "data")]
    pub data_dir: PathBuf,
    /// Where the database is.
    #[serde(default)]
    pub database: Location,
    /// Password of a database server.
    pub database_password_file: Option<PathBuf>,
    /// PEM file.
    pub tls_certificate: Option<PathBuf>,
    /// PEM file.
    pub tls_key: Option<PathBuf>,
    /// What is logged.
    #[serde(default = "default_log")]
    pub log: String,
    /// Where, besides standard error.
    pub log_dir: Option<PathBuf>,
    /// See the file that `init` writes.
    #[serde(default = "default_session_idle_hours")]
    pub session_idle_hours: u32,
    /// See the file that `init` writes.
    #[serde(default = "default_waiting_mib")]
    pub waiting_mib: u32,
    /// See the file that `init` writes.
    #[serde(default = "default_away_pause_s")]
    pub away_pause_s: u32,
    /// See the file that `init` writes.
    #[serde(default = "default_away_offline_s")]
    pub away_offline_s: u32,
    /// See the file that `init` writes.
    #[serde(default = "default_grace_s")]
    pub grace_s: u32,
    /// See the file that `init` writes.
    #[serde(default)]
    pub day_offset_min: i32,
}

fn default_log() -> String {
    "info".to_owned()
}
fn default_session_idle_hours() -> u32 {
    16
}
fn default_waiting_mib() -> u32 {
    1_024
}
fn default_away_pause_s() -> u32 {
    300
}
fn default_away_offline_s() -> u32 {
    900
}
fn default_grace_s() -> u32 {
    30
}

/// What a new config file says.
#[derive(Debug, Clone)]
pub struct NewConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// Key file, and the database when it is SQLite.
    pub data_dir: PathBuf,
    /// URL of a database server.
    pub database: Option<String>,
    /// Password of a database server.
    pub database_password_file: Option<PathBuf>,
}

impl NewConfig {
    /// With SQLite, beside the file.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self { listen, data_dir: "linedesk-data".into(), database: None, database_password_file: None }
    }
}

/// Certificate and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM file.
    pub certificate: PathBuf,
    /// PEM file.
    pub key: PathBuf,
}

impl Config {
    /// Reads a config file; relative paths in it count from where it lies.
    ///
    /// # Errors
    /// When it cannot be read or used.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let mut config = Self::parse(path, &text)?;
        let base = path.parent().unwrap_or(Path::new(""));
        let files =
            [&mut config.tls_certificate, &mut config.tls_key, &mut config.log_dir, &mut config.database_password_file];
        for file in files.into_iter().flatten() {
            *file = base.join(&*file);
        }
        config.data_dir = base.join(&config.data_dir);
        Ok(config)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        // The line is named and never quoted: somebody may have written a password into it.
        let form = |error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            ConfigError::Form { path: path.to_owned(), why: format!("line {line}: {}", error.message()) }
        };
        let table: toml::Table = text.parse().map_err(form)?;
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let nearest = KEYS
                .iter()
                .max_by(|a, b| strsim::jaro_winkler(a, key).total_cmp(&strsim::jaro_winkler(b, key)))
                .filter(|known| strsim::jaro_winkler(known, key) > 0.75);
            let advice = match nearest {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known keys are {}", KEYS.join(", ")),
            };
            return Err(ConfigError::UnknownKey { path: path.to_owned(), key: key.clone(), advice });
        }
        toml::from_str(text).map_err(form)
    }

    /// TLS, or the proof that none is needed.
    ///
    /// # Errors
    /// When it is half set, or needed and not set.
    pub fn tls(&self) -> Result<Option<TlsFiles>, ConfigError> {
        match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate: certificate.clone(), key: key.clone() })),
            (None, None) if self.listen.ip().is_loopback() => Ok(None),
            (None, None) => Err(ConfigError::NeedsTls(self.listen)),
            _ => Err(ConfigError::HalfTls),
        }
    }

    /// Where the database is.
    #[must_use]
    pub fn store(&self) -> StoreOptions {
        StoreOptions {
            location: self.database.clone(),
            password_file: self.database_password_file.clone(),
            ..StoreOptions::new(&self.data_dir)
        }
    }

    /// What the tenant needs of it.
    #[must_use]
    pub fn tenant(&self) -> TenantOptions {
        let seconds = |s: u32| i64::from(s) * 1000;
        TenantOptions {
            store: self.store(),
            timing: Timing {
                away_pause_ms: seconds(self.away_pause_s),
                away_offline_ms: seconds(self.away_offline_s),
                grace_ms: seconds(self.grace_s),
                day_offset_ms: i64::from(self.day_offset_min) * 60_000,
            },
            session_idle_ms: seconds(self.session_idle_hours) * 3600,
            waiting_bytes: u64::from(self.waiting_mib) << 20,
        }
    }

    /// Writes a new config file; never over one that is there.
    ///
    /// # Errors
    /// When it is there or cannot be written.
    pub fn write_new(path: &Path, new: &NewConfig) -> Result<(), ConfigError> {
        use std::io::Write as _;
        let mut text = TEMPLATE
            .replace("\"{data_dir}\"", &quoted(&new.data_dir.to_string_lossy()))
            .replace("{listen}", &new.listen.to_string());
        for (key, value) in [
            ("database", new.database.clone()),
            ("database_password_file", new.database_password_file.as_ref().map(|file| file.display().to_string())),
        ] {
            let Some(value) = value else { continue };
            let commented = text.lines().find(|line| line.starts_with(&format!("# {key} = "))).map(str::to_owned);
            if let Some(commented) = commented {
                text = text.replacen(&commented, &format!("{key} = {}", quoted(&value)), 1);
            }
        }
        let named = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::AlreadyExists => ConfigError::Exists(path.to_owned()),
            _ => ConfigError::Write { path: path.to_owned(), source },
        };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(named)?;
        }
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(named)?;
        file.write_all(text.as_bytes()).map_err(named)
    }
}

/// A TOML basic string has the same escapes as a JSON one.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::{Config, ConfigError, KEYS, NewConfig};
    use crate::store::Location;
    use std::path::Path;

    const LEAST: &str = "listen = \"127.0.0.1:0\"\ndata = \"data\"\n";

    #[test]
    fn what_init_writes_can_be_read_and_explains_every_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("central.toml");
        let data = dir.path().join("da\"ta");
        let new = NewConfig { data_dir: data.clone(), ..NewConfig::new("127.0.0.1:8440".parse().unwrap()) };
        Config::write_new(&path, &new).unwrap();
        let config = Config::read(&path).unwrap();
        assert_eq!(config.data_dir, data);
        assert_eq!(config, Config { listen: config.listen, data_dir: data, ..Config::parse(&path, LEAST).unwrap() });
        let text = std::fs::read_to_string(&path).unwrap();
        for key in KEYS {
            let line = text.lines().position(|line| line.trim_start_matches("# ").starts_with(&format!("{key} =")));
            let line = line.unwrap_or_else(|| panic!("{key} is not in the template"));
            assert!(text.lines().nth(line - 1).unwrap().starts_with("# "), "{key} is not explained");
        }
        let again = Config::write_new(&path, &new);
        assert!(matches!(again, Err(ConfigError::Exists(_))), "{again:?}");
    }

    #[test]
    fn a_server_that_init_is_told_stands_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("central.toml");
        let url = "postgres://linedesk@db.example/linedesk?sslmode=verify-full";
        let new = NewConfig {
            database: Some(url.to_owned()),
            database_password_file: Some("database.password".into()),
            ..NewConfig::new("127.0.0.1:8440".parse().unwrap())
        };
        Config::write_new(&path, &new).unwrap();
        let config = Config::read(&path).unwrap();
        assert_eq!(config.database, url.parse().unwrap());
        assert_eq!(config.database_password_file, Some(dir.path().join("database.password")));
        let store = config.store();
        assert_eq!((&store.location, &store.password_file), (&config.database, &config.database_password_file));
        assert_eq!(Config::parse(&path, LEAST).unwrap().database, Location::Sqlite);
    }

    #[test]
    fn a_password_in_the_file_is_refused_and_not_repeated() {
        for line in [
            "database = \"postgres://linedesk:hunter2@db.example/linedesk\"",
            "database = \"postgres://linedesk:hunter2@db.example/linedesk",
            "database = postgres://linedesk:hunter2@db.example/linedesk",
        ] {
            let error = Config::parse(Path::new("x"), &format!("{LEAST}{line}\n")).unwrap_err().to_string();
            assert!(error.contains("line 3") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        let error = Config::parse(Path::new("x"), &format!("{LEAST}lisen = 1\n")).unwrap_err().to_string();
        assert!(error.contains("`lisen`") && error.contains("did you mean `listen`"), "{error}");
        let error = Config::parse(Path::new("x"), &format!("{LEAST}colour = 1\n")).unwrap_err().to_string();
        assert!(error.contains("known keys are listen"), "{error}");
    }

    #[test]
    fn without_tls_only_loopback() {
        let parse = |text: &str| Config::parse(Path::new("x"), text).unwrap();
        assert!(matches!(parse(LEAST).tls(), Ok(None)));
        let open = "listen = \"0.0.0.0:8440\"\ndata = \"data\"\n";
        assert!(matches!(parse(open).tls(), Err(ConfigError::NeedsTls(_))));
        let half = format!("{open}tls_key = \"k\"\n");
        assert!(matches!(parse(&half).tls(), Err(ConfigError::HalfTls)));
        assert!(matches!(parse(&format!("{half}tls_certificate = \"c\"\n")).tls(), Ok(Some(_))));
    }
}
