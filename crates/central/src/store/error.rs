//! What can go wrong with the database: what failed, why, what to do. And whether it passes.

use sqlx::error::ErrorKind;
use std::path::PathBuf;

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no database of ours.
    #[error("there is no database of Linedesk in {0}; make one with `linedesk-central init`")]
    Missing(String),
    /// `init` where there is one.
    #[error("{0} is there already and is not overwritten; `serve` uses it as it is, or choose another place")]
    Exists(String),
    /// It cannot be reached now.
    #[error(
        "{database} cannot be reached: {why}; see that it runs there and that nothing on the way stops this machine"
    )]
    Away {
        /// Which.
        database: String,
        /// Why.
        why: String,
    },
    /// Somebody else has it.
    #[error(
        "the database is busy: {0}; try again, and if it lasts look for a long transaction or another program on it"
    )]
    Busy(String),
    /// A transaction lost against another one, and was undone.
    #[error("the transaction lost against another one: {0}; try again")]
    Race(#[source] sqlx::Error),
    /// No room.
    #[error("the database cannot write: {0}; make room on its disk, and see that it can be written to")]
    Full(#[source] sqlx::Error),
    /// Not let in.
    #[error(
        "{database} does not let this program in: {why}; set the right user in `database`, and the password in the file \
         that `database_password_file` names or in PGPASSWORD"
    )]
    Login {
        /// Which.
        database: String,
        /// Why.
        why: String,
    },
    /// TLS cannot be agreed on.
    #[error(
        "{database} cannot be reached by TLS: {why}; give the server a certificate for its name, or name the authority \
         that signed it with sslrootcert=FILE in `database`"
    )]
    Tls {
        /// Which.
        database: String,
        /// Why.
        why: String,
    },
    /// The server has no such database.
    #[error(
        "{database} does not exist: {why}; make it there: CREATE DATABASE name OWNER user ENCODING 'UTF8' TEMPLATE template0"
    )]
    NoDatabase {
        /// Which.
        database: String,
        /// Why.
        why: String,
    },
    /// A right is missing.
    #[error("{database} does not allow it: {why}; make its user the owner: ALTER DATABASE name OWNER TO user")]
    NotAllowed {
        /// Which.
        database: String,
        /// Why.
        why: String,
    },
    /// Too old a server.
    #[error("{database} is PostgreSQL {version}, which lacks what is needed; take PostgreSQL 15 or newer")]
    TooOld {
        /// Which.
        database: String,
        /// Of the server.
        version: i64,
    },
    /// Names of people do not fit.
    #[error(
        "{0} is not encoded in UTF8, so it cannot hold every name; make it anew: CREATE DATABASE name OWNER user ENCODING \
         'UTF8' TEMPLATE template0"
    )]
    NotUtf8(String),
    /// A newer program was here.
    #[error(
        "{database} was used by a newer program (schema {schema}, this one knows {program}), and an older one would spoil \
         it; take the newer program, or a backup from before"
    )]
    Newer {
        /// Which.
        database: String,
        /// Of the database.
        schema: i64,
        /// The newest that this program knows.
        program: i64,
    },
    /// The schema cannot be brought up to date.
    #[error("{database} cannot be brought to this program's version: {source}; take a backup, and report it")]
    Migration {
        /// Which.
        database: String,
        /// Why.
        source: sqlx::migrate::MigrateError,
    },
    /// The engine refused.
    #[error("the database refused: {0}; report it")]
    Refused(#[source] sqlx::Error),
    /// A file beside it.
    #[error("cannot use {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The password file is no secret.
    #[error("others can read the password file {0}; let nobody but its owner: chmod 600 {0}")]
    OpenPassword(PathBuf),
    /// The password file says nothing.
    #[error("the password file {0} is empty; write the password into it, one line")]
    EmptyPassword(PathBuf),
    /// The key file does not fit the database.
    #[error(
        "a stored secret ({0}) cannot be opened with secret.key; put back the key file that belongs to this database, or \
         give the secret again with `linedesk-central apply`"
    )]
    Sealed(String),
    /// A row says something this program does not know.
    #[error("the database holds something this program does not understand: {0}")]
    Row(String),
    /// What was asked for is not there, or what was given cannot be taken.
    #[error("{0}")]
    Input(String),
    /// All ids of a kind are given out.
    #[error("there are no more ids of the kind {0}; report it")]
    NoIds(String),
    /// No randomness.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}

impl StoreError {
    /// Whether it may pass while this program runs, by itself (a server that restarts, a lock, a full disk) or by a person's hand (a
    /// password, a certificate, a right): nothing is wrong with what was to be written. What does not pass is refused again
    /// however often it is tried.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        let by_itself = matches!(self, Self::Away { .. } | Self::Busy(_) | Self::Race(_) | Self::Full(_));
        let mended =
            matches!(self, Self::Login { .. } | Self::Tls { .. } | Self::NoDatabase { .. } | Self::NotAllowed { .. });
        by_itself || mended
    }

    /// Whether the transaction is known to be undone for another's sake, so that it may be done again at once.
    pub(super) fn is_race(&self) -> bool {
        matches!(self, Self::Race(_))
    }

    /// Whether a row was refused because there is one with its key.
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Refused(sqlx::Error::Database(error)) if error.is_unique_violation())
    }

    /// What an error of the driver means. `database` is what people call it.
    pub(super) fn of(error: sqlx::Error, database: &str) -> Self {
        let database = database.to_owned();
        let why = error.to_string();
        match &error {
            sqlx::Error::Io(source) if source.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
                Self::Tls { database, why: source.to_string() }
            }
            sqlx::Error::Io(source) => Self::Away { database, why: source.to_string() },
            sqlx::Error::Tls(source) => Self::Tls { database, why: source.to_string() },
            sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => Self::Away { database, why },
            sqlx::Error::Database(refusal) => {
                let why = refusal.message().to_owned();
                let class = match refusal.kind() {
                    // A rule of the schema; no code of the other engine may be taken for one of these.
                    ErrorKind::Other => class_of(&refusal.code().unwrap_or_default()),
                    _ => Class::Refused,
                };
                match class {
                    Class::Away => Self::Away { database, why },
                    Class::Busy => Self::Busy(why),
                    Class::Race => Self::Race(error),
                    Class::Full => Self::Full(error),
                    Class::Login => Self::Login { database, why },
                    Class::NoDatabase => Self::NoDatabase { database, why },
                    Class::NotAllowed => Self::NotAllowed { database, why },
                    Class::Refused => Self::Refused(error),
                }
            }
            _ => Self::Refused(error),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Away,
    Busy,
    Race,
    Full,
    Login,
    NoDatabase,
    NotAllowed,
    Refused,
}

/// Five characters are an SQLSTATE of PostgreSQL (its appendix A); a number below is a result code of SQLite, whose low byte
/// is the primary one (sqlite.org/rescode.html).
fn class_of(code: &str) -> Class {
    if code.len() == 5 {
        return class_of_sqlstate(code);
    }
    match code.parse::<u32>().map(|code| code & 0xff) {
        // BUSY, LOCKED, INTERRUPT, PROTOCOL, SCHEMA
        Ok(5 | 6 | 9 | 15 | 17) => Class::Busy,
        // NOMEM, IOERR, CANTOPEN: the disk, not the statement
        Ok(7 | 10 | 14) => Class::Away,
        // READONLY (a file system that was mounted anew after an error), FULL
        Ok(8 | 13) => Class::Full,
        _ => Class::Refused,
    }
}

fn class_of_sqlstate(code: &str) -> Class {
    match code {
        // serialization_failure, deadlock_detected: undone for another's sake
        "40001" | "40P01" => Class::Race,
        // lock_not_available, query_canceled (by statement_timeout)
        "55P03" | "57014" => Class::Busy,
        // disk_full
        "53100" => Class::Full,
        // a standby after a fail-over, for as long as nobody promotes it
        "25006" => Class::Away,
        "3D000" => Class::NoDatabase,
        // insufficient_privilege, and no schema that it may create in
        "42501" | "3F000" => Class::NotAllowed,
        // an idle transaction that the server ended
        "25P03" => Class::Away,
        _ => match code.get(..2) {
            // connection exceptions, shut-downs, insufficient resources, system errors
            Some("08" | "57" | "53" | "58") => Class::Away,
            Some("28") => Class::Login,
            _ => Class::Refused,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, StoreError, class_of};

    #[test]
    fn what_a_person_mends_while_the_program_runs_passes() {
        let (database, why) = ("PostgreSQL".to_owned(), "no".to_owned());
        for passing in [
            StoreError::Away { database: database.clone(), why: why.clone() },
            StoreError::Login { database: database.clone(), why: why.clone() },
            StoreError::Tls { database: database.clone(), why: why.clone() },
            StoreError::NoDatabase { database: database.clone(), why: why.clone() },
            StoreError::NotAllowed { database: database.clone(), why: why.clone() },
        ] {
            assert!(passing.is_passing(), "{passing}");
        }
        assert!(!StoreError::Refused(sqlx::Error::RowNotFound).is_passing());
        assert!(!StoreError::Missing(database).is_passing());
    }

    #[test]
    fn codes() {
        for (code, class) in [
            ("40001", Class::Race),
            ("40P01", Class::Race),
            ("55P03", Class::Busy),
            ("57014", Class::Busy),
            ("57P01", Class::Away),
            ("57P03", Class::Away),
            ("08006", Class::Away),
            ("53300", Class::Away),
            ("53100", Class::Full),
            ("58030", Class::Away),
            ("25P03", Class::Away),
            ("25P02", Class::Refused),
            ("28P01", Class::Login),
            ("28000", Class::Login),
            ("3D000", Class::NoDatabase),
            ("42501", Class::NotAllowed),
            ("42P01", Class::Refused),
            ("23505", Class::Refused),
            ("22021", Class::Refused),
            ("5", Class::Busy),
            ("517", Class::Busy),
            ("6", Class::Busy),
            ("13", Class::Full),
            ("8", Class::Full),
            ("778", Class::Away),
            ("14", Class::Away),
            ("1", Class::Refused),
            ("11", Class::Refused),
            ("2067", Class::Refused),
            ("", Class::Refused),
        ] {
            assert_eq!(class_of(code), class, "{code}");
        }
    }
}
