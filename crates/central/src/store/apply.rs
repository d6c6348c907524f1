//! Configuration in, by name and idempotent: what is there is changed, what is missing is made, what is not named stays.

use central_api::{ChangedBy, PbxId, QueueId, ReasonClass, Role, Secret, UserId};
use serde::Deserialize;
use std::collections::BTreeMap;

use super::engine::{Transaction, query};
use super::{CodesInput, PbxRow, Phone, SipInput, SoftphoneInput, Store, StoreError, codec, sip, softphone};

/// Settings of the tenant.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantInput {
    /// Name on screens.
    pub name: Option<String>,
    /// Wrap-up time after a queue call, seconds; 0: none.
    pub after_call_s: Option<u32>,
    /// Offers not taken in a row that make *not answering*; 0: off.
    pub not_taken_limit: Option<u32>,
    /// Softphones.
    #[serde(default)]
    pub softphone: SoftphoneInput,
}

/// A break reason.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonInput {
    /// By which it is found again.
    pub key: String,
    /// What it counts as.
    pub class: ReasonClass,
    /// Minutes it may last.
    pub limit_min: Option<u32>,
    /// Name by language; `en` is also the reason text at the PBX.
    pub names: BTreeMap<String, String>,
}

/// A PBX.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PbxInput {
    /// On screens, and by which it is found again.
    pub name: String,
    /// Host of its manager interface.
    pub host: String,
    /// Port of its manager interface.
    #[serde(default = "ami_port")]
    pub port: u16,
    /// AMI user.
    pub username: String,
    /// AMI secret; kept when absent.
    pub secret: Option<Secret>,
    /// TLS to the manager interface; absent: unless the host is this machine.
    pub tls: Option<bool>,
    /// Whether commands are sent; absent: as it is, and a new one is only watched.
    pub managed: Option<bool>,
    /// How softphones reach it.
    #[serde(default)]
    pub sip: SipInput,
    /// What it does for a dialled code.
    #[serde(default)]
    pub codes: CodesInput,
}

/// A queue.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueInput {
    /// PBX by name; may be absent when there is only one.
    pub pbx: Option<String>,
    /// Its name on the PBX.
    pub queue: String,
    /// On screens; absent: the name on the PBX.
    pub name: Option<String>,
    /// Largest line of a ringing call.
    pub project: Option<String>,
    /// What to say first.
    pub greeting: Option<String>,
}

/// A person.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserInput {
    /// Sign-in name.
    pub username: String,
    /// What people read; absent: the sign-in name.
    pub display_name: Option<String>,
    /// Role; absent: as it is, a new one is an operator.
    pub role: Option<Role>,
    /// Password; kept when absent.
    pub password: Option<Secret>,
    /// Phones.
    #[serde(default, rename = "phone")]
    pub phones: Vec<PhoneInput>,
    /// Queues.
    #[serde(default, rename = "member")]
    pub members: Vec<MemberInput>,
}

/// A phone of an operator.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhoneInput {
    /// PBX by name; may be absent when there is only one.
    pub pbx: Option<String>,
    /// Endpoint on the PBX.
    pub number: String,
    /// SIP password; kept when absent.
    pub secret: Option<Secret>,
    /// User part of the SIP address; absent: the number.
    pub sip_user: Option<String>,
    /// Digest user; absent: the SIP user.
    pub auth_user: Option<String>,
    /// Shown to the other side; absent: the person's name.
    pub display_name: Option<String>,
}

/// Membership of a queue.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberInput {
    /// PBX by name; may be absent when there is only one.
    pub pbx: Option<String>,
    /// Queue by its name on the PBX.
    pub queue: String,
    /// What Queue() rings; `{number}` is the person's phone there. Absent: `PJSIP/{number}`.
    pub interface: Option<String>,
    /// Whose device state counts, when it is not the interface; `{number}` as above.
    pub state_interface: Option<String>,
    /// Name in the queue; absent: the person's name.
    pub member_name: Option<String>,
    /// Penalty.
    #[serde(default)]
    pub penalty: u32,
    /// A static or realtime member, which AMI can only pause.
    #[serde(default)]
    pub fixed: bool,
    /// First wish; the operator's own later wish is kept.
    #[serde(default = "yes")]
    pub joined: bool,
}

fn ami_port() -> u16 {
    5038
}

fn yes() -> bool {
    true
}

/// All of it, as `linedesk-central apply` reads it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The tenant.
    #[serde(default)]
    pub tenant: TenantInput,
    /// Break reasons.
    #[serde(default, rename = "reason")]
    pub reasons: Vec<ReasonInput>,
    /// PBXs.
    #[serde(default, rename = "pbx")]
    pub pbxs: Vec<PbxInput>,
    /// Queues.
    #[serde(default, rename = "queue")]
    pub queues: Vec<QueueInput>,
    /// People.
    #[serde(default, rename = "user")]
    pub users: Vec<UserInput>,
}

/// Passwords of the input as hashes, by folded username; who is not in it keeps the password.
pub type PasswordHashes = BTreeMap<String, String>;

impl Store {
    /// Carries the input out, all or nothing.
    ///
    /// # Errors
    /// When something named is missing, or the database refuses.
    pub async fn apply(&self, input: &Input, hashes: &PasswordHashes, now_ms: i64) -> Result<(), StoreError> {
        self.write(|mut tx| async move {
            self.apply_in(&mut tx, input, hashes, now_ms).await?;
            tx.commit().await
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
        for reason in &input.reasons {
            apply_reason(tx, reason).await?;
        }
        for pbx in &input.pbxs {
            self.apply_pbx(tx, pbx).await?;
        }
        for queue in &input.queues {
            apply_queue(tx, queue).await?;
        }
        for user in &input.users {
            self.apply_user(tx, user, hashes, now_ms).await?;
        }
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
        for phone in &input.phones {
            self.apply_phone(tx, user, &display_name, phone).await?;
        }
        for member in &input.members {
            apply_member(tx, user, &display_name, member, now_ms).await?;
        }
        Ok(())
    }

    async fn apply_phone(
        &self,
        tx: &mut Transaction,
        user: UserId,
        person: &str,
        phone: &PhoneInput,
    ) -> Result<(), StoreError> {
        let (pbx, pbx_name) = find_pbx(tx, phone.pbx.as_deref()).await?;
        let known: Option<Vec<u8>> = query("SELECT secret FROM phones WHERE pbx_id = $1 AND number = $2")
            .bind(pbx.0)
            .bind(&phone.number)
            .fetch_scalar_optional(&mut *tx)
            .await?;
        let secret = match (&phone.secret, known) {
            (Some(secret), _) => self.key.seal(&Phone::purpose(&pbx_name, &phone.number), secret)?,
            (None, Some(known)) => known,
            (None, None) => {
                return Err(StoreError::Input(format!(
                    "the new phone {} on {pbx_name} has no `secret` (the SIP password); add it",
                    phone.number
                )));
            }
        };
        let sip_user = phone.sip_user.as_ref().unwrap_or(&phone.number);
        query(
            "INSERT INTO phones (user_id, pbx_id, number, sip_user, auth_user, secret, display_name) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (pbx_id, number) DO UPDATE SET user_id = excluded.user_id, \
             sip_user = excluded.sip_user, auth_user = excluded.auth_user, secret = excluded.secret, \
             display_name = excluded.display_name",
        )
        .bind(user.0)
        .bind(pbx.0)
        .bind(&phone.number)
        .bind(sip_user)
        .bind(phone.auth_user.as_ref().unwrap_or(sip_user))
        .bind(secret)
        .bind(phone.display_name.as_deref().unwrap_or(person))
        .execute(tx)
        .await?;
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

async fn apply_queue(tx: &mut Transaction, queue: &QueueInput) -> Result<(), StoreError> {
    let (pbx, _) = find_pbx(tx, queue.pbx.as_deref()).await?;
    query(
        "INSERT INTO queues (pbx_id, pbx_queue, name, project, greeting) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (pbx_id, pbx_queue) DO UPDATE SET name = excluded.name, project = excluded.project, \
         greeting = excluded.greeting",
    )
    .bind(pbx.0)
    .bind(&queue.queue)
    .bind(queue.name.as_ref().unwrap_or(&queue.queue))
    .bind(&queue.project)
    .bind(&queue.greeting)
    .execute(tx)
    .await?;
    Ok(())
}

async fn apply_member(
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
        (Some(number), true) => Ok(template.replace("{number}", number)),
        (None, true) => Err(StoreError::Input(format!(
            "{person} has no phone on {pbx_name}, so `{template}` cannot be filled; add the phone first"
        ))),
        (_, false) => Ok(template.to_owned()),
    };
    let interface = fill(member.interface.as_deref().unwrap_or("PJSIP/{number}"))?;
    let state_interface = member.state_interface.as_deref().map(fill).transpose()?;
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
    .bind(member.member_name.as_deref().unwrap_or(person))
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

async fn find_pbx(tx: &mut Transaction, name: Option<&str>) -> Result<(PbxId, String), StoreError> {
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
