//! A call as it was told, out of its rows.

use calls::Call;
use calls::call::{Attempt, Attribute, Hold, Listen, Move, Party, Talk, Visit, Who};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

use super::apart;
use super::document::Document;
use super::words;
use crate::store::engine::{Row, Snapshot, query};
use crate::store::{Store, StoreError};

/// A revision of a call that is over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoredCall {
    /// Own id.
    pub id: u64,
    /// From 1.
    pub revision: i64,
    /// When it was written.
    pub told_ms: i64,
    /// Why it was told anew; empty for the first.
    pub why: String,
    /// Somebody in it was forgotten at his wish: his numbers and names are empty texts in the call.
    pub forgotten: bool,
    /// What happened.
    pub call: Call,
}

/// Where the rows of a revision are.
#[derive(Debug, Clone, Copy)]
struct Key {
    started_ms: i64,
    id: i64,
    revision: i64,
}

/// A revision, and when and why it was told.
type Revision = (i64, i64, i64, i64, String);

fn key((id, revision, started_ms, ..): &Revision) -> Key {
    Key { started_ms: *started_ms, id: *id, revision: *revision }
}

/// Calls that are listed: from here on, to before `to_ms`.
#[derive(Debug, Clone, Copy)]
pub struct Listing {
    from_ms: i64,
    to_ms: i64,
    /// Up to this one of those that began at `from_ms` they have been listed.
    after: Option<i64>,
}

impl Listing {
    /// Those that began from one instant to before another.
    #[must_use]
    pub fn begun(from_ms: i64, to_ms: i64) -> Self {
        Self { from_ms, to_ms, after: None }
    }
}

/// What stands behind the ids in its texts.
#[derive(Debug, Default)]
struct PersonalTexts {
    texts: HashMap<i64, Known>,
}

#[derive(Debug)]
struct Known {
    number: String,
    name: String,
    value: String,
}

impl Store {
    /// A call as it counts now. Also by an id under which a part of it was shown while it went on.
    ///
    /// # Errors
    /// When the database does not answer or holds what this program does not know.
    pub async fn call(&self, id: u64) -> Result<Option<StoredCall>, StoreError> {
        Ok(self.revisions(super::own_id(id)?, 1, None).await?.pop())
    }

    /// All revisions of a call, the newest first.
    ///
    /// # Errors
    /// As [`Store::call`].
    pub async fn call_revisions(&self, id: u64) -> Result<Vec<StoredCall>, StoreError> {
        self.revisions(super::own_id(id)?, i64::MAX, None).await
    }

    /// The same with nobody's numbers and names but these.
    pub(in crate::store) async fn call_revisions_of(
        &self,
        id: i64,
        own: &BTreeSet<i64>,
    ) -> Result<Vec<StoredCall>, StoreError> {
        self.revisions(id, i64::MAX, Some(own)).await
    }

    async fn revisions(&self, id: i64, limit: i64, own: Option<&BTreeSet<i64>>) -> Result<Vec<StoredCall>, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let found: Vec<Revision> = query(
            "SELECT id, revision, started_ms, told_ms, why FROM call_revisions \
             WHERE id = $1 OR id = (SELECT into_id FROM call_absorbed WHERE id = $1) ORDER BY revision DESC LIMIT $2",
        )
        .bind(id)
        .bind(limit)
        .fetch_all(&mut snapshot)
        .await?;
        let mut calls = Vec::with_capacity(found.len());
        for revision in found {
            let rows = Rows::of(&mut snapshot, key(&revision)).await?;
            calls.push(stored(&rows, revision, own)?);
        }
        Ok(calls)
    }

    /// The next calls of a listing as they count now, at most so many, the earliest first; nothing at its end. They are read together.
    ///
    /// # Errors
    /// As [`Store::call`].
    pub async fn next_calls(&self, listing: &mut Listing, at_most: u16) -> Result<Vec<StoredCall>, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let found: Vec<Revision> = query(
            "SELECT c.id, c.revision, c.started_ms, r.told_ms, r.why FROM calls c \
             JOIN call_revisions r ON r.id = c.id AND r.revision = c.revision \
             WHERE c.current = 1 AND c.started_ms >= $1 AND (c.started_ms > $1 OR c.id > $2) AND c.started_ms < $3 \
             ORDER BY c.started_ms, c.id LIMIT $4",
        )
        .bind(listing.from_ms)
        .bind(listing.after.unwrap_or(-1))
        .bind(listing.to_ms)
        .bind(i64::from(at_most))
        .fetch_all(&mut snapshot)
        .await?;
        let (Some(first), Some(last)) = (found.first().map(key), found.last().map(key)) else { return Ok(Vec::new()) };
        (listing.from_ms, listing.after) = (last.started_ms, Some(last.id));
        let rows = Rows::begun(&mut snapshot, first.started_ms, last.started_ms).await?;
        found.into_iter().map(|revision| stored(&rows, revision, None)).collect()
    }

    /// Ids of the calls in which a SIP dialog was, of those that began between two instants; the latest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn calls_of_dialog(&self, sip_call_id: &str, from_ms: i64, to_ms: i64) -> Result<Vec<u64>, StoreError> {
        let ids: Vec<(u64,)> = query(
            "SELECT id FROM call_dialogs WHERE sip_hash = $1 AND sip_call_id = $2 AND started_ms BETWEEN $3 AND $4 \
             AND current = 1 GROUP BY started_ms, id ORDER BY started_ms DESC, id DESC",
        )
        .bind(super::rows::sip_hash(sip_call_id))
        .bind(sip_call_id)
        .bind(from_ms)
        .bind(to_ms)
        .fetch_all(self.database())
        .await?;
        Ok(ids.into_iter().map(|(id,)| id).collect())
    }
}

fn stored(rows: &Rows, revision: Revision, own: Option<&BTreeSet<i64>>) -> Result<StoredCall, StoreError> {
    let (call, forgotten) = read(Of { rows, key: key(&revision) }, own)?;
    let (id, revision, _, told_ms, why) = revision;
    let id = u64::try_from(id).map_err(|_| StoreError::Row(format!("the call {id}")))?;
    Ok(StoredCall { id, revision, told_ms, why, forgotten, call })
}

fn read(of: Of<'_>, own: Option<&BTreeSet<i64>>) -> Result<(Call, bool), StoreError> {
    let (texts, forgotten) = personal_texts(of, own)?;
    let row = of.only(Table::Calls)?;
    let document: String = of.only(Table::Documents)?.get("document")?;
    let document = Document::read(&document)?;
    let began_ms = of.key.started_ms;
    let call = Call {
        direction: word(row, "direction")?,
        caller: at(row, "caller")?,
        dialled: texts.optional(row, "dialled")?,
        began_ms,
        answered_ms: row.get("answered_ms")?,
        ended_ms: row.get("ended_ms")?,
        ended_by: words::ended_by(row.get("ended_by")?, maybe_at(row, "ended_by_party")?)?,
        cause: row.get("cause")?,
        originated: row.get("originated")?,
        parties: parties(of, &document, &texts)?,
        visits: visits(of)?,
        attempts: attempts(of, &texts)?,
        talks: talks(of)?,
        moves: moves(of, &texts)?,
        steps: document.steps(began_ms, |text| texts.filled(text)),
        listens: listens(of)?,
        attributes: attributes(of, &texts)?,
        waited_ms: row.get("waited_ms")?,
        talked_ms: row.get("talked_ms")?,
        connected_ms: row.get("connected_ms")?,
        joins: document.joins(began_ms)?,
        clocks: document.clocks(),
    };
    Ok((call, forgotten))
}

fn personal_texts(of: Of<'_>, own: Option<&BTreeSet<i64>>) -> Result<(PersonalTexts, bool), StoreError> {
    let (mut texts, mut forgotten) = (PersonalTexts::default(), false);
    for row in of.rows(Table::Personal) {
        let known = Known { number: row.get("number")?, name: row.get("name")?, value: row.get("value")? };
        let id = row.get("personal")?;
        if own.is_none_or(|own| own.contains(&id)) {
            texts.texts.insert(id, known);
        }
        forgotten |= row.get::<Option<i64>>("forgotten_ms")?.is_some();
    }
    Ok((texts, forgotten))
}

fn parties(of: Of<'_>, document: &Document<'_>, texts: &PersonalTexts) -> Result<Vec<Party>, StoreError> {
    let mut dialogs: HashMap<usize, Vec<String>> = HashMap::new();
    for row in of.rows(Table::Dialogs) {
        dialogs.entry(at(row, "party")?).or_default().push(row.get("sip_call_id")?);
    }
    let party = |(place, row): (usize, &Row)| {
        let known = row.get::<Option<i64>>("personal_id")?.and_then(|id| texts.texts.get(&id));
        let apart = |own: Option<String>, apart: Option<&String>| own.map(|own| apart.cloned().unwrap_or(own));
        let (who, endpoint) = (word(row, "who")?, row.get("endpoint")?);
        Ok(Party {
            who,
            pbx: row.get("pbx")?,
            // Of a phone of the house it stands as it is.
            endpoint: if who == Who::Phone { endpoint } else { texts.filled(&endpoint) },
            number: apart(row.get("number")?, known.map(|known| &known.number)),
            name: apart(row.get("name")?, known.map(|known| &known.name)),
            sip_call_ids: dialogs.remove(&place).unwrap_or_default(),
            channels: document.channels(place)?,
        })
    };
    of.rows(Table::Parties).iter().enumerate().map(party).collect()
}

fn visits(of: Of<'_>) -> Result<Vec<Visit>, StoreError> {
    let visit = |row: &Row| {
        let pressed: Option<String> = row.get("exit_key")?;
        Ok(Visit {
            caller: at(row, "caller")?,
            pbx: row.get("pbx")?,
            queue: row.get("queue")?,
            entered_ms: row.get("entered_ms")?,
            left_ms: row.get("left_ms")?,
            position: row.get("position")?,
            exit: words::exit(
                row.get("exit")?,
                pressed.and_then(|key| key.chars().next()),
                maybe_at(row, "answered_by")?,
            )?,
        })
    };
    of.rows(Table::Visits).iter().map(visit).collect()
}

fn attempts(of: Of<'_>, texts: &PersonalTexts) -> Result<Vec<Attempt>, StoreError> {
    let attempt = |row: &Row| {
        Ok(Attempt {
            visit: maybe_at(row, "visit")?,
            caller: at(row, "caller")?,
            party: maybe_at(row, "party")?,
            interface: texts.filled(row.get("interface")?),
            member: texts.optional(row, "member")?,
            began_ms: row.get("began_ms")?,
            rang_ms: row.get("rang_ms")?,
            ended_ms: row.get("ended_ms")?,
            outcome: word(row, "outcome")?,
            cause: row.get("cause")?,
            back: row.get("back")?,
            back_from: maybe_at(row, "back_from")?,
        })
    };
    of.rows(Table::Attempts).iter().map(attempt).collect()
}

fn talks(of: Of<'_>) -> Result<Vec<Talk>, StoreError> {
    let mut talks: Vec<Talk> = Vec::new();
    for row in of.rows(Table::Talks) {
        if row.get::<i64>("seat")? == 0 {
            talks.push(Talk {
                parties: Vec::new(),
                began_ms: row.get("began_ms")?,
                ended_ms: row.get("ended_ms")?,
                holds: Vec::new(),
                recorded: row.get("recorded")?,
            });
        }
        if let Some(talk) = talks.last_mut() {
            talk.parties.extend(maybe_at(row, "party")?);
        }
    }
    for row in of.rows(Table::Holds) {
        let hold = Hold { by: at(row, "party")?, began_ms: row.get("began_ms")?, ended_ms: row.get("ended_ms")? };
        if let Some(talk) = talks.get_mut(at(row, "talk")?) {
            talk.holds.push(hold);
        }
    }
    Ok(talks)
}

fn moves(of: Of<'_>, texts: &PersonalTexts) -> Result<Vec<Move>, StoreError> {
    let moved = |row: &Row| {
        Ok(Move {
            kind: word(row, "kind")?,
            at_ms: row.get("at_ms")?,
            by: maybe_at(row, "party")?,
            who: maybe_at(row, "moved")?,
            to: maybe_at(row, "taken_by")?,
            number: texts.optional(row, "number")?,
            success: row.get("success")?,
        })
    };
    of.rows(Table::Moves).iter().map(moved).collect()
}

fn listens(of: Of<'_>) -> Result<Vec<Listen>, StoreError> {
    let listen = |row: &Row| {
        Ok(Listen {
            by: at(row, "party")?,
            channel: row.get("channel")?,
            began_ms: row.get("began_ms")?,
            ended_ms: row.get("ended_ms")?,
        })
    };
    of.rows(Table::Listens).iter().map(listen).collect()
}

fn attributes(of: Of<'_>, texts: &PersonalTexts) -> Result<Vec<Attribute>, StoreError> {
    let mut attributes: Vec<(i64, Attribute)> = Vec::new();
    for row in of.rows(Table::Attributes) {
        let (place, field): (i64, Option<String>) = (row.get("place")?, row.get("field")?);
        let value = match row.get::<Option<i64>>("personal_id")? {
            Some(id) => texts.texts.get(&id).map(|known| known.value.clone()).unwrap_or_default(),
            None => texts.filled(row.get("value")?),
        };
        let value = field.map_or_else(|| value.clone(), |field| format!("{field}={value}"));
        match attributes.last_mut() {
            // The next field of a user event.
            Some((last, attribute)) if *last == place => {
                attribute.value.push('\n');
                attribute.value.push_str(&value);
            }
            _ => {
                let (at_ms, party, name) = (row.get("at_ms")?, maybe_at(row, "party")?, row.get("source")?);
                attributes.push((place, Attribute { at_ms, party, name, value }));
            }
        }
    }
    Ok(attributes.into_iter().map(|(_, attribute)| attribute).collect())
}

impl PersonalTexts {
    fn filled(&self, text: &str) -> String {
        apart::filled(text, |id| Some(self.texts.get(&id)?.number.as_str()))
    }

    fn optional(&self, row: &Row, column: &'static str) -> Result<Option<String>, StoreError> {
        Ok(row.get::<Option<&str>>(column)?.map(|text| self.filled(text)))
    }
}

/// The tables of a call's parts.
#[derive(Debug, Clone, Copy)]
enum Table {
    Personal,
    Calls,
    Documents,
    Dialogs,
    Parties,
    Visits,
    Attempts,
    Talks,
    Holds,
    Moves,
    Listens,
    Attributes,
}

impl Table {
    const ALL: [Self; 12] = [
        Self::Personal,
        Self::Calls,
        Self::Documents,
        Self::Dialogs,
        Self::Parties,
        Self::Visits,
        Self::Attempts,
        Self::Talks,
        Self::Holds,
        Self::Moves,
        Self::Listens,
        Self::Attributes,
    ];

    /// Which rows there are, and their order within a call.
    fn select(self) -> (&'static str, &'static str) {
        match self {
            Self::Personal => (
                "SELECT c.id, c.revision, p.id AS personal, p.number, p.name, p.value, p.forgotten_ms \
                 FROM call_personal c JOIN personal_data p ON p.id = c.personal_id",
                "",
            ),
            Self::Calls => ("SELECT * FROM calls c", ""),
            Self::Documents => ("SELECT * FROM call_documents c", ""),
            Self::Dialogs => ("SELECT * FROM call_dialogs c", "ORDER BY party, place"),
            Self::Parties => ("SELECT * FROM call_parties c", "ORDER BY place"),
            Self::Visits => ("SELECT * FROM call_visits c", "ORDER BY place"),
            Self::Attempts => ("SELECT * FROM call_attempts c", "ORDER BY place"),
            Self::Talks => ("SELECT * FROM call_talks c", "ORDER BY place, seat"),
            Self::Holds => ("SELECT * FROM call_holds c", "ORDER BY talk, place"),
            Self::Moves => ("SELECT * FROM call_moves c", "ORDER BY place"),
            Self::Listens => ("SELECT * FROM call_listens c", "ORDER BY place"),
            Self::Attributes => ("SELECT * FROM call_attributes c", "ORDER BY place, seat"),
        }
    }
}

/// Rows of all tables, by revisions.
#[derive(Debug, Default)]
struct Rows([HashMap<(i64, i64), Vec<Row>>; Table::ALL.len()]);

impl Rows {
    /// Of one revision.
    async fn of(snapshot: &mut Snapshot, key: Key) -> Result<Self, StoreError> {
        let mut all = Self::default();
        for table in Table::ALL {
            let (select, order) = table.select();
            let sql = format!("{select} WHERE c.started_ms = $1 AND c.id = $2 AND c.revision = $3 {order}");
            let query = query(sqlx::AssertSqlSafe(sql)).bind(key.started_ms).bind(key.id).bind(key.revision);
            all.0[table as usize].insert((key.id, key.revision), query.fetch_all(&mut *snapshot).await?);
        }
        Ok(all)
    }

    /// Of all revisions of what began between two instants.
    async fn begun(snapshot: &mut Snapshot, first_ms: i64, last_ms: i64) -> Result<Self, StoreError> {
        let mut all = Self::default();
        for table in Table::ALL {
            let (select, order) = table.select();
            let sql = format!("{select} WHERE c.started_ms BETWEEN $1 AND $2 {order}");
            let found: Vec<Row> =
                query(sqlx::AssertSqlSafe(sql)).bind(first_ms).bind(last_ms).fetch_all(&mut *snapshot).await?;
            for row in found {
                let key = (row.get("id")?, row.get("revision")?);
                all.0[table as usize].entry(key).or_default().push(row);
            }
        }
        Ok(all)
    }
}

/// Rows of one revision.
#[derive(Clone, Copy)]
struct Of<'r> {
    rows: &'r Rows,
    key: Key,
}

impl<'r> Of<'r> {
    fn rows(self, table: Table) -> &'r [Row] {
        self.rows.0[table as usize].get(&(self.key.id, self.key.revision)).map_or(&[], Vec::as_slice)
    }

    fn only(self, table: Table) -> Result<&'r Row, StoreError> {
        self.rows(table).first().ok_or_else(|| StoreError::Row(format!("a call has no row in {table:?}")))
    }
}

fn word<T: words::Word>(row: &Row, column: &'static str) -> Result<T, StoreError> {
    words::read(row.get(column)?)
}

/// A place in a list of the call.
fn at(row: &Row, column: &'static str) -> Result<usize, StoreError> {
    let place: i64 = row.get(column)?;
    usize::try_from(place).map_err(|_| StoreError::Row(format!("{column} is {place}")))
}

fn maybe_at(row: &Row, column: &'static str) -> Result<Option<usize>, StoreError> {
    row.get::<Option<i64>>(column)?.map(|_| at(row, column)).transpose()
}
