//! Everything the administrator decides, read at once: small, and needed whole by the desk.

use central_api::{ChangedBy, PbxId, PhoneId, QueueId, Reason, ReasonId, Role, User, UserId};
use std::collections::BTreeMap;

use super::engine::{Connection, Row, query};
use super::{Sip, Softphone, Store, StoreError, codec, directory, sip, softphone};
use crate::directory::{House, ManagedBy, ProjectId};

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
    /// Further ways to the manager interface; all are connected at once.
    pub links: Vec<LinkRow>,
}

/// A further way to a PBX's manager interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS.
    pub tls: bool,
    /// Manager user.
    pub username: String,
    /// Sealed for [`LinkRow::purpose`].
    pub secret: Vec<u8>,
}

impl LinkRow {
    /// What its secret is sealed for.
    #[must_use]
    pub fn purpose(pbx: &str, host: &str, port: u16, username: &str) -> String {
        format!("link:{pbx}:{username}@{host}:{port}")
    }
}

impl PbxRow {
    /// What its secret is sealed for.
    #[must_use]
    pub fn purpose(name: &str) -> String {
        format!("pbx:{name}")
    }
}

/// A phone of an operator that a workstation can register; all phones are in the [`House`].
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
    /// Largest line of a ringing call: the name of its project.
    pub project: Option<String>,
    /// Its project.
    pub project_id: Option<ProjectId>,
    /// What to say first, its own or the project's.
    pub greeting: Option<String>,
    /// Who decides what it is.
    pub managed_by: ManagedBy,
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
    /// What only the directory needs.
    pub house: House,
}

impl Store {
    /// Reads the configuration, all in one moment.
    ///
    /// # Errors
    /// When the database does not answer or holds what this program does not know.
    pub async fn configuration(&self) -> Result<Configuration, StoreError> {
        // One moment: a change in the middle must not give half of the old and half of the new.
        read(self.snapshot().await?.connection()).await
    }
}

/// All of it, as a transaction or a snapshot sees it.
pub(super) async fn read(now: &mut Connection) -> Result<Configuration, StoreError> {
    let row = query("SELECT * FROM tenant").fetch_one::<Row>(&mut *now).await?;
    let tenant = Tenant {
        name: row.get("name")?,
        revision: row.get("revision")?,
        after_call_ms: row.get::<i64>("after_call_s")? * 1000,
        not_taken_limit: row.get("not_taken_limit")?,
        softphone: softphone::read(&row)?,
    };
    let mut users = BTreeMap::new();
    for row in query("SELECT id, username, display_name, role FROM users").fetch_all::<Row>(&mut *now).await? {
        let id = UserId(row.get("id")?);
        let role: Role = codec::from_word(row.get("role")?)?;
        let user = User { id, username: row.get("username")?, display_name: row.get("display_name")?, role };
        users.insert(id, UserRow { user });
    }
    let mut pbxs = BTreeMap::new();
    for row in query("SELECT * FROM pbxs").fetch_all::<Row>(&mut *now).await? {
        let id = PbxId(row.get("id")?);
        let pbx = PbxRow {
            id,
            name: row.get("name")?,
            host: row.get("host")?,
            port: row.get("port")?,
            tls: row.get("tls")?,
            username: row.get("username")?,
            secret: row.get("secret")?,
            managed: row.get("managed")?,
            sip: sip::read(&row)?,
            links: Vec::new(),
        };
        pbxs.insert(id, pbx);
    }
    for row in query("SELECT * FROM pbx_links ORDER BY pbx_id, place").fetch_all::<Row>(&mut *now).await? {
        let Some(pbx) = pbxs.get_mut(&PbxId(row.get("pbx_id")?)) else { continue };
        pbx.links.push(LinkRow {
            host: row.get("host")?,
            port: row.get("port")?,
            tls: row.get("tls")?,
            username: row.get("username")?,
            secret: row.get("secret")?,
        });
    }
    let mut phones = BTreeMap::new();
    for row in query("SELECT * FROM phones WHERE user_id IS NOT NULL AND secret IS NOT NULL")
        .fetch_all::<Row>(&mut *now)
        .await?
    {
        let id = PhoneId(row.get("id")?);
        let phone = Phone {
            id,
            user: UserId(row.get("user_id")?),
            pbx: PbxId(row.get("pbx_id")?),
            number: row.get("number")?,
            sip_user: row.get("sip_user")?,
            auth_user: row.get("auth_user")?,
            secret: row.get("secret")?,
            display_name: row.get("display_name")?,
        };
        phones.insert(id, phone);
    }
    let mut queues = BTreeMap::new();
    let queues_and_projects = query(
        "SELECT queues.id, pbx_id, pbx_queue, queues.name, project_id, managed_by, projects.name AS project, \
         COALESCE(queues.greeting, projects.greeting) AS greeting \
         FROM queues LEFT JOIN projects ON projects.id = queues.project_id",
    );
    for row in queues_and_projects.fetch_all::<Row>(&mut *now).await? {
        let id = QueueId(row.get("id")?);
        let queue = Queue {
            id,
            pbx: PbxId(row.get("pbx_id")?),
            pbx_queue: row.get("pbx_queue")?,
            name: row.get("name")?,
            project: row.get("project")?,
            project_id: row.get::<Option<i64>>("project_id")?.map(ProjectId),
            managed_by: codec::from_word(row.get("managed_by")?)?,
            greeting: row.get("greeting")?,
        };
        queues.insert(id, queue);
    }
    let mut members = BTreeMap::new();
    for row in query("SELECT * FROM members").fetch_all::<Row>(&mut *now).await? {
        let (queue, user) = (QueueId(row.get("queue_id")?), UserId(row.get("user_id")?));
        let member = Member {
            queue,
            user,
            interface: row.get("interface")?,
            state_interface: row.get("state_interface")?,
            member_name: row.get("member_name")?,
            penalty: row.get("penalty")?,
            fixed: row.get("fixed")?,
            joined: row.get("joined")?,
            by: codec::from_json(row.get("changed_by")?)?,
            changed_ms: row.get("changed_ms")?,
        };
        members.insert((user, queue), member);
    }
    let mut reasons = BTreeMap::new();
    for row in query("SELECT * FROM reasons").fetch_all::<Row>(&mut *now).await? {
        let id = ReasonId(row.get("id")?);
        let reason = Reason {
            id,
            names: codec::from_json(row.get("names")?)?,
            class: codec::from_word(row.get("class")?)?,
            limit_min: row.get("limit_min")?,
        };
        reasons.insert(id, ReasonRow { key: row.get("key")?, reason });
    }
    let house = directory::read(now).await?;
    Ok(Configuration { tenant, users, pbxs, phones, queues, members, reasons, house })
}
