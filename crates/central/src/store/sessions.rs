//! Sessions: who works where. Only the hash of a token is here.

use central_api::{Machine, SessionEndReason, UserId};

use super::directory::{sit_down, stand_up};
use super::engine::{FromRow, Row, Transaction, query};
use super::{Store, StoreError, codec};

/// A session as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Own id, not a secret.
    pub id: String,
    /// Whose.
    pub user: UserId,
    /// Its number among the operator's sign-ins.
    pub fence: u64,
    /// Where.
    pub machine: Machine,
    /// Since when.
    pub created_ms: i64,
    /// Last sign of life.
    pub seen_ms: i64,
    /// Over, and why.
    pub ended: Option<SessionEndReason>,
}

/// A sign-in that has been let through by its password.
#[derive(Debug)]
pub struct Opening<'a> {
    /// Own id of the session to be.
    pub id: &'a str,
    /// Who.
    pub user: UserId,
    /// Display name, told to whom it replaces.
    pub display_name: &'a str,
    /// SHA-256 of the token.
    pub token_hash: &'a [u8],
    /// Where.
    pub machine: &'a Machine,
    /// Program and version.
    pub program: &'a str,
    /// Move here.
    pub take_over: bool,
    /// Now.
    pub now_ms: i64,
    /// Sessions not seen since then are over.
    pub stale_before_ms: i64,
}

/// What came of it.
#[derive(Debug)]
pub enum Opened {
    /// Signed in.
    Here {
        /// The new session.
        session: SessionRow,
        /// Those that ended by it.
        ended: Vec<SessionRow>,
    },
    /// The operator works elsewhere, and was not told to move.
    Elsewhere(SessionRow),
}

/// A session is read by the same columns everywhere.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, user_id, fence, machine_id, machine_name, created_ms, seen_ms, ended_why FROM sessions ",
            $rest
        )
    };
}

impl Store {
    /// Opens a session, and ends those it replaces, in one transaction: two sign-ins at once cannot double an operator.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn open_session(&self, opening: &Opening<'_>) -> Result<Opened, StoreError> {
        self.write(|mut tx| async move {
            // What nobody has used for long is over, and asks nobody whether to move.
            end_stale(&mut tx, opening.stale_before_ms, opening.now_ms).await?;
            let active: Vec<SessionRow> =
                query(select!("WHERE ended_ms IS NULL AND (user_id = $1 OR machine_id = $2) ORDER BY created_ms DESC"))
                    .bind(opening.user.0)
                    .bind(&opening.machine.id)
                    .fetch_all(&mut tx)
                    .await?;
            let elsewhere = active.iter().find(|s| s.user == opening.user && s.machine.id != opening.machine.id);
            if let (Some(elsewhere), false) = (elsewhere, opening.take_over) {
                return Ok(Opened::Elsewhere(elsewhere.clone()));
            }
            let mut ended = Vec::new();
            for mut old in active {
                let why = if old.user == opening.user {
                    SessionEndReason::Moved { machine: opening.machine.name.clone() }
                } else {
                    SessionEndReason::ReplacedAtSeat { by: opening.display_name.to_owned() }
                };
                end(&mut tx, &old.id, old.user, &why, opening.now_ms).await?;
                old.ended = Some(why);
                ended.push(old);
            }
            let session = insert(&mut tx, opening).await?;
            // With the session in one transaction: whatever is killed in between, nobody holds a phone without sitting there.
            sit_down(&mut tx, opening.user, opening.id, opening.now_ms).await?;
            tx.commit().await?;
            Ok(Opened::Here { session, ended })
        })
        .await
    }

    /// The session of a token, also when it is over.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn session_by_token(&self, token_hash: &[u8]) -> Result<Option<SessionRow>, StoreError> {
        query(select!("WHERE token_hash = $1")).bind(token_hash).fetch_optional(self.database()).await
    }

    /// A session.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn session_by_id(&self, id: &str) -> Result<Option<SessionRow>, StoreError> {
        query(select!("WHERE id = $1")).bind(id).fetch_optional(self.database()).await
    }

    /// All sessions that are not over.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn active_sessions(&self, stale_before_ms: i64) -> Result<Vec<SessionRow>, StoreError> {
        query(select!("WHERE ended_ms IS NULL AND seen_ms >= $1 ORDER BY created_ms"))
            .bind(stale_before_ms)
            .fetch_all(self.database())
            .await
    }

    /// A sign of life.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn session_seen(&self, id: &str, now_ms: i64) -> Result<(), StoreError> {
        self.write(|mut tx| async move {
            query("UPDATE sessions SET seen_ms = $1 WHERE id = $2 AND ended_ms IS NULL")
                .bind(now_ms)
                .bind(id)
                .execute(&mut tx)
                .await?;
            tx.commit().await
        })
        .await
    }

    /// Ends a session; nothing happens to one that is over already.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn end_session(&self, id: &str, why: &SessionEndReason, now_ms: i64) -> Result<(), StoreError> {
        self.write(|mut tx| async move {
            let user: Option<i64> =
                query("SELECT user_id FROM sessions WHERE id = $1").bind(id).fetch_scalar_optional(&mut tx).await?;
            if let Some(user) = user {
                end(&mut tx, id, UserId(user), why, now_ms).await?;
            }
            tx.commit().await
        })
        .await
    }

    /// Ends sessions that nobody has used since a moment; how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn end_stale_sessions(&self, stale_before_ms: i64, now_ms: i64) -> Result<usize, StoreError> {
        self.write(|mut tx| async move {
            let ended = end_stale(&mut tx, stale_before_ms, now_ms).await?;
            tx.commit().await?;
            Ok(ended)
        })
        .await
    }
}

async fn end_stale(tx: &mut Transaction, stale_before_ms: i64, now_ms: i64) -> Result<usize, StoreError> {
    let stale: Vec<SessionRow> =
        query(select!("WHERE ended_ms IS NULL AND seen_ms < $1")).bind(stale_before_ms).fetch_all(&mut *tx).await?;
    for old in &stale {
        end(tx, &old.id, old.user, &SessionEndReason::Revoked, now_ms).await?;
    }
    Ok(stale.len())
}

async fn insert(tx: &mut Transaction, opening: &Opening<'_>) -> Result<SessionRow, StoreError> {
    let fence: i64 = query("UPDATE users SET fence = fence + 1 WHERE id = $1 RETURNING fence")
        .bind(opening.user.0)
        .fetch_scalar(&mut *tx)
        .await?;
    query(
        "INSERT INTO sessions (id, user_id, token_hash, fence, machine_id, machine_name, program, created_ms, seen_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(opening.id)
    .bind(opening.user.0)
    .bind(opening.token_hash)
    .bind(fence)
    .bind(&opening.machine.id)
    .bind(&opening.machine.name)
    .bind(opening.program)
    .bind(opening.now_ms)
    .bind(opening.now_ms)
    .execute(tx)
    .await?;
    Ok(SessionRow {
        id: opening.id.to_owned(),
        user: opening.user,
        fence: fence.unsigned_abs(),
        machine: opening.machine.clone(),
        created_ms: opening.now_ms,
        seen_ms: opening.now_ms,
        ended: None,
    })
}

/// A person's last session takes the phones along.
async fn end(
    tx: &mut Transaction,
    id: &str,
    user: UserId,
    why: &SessionEndReason,
    now_ms: i64,
) -> Result<(), StoreError> {
    let ended = query("UPDATE sessions SET ended_ms = $1, ended_why = $2 WHERE id = $3 AND ended_ms IS NULL")
        .bind(now_ms)
        .bind(codec::json(why)?)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    let others: i64 = query("SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND ended_ms IS NULL")
        .bind(user.0)
        .fetch_scalar(&mut *tx)
        .await?;
    if ended == 1 && others == 0 {
        stand_up(tx, user, now_ms).await?;
    }
    Ok(())
}

impl FromRow for SessionRow {
    fn from_row(row: Row) -> Result<Self, StoreError> {
        let ended: Option<&str> = row.get("ended_why")?;
        Ok(Self {
            id: row.get("id")?,
            user: UserId(row.get("user_id")?),
            fence: row.get("fence")?,
            machine: Machine { id: row.get("machine_id")?, name: row.get("machine_name")? },
            created_ms: row.get("created_ms")?,
            seen_ms: row.get("seen_ms")?,
            ended: ended.map(codec::from_json).transpose()?,
        })
    }
}
