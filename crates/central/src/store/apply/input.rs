//! What a file of `linedesk-central apply` may say.

use central_api::{ReasonClass, Role, Secret};
use serde::Deserialize;
use std::collections::BTreeMap;

use crate::directory::{ManagedBy, PhoneKind};
use crate::store::{
    AttributeInput, BarePhoneInput, CodesInput, ExternalNumberInput, FiguresInput, GroupInput, LineInput, LinkInput,
    Moment, PlanInput, ProjectInput, RetentionInput, RuleInput, SipInput, SoftphoneInput, TemplateInput,
};

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
    /// How long what is kept.
    #[serde(default)]
    pub retention: RetentionInput,
    /// What figures depend on.
    #[serde(default)]
    pub figures: FiguresInput,
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
    /// Further ways to the manager interface, all connected at once; absent: as they are.
    #[serde(rename = "link")]
    pub links: Option<Vec<LinkInput>>,
    /// Whether commands are sent; absent: as it is, and a new one is only watched.
    pub managed: Option<bool>,
    /// How softphones reach it.
    #[serde(default)]
    pub sip: SipInput,
    /// What it does for a dialled code.
    #[serde(default)]
    pub codes: CodesInput,
    /// How it writes numbers: a number plan by name. Absent: as it is; empty: none.
    pub number_plan: Option<String>,
    /// The PBX whose numbers are those of this one, by name. Absent: as it is; empty: none.
    pub mirror_of: Option<String>,
    /// How its queues name its phones. Absent: as it is.
    pub member_template: Option<TemplateInput>,
    /// Trunks, and lines to other PBXs.
    #[serde(default, rename = "line")]
    pub lines: Vec<LineInput>,
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
    /// Project by name, the largest line of a ringing call; made where there is none.
    pub project: Option<String>,
    /// What to say first; absent: what the project says.
    pub greeting: Option<String>,
    /// Who decides what it is; absent: the PBX.
    #[serde(default)]
    pub managed_by: ManagedBy,
    /// What its figures depend on, when it is not the tenant's.
    #[serde(default)]
    pub figures: FiguresInput,
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
    /// Whether figures are made of the person; absent: as it is, and of a new one they are.
    pub tracked: Option<bool>,
    /// From when on that holds; absent: from now on.
    pub tracked_from: Option<Moment>,
    /// Until when; then the contrary. Absent: for good.
    pub tracked_until: Option<Moment>,
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
    /// What it is; absent: as it is, and a new one is a softphone.
    pub kind: Option<PhoneKind>,
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
    /// What Queue() rings; `{number}` is the person's phone there. Absent: by the template of the PBX, with the state
    /// interface and the name that this says; without one `PJSIP/{number}`.
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

pub(crate) fn ami_port() -> u16 {
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
    /// Number plans.
    #[serde(default, rename = "number-plan")]
    pub plans: Vec<PlanInput>,
    /// PBXs.
    #[serde(default, rename = "pbx")]
    pub pbxs: Vec<PbxInput>,
    /// Projects.
    #[serde(default, rename = "project")]
    pub projects: Vec<ProjectInput>,
    /// Numbers that customers dial.
    #[serde(default, rename = "external-number")]
    pub external_numbers: Vec<ExternalNumberInput>,
    /// Queues.
    #[serde(default, rename = "queue")]
    pub queues: Vec<QueueInput>,
    /// People.
    #[serde(default, rename = "user")]
    pub users: Vec<UserInput>,
    /// The attribute catalogue.
    #[serde(default, rename = "attribute")]
    pub attributes: Vec<AttributeInput>,
    /// Phones apart from their holders.
    #[serde(default, rename = "phone")]
    pub phones: Vec<BarePhoneInput>,
    /// Groups of people.
    #[serde(default, rename = "group")]
    pub groups: Vec<GroupInput>,
    /// What the places of dialplans are.
    #[serde(default, rename = "classification")]
    pub classification: Vec<RuleInput>,
}
