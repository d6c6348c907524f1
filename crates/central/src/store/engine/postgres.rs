//! A server: how it is reached, what is asked of it before it is used, and why it does not answer.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Postgres};
use std::sync::Arc;
use std::time::Duration;

use super::{Connection, Lanes, PREPARED, Reach, fetch_one};
use crate::store::StoreError;
use crate::store::location::{Host, Server};

/// The oldest that is taken, as `server_version_num` has it. Debian 12 has it, and `MERGE` and the rights on `public` are
/// from there on.
const OLDEST: i64 = 150_000;

/// Readers at the same time: a tenant is one of many on a server, which by default takes a hundred connections in all.
const READERS: u32 = 8;
/// Given back to the server when nobody reads or writes.
const IDLE: Duration = Duration::from_secs(60);
/// One without a reason to live longer makes room for what leaks at the server.
const LIFE: Duration = Duration::from_secs(30 * 60);

/// A statement may take as long as so many waits for a lock.
const STATEMENT: u32 = 6;

/// The server ends a statement before that; only a silent network lets it pass.
pub(super) fn answers_within(patience: Duration) -> Duration {
    patience * (STATEMENT + 1)
}

/// Nothing is opened before it is used.
pub(super) fn lanes(
    server: &Server,
    password: Option<central_api::Secret>,
    patience: Duration,
) -> (Lanes<Postgres>, Reach) {
    let milliseconds = |duration: Duration| format!("{}ms", duration.as_millis());
    let mut options = PgConnectOptions::new_without_pgpass()
        .port(server.port)
        .database(&server.database)
        .ssl_mode(server.tls)
        .application_name("linedesk-central")
        .statement_cache_capacity(PREPARED)
        .options([
            ("lock_timeout", milliseconds(patience)),
            ("statement_timeout", milliseconds(patience * STATEMENT)),
            // A node that vanished inside a transaction must not be the tenant's writer for ever.
            ("idle_in_transaction_session_timeout", milliseconds(patience * 2 * STATEMENT)),
        ]);
    options = match &server.host {
        Host::Name(name) => options.host(name),
        Host::Socket(directory) => options.socket(directory),
    };
    if let Some(user) = &server.user {
        options = options.username(user);
    }
    if let Some(password) = password {
        options = options.password(password.expose());
    }
    if let Some(file) = &server.root_certificate {
        options = options.ssl_root_cert(file);
    }
    let pool = || PgPoolOptions::new().acquire_timeout(patience).idle_timeout(IDLE).max_lifetime(LIFE);
    // Who writes looks up by keys. A plan is kept as long as the connection, and one that was made while a table was empty would
    // read it whole each time.
    let writes = options.clone().options([("enable_seqscan", "off")]);
    let lanes = Lanes {
        write: pool().max_connections(1).connect_lazy_with(writes),
        read: pool().max_connections(READERS).connect_lazy_with(options.clone()),
    };
    (lanes, Reach { options, server: server.clone() })
}

/// Whether it can hold the schema.
pub(super) async fn check(connection: &mut Connection, reach: &Reach) -> Result<(), StoreError> {
    let version = fetch_one(connection, "SELECT current_setting('server_version_num')::bigint").await?;
    check_version(version, &reach.server)?;
    let utf8 = fetch_one(connection, "SELECT (getdatabaseencoding() = 'UTF8')::int::bigint").await?;
    if utf8 == 0 {
        return Err(StoreError::NotUtf8(reach.server.to_string()));
    }
    // A migration may take as long as it takes, and waits for another node's.
    connection.words("SET statement_timeout = 0; SET lock_timeout = 0").await
}

fn check_version(version: i64, server: &Server) -> Result<(), StoreError> {
    if version < OLDEST {
        return Err(StoreError::TooOld { database: server.to_string(), version: version / 10_000 });
    }
    Ok(())
}

/// Why no connection was to be had in time: asked once more, without trying again.
pub(super) async fn why_away(reach: &Reach, name: &Arc<str>, patience: Duration) -> StoreError {
    let asked: Result<Result<PgConnection, _>, _> = tokio::time::timeout(patience, reach.options.connect()).await;
    match asked {
        Ok(Ok(connection)) => {
            let _ = connection.close().await;
            StoreError::Busy("all connections to it are in use".to_owned())
        }
        Ok(Err(error)) => StoreError::of(error, name),
        Err(_) => StoreError::Away { database: name.to_string(), why: "it does not answer".to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::check_version;
    use crate::store::location::Server;

    #[test]
    fn an_old_server_is_refused() {
        let server: Server = "postgres://linedesk@db.example/linedesk".parse().unwrap();
        assert!(check_version(150_000, &server).is_ok());
        let refused = check_version(140_011, &server).unwrap_err().to_string();
        assert!(refused.contains("PostgreSQL 14") && refused.contains("15 or newer"), "{refused}");
    }
}
