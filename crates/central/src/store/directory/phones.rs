//! Phones, whoever's they are, and nobody's.

use std::collections::BTreeMap;

use central_api::{PbxId, PhoneId, UserId};
use serde::Deserialize;

use super::assignments::hand_over;
use crate::directory::{ManagedBy, PhoneKind, PhonePlace, Why};
use crate::store::apply::find_pbx;
use crate::store::engine::{Connection, Row, Transaction, query};
use crate::store::{Phone, PhoneInput, SealingKey, StoreError, codec, fold};

/// `[[phone]]`: a phone apart from its holder. The operators' own stand as `[[user.phone]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BarePhoneInput {
    /// PBX by name; may be absent when there is only one.
    pub pbx: Option<String>,
    /// Endpoint on the PBX.
    pub number: String,
    /// What it is; absent: as it is, and a new one is a desk phone.
    pub kind: Option<PhoneKind>,
    /// Sign-in name of its holder; empty: nobody. Absent: as it is.
    pub user: Option<String>,
    /// Who decides what it is; absent: as it is, and of a new one the PBX.
    pub managed_by: Option<ManagedBy>,
}

/// Gives a person a phone.
pub(in crate::store) async fn apply_own(
    tx: &mut Transaction,
    key: &SealingKey,
    user: UserId,
    person: &str,
    phone: &PhoneInput,
    now_ms: i64,
) -> Result<(), StoreError> {
    let (pbx, pbx_name) = find_pbx(tx, phone.pbx.as_deref()).await?;
    let known: Option<(Option<Vec<u8>>, String)> =
        query("SELECT secret, kind FROM phones WHERE pbx_id = $1 AND number = $2")
            .bind(pbx.0)
            .bind(&phone.number)
            .fetch_optional(&mut *tx)
            .await?;
    let (known_secret, known_kind) = known.map_or((None, None), |(secret, kind)| (secret, Some(kind)));
    let secret = match &phone.secret {
        Some(secret) => Some(key.seal(&Phone::purpose(&pbx_name, &phone.number), secret)?),
        None => known_secret,
    };
    let kind = match (&phone.kind, known_kind) {
        (Some(kind), _) => *kind,
        // With a password it is one of ours to register.
        (None, _) if secret.is_some() => PhoneKind::Softphone,
        (None, Some(kind)) => codec::from_word(kind)?,
        (None, None) => PhoneKind::Softphone,
    };
    if kind == PhoneKind::Softphone && secret.is_none() {
        return Err(StoreError::Input(format!(
            "the new phone {} on {pbx_name} has no `secret` (the SIP password); add it, or write kind = \"desk-phone\"",
            phone.number
        )));
    }
    let sip_user = phone.sip_user.as_ref().unwrap_or(&phone.number);
    let id: i64 = query(
        "INSERT INTO phones (pbx_id, number, sip_user, auth_user, secret, display_name, kind, managed_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'pbx') ON CONFLICT (pbx_id, number) DO UPDATE SET \
         sip_user = excluded.sip_user, auth_user = excluded.auth_user, secret = excluded.secret, \
         display_name = excluded.display_name, kind = excluded.kind RETURNING id",
    )
    .bind(pbx.0)
    .bind(&phone.number)
    .bind(sip_user)
    .bind(phone.auth_user.as_ref().unwrap_or(sip_user))
    .bind(secret)
    .bind(phone.display_name.as_deref().unwrap_or(person))
    .bind(codec::word(&kind)?)
    .fetch_scalar(&mut *tx)
    .await?;
    give(tx, PhoneId(id), Some(user), now_ms).await
}

/// Writes phones apart from their holders; people are all there.
pub(in crate::store) async fn apply(
    tx: &mut Transaction,
    phones: &[BarePhoneInput],
    now_ms: i64,
) -> Result<(), StoreError> {
    for phone in phones {
        let (pbx, pbx_name) = find_pbx(tx, phone.pbx.as_deref()).await?;
        let id: i64 = query(
            "INSERT INTO phones (pbx_id, number, sip_user, auth_user, display_name, kind, managed_by) \
             VALUES ($1, $2, $2, $2, $2, COALESCE($3, 'desk-phone'), COALESCE($4, 'pbx')) \
             ON CONFLICT (pbx_id, number) DO UPDATE SET kind = COALESCE($3, phones.kind), \
             managed_by = COALESCE($4, phones.managed_by) RETURNING id",
        )
        .bind(pbx.0)
        .bind(&phone.number)
        .bind(phone.kind.map(|kind| codec::word(&kind)).transpose()?)
        .bind(phone.managed_by.map(|by| codec::word(&by)).transpose()?)
        .fetch_scalar(&mut *tx)
        .await?;
        let (kind, secret): (String, Option<Vec<u8>>) =
            query("SELECT kind, secret FROM phones WHERE id = $1").bind(id).fetch_one(&mut *tx).await?;
        if codec::from_word::<PhoneKind>(kind)? == PhoneKind::Softphone && secret.is_none() {
            return Err(StoreError::Input(format!(
                "the phone {} on {pbx_name} cannot be a softphone without a SIP password; give it with its `secret` as \
                 [[user.phone]], or write kind = \"desk-phone\"",
                phone.number
            )));
        }
        let user = match phone.user.as_deref() {
            None => continue,
            Some("") => None,
            Some(name) => {
                let found: Option<i64> = query("SELECT id FROM users WHERE username_folded = $1")
                    .bind(fold(name))
                    .fetch_scalar_optional(&mut *tx)
                    .await?;
                Some(UserId(found.ok_or_else(|| {
                    StoreError::Input(format!(
                        "the phone {} on {pbx_name} cannot be {name}'s, there is no such user; add the user first",
                        phone.number
                    ))
                })?))
            }
        };
        give(tx, PhoneId(id), user, now_ms).await?;
    }
    Ok(())
}

/// Whose it is by the configuration. Whoever took it for a shift keeps it as long as that says nothing else.
pub(super) async fn give(
    tx: &mut Transaction,
    phone: PhoneId,
    to: Option<UserId>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let from: Option<i64> =
        query("SELECT user_id FROM phones WHERE id = $1").bind(phone.0).fetch_scalar::<Option<i64>>(&mut *tx).await?;
    if from == to.map(|user| user.0) {
        return Ok(());
    }
    query("UPDATE phones SET user_id = $1 WHERE id = $2").bind(to.map(|user| user.0)).bind(phone.0).execute(tx).await?;
    hand_over(tx, phone, to, Why::Configuration, None, now_ms).await?;
    Ok(())
}

/// All phones.
pub(super) async fn read(now: &mut Connection) -> Result<BTreeMap<PhoneId, PhonePlace>, StoreError> {
    let mut phones = BTreeMap::new();
    for row in query("SELECT id, pbx_id, number, user_id, kind, managed_by FROM phones").fetch_all::<Row>(now).await? {
        let id = PhoneId(row.get("id")?);
        let place = PhonePlace {
            id,
            pbx: PbxId(row.get("pbx_id")?),
            number: row.get("number")?,
            user: row.get::<Option<i64>>("user_id")?.map(UserId),
            kind: codec::from_word(row.get("kind")?)?,
            managed_by: codec::from_word(row.get("managed_by")?)?,
        };
        phones.insert(id, place);
    }
    Ok(phones)
}
