//! Groups of people. Who was in one when stays known: figures of a past day are those of its people then.

use std::collections::{BTreeMap, BTreeSet};

use central_api::UserId;
use serde::Deserialize;

use super::FiguresInput;
use crate::directory::{Group, GroupId, Numbers, Scope, Stay};
use crate::store::engine::{Connection, Row, Transaction, query};
use crate::store::{StoreError, codec, fold};

/// `[[group]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupInput {
    /// By which it is found again.
    pub name: String,
    /// All its people by sign-in name: who is left out of the list leaves the group. Absent: as they are.
    pub users: Option<Vec<String>>,
    /// Whose the numbers are; absent: as it is, and of a new one the people's own.
    pub numbers: Option<Numbers>,
    /// What its figures depend on, when it is not the tenant's.
    #[serde(default)]
    pub figures: FiguresInput,
}

/// Writes groups; people are all there.
pub(in crate::store) async fn apply(
    tx: &mut Transaction,
    groups: &[GroupInput],
    now_ms: i64,
) -> Result<(), StoreError> {
    for input in groups {
        if input.name.trim().is_empty() {
            return Err(StoreError::Input(
                "a group has no name, by which it would be found again; write `name`".to_owned(),
            ));
        }
        let id: i64 = query(
            "INSERT INTO user_groups (name, numbers) VALUES ($1, COALESCE($2, 'own')) \
             ON CONFLICT (name) DO UPDATE SET numbers = COALESCE($2, user_groups.numbers) RETURNING id",
        )
        .bind(&input.name)
        .bind(input.numbers.map(|numbers| codec::word(&numbers)).transpose()?)
        .fetch_scalar(&mut *tx)
        .await?;
        if let Some(users) = &input.users {
            apply_users(tx, &input.name, id, users, now_ms).await?;
        }
        let what = format!("the group {}", input.name);
        super::apply_figures(tx, &what, Scope::Group(GroupId(id)), &input.figures, now_ms).await?;
    }
    Ok(())
}

async fn apply_users(
    tx: &mut Transaction,
    group: &str,
    id: i64,
    users: &[String],
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut wanted = BTreeSet::new();
    for name in users {
        let found: Option<i64> = query("SELECT id FROM users WHERE username_folded = $1")
            .bind(fold(name))
            .fetch_scalar_optional(&mut *tx)
            .await?;
        wanted.insert(found.ok_or_else(|| {
            StoreError::Input(format!(
                "the group {group} cannot have {name} in it, there is no such user; add the user first"
            ))
        })?);
    }
    let there: Vec<(i64, i64)> =
        query("SELECT user_id, from_ms FROM group_members WHERE group_id = $1 AND to_ms IS NULL")
            .bind(id)
            .fetch_all(&mut *tx)
            .await?;
    for (user, from_ms) in there.iter().filter(|(user, _)| !wanted.contains(user)) {
        query("UPDATE group_members SET to_ms = $1 WHERE group_id = $2 AND user_id = $3 AND to_ms IS NULL")
            .bind(now_ms.max(*from_ms))
            .bind(id)
            .bind(*user)
            .execute(tx)
            .await?;
    }
    for user in wanted.into_iter().filter(|user| there.iter().all(|(known, _)| known != user)) {
        query("INSERT INTO group_members (group_id, user_id, from_ms) VALUES ($1, $2, $3)")
            .bind(id)
            .bind(user)
            .bind(now_ms)
            .execute(tx)
            .await?;
    }
    Ok(())
}

/// All groups.
pub(super) async fn read(now: &mut Connection) -> Result<BTreeMap<GroupId, Group>, StoreError> {
    let mut groups = BTreeMap::new();
    for row in query("SELECT * FROM user_groups").fetch_all::<Row>(&mut *now).await? {
        let id = GroupId(row.get("id")?);
        let numbers = codec::from_word(row.get("numbers")?)?;
        groups.insert(id, Group { id, name: row.get("name")?, numbers, stays: Vec::new() });
    }
    let stays = query("SELECT group_id, user_id, from_ms, to_ms FROM group_members ORDER BY from_ms, id");
    for row in stays.fetch_all::<Row>(now).await? {
        let stay = Stay { user: UserId(row.get("user_id")?), from_ms: row.get("from_ms")?, to_ms: row.get("to_ms")? };
        if let Some(group) = groups.get_mut(&GroupId(row.get("group_id")?)) {
            group.stays.push(stay);
        }
    }
    Ok(groups)
}
