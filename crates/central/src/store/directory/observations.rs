//! What was last seen at a PBX, and taking in what a person confirms of it.

use std::collections::BTreeMap;

use central_api::{PbxId, UserId};

use super::lines::apply_line;
use super::{BarePhoneInput, ExternalNumberInput, FiguresInput, LineInput, apply_numbers, phones};
use crate::classify::NamePattern;
use crate::directory::{InCalls, ManagedBy, ObservedPbx, PhoneKind, Proposal, proposals};
use crate::store::apply::{apply_member, apply_queue, find_pbx};
use crate::store::engine::{Connection, Transaction, query};
use crate::store::{MemberInput, QueueInput, Store, StoreError, codec, configuration, fold};

/// What nobody's password hashes to: the person signs in when one is given.
const NO_PASSWORD: &str = "!";

impl Store {
    /// Keeps what was seen at a PBX, and of what was seen before the endpoints.
    ///
    /// # Errors
    /// When there is no such PBX, or the database refuses.
    pub async fn keep_observed(&self, pbx: PbxId, at_ms: i64, seen: ObservedPbx) -> Result<(), StoreError> {
        self.write(|mut tx| {
            let seen = seen.clone();
            async move {
                let seen = match known(tx.connection(), pbx).await? {
                    Some((_, before)) => seen.after(before),
                    None => seen,
                };
                write(&mut tx, pbx, at_ms, &seen).await?;
                tx.commit().await
            }
        })
        .await
    }

    /// Keeps what calls showed of PBXs that are there. `batch` is the batch's own id: told again after an interrupted commit it
    /// counts once.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn keep_in_calls(
        &self,
        batch: &str,
        shown: &BTreeMap<PbxId, Vec<InCalls>>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(|mut tx| async move {
            if !tx.is_first(batch, now_ms).await? {
                return Ok(());
            }
            for (pbx, shown) in shown {
                let there: Option<i64> =
                    query("SELECT id FROM pbxs WHERE id = $1").bind(pbx.0).fetch_scalar_optional(&mut tx).await?;
                if there.is_some() {
                    let (at_ms, before) = known(tx.connection(), *pbx).await?.unwrap_or_default();
                    write(&mut tx, *pbx, at_ms.max(now_ms), &before.with_calls(shown)).await?;
                }
            }
            tx.commit().await
        })
        .await
    }

    /// What was last seen at a PBX, and when.
    ///
    /// # Errors
    /// When nothing was seen there yet, or the database does not answer.
    pub async fn observed(&self, pbx: PbxId) -> Result<(i64, ObservedPbx), StoreError> {
        read(self.snapshot().await?.connection(), pbx).await
    }

    /// Takes in what a person confirms: keys of proposals, or patterns of them (`phone:*`), in their order. Gives what was
    /// taken in.
    ///
    /// # Errors
    /// When a key is none of what is proposed then; nothing is taken in then.
    pub async fn confirm(&self, pbx: PbxId, keys: &[NamePattern], now_ms: i64) -> Result<Vec<Proposal>, StoreError> {
        self.write(|mut tx| async move {
            let (_, seen) = read(tx.connection(), pbx).await?;
            let mut taken = Vec::new();
            for key in keys {
                // Anew each time: a person is proposed once the phone is there, a membership once the person is.
                let config = configuration::read(tx.connection()).await?;
                let name = config.pbxs.get(&pbx).map(|row| row.name.clone()).unwrap_or_default();
                let found: Vec<Proposal> = proposals(&config, pbx, &seen)
                    .into_iter()
                    .filter(|proposal| key.matches(&proposal.key()))
                    .collect();
                if found.is_empty() {
                    return Err(StoreError::Input(format!(
                        "{key} is not proposed for the PBX {name}, or no longer; `linedesk-central pbx propose {name}` shows what is"
                    )));
                }
                for proposal in found {
                    take_in(&mut tx, &name, &proposal, now_ms).await?;
                    taken.push(proposal);
                }
            }
            query("UPDATE tenant SET revision = revision + 1").execute(&mut tx).await?;
            tx.commit().await?;
            Ok(taken)
        })
        .await
    }
}

async fn read(now: &mut Connection, pbx: PbxId) -> Result<(i64, ObservedPbx), StoreError> {
    known(now, pbx).await?.ok_or_else(|| {
        StoreError::Input(
            "nothing was seen at this PBX yet, so nothing can be proposed; look first: `linedesk-central pbx look NAME`"
                .to_owned(),
        )
    })
}

/// Takes what is called by a customer's number out of what was observed; how many things it were.
pub(in crate::store) async fn forget(
    tx: &mut Transaction,
    is_theirs: &(dyn Fn(&str) -> bool + Sync),
) -> Result<usize, StoreError> {
    let rows: Vec<(i64, i64, String)> =
        query("SELECT pbx_id, at_ms, body FROM observations").fetch_all(&mut *tx).await?;
    let has = |text: &str| is_theirs(text) || text.split(|sign: char| !sign.is_ascii_digit()).any(is_theirs);
    let mut count = 0;
    for (pbx, at_ms, body) in rows {
        let mut seen: ObservedPbx = codec::from_json(&body)?;
        let before = seen.endpoints.len() + seen.in_calls.len();
        seen.endpoints.retain(|endpoint| !has(&endpoint.endpoint));
        seen.in_calls.retain(|shown| !has(&shown.name));
        let gone = before - seen.endpoints.len() - seen.in_calls.len();
        if gone > 0 {
            write(tx, PbxId(pbx), at_ms, &seen).await?;
            count += gone;
        }
    }
    Ok(count)
}

async fn write(tx: &mut Transaction, pbx: PbxId, at_ms: i64, seen: &ObservedPbx) -> Result<(), StoreError> {
    query(
        "INSERT INTO observations (pbx_id, at_ms, body) VALUES ($1, $2, $3) \
         ON CONFLICT (pbx_id) DO UPDATE SET at_ms = excluded.at_ms, body = excluded.body",
    )
    .bind(pbx.0)
    .bind(at_ms)
    .bind(codec::json(seen)?)
    .execute(tx)
    .await?;
    Ok(())
}

async fn known(now: &mut Connection, pbx: PbxId) -> Result<Option<(i64, ObservedPbx)>, StoreError> {
    let found: Option<(i64, String)> =
        query("SELECT at_ms, body FROM observations WHERE pbx_id = $1").bind(pbx.0).fetch_optional(now).await?;
    found.map(|(at_ms, body)| Ok((at_ms, codec::from_json(&body)?))).transpose()
}

async fn take_in(tx: &mut Transaction, pbx: &str, proposal: &Proposal, now_ms: i64) -> Result<(), StoreError> {
    match proposal {
        Proposal::Template { template, .. } => {
            query("UPDATE pbxs SET member_template = $1 WHERE name = $2")
                .bind(codec::json(template)?)
                .bind(pbx)
                .execute(tx)
                .await?;
            Ok(())
        }
        Proposal::Queue { queue } => {
            let input = QueueInput {
                pbx: Some(pbx.to_owned()),
                queue: queue.clone(),
                name: None,
                project: None,
                greeting: None,
                managed_by: ManagedBy::Pbx,
                figures: FiguresInput::default(),
            };
            apply_queue(tx, &input, now_ms).await
        }
        Proposal::Line { name, endpoint } => {
            let (id, _) = find_pbx(tx, Some(pbx)).await?;
            let input = LineInput {
                name: name.clone(),
                endpoint: endpoint.clone(),
                to_pbx: None,
                trunk: None,
                managed_by: ManagedBy::Pbx,
            };
            apply_line(tx, id, pbx, &input).await
        }
        Proposal::Number { number, .. } => {
            let input = ExternalNumberInput {
                pbx: Some(pbx.to_owned()),
                number: number.clone(),
                name: None,
                project: None,
                greeting: None,
                script: None,
                screen_pop: None,
                zone: None,
                managed_by: ManagedBy::Pbx,
            };
            apply_numbers(tx, &[input]).await
        }
        Proposal::Phone { number, .. } => phones::apply(tx, &[phone(pbx, number, None)], now_ms).await,
        Proposal::Person { number, name } => {
            let username = new_user(tx, name, number).await?;
            phones::apply(tx, &[phone(pbx, number, Some(username))], now_ms).await
        }
        Proposal::Member { username, seen } => {
            let person: (i64, String) = query("SELECT id, display_name FROM users WHERE username_folded = $1")
                .bind(fold(username))
                .fetch_one(&mut *tx)
                .await?;
            let input = MemberInput {
                pbx: Some(pbx.to_owned()),
                queue: seen.queue.clone(),
                interface: Some(seen.interface.clone()),
                state_interface: seen.state_interface.clone(),
                member_name: seen.name.clone(),
                penalty: seen.penalty,
                fixed: !seen.dynamic,
                joined: true,
            };
            apply_member(tx, UserId(person.0), &person.1, &input, now_ms).await
        }
    }
}

fn phone(pbx: &str, number: &str, user: Option<String>) -> BarePhoneInput {
    BarePhoneInput {
        pbx: Some(pbx.to_owned()),
        number: number.to_owned(),
        kind: user.is_none().then_some(PhoneKind::DeskPhone),
        user,
        managed_by: None,
    }
}

/// A sign-in name is made of the person's; who has no password yet cannot sign in.
async fn new_user(tx: &mut Transaction, name: &str, number: &str) -> Result<String, StoreError> {
    let words: Vec<String> = fold(name)
        .split(|sign: char| !sign.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let mut username = if words.is_empty() { number.to_owned() } else { words.join(".") };
    let taken: Option<i64> = query("SELECT id FROM users WHERE username_folded = $1")
        .bind(fold(&username))
        .fetch_scalar_optional(&mut *tx)
        .await?;
    if taken.is_some() {
        username = format!("{username}.{number}");
    }
    query(
        "INSERT INTO users (username, username_folded, display_name, role, password_hash) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&username)
    .bind(fold(&username))
    .bind(name.trim())
    .bind(codec::word(&central_api::Role::Operator)?)
    .bind(NO_PASSWORD)
    .execute(tx)
    .await
    .map_err(|error| match error.is_unique_violation() {
        true => StoreError::Input(format!(
            "{name} cannot be taken in: the sign-in names that could be made of it are taken; add the person with \
             `linedesk-central user add`, and the phone with `phone add`"
        )),
        false => error,
    })?;
    Ok(username)
}
