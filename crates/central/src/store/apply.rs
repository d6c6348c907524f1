//! Configuration in, by name and idempotent: what is there is changed, what is missing is made, what is not named stays.

mod input;

pub(super) use input::ami_port;
pub use input::{Input, MemberInput, PbxInput, PhoneInput, QueueInput, ReasonInput, TenantInput, UserInput};

use central_api::{ChangedBy, PbxId, QueueId, Role, UserId};
use std::collections::{BTreeMap, BTreeSet};

use super::directory::TrackedInput;
use super::engine::{Transaction, query};
use super::{PbxRow, Store, StoreError, attributes, codec, configuration, directory, links, retention, sip, softphone};
use crate::directory::{MemberTemplate, Problem, Scope};

/// Passwords of the input as hashes, by folded username; who is not in it keeps the password.
pub type PasswordHashes = BTreeMap<String, String>;

impl Store {
    /// Carries the input out, all or nothing. Gives what may not be meant so, as texts for a person.
    ///
    /// # Errors
    /// When something named is missing, what there would be then contradicts itself, or the database refuses.
    pub async fn apply(&self, input: &Input, hashes: &PasswordHashes, now_ms: i64) -> Result<Vec<String>, StoreError> {
        self.write(|mut tx| async move {
            let before: BTreeSet<Problem> =
                Problem::all(&configuration::read(tx.connection()).await?).into_iter().collect();
            self.apply_in(&mut tx, input, hashes, now_ms).await?;
            // As a whole: two files that are right by themselves may contradict each other. What was there before stands in
            // nobody's way.
            let now = Problem::all(&configuration::read(tx.connection()).await?);
            let (errors, warnings): (Vec<Problem>, Vec<Problem>) =
                now.into_iter().filter(|problem| !before.contains(problem)).partition(|problem| problem.is_error);
            if !errors.is_empty() {
                let texts: Vec<String> = errors.into_iter().map(|problem| problem.text).collect();
                return Err(StoreError::Input(texts.join("\n")));
            }
            tx.commit().await?;
            let warnings = warnings.into_iter().map(|problem| problem.text);
            Ok(warnings.chain(attributes::without_values(&input.attributes)).collect())
        })
        .await
    }

    async fn apply_in(
        &self,
        tx: &mut Transaction,
        input: &Input,
        hashes: &PasswordHashes,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        query(
            "UPDATE tenant SET name = COALESCE($1, name), after_call_s = COALESCE($2, after_call_s), \
             not_taken_limit = COALESCE($3, not_taken_limit), revision = revision + 1",
        )
        .bind(&input.tenant.name)
        .bind(input.tenant.after_call_s.map(i64::from))
        .bind(input.tenant.not_taken_limit.map(i64::from))
        .execute(tx)
        .await?;
        softphone::apply(tx, &input.tenant.softphone).await?;
        retention::apply(tx, &input.tenant.retention).await?;
        attributes::apply(tx, &input.attributes).await?;
        directory::apply_figures(tx, "the tenant", Scope::Tenant, &input.tenant.figures, now_ms).await?;
        for reason in &input.reasons {
            apply_reason(tx, reason).await?;
        }
        directory::apply_plans(tx, &input.plans).await?;
        for pbx in &input.pbxs {
            self.apply_pbx(tx, pbx).await?;
        }
        directory::apply_places(tx, &input.pbxs).await?;
        directory::apply_lines(tx, &input.pbxs).await?;
        directory::apply_projects(tx, &input.projects).await?;
        directory::apply_numbers(tx, &input.external_numbers).await?;
        for queue in &input.queues {
            apply_queue(tx, queue, now_ms).await?;
        }
        for user in &input.users {
            self.apply_user(tx, user, hashes, now_ms).await?;
        }
        directory::apply_phones(tx, &input.phones, now_ms).await?;
        directory::apply_groups(tx, &input.groups, now_ms).await?;
        directory::apply_rules(tx, &input.classification, now_ms).await?;
        directory::settle_inbox(tx).await?;
        Ok(())
    }

    /// Switches a PBX between managed and observe-only.
    ///
    /// # Errors
    /// When there is no such PBX.
    pub async fn set_managed(&self, pbx: &str, managed: bool) -> Result<(), StoreError> {
        self.write(|mut tx| async move {
            let found =
                query("UPDATE pbxs SET managed = $1 WHERE name = $2").bind(managed).bind(pbx).execute(&mut tx).await?;
            if found == 0 {
                return Err(StoreError::Input(format!(
                    "there is no PBX {pbx}; `linedesk-central pbx list` shows them"
                )));
            }
            query("UPDATE tenant SET revision = revision + 1").execute(&mut tx).await?;
            tx.commit().await
        })
        .await
    }

    async fn apply_pbx(&self, tx: &mut Transaction, pbx: &PbxInput) -> Result<(), StoreError> {
        let known: Option<Vec<u8>> =
            query("SELECT secret FROM pbxs WHERE name = $1").bind(&pbx.name).fetch_scalar_optional(&mut *tx).await?;
        let secret = match (&pbx.secret, known) {
            (Some(secret), _) => self.key.seal(&PbxRow::purpose(&pbx.name), secret)?,
            (None, Some(known)) => known,
            (None, None) => {
                return Err(StoreError::Input(format!(
                    "the new PBX {} has no `secret` (the AMI secret); add it",
                    pbx.name
                )));
            }
        };
        // How softphones reach it follows below; until then it has what no column may be without.
        query(
            "INSERT INTO pbxs (name, host, port, username, secret, managed, tls, sip_server, sip_port, sip_transport, \
             sip_domain, sip_encryption, tls_ca_pem) \
             VALUES ($1, $2, $3, $4, $5, COALESCE($6, 0), $7, $2, 5060, 'udp', $2, 'off', '') \
             ON CONFLICT (name) DO UPDATE SET host = excluded.host, port = excluded.port, username = excluded.username, \
             secret = excluded.secret, managed = COALESCE($6, pbxs.managed), tls = excluded.tls",
        )
        .bind(&pbx.name)
        .bind(&pbx.host)
        .bind(i64::from(pbx.port))
        .bind(&pbx.username)
        .bind(secret)
        .bind(pbx.managed.map(i64::from))
        .bind(i64::from(pbx.tls.unwrap_or_else(|| !is_this_machine(&pbx.host))))
        .execute(tx)
        .await?;
        directory::apply_template(tx, &pbx.name, pbx.member_template.as_ref()).await?;
        links::apply(tx, &self.key, pbx).await?;
        sip::apply(tx, &self.key, &pbx.name, &pbx.host, &pbx.sip, &pbx.codes).await
    }

    async fn apply_user(
        &self,
        tx: &mut Transaction,
        input: &UserInput,
        hashes: &PasswordHashes,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let folded = fold(&input.username);
        let known: Option<(i64, String, String, String)> =
            query("SELECT id, display_name, role, password_hash FROM users WHERE username_folded = $1")
                .bind(&folded)
                .fetch_optional(&mut *tx)
                .await?;
        let (display_name, user) = if let Some((id, display_name, role, hash)) = known {
            let display_name = input.display_name.clone().unwrap_or(display_name);
            let role = input.role.as_ref().map(codec::word).transpose()?.unwrap_or(role);
            query("UPDATE users SET username = $1, display_name = $2, role = $3, password_hash = $4 WHERE id = $5")
                .bind(&input.username)
                .bind(&display_name)
                .bind(role)
                .bind(hashes.get(&folded).unwrap_or(&hash))
                .bind(id)
                .execute(tx)
                .await?;
            (display_name, UserId(id))
        } else {
            let hash = hashes.get(&folded).ok_or_else(|| {
                StoreError::Input(format!("the new user {} has no password; give one", input.username))
            })?;
            let display_name = input.display_name.clone().unwrap_or_else(|| input.username.clone());
            let id: i64 = query(
                "INSERT INTO users (username, username_folded, display_name, role, password_hash) \
                 VALUES ($1, $2, $3, $4, $5) RETURNING id",
            )
            .bind(&input.username)
            .bind(&folded)
            .bind(&display_name)
            .bind(codec::word(&input.role.unwrap_or(Role::Operator))?)
            .bind(hash)
            .fetch_scalar(&mut *tx)
            .await?;
            (display_name, UserId(id))
        };
        let tracked = TrackedInput { tracked: input.tracked, from: input.tracked_from, until: input.tracked_until };
        directory::apply_tracked(tx, &display_name, user, tracked, now_ms).await?;
        for phone in &input.phones {
            directory::apply_own_phone(tx, &self.key, user, &display_name, phone, now_ms).await?;
        }
        for member in &input.members {
            apply_member(tx, user, &display_name, member, now_ms).await?;
        }
        Ok(())
    }
}

async fn apply_reason(tx: &mut Transaction, reason: &ReasonInput) -> Result<(), StoreError> {
    if !reason.names.contains_key("en") {
        return Err(StoreError::Input(format!(
            "the reason {} has no English name, which is the pause text at the PBX; add names.en",
            reason.key
        )));
    }
    query(
        "INSERT INTO reasons (key, class, limit_min, names) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO UPDATE SET \
         class = excluded.class, limit_min = excluded.limit_min, names = excluded.names",
    )
    .bind(&reason.key)
    .bind(codec::word(&reason.class)?)
    .bind(reason.limit_min.map(i64::from))
    .bind(codec::json(&reason.names)?)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn apply_queue(tx: &mut Transaction, queue: &QueueInput, now_ms: i64) -> Result<(), StoreError> {
    let (pbx, pbx_name) = find_pbx(tx, queue.pbx.as_deref()).await?;
    let project = directory::named_project(tx, queue.project.as_deref()).await?;
    let id: i64 = query(
        "INSERT INTO queues (pbx_id, pbx_queue, name, project_id, greeting, managed_by) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (pbx_id, pbx_queue) DO UPDATE SET name = excluded.name, project_id = excluded.project_id, \
         greeting = excluded.greeting, managed_by = excluded.managed_by RETURNING id",
    )
    .bind(pbx.0)
    .bind(&queue.queue)
    .bind(queue.name.as_ref().unwrap_or(&queue.queue))
    .bind(project.map(|project| project.0))
    .bind(&queue.greeting)
    .bind(codec::word(&queue.managed_by)?)
    .fetch_scalar(&mut *tx)
    .await?;
    let what = format!("the queue {} on {pbx_name}", queue.queue);
    directory::apply_figures(tx, &what, Scope::Queue(QueueId(id)), &queue.figures, now_ms).await
}

pub(super) async fn apply_member(
    tx: &mut Transaction,
    user: UserId,
    person: &str,
    member: &MemberInput,
    now_ms: i64,
) -> Result<(), StoreError> {
    let (pbx, pbx_name) = find_pbx(tx, member.pbx.as_deref()).await?;
    let queue: Option<i64> = query("SELECT id FROM queues WHERE pbx_id = $1 AND pbx_queue = $2")
        .bind(pbx.0)
        .bind(&member.queue)
        .fetch_scalar_optional(&mut *tx)
        .await?;
    let queue = QueueId(queue.ok_or_else(|| {
        StoreError::Input(format!("there is no queue {} on {pbx_name}; add it before its members", member.queue))
    })?);
    let number: Option<String> =
        query("SELECT number FROM phones WHERE user_id = $1 AND pbx_id = $2 ORDER BY id LIMIT 1")
            .bind(user.0)
            .bind(pbx.0)
            .fetch_scalar_optional(&mut *tx)
            .await?;
    let fill = |template: &str| match (&number, template.contains("{number}")) {
        (None, true) => Err(StoreError::Input(format!(
            "{person} has no phone on {pbx_name}, so `{template}` cannot be filled; add the phone first"
        ))),
        (number, _) => Ok(MemberTemplate::fill(template, number.as_deref().unwrap_or_default(), person)),
    };
    let template: Option<String> = query("SELECT member_template FROM pbxs WHERE id = $1")
        .bind(pbx.0)
        .fetch_scalar::<Option<String>>(&mut *tx)
        .await?;
    let template: MemberTemplate = template.as_deref().map(codec::from_json).transpose()?.unwrap_or_default();
    // What is said of the interface is said of the whole: the template's state would be that of another device.
    let (interface, state_interface) = match &member.interface {
        Some(interface) => (fill(interface)?, member.state_interface.as_deref()),
        None => {
            let state = member.state_interface.as_deref().or(template.state_interface.as_deref());
            (fill(&template.interface)?, state)
        }
    };
    let state_interface = state_interface.map(fill).transpose()?;
    let member_name = match (&member.member_name, &template.member_name) {
        (Some(name), _) => name.clone(),
        (None, Some(template)) if member.interface.is_none() => fill(template)?,
        (None, _) => person.to_owned(),
    };
    query(
        "INSERT INTO members (queue_id, user_id, interface, state_interface, member_name, penalty, fixed, joined, \
         changed_by, changed_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (queue_id, user_id) DO UPDATE SET interface = excluded.interface, \
         state_interface = excluded.state_interface, member_name = excluded.member_name, penalty = excluded.penalty, \
         fixed = excluded.fixed",
    )
    .bind(queue.0)
    .bind(user.0)
    .bind(&interface)
    .bind(state_interface)
    .bind(member_name)
    .bind(i64::from(member.penalty))
    .bind(i64::from(member.fixed))
    .bind(i64::from(member.joined))
    .bind(codec::json(&ChangedBy::System)?)
    .bind(now_ms)
    .execute(tx)
    .await
    .map_err(|error| match error.is_unique_violation() {
        true => StoreError::Input(format!(
            "the interface {interface} is already another person's in the queue {}; one interface is one person",
            member.queue
        )),
        false => error,
    })?;
    Ok(())
}

pub(super) async fn find_pbx(tx: &mut Transaction, name: Option<&str>) -> Result<(PbxId, String), StoreError> {
    let found: Vec<(i64, String)> = if let Some(name) = name {
        query("SELECT id, name FROM pbxs WHERE name = $1").bind(name).fetch_all(&mut *tx).await?
    } else {
        query("SELECT id, name FROM pbxs").fetch_all(&mut *tx).await?
    };
    match (found.as_slice(), name) {
        ([(id, name)], _) => Ok((PbxId(*id), name.clone())),
        ([], Some(name)) => Err(StoreError::Input(format!("there is no PBX {name}; add it first"))),
        ([], None) => Err(StoreError::Input("there is no PBX yet; add one first".to_owned())),
        _ => Err(StoreError::Input("there are several PBXs; say which one with `pbx`".to_owned())),
    }
}

/// Whether a host is reached without a network.
pub(crate) fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// User names compare without case.
pub(crate) fn fold(username: &str) -> String {
    username.trim().to_lowercase()
}
