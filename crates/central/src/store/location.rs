//! Where the database is: a file in the data directory, or a PostgreSQL server by its URL. A URL never has the password in
//! it: config files are copied into tickets, and command lines are read by everybody on the machine.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer};
use sqlx::postgres::PgSslMode;
use std::borrow::Cow;
use std::path::PathBuf;
use std::str::FromStr;

/// The word for the default.
const SQLITE: &str = "sqlite";
const PORT: u16 = 5432;

/// Where the database is.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Location {
    /// `central.sqlite` in the data directory.
    #[default]
    Sqlite,
    /// A server.
    Postgres(Server),
}

/// A database of a PostgreSQL server, as `postgres://user@host:port/database?sslmode=…` says it.
#[derive(Clone)]
pub struct Server {
    /// Absent: PGUSER, or the name of the system's user.
    pub(super) user: Option<String>,
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) database: String,
    pub(super) tls: PgSslMode,
    /// PEM file of an authority, besides the system's.
    pub(super) root_certificate: Option<PathBuf>,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// By the network.
    Name(String),
    /// By the Unix socket in a directory.
    Socket(PathBuf),
}

/// Why a text is no location. It never quotes the text, which may hold a password in a wrong place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Not for this file.
    #[error(
        "`database` holds a password, which everybody reads who sees the file or the command line; take it out, and write it \
         into a file of its own that `database_password_file` names, or into PGPASSWORD"
    )]
    Password,
    /// Another kind of database.
    #[error("`database` is neither \"sqlite\" nor a URL that begins with postgres://; write one of them")]
    Scheme,
    /// A part that is missing or wrong.
    #[error("`database` {0}; write it like postgres://user@host:5432/name?sslmode=verify-full")]
    Form(&'static str),
    /// An option nobody knows.
    #[error(
        "`database` has the unknown option {0}; known are sslmode, sslrootcert, host (a directory of a Unix socket) and port"
    )]
    Option(String),
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        if text == SQLITE { Ok(Self::Sqlite) } else { text.parse().map(Self::Postgres) }
    }
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for Server {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let rest = ["postgres://", "postgresql://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let rest = rest.ok_or(LocationError::Scheme)?;
        // A password may have any of these signs in it, unescaped: then it is still one.
        if rest.rsplit_once('@').is_some_and(|(before, _)| before.contains(':')) {
            return Err(LocationError::Password);
        }
        let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').ok_or(LocationError::Form("names no database"))?;
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(decoded(user)?).filter(|user| !user.is_empty()), place),
            None => (None, authority),
        };
        let (host, port) = host_and_port(place)?;
        let mut server = Self {
            user,
            host: host.map_or_else(|| Host::Name("localhost".to_owned()), Host::of),
            port: port.unwrap_or(PORT),
            database: decoded(database)?,
            tls: PgSslMode::VerifyFull,
            root_certificate: None,
        };
        let mut tls = None;
        for (name, value) in options.split('&').filter_map(|option| option.split_once('=')) {
            let value = decoded(value)?;
            match name {
                "sslmode" => tls = Some(tls_of(&value)?),
                "sslrootcert" => server.root_certificate = Some(value.into()),
                "host" => server.host = Host::of(value),
                "port" => {
                    server.port = value.parse().map_err(|_| LocationError::Form("has a port that is no number"))?
                }
                "password" => return Err(LocationError::Password),
                other => return Err(LocationError::Option(other.to_owned())),
            }
        }
        if server.database.is_empty() {
            return Err(LocationError::Form("names no database"));
        }
        server.tls = match (&server.host, tls) {
            // It leaves no machine, and PostgreSQL speaks no TLS there.
            (Host::Socket(_), _) => PgSslMode::Disable,
            (Host::Name(_), Some(tls)) => tls,
            // Where the server asks for it.
            (Host::Name(name), None) if super::is_this_machine(name) => PgSslMode::Prefer,
            (Host::Name(_), None) => PgSslMode::VerifyFull,
        };
        Ok(server)
    }
}

impl Host {
    fn of(text: String) -> Self {
        if text.starts_with('/') { Self::Socket(text.into()) } else { Self::Name(text) }
    }
}

/// `host`, `host:port`, `[address]:port`, nothing.
fn host_and_port(place: &str) -> Result<(Option<String>, Option<u16>), LocationError> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']').ok_or(LocationError::Form("has a [ without ]"))?;
            (address, rest.strip_prefix(':'))
        }
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map(str::parse).transpose().map_err(|_| LocationError::Form("has a port that is no number"))?;
    let host = decoded(host)?;
    Ok((Some(host).filter(|host| !host.is_empty()), port))
}

/// The words of libpq.
fn tls_of(word: &str) -> Result<PgSslMode, LocationError> {
    match word {
        "disable" => Ok(PgSslMode::Disable),
        "prefer" => Ok(PgSslMode::Prefer),
        "require" => Ok(PgSslMode::Require),
        "verify-ca" => Ok(PgSslMode::VerifyCa),
        "verify-full" => Ok(PgSslMode::VerifyFull),
        _ => Err(LocationError::Form(
            "has an sslmode that is none of disable, prefer, require, verify-ca and verify-full",
        )),
    }
}

fn decoded(text: &str) -> Result<String, LocationError> {
    let text = percent_decode_str(text).decode_utf8().map(Cow::into_owned);
    text.map_err(|_| LocationError::Form("has an escaped sign that is no UTF-8"))
}

/// As errors call it, without the user.
impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { database, port, .. } = self;
        match &self.host {
            Host::Name(name) => write!(f, "the PostgreSQL database {database} at {name}:{port}"),
            Host::Socket(directory) => write!(f, "the PostgreSQL database {database} at {}", directory.display()),
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({self}, user {:?}, TLS {:?})", self.user, self.tls)
    }
}

impl PartialEq for Server {
    fn eq(&self, other: &Self) -> bool {
        // PgSslMode cannot be compared.
        let of = |server: &Self| {
            let tls = std::mem::discriminant(&server.tls);
            (server.user.clone(), server.host.clone(), server.port, server.database.clone(), tls)
        };
        of(self) == of(other) && self.root_certificate == other.root_certificate
    }
}

#[cfg(test)]
mod tests {
    use super::{Host, Location, LocationError, PgSslMode, Server};

    fn server(text: &str) -> Server {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn urls() {
        for (text, user, host, port, tls) in [
            ("postgres://anna@db.example:5433/desk", Some("anna"), "db.example", 5433, PgSslMode::VerifyFull),
            ("postgresql://db.example/desk?sslmode=require", None, "db.example", 5432, PgSslMode::Require),
            ("postgres://a%40b@[2001:db8::7]:5433/desk", Some("a@b"), "2001:db8::7", 5433, PgSslMode::VerifyFull),
            ("postgres://anna@127.0.0.1/desk", Some("anna"), "127.0.0.1", 5432, PgSslMode::Prefer),
            ("postgres:///desk?sslmode=verify-ca", None, "localhost", 5432, PgSslMode::VerifyCa),
            (
                "postgres://localhost/desk?sslmode=disable&sslrootcert=/ca.pem",
                None,
                "localhost",
                5432,
                PgSslMode::Disable,
            ),
        ] {
            let server = server(text);
            assert_eq!((server.user.as_deref(), &server.host), (user, &Host::Name(host.to_owned())), "{text}");
            assert_eq!((server.port, server.database.as_str()), (port, "desk"), "{text}");
            assert_eq!(std::mem::discriminant(&server.tls), std::mem::discriminant(&tls), "{text}");
        }
        let rooted = server("postgres://h/desk?sslrootcert=/etc/ca.pem");
        assert_eq!(rooted.root_certificate, Some("/etc/ca.pem".into()));
    }

    #[test]
    fn sockets() {
        for text in [
            "postgres://anna@/desk?host=/run/postgresql",
            "postgres://anna@%2Frun%2Fpostgresql/desk",
            "postgres://anna@/desk?host=/run/postgresql&sslmode=verify-full",
        ] {
            let server = server(text);
            assert_eq!(server.host, Host::Socket("/run/postgresql".into()), "{text}");
            assert!(matches!(server.tls, PgSslMode::Disable), "{text}");
        }
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        for text in [
            "postgres://anna:hunter2@db.example/desk",
            "postgres://anna:hunt/er2@db.example/desk",
            "postgres://anna:hunt?er2@db.example/desk",
            "postgres://anna:hunter2@@db.example:5432/desk",
            "postgres://anna:@db.example/desk",
            "postgres://anna@db.example/desk?password=hunter2",
        ] {
            let error = text.parse::<Server>().unwrap_err();
            assert_eq!(error, LocationError::Password, "{text}");
            assert!(!error.to_string().contains("hunt") && error.to_string().contains("database_password_file"));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, words) in [
            ("mysql://db/desk", "neither \"sqlite\" nor"),
            ("/var/lib/central.sqlite", "neither \"sqlite\" nor"),
            ("postgres://db.example", "names no database"),
            ("postgres://db.example/", "names no database"),
            ("postgres://db.example:fast/desk", "port"),
            ("postgres://[::1/desk", "without ]"),
            ("postgres://db.example/desk?sslmode=allow", "sslmode that is none of"),
            ("postgres://db.example/desk?timeout=3", "unknown option timeout"),
        ] {
            let error = text.parse::<Location>().unwrap_err().to_string();
            assert!(error.contains(words) && error.contains(';'), "{text}: {error}");
        }
        assert_eq!("sqlite".parse(), Ok(Location::Sqlite));
    }
}
