//! Everything the administrator decides, read at once: small, and needed whole by the desk.

use central_api::{ChangedBy, PbxId, PhoneId, QueueId, Reason, ReasonId, Role, User, UserId};
use sqlx::Row as _;
use std::collections::BTreeMap;

use super::{Sip, Softphone, Store, StoreError, codec, sip, softphone};

/// Settings of the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Name on screens.
    pub name: String,
    /// Grows with each change of configuration.
    pub revision: i64,
    /// Wrap-up time after a queue call, ms; 0: none.
    pub after_call_ms: i64,
    /// Offers of a queue not taken in a row that make *not answering*; 0: off.
    pub not_taken_limit: u32,
    /// What every softphone is told.
    pub softphone: Softphone,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// As the contract shows it.
    pub user: User,
}

/// A PBX and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PbxRow {
    /// Own id.
    pub id: PbxId,
    /// On screens.
    pub name: String,
    /// Of the manager interface.
    pub host: String,
    /// Of the manager interface.
    pub port: u16,
    /// TLS to the manager interface.
    pub tls: bool,
    /// Of the manager interface.
    pub username: String,
    /// Sealed for [`PbxRow::purpose`].
    pub secret: Vec<u8>,
    /// Whether commands are sent.
    pub managed: bool,
    /// How softphones reach it.
    pub sip: Sip,
}

impl PbxRow {
    /// What its secret is sealed for.
    #[must_use]
    pub fn purpose(name: &str) -> String {
        format!("pbx:{name}")
    }
}

/// A phone of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// Own id.
    pub id: PhoneId,
    /// Whose.
    pub user: UserId,
    /// Where.
    pub pbx: PbxId,
    /// Endpoint there.
    pub number: String,
    /// User part of its address.
    pub sip_user: String,
    /// Digest user.
    pub auth_user: String,
    /// Sealed for [`Phone::purpose`].
    pub secret: Vec<u8>,
    /// Shown to the other side.
    pub display_name: String,
}

impl Phone {
    /// What its secret is sealed for.
    #[must_use]
    pub fn purpose(pbx: &str, number: &str) -> String {
        format!("phone:{pbx}:{number}")
    }
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Own id.
    pub id: QueueId,
    /// Where.
    pub pbx: PbxId,
    /// Its name there.
    pub pbx_queue: String,
    /// On screens.
    pub name: String,
    /// Largest line of a ringing call.
    pub project: Option<String>,
    /// What to say first.
    pub greeting: Option<String>,
}

/// A break reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonRow {
    /// By which files name it.
    pub key: String,
    /// As the contract shows it.
    pub reason: Reason,
}

/// Who may join which queue, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Which.
    pub queue: QueueId,
    /// Who.
    pub user: UserId,
    /// What Queue() rings.
    pub interface: String,
    /// Whose state counts, when it is another.
    pub state_interface: Option<String>,
    /// In the queue.
    pub member_name: String,
    /// In the queue.
    pub penalty: u32,
    /// Static or realtime: never added or removed.
    pub fixed: bool,
    /// Last wish.
    pub joined: bool,
    /// Whose.
    pub by: ChangedBy,
    /// When.
    pub changed_ms: i64,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// The tenant.
    pub tenant: Tenant,
    /// People.
    pub users: BTreeMap<UserId, UserRow>,
    /// PBXs.
    pub pbxs: BTreeMap<PbxId, PbxRow>,
    /// Phones.
    pub phones: BTreeMap<PhoneId, Phone>,
    /// Queues.
    pub queues: BTreeMap<QueueId, Queue>,
    /// Members.
    pub members: BTreeMap<(UserId, QueueId), Member>,
    /// Break reasons.
    pub reasons: BTreeMap<ReasonId, ReasonRow>,
}

impl Store {
    /// Reads the configuration, all in one moment.
    ///
    /// # Errors
    /// When the database does not answer or holds what this program does not know.
    pub async fn configuration(&self) -> Result<Configuration, StoreError> {
        // One read transaction: a change in the middle must not give half of the old and half of the new.
        let mut tx = self.read.begin().await?;
        let row = sqlx::query("SELECT * FROM tenant").fetch_one(&mut *tx).await?;
        let tenant = Tenant {
            name: row.try_get("name")?,
            revision: row.try_get("revision")?,
            after_call_ms: row.try_get::<i64, _>("after_call_s")? * 1000,
            not_taken_limit: small(row.try_get("not_taken_limit")?)?,
            softphone: softphone::read(&row)?,
        };
        let mut users = BTreeMap::new();
        for row in sqlx::query("SELECT id, username, display_name, role FROM users").fetch_all(&mut *tx).await? {
            let id = UserId(row.try_get("id")?);
            let role: Role = codec::from_word(row.try_get("role")?)?;
            let user =
                User { id, username: row.try_get("username")?, display_name: row.try_get("display_name")?, role };
            users.insert(id, UserRow { user });
        }
        let mut pbxs = BTreeMap::new();
        for row in sqlx::query("SELECT * FROM pbxs").fetch_all(&mut *tx).await? {
            let id = PbxId(row.try_get("id")?);
            let pbx = PbxRow {
                id,
                name: row.try_get("name")?,
                host: row.try_get("host")?,
                port: small(row.try_get("port")?)?,
                tls: row.try_get::<i64, _>("tls")? != 0,
                username: row.try_get("username")?,
                secret: row.try_get("secret")?,
                managed: row.try_get::<i64, _>("managed")? != 0,
                sip: sip::read(&row)?,
            };
            pbxs.insert(id, pbx);
        }
        let mut phones = BTreeMap::new();
        for row in sqlx::query("SELECT * FROM phones").fetch_all(&mut *tx).await? {
            let id = PhoneId(row.try_get("id")?);
            let phone = Phone {
                id,
                user: UserId(row.try_get("user_id")?),
                pbx: PbxId(row.try_get("pbx_id")?),
                number: row.try_get("number")?,
                sip_user: row.try_get("sip_user")?,
                auth_user: row.try_get("auth_user")?,
                secret: row.try_get("secret")?,
                display_name: row.try_get("display_name")?,
            };
            phones.insert(id, phone);
        }
        let mut queues = BTreeMap::new();
        for row in sqlx::query("SELECT * FROM queues").fetch_all(&mut *tx).await? {
            let id = QueueId(row.try_get("id")?);
            let queue = Queue {
                id,
                pbx: PbxId(row.try_get("pbx_id")?),
                pbx_queue: row.try_get("pbx_queue")?,
                name: row.try_get("name")?,
                project: row.try_get("project")?,
                greeting: row.try_get("greeting")?,
            };
            queues.insert(id, queue);
        }
        let mut members = BTreeMap::new();
        for row in sqlx::query("SELECT * FROM members").fetch_all(&mut *tx).await? {
            let (queue, user) = (QueueId(row.try_get("queue_id")?), UserId(row.try_get("user_id")?));
            let member = Member {
                queue,
                user,
                interface: row.try_get("interface")?,
                state_interface: row.try_get("state_interface")?,
                member_name: row.try_get("member_name")?,
                penalty: small(row.try_get("penalty")?)?,
                fixed: row.try_get::<i64, _>("fixed")? != 0,
                joined: row.try_get::<i64, _>("joined")? != 0,
                by: codec::from_json(row.try_get("changed_by")?)?,
                changed_ms: row.try_get("changed_ms")?,
            };
            members.insert((user, queue), member);
        }
        let mut reasons = BTreeMap::new();
        for row in sqlx::query("SELECT * FROM reasons").fetch_all(&mut *tx).await? {
            let id = ReasonId(row.try_get("id")?);
            let reason = Reason {
                id,
                names: codec::from_json(row.try_get("names")?)?,
                class: codec::from_word(row.try_get("class")?)?,
                limit_min: row.try_get::<Option<i64>, _>("limit_min")?.map(small).transpose()?,
            };
            reasons.insert(id, ReasonRow { key: row.try_get("key")?, reason });
        }
        Ok(Configuration { tenant, users, pbxs, phones, queues, members, reasons })
    }
}

/// A number of the database as the smaller type it has here.
pub(super) fn small<T: TryFrom<i64>>(number: i64) -> Result<T, StoreError> {
    T::try_from(number).map_err(|_| StoreError::Row(format!("the number {number} is out of range")))
}
