//! Who held which phone when.

use calls::call::{Call, PartyIx};
use central_api::{PhoneId, UserId};

use crate::directory::{Assignment, Assignments, Behind, Directory, PhoneKind, Why};
use crate::store::engine::{Connection, FromRow, Row, Transaction, query};
use crate::store::{Store, StoreError, codec};

/// How far back the directory knows by itself: calls are told soon after their end, those of a gap within days.
const IN_MEMORY_MS: i64 = 3 * 24 * 3600 * 1000;

impl Store {
    /// Who held the phone at this moment; nobody may have.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn holder(&self, phone: PhoneId, at_ms: i64) -> Result<Option<Assignment>, StoreError> {
        query(
            "SELECT * FROM assignments WHERE phone_id = $1 AND from_ms <= $2 AND (to_ms IS NULL OR to_ms > $2) \
             ORDER BY from_ms DESC, id DESC LIMIT 1",
        )
        .bind(phone.0)
        .bind(at_ms)
        .fetch_optional(self.database())
        .await
    }

    /// The operator whose call it is at a party, however long ago it was.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn operator(
        &self,
        directory: &Directory,
        call: &Call,
        party: PartyIx,
    ) -> Result<Option<UserId>, StoreError> {
        match directory.behind(call, party) {
            Behind::Phone(phone, at_ms) => Ok(self.holder(phone, at_ms).await?.map(|held| held.user)),
            Behind::Member(user) => Ok(Some(user)),
            Behind::Outside => Ok(None),
        }
    }

    /// Changes whenever somebody comes to a phone or leaves one, which is no change of the configuration.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn assignments_stamp(&self) -> Result<(i64, i64), StoreError> {
        // Rows are only added, and end once; both ends of an index.
        query("SELECT COALESCE(MAX(id), 0), COALESCE((SELECT MAX(to_ms) FROM assignments), 0) FROM assignments")
            .fetch_one(self.database())
            .await
    }

    /// Gives a seat's phone to whoever signs in there, or takes it away; the configuration's own word is not changed. Nothing
    /// happens when it is so already.
    ///
    /// # Errors
    /// When there is no such phone or person, or the database refuses.
    pub async fn hand_over(
        &self,
        phone: PhoneId,
        to: Option<UserId>,
        session: Option<&str>,
        at_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(|mut tx| async move {
            if hand_over(&mut tx, phone, to, Why::Seat, session, at_ms).await? {
                query("UPDATE tenant SET revision = revision + 1").execute(&mut tx).await?;
            }
            tx.commit().await
        })
        .await
    }
}

/// Somebody signed in: the phones of the workstation are theirs from now on, which are the softphones that the configuration gives
/// them. One that somebody else holds meanwhile is taken over.
pub(in crate::store) async fn sit_down(
    tx: &mut Transaction,
    user: UserId,
    session: &str,
    at_ms: i64,
) -> Result<(), StoreError> {
    let own: Vec<(i64,)> = query("SELECT id FROM phones WHERE user_id = $1 AND kind = $2 ORDER BY id")
        .bind(user.0)
        .bind(codec::word(&PhoneKind::Softphone)?)
        .fetch_all(&mut *tx)
        .await?;
    for (phone,) in own {
        hand_over(tx, PhoneId(phone), Some(user), Why::Seat, Some(session), at_ms).await?;
    }
    Ok(())
}

/// Somebody's session is over: nobody holds their softphones until somebody signs in. Desk phones and mobiles stay with them.
pub(in crate::store) async fn stand_up(tx: &mut Transaction, user: UserId, at_ms: i64) -> Result<(), StoreError> {
    let held: Vec<(i64,)> = query(
        "SELECT a.phone_id FROM assignments a JOIN phones p ON p.id = a.phone_id \
         WHERE a.user_id = $1 AND a.to_ms IS NULL AND p.kind = $2 ORDER BY a.phone_id",
    )
    .bind(user.0)
    .bind(codec::word(&PhoneKind::Softphone)?)
    .fetch_all(&mut *tx)
    .await?;
    for (phone,) in held {
        hand_over(tx, PhoneId(phone), None, Why::Seat, None, at_ms).await?;
    }
    Ok(())
}

/// Ends the open assignment and begins the next, so that one phone never has two holders and no moment has the wrong one. False:
/// it was so already.
pub(super) async fn hand_over(
    tx: &mut Transaction,
    phone: PhoneId,
    to: Option<UserId>,
    why: Why,
    session: Option<&str>,
    at_ms: i64,
) -> Result<bool, StoreError> {
    let open: Option<Assignment> = query("SELECT * FROM assignments WHERE phone_id = $1 AND to_ms IS NULL")
        .bind(phone.0)
        .fetch_optional(&mut *tx)
        .await?;
    if open.as_ref().map(|open| open.user) == to {
        return Ok(false);
    }
    // A clock that was set back must not let two people hold one phone.
    let last: Option<i64> = query("SELECT MAX(COALESCE(to_ms, from_ms)) FROM assignments WHERE phone_id = $1")
        .bind(phone.0)
        .fetch_scalar::<Option<i64>>(&mut *tx)
        .await?;
    let at_ms = at_ms.max(last.unwrap_or(at_ms));
    query("UPDATE assignments SET to_ms = $1 WHERE phone_id = $2 AND to_ms IS NULL")
        .bind(at_ms)
        .bind(phone.0)
        .execute(tx)
        .await?;
    if let Some(to) = to {
        query("INSERT INTO assignments (phone_id, user_id, from_ms, why, session_id) VALUES ($1, $2, $3, $4, $5)")
            .bind(phone.0)
            .bind(to.0)
            .bind(at_ms)
            .bind(codec::word(&why)?)
            .bind(session)
            .execute(tx)
            .await?;
    }
    Ok(true)
}

/// Those that a live call may need.
pub(super) async fn read(now: &mut Connection) -> Result<Assignments, StoreError> {
    // Counted from the newest change and not from the clock: the same rows are always read alike.
    let newest: Option<i64> =
        query("SELECT MAX(COALESCE(to_ms, from_ms)) FROM assignments").fetch_scalar::<Option<i64>>(&mut *now).await?;
    let since = newest.unwrap_or_default().saturating_sub(IN_MEMORY_MS).max(0);
    let lately: Vec<Assignment> =
        query("SELECT * FROM assignments WHERE to_ms IS NULL OR to_ms > $1").bind(since).fetch_all(now).await?;
    Ok(Assignments::new(since, lately))
}

impl FromRow for Assignment {
    fn from_row(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            phone: PhoneId(row.get("phone_id")?),
            user: UserId(row.get("user_id")?),
            from_ms: row.get("from_ms")?,
            to_ms: row.get("to_ms")?,
            why: codec::from_word(row.get("why")?)?,
        })
    }
}
