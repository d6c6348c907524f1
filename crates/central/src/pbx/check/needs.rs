//! What Linedesk needs of a manager user, and what each part is for.

/// A class in `read`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read {
    pub(super) class: &'static str,
    pub(super) code: &'static str,
    pub(super) why: &'static str,
}

/// All of them, for `read =`.
pub(super) const READ: &[Read] = &[
    Read {
        class: "system",
        code: "read.system",
        why: "start, stop and reload of the PBX: how a restart is told from a gap of the network; contacts of the phones",
    },
    Read {
        class: "call",
        code: "read.call",
        why: "channels, dialling, bridges and hang-ups: who talks with whom since when",
    },
    Read {
        class: "agent",
        code: "read.agent",
        why: "queues: who waits, who is offered what, members and their pauses",
    },
    Read { class: "user", code: "read.user", why: "events of the dialplan's own, such as a wish to be called back" },
    Read {
        class: "dialplan",
        code: "read.dialplan",
        why: "why a caller left a queue (QUEUESTATUS), menus, and which number was dialled",
    },
    Read { class: "dtmf", code: "read.dtmf", why: "keys pressed in a menu" },
];

/// A class in `write`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Write {
    pub(super) class: &'static str,
    pub(super) code: &'static str,
    /// Actions that it allows and Linedesk uses.
    pub(super) actions: &'static [&'static str],
    pub(super) why: &'static str,
}

/// All of them, for `write =`.
pub(super) const WRITE: &[Write] = &[
    Write {
        class: "agent",
        code: "write.agent",
        actions: &["QueueAdd", "QueueRemove", "QueuePause", "QueuePenalty"],
        why: "to add, remove and pause members of queues, once Linedesk manages this PBX",
    },
    Write {
        class: "call",
        code: "write.call",
        actions: &["Setvar", "Redirect", "Hangup", "ParkedCalls"],
        why: "to bring the customer of a crashed phone back to his queue, and to see who is parked",
    },
    Write {
        class: "reporting",
        code: "write.reporting",
        actions: &["CoreShowChannels", "CoreStatus", "Getvar"],
        why: "to see which channels there are after a gap, when the PBX was started, and which phones can be reached",
    },
];

/// Actions that Linedesk never sends, and what a stranger with the user's secret could do by them.
pub(super) const TOO_MUCH: &[(&str, &str)] = &[
    ("Command", "`command` in write is the whole command line of Asterisk"),
    ("ModuleLoad", "`system` in write can load modules and change the dialplan, and so run programs on the PBX"),
    ("UpdateConfig", "`config` in write can change every file of Asterisk's configuration"),
];

/// Events without which calls are told wrongly; an event filter must not hold them back.
pub(super) const EVENTS: &[&str] = &[
    "Newchannel",
    "Newstate",
    "Newexten",
    "VarSet",
    "Hangup",
    "Dial",
    "Bridge",
    "Transfer",
    "Queue",
    "Agent",
    "Hold",
    "Rename",
    "LocalBridge",
    "ParkedCall",
    "FullyBooted",
    "ContactStatus",
    "UserEvent",
    "DTMF",
];

/// The variable that joins the halves of a call between PBXs.
pub(super) const CALL_VARIABLE: &str = "LINEDESK_CALL";

/// A slower reader than this is cut off by Asterisk, ms.
pub(super) const WRITE_TIMEOUT_MS: i64 = 5_000;

/// Clocks that differ more, and answers that take longer, are told as a fault, µs.
pub(super) const APART_US: i64 = 2_000_000;
