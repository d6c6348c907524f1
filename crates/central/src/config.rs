//! The config file: TOML, every key explained in the one that `init` writes; an unknown key is an error.

use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::desk::Timing;
use crate::tenant::TenantOptions;

/// What `init` writes; `{data_dir}` and `{listen}` are filled in.
const TEMPLATE: &str = include_str!("config.toml");

/// Keys, for the nearest name of an unknown one.
const KEYS: [&str; 11] = [
    "listen",
    "data",
    "tls_certificate",
    "tls_key",
    "log",
    "log_dir",
    "session_idle_hours",
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address and port.
    pub listen: SocketAddr,
    /// Database and key file.
    #[serde(rename = "data")]
    pub data_dir: PathBuf,
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
fn default_away_pause_s() -> u32 {
    300
}
fn default_away_offline_s() -> u32 {
    900
}
fn default_grace_s() -> u32 {
    30
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
        for file in [&mut config.tls_certificate, &mut config.tls_key, &mut config.log_dir].into_iter().flatten() {
            *file = base.join(&*file);
        }
        config.data_dir = base.join(&config.data_dir);
        Ok(config)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let form = |error: toml::de::Error| ConfigError::Form {
            path: path.to_owned(),
            why: error.to_string().trim_end().to_owned(),
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

    /// What the tenant needs of it.
    #[must_use]
    pub fn tenant(&self) -> TenantOptions {
        let seconds = |s: u32| i64::from(s) * 1000;
        TenantOptions {
            data_dir: self.data_dir.clone(),
            timing: Timing {
                away_pause_ms: seconds(self.away_pause_s),
                away_offline_ms: seconds(self.away_offline_s),
                grace_ms: seconds(self.grace_s),
                day_offset_ms: i64::from(self.day_offset_min) * 60_000,
            },
            session_idle_ms: seconds(self.session_idle_hours) * 3600,
        }
    }

    /// Writes a new config file; never over one that is there.
    ///
    /// # Errors
    /// When it is there or cannot be written.
    pub fn write_new(path: &Path, listen: SocketAddr, data_dir: &Path) -> Result<(), ConfigError> {
        use std::io::Write as _;
        // A TOML basic string has the same escapes as a JSON one.
        let quoted = serde_json::Value::String(data_dir.to_string_lossy().into_owned()).to_string();
        let text = TEMPLATE.replace("\"{data_dir}\"", &quoted).replace("{listen}", &listen.to_string());
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

#[cfg(test)]
mod tests {
    use super::{Config, ConfigError, KEYS};
    use std::path::Path;

    const LEAST: &str = "listen = \"127.0.0.1:0\"\ndata = \"data\"\n";

    #[test]
    fn what_init_writes_can_be_read_and_explains_every_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("central.toml");
        let data = dir.path().join("da\"ta");
        Config::write_new(&path, "127.0.0.1:8440".parse().unwrap(), &data).unwrap();
        let config = Config::read(&path).unwrap();
        assert_eq!(config.data_dir, data);
        assert_eq!(config, Config { listen: config.listen, data_dir: data, ..Config::parse(&path, LEAST).unwrap() });
        let text = std::fs::read_to_string(&path).unwrap();
        for key in KEYS {
            let line = text.lines().position(|line| line.trim_start_matches("# ").starts_with(&format!("{key} =")));
            let line = line.unwrap_or_else(|| panic!("{key} is not in the template"));
            assert!(text.lines().nth(line - 1).unwrap().starts_with("# "), "{key} is not explained");
        }
        let again = Config::write_new(&path, config.listen, dir.path());
        assert!(matches!(again, Err(ConfigError::Exists(_))), "{again:?}");
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
