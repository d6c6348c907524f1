//! What the command line understands.

use central_api::{ReasonClass, SipEncryption, SipTransport};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::classify::NamePattern;
use crate::store::Moment;

/// linedesk-central: the server that operators' workstations live from.
#[derive(Debug, Parser)]
#[command(name = "linedesk-central", version)]
pub struct Cli {
    /// Config file.
    #[arg(long, global = true, default_value = "linedesk-central.toml")]
    pub(super) config: PathBuf,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write a config file and make the database.
    Init(Init),
    /// Serve until Ctrl-C or SIGTERM; prints {"listening":"URL"} when ready.
    Serve,
    /// Take users, PBXs, phones, queues, members and reasons from a TOML file, or `-` for standard input. Can be repeated.
    Apply {
        /// The file.
        file: PathBuf,
    },
    /// People.
    #[command(subcommand)]
    User(UserCommand),
    /// PBXs.
    #[command(subcommand)]
    Pbx(PbxCommand),
    /// Trunks, and lines between PBXs.
    #[command(subcommand)]
    Line(ListCommand),
    /// Telephone numbers.
    #[command(subcommand)]
    Number(NumberCommand),
    /// Projects.
    #[command(subcommand)]
    Project(ListCommand),
    /// Numbers that customers dial.
    #[command(subcommand)]
    ExternalNumber(ListCommand),
    /// Groups of people.
    #[command(subcommand)]
    Group(ListCommand),
    /// What the places of a dialplan are.
    #[command(subcommand)]
    Classification(ClassificationCommand),
    /// Queues.
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Phones of operators.
    #[command(subcommand)]
    Phone(PhoneCommand),
    /// Who may join which queue.
    #[command(subcommand)]
    Member(MemberCommand),
    /// Break reasons.
    #[command(subcommand)]
    Reason(ReasonCommand),
    /// What is kept of customers. Each use stands in the audit log, without the number.
    #[command(subcommand)]
    Customer(CustomerCommand),
    /// Calls that are over.
    #[command(subcommand)]
    Call(CallCommand),
}

#[derive(Debug, Args)]
pub(super) struct Init {
    /// Directory of the key, and of the database when it is SQLite.
    #[arg(long, default_value = "linedesk-data")]
    pub(super) data_dir: PathBuf,
    /// Address and port.
    #[arg(long, default_value = "127.0.0.1:8440")]
    pub(super) listen: SocketAddr,
    /// A PostgreSQL database instead of SQLite: postgres://user@host:5432/name, without a password.
    #[arg(long, value_name = "URL")]
    pub(super) database: Option<String>,
    /// File with its password, one line, readable by its owner alone.
    #[arg(long, value_name = "FILE", requires = "database")]
    pub(super) database_password_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a person, or change one.
    Add {
        /// Sign-in name.
        username: String,
        /// What people read.
        #[arg(long)]
        display_name: Option<String>,
        /// Role.
        #[arg(long, value_enum)]
        role: Option<RoleArg>,
        /// Read the password from standard input (first line).
        #[arg(long)]
        password_stdin: bool,
    },
    /// Show all.
    List,
    /// Set a password.
    Password {
        /// Sign-in name.
        username: String,
        /// Read the password from standard input (first line).
        #[arg(long, required = true)]
        password_stdin: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RoleArg {
    Operator,
    Supervisor,
    Administrator,
}

#[derive(Debug, Subcommand)]
pub(super) enum PbxCommand {
    /// Add a PBX, or change one. A new one is only watched until `pbx managed NAME on`.
    Add(PbxAdd),
    /// Show all.
    List,
    /// Ask it for its queues, members and endpoints, and keep what it says for `propose`.
    Look {
        /// Its name.
        name: String,
    },
    /// Show what was seen there and is not known here, with the keys to confirm it by.
    Propose {
        /// Its name.
        name: String,
    },
    /// Take in what `propose` shows.
    Confirm {
        /// Its name.
        name: String,
        /// Keys, or patterns of them: phone:101, 'phone:*'. They are taken in this order.
        #[arg(required = true, value_parser = pattern)]
        keys: Vec<NamePattern>,
    },
    /// Whether commands are sent to it.
    Managed {
        /// Its name.
        name: String,
        /// On or off.
        #[arg(value_enum)]
        managed: OnOff,
    },
    /// Look what its configuration lacks. Only asks: nothing on the PBX is changed.
    Test {
        /// Its name.
        name: String,
        /// Listen to its events for so many seconds. A call to a queue meanwhile shows most.
        #[arg(long, value_name = "SECONDS")]
        watch: Option<u64>,
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct PbxAdd {
    /// Its name on screens.
    pub(super) name: String,
    /// Host of the manager interface.
    #[arg(long)]
    pub(super) host: String,
    /// Port of the manager interface.
    #[arg(long, default_value_t = 5038)]
    pub(super) port: u16,
    /// AMI user.
    #[arg(long)]
    pub(super) username: String,
    /// TLS to the manager interface: on by itself unless the host is this machine.
    #[arg(long, value_enum)]
    pub(super) tls: Option<OnOff>,
    /// Read the AMI secret from standard input (first line).
    #[arg(long)]
    pub(super) secret_stdin: bool,
    /// SIP server for softphones, when it is not the host.
    #[arg(long)]
    pub(super) sip_server: Option<String>,
    /// SIP port.
    #[arg(long)]
    pub(super) sip_port: Option<u16>,
    /// SIP transport: tcp (default), tls or udp.
    #[arg(long, value_parser = word::<SipTransport>)]
    pub(super) sip_transport: Option<SipTransport>,
    /// SIP domain, when it is not the server.
    #[arg(long)]
    pub(super) sip_domain: Option<String>,
    /// Media encryption: off, sdes or dtls.
    #[arg(long, value_parser = word::<SipEncryption>)]
    pub(super) sip_encryption: Option<SipEncryption>,
    /// PEM file of a certification authority for SIP over TLS, besides the system's.
    #[arg(long)]
    pub(super) tls_ca: Option<PathBuf>,
}

/// Of what `apply` alone enters.
#[derive(Debug, Subcommand)]
pub(super) enum ListCommand {
    /// Show all.
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum ClassificationCommand {
    /// Show all rules.
    List,
    /// Show what was seen and no rule knows.
    Inbox,
    /// Show rules for what is in the inbox, with the ids to confirm them by.
    Propose {
        /// PBX by name.
        pbx: String,
    },
    /// Take proposed rules.
    Confirm {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum NumberCommand {
    /// Show what a number means, and what would be dialled for it.
    Explain {
        /// As it was written.
        text: String,
        /// PBX; may be left out when there is only one.
        #[arg(long)]
        pbx: Option<String>,
        /// Only as the caller's number on this line.
        #[arg(long)]
        line: Option<String>,
    },
    /// Show all number plans and whose they are.
    Plans,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum OnOff {
    On,
    Off,
}

#[derive(Debug, Subcommand)]
pub(super) enum QueueCommand {
    /// Add a queue, or change one.
    Add {
        /// Its name on the PBX.
        queue: String,
        /// PBX; may be left out when there is only one.
        #[arg(long)]
        pbx: Option<String>,
        /// Its name on screens.
        #[arg(long)]
        name: Option<String>,
        /// The largest line of a ringing call.
        #[arg(long)]
        project: Option<String>,
        /// What to say first.
        #[arg(long)]
        greeting: Option<String>,
    },
    /// Show all.
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum PhoneCommand {
    /// Give a phone to a person.
    Add {
        /// Sign-in name.
        username: String,
        /// Endpoint on the PBX.
        number: String,
        /// PBX; may be left out when there is only one.
        #[arg(long)]
        pbx: Option<String>,
        /// User part of the SIP address, when it is not the number.
        #[arg(long)]
        sip_user: Option<String>,
        /// Digest user, when it is not the SIP user.
        #[arg(long)]
        auth_user: Option<String>,
        /// Shown to the other side.
        #[arg(long)]
        display_name: Option<String>,
        /// Read the SIP password from standard input (first line).
        #[arg(long)]
        secret_stdin: bool,
    },
    /// Show all.
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum MemberCommand {
    /// Let a person join a queue.
    Add {
        /// Sign-in name.
        username: String,
        /// Queue by its name on the PBX.
        queue: String,
        /// PBX; may be left out when there is only one.
        #[arg(long)]
        pbx: Option<String>,
        /// What Queue() rings; {number} is the person's phone.
        #[arg(long)]
        interface: Option<String>,
        /// Whose device state counts, when it is not the interface.
        #[arg(long)]
        state_interface: Option<String>,
        /// Name in the queue.
        #[arg(long)]
        member_name: Option<String>,
        /// Penalty.
        #[arg(long, default_value_t = 0)]
        penalty: u32,
        /// A static or realtime member.
        #[arg(long)]
        fixed: bool,
        /// Not in the queue until the operator joins.
        #[arg(long)]
        out: bool,
    },
    /// Show all.
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum ReasonCommand {
    /// Add a break reason, or change one.
    Add {
        /// By which it is found again.
        key: String,
        /// What it counts as: rest, work, training or technical.
        #[arg(long, value_parser = word::<ReasonClass>)]
        class: ReasonClass,
        /// Minutes it may last.
        #[arg(long)]
        limit_min: Option<u32>,
        /// English name; also the pause reason at the PBX.
        #[arg(long)]
        en: String,
        /// Russian name.
        #[arg(long)]
        ru: Option<String>,
    },
    /// Show all.
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum CallCommand {
    /// Show one, and what joined its channels.
    Show {
        /// Its id.
        #[arg(required_unless_present = "sip_call_id")]
        id: Option<u64>,
        /// The Call-ID of one of its SIP dialogs, instead of the id: what a softphone or a SIP trace calls it.
        #[arg(long, value_name = "CALL-ID", conflicts_with = "id")]
        sip_call_id: Option<String>,
        /// As JSON, with all that is kept of it.
        #[arg(long)]
        json: bool,
    },
    /// Show those that began between two moments, the earliest first.
    List {
        /// From this moment, as 2026-12-01 or 2026-12-01T08:00:00+03:00; without an offset it is UTC.
        #[arg(value_parser = moment)]
        from: Moment,
        /// To this one.
        #[arg(value_parser = moment)]
        to: Moment,
        /// As JSON, one a line, with all that is kept of them.
        #[arg(long)]
        json: bool,
    },
    /// Tell calls again from their raw material, which is kept for 14 days: those that ended between two moments.
    Derive {
        /// From this moment, as 2026-12-01 or 2026-12-01T08:00:00+03:00; without an offset it is UTC.
        #[arg(value_parser = moment)]
        from: Moment,
        /// To this one.
        #[arg(value_parser = moment)]
        to: Moment,
    },
    /// Split one between two of its channels that were joined wrongly; `show` tells what joined them.
    Split {
        /// Its id.
        id: u64,
        /// Uniqueid of a channel.
        one: String,
        /// Uniqueid of another, which is of a different call.
        two: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum CustomerCommand {
    /// Show numbers, names and calls of one.
    Find(CustomerArgs),
    /// Print all that is kept of one, as JSON, for himself. What other people are in his calls is left out.
    Export(CustomerArgs),
    /// Forget one: numbers, names and values go for good, calls and figures stay. Backups are not changed.
    Erase(CustomerArgs),
}

#[derive(Debug, Args)]
pub(super) struct CustomerArgs {
    /// A number of his, as it is shown or dialled.
    pub(super) number: String,
    /// Also numbers that are likely the same: ten digits or more agree, and what stands before them can be a prefix.
    #[arg(long)]
    pub(super) likely: bool,
}

fn moment(text: &str) -> Result<Moment, String> {
    text.parse()
}

fn pattern(text: &str) -> Result<NamePattern, String> {
    text.parse().map_err(|error: crate::classify::NotANamePattern| error.to_string())
}

/// A word of the contract.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|error| error.to_string())
}
