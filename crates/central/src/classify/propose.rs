//! Rules for what well-known distributions build, proposed from what was seen. A person confirms them; none is used before.
//!
//! The contexts are those that FreePBX and MikoPBX write by themselves into their dialplans; beyond them the words of a name
//! are all that is known.

use std::collections::BTreeMap;

use central_api::PbxId;
use serde::{Deserialize, Serialize};

use super::inbox::{Entry, Example, MOST_EXAMPLES};
use super::name::NamePattern;
use super::{Meaning, Rule, RuleId, What};
use crate::numbers::Pattern;

/// Who built a dialplan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// FreePBX and what is made of it.
    FreePbx,
    /// MikoPBX.
    MikoPbx,
    /// A person.
    Plain,
}

/// A rule that somebody may want.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// On which PBX.
    pub pbx: PbxId,
    /// Contexts.
    pub context: NamePattern,
    /// Extensions.
    pub exten: Pattern,
    /// What they seem to be.
    pub what: What,
    /// Why.
    pub why: Why,
    /// How often such was seen.
    pub count: u64,
    /// When first, ms since the Unix epoch.
    pub first_ms: i64,
    /// When last, ms since the Unix epoch.
    pub last_ms: i64,
    /// Up to [`MOST_EXAMPLES`].
    pub examples: Vec<Example>,
}

/// Why something is proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// FreePBX writes this context.
    FreePbx,
    /// MikoPBX writes this context.
    MikoPbx,
    /// A word in the context's name says so.
    Word,
    /// The extension is one that Asterisk itself goes to: hang-up, time-out, wrong key.
    OfAsterisk,
    /// There is a star or a hash in the extension.
    Keys,
}

impl Proposal {
    /// The rule, once a person wants it. Which queue or number it is, is still to be said.
    #[must_use]
    pub fn into_rule(self, id: RuleId) -> Rule {
        Rule {
            id,
            pbx: self.pbx,
            context: self.context,
            exten: self.exten,
            trunk: NamePattern::anything(),
            channel: NamePattern::anything(),
            meaning: Meaning { what: self.what, id: None },
            valid_from_ms: None,
            valid_to_ms: None,
        }
    }
}

/// Who built the dialplan of a PBX, by the contexts that were seen there.
#[must_use]
pub fn dialect_of<'a>(contexts: impl IntoIterator<Item = &'a str>) -> Dialect {
    let (mut free, mut miko) = (0, 0);
    for context in contexts {
        free += usize::from(SIGNS_OF_FREEPBX.iter().any(|sign| is(sign, context)));
        miko += usize::from(SIGNS_OF_MIKOPBX.iter().any(|sign| is(sign, context)));
    }
    match free.cmp(&miko) {
        std::cmp::Ordering::Greater => Dialect::FreePbx,
        std::cmp::Ordering::Less => Dialect::MikoPbx,
        std::cmp::Ordering::Equal => Dialect::Plain,
    }
}

/// What could be said of what no rule knows. An entry for which nothing is known gives none.
#[must_use]
pub fn propose<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<Proposal> {
    let mut of_pbx: BTreeMap<PbxId, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        of_pbx.entry(entry.pbx).or_default().push(entry);
    }
    let mut proposals: Vec<Proposal> = Vec::new();
    for entries in of_pbx.into_values() {
        let dialect = dialect_of(entries.iter().map(|entry| entry.context.as_str()));
        for entry in entries {
            let Some((context, exten, what, why)) = known(dialect, entry) else { continue };
            let same = |known: &&mut Proposal| {
                (known.pbx, &known.context, &known.exten, known.what) == (entry.pbx, &context, &exten, what)
            };
            if let Some(known) = proposals.iter_mut().find(same) {
                known.add(entry);
            } else {
                let mut proposal = Proposal {
                    pbx: entry.pbx,
                    context,
                    exten,
                    what,
                    why,
                    count: 0,
                    first_ms: entry.first_ms,
                    last_ms: entry.last_ms,
                    examples: Vec::new(),
                };
                proposal.add(entry);
                proposals.push(proposal);
            }
        }
    }
    proposals
}

impl Proposal {
    fn add(&mut self, entry: &Entry) {
        self.count = self.count.saturating_add(entry.count);
        self.first_ms = self.first_ms.min(entry.first_ms);
        self.last_ms = self.last_ms.max(entry.last_ms);
        let room = MOST_EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(entry.examples.iter().take(room).cloned());
    }
}

fn known(dialect: Dialect, entry: &Entry) -> Option<(NamePattern, Pattern, What, Why)> {
    let exten = entry.exten.as_str();
    if OF_ASTERISK.contains(&exten) {
        return Some((NamePattern::anything(), entry.exten.clone(), What::Passage, Why::OfAsterisk));
    }
    let context = entry.context.parse().ok();
    // FreePBX's 700* and 700** log an agent in and out of queue 700, in the context of the queues.
    if entry.exten.is_exact() && exten.contains(['*', '#']) {
        return Some((context?, entry.exten.clone(), What::FeatureCode, Why::Keys));
    }
    let (rows, why) = match dialect {
        Dialect::FreePbx => (FREEPBX, Why::FreePbx),
        Dialect::MikoPbx => (MIKOPBX, Why::MikoPbx),
        Dialect::Plain => (WORDS, Why::Word),
    };
    let fits = |row: &&Row| is(row.0, &entry.context) && entry.examples.iter().all(|example| row.1.of(&example.exten));
    let Row(context, places, what) = rows.iter().find(fits)?;
    let exten = match places {
        Places::All => Pattern::anything(),
        Places::Digits => DIGITS.parse().ok()?,
        Places::Each => entry.exten.clone(),
    };
    // Of a name with a word in it only this one is known.
    let context = if why == Why::Word { entry.context.parse() } else { context.parse() };
    Some((context.ok()?, exten, *what, why))
}

fn is(pattern: &str, context: &str) -> bool {
    pattern.parse::<NamePattern>().is_ok_and(|pattern| pattern.matches(context))
}

/// A context, which of its extensions, and what they are. The first that fits counts.
struct Row(&'static str, Places, What);

#[derive(Clone, Copy)]
enum Places {
    /// The context is one thing.
    All,
    /// Each extension of digits is one of a kind, and one rule does for them.
    Digits,
    /// Each extension is to be known by itself.
    Each,
}

impl Places {
    fn of(self, exten: &str) -> bool {
        !matches!(self, Self::Digits) || exten.starts_with(|sign: char| sign.is_ascii_digit())
    }
}

/// [`Places::Digits`] as a pattern.
const DIGITS: &str = "_X!";

/// Extensions that Asterisk goes to by itself.
const OF_ASTERISK: &[&str] = &["h", "i", "t", "T", "o", "a", "e", "failed"];

const SIGNS_OF_FREEPBX: &[&str] =
    &["ext-*", "from-did-direct*", "from-internal*", "from-queue*", "macro-*", "outrt-*", "app-*"];

const SIGNS_OF_MIKOPBX: &[&str] = &[
    "internal",
    "internal-*",
    "*-incoming",
    "*-outgoing",
    "all_peers",
    "queue_agent_answer",
    "public-direct-dial",
    "set_orign_chan",
    "dial_create_chan",
    "conference-rooms",
];

const FREEPBX: &[Row] = &[
    Row("ext-queues", Places::Digits, What::Queue),
    Row("from-queue*", Places::Digits, What::Operator),
    Row("ext-local", Places::Digits, What::Operator),
    Row("from-did-direct*", Places::Digits, What::Operator),
    Row("ext-findmefollow", Places::Digits, What::Operator),
    Row("ivr-*", Places::All, What::Menu),
    Row("ext-did*", Places::Each, What::ExternalNumber),
    Row("from-trunk*", Places::Each, What::ExternalNumber),
    Row("from-pstn*", Places::Each, What::ExternalNumber),
    Row("outrt-*", Places::All, What::Trunk),
    Row("outbound-allroutes", Places::All, What::Trunk),
    Row("macro-dialout-trunk*", Places::All, What::Trunk),
    Row("app-announcement-*", Places::All, What::Service),
    Row("ext-meetme", Places::All, What::Service),
    Row("ext-fax", Places::All, What::Service),
    Row("parkedcalls", Places::All, What::Service),
    Row("macro-vm", Places::All, What::Service),
    Row("timeconditions", Places::All, What::Passage),
    Row("app-daynight", Places::All, What::Passage),
    Row("app-blackhole", Places::All, What::Passage),
    Row("macro-*", Places::All, What::Passage),
    Row("sub-*", Places::All, What::Passage),
    Row("func-*", Places::All, What::Passage),
    Row("app-*", Places::All, What::FeatureCode),
];

/// `internal` itself is not here: queues, menus and phones are all extensions of it.
const MIKOPBX: &[Row] = &[
    Row("internal-incoming", Places::All, What::Passage),
    Row("*-incoming", Places::Each, What::ExternalNumber),
    Row("public-direct-dial", Places::Each, What::ExternalNumber),
    Row("internal-users", Places::Digits, What::Operator),
    Row("ivr-*", Places::All, What::Menu),
    Row("outgoing", Places::All, What::Trunk),
    Row("*-outgoing", Places::All, What::Trunk),
    Row("conference-rooms", Places::All, What::Service),
    Row("voice_mail_peer", Places::All, What::Service),
    Row("playback", Places::All, What::Service),
    Row("internal-*", Places::All, What::Passage),
    Row("all_peers", Places::All, What::Passage),
    Row("queue_agent_answer", Places::All, What::Passage),
    Row("dial_create_chan", Places::All, What::Passage),
    Row("originate_create_chan", Places::All, What::Passage),
    Row("hangup_handler*", Places::All, What::Passage),
    Row("set_orign_chan", Places::All, What::Passage),
    Row("add-trim-prefix-clid", Places::All, What::Passage),
    Row("macro-*", Places::All, What::Passage),
];

const WORDS: &[Row] = &[
    Row("*queue*", Places::Digits, What::Queue),
    Row("*ivr*", Places::All, What::Menu),
    Row("*menu*", Places::All, What::Menu),
    Row("from-trunk*", Places::Each, What::ExternalNumber),
    Row("*incoming*", Places::Each, What::ExternalNumber),
    Row("*inbound*", Places::Each, What::ExternalNumber),
    Row("*outgoing*", Places::All, What::Trunk),
    Row("*outbound*", Places::All, What::Trunk),
    Row("*operator*", Places::Digits, What::Operator),
    Row("*agent*", Places::Digits, What::Operator),
    Row("*voicemail*", Places::All, What::Service),
    Row("*conference*", Places::All, What::Service),
    Row("parkedcalls", Places::All, What::Service),
    Row("*feature*", Places::All, What::FeatureCode),
];
