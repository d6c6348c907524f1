//! The attribute catalogue: what is kept of a call besides what every call has. What nobody named here is not kept.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::calls::DAY_MS;
use super::engine::{On, Row, Transaction, query};
use super::{Store, StoreError, codec};

/// Something that is kept of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// By which files and reports find it.
    pub name: String,
    /// Title by language.
    pub titles: BTreeMap<String, String>,
    /// What its values are.
    pub kind: AttributeKind,
    /// Values of a choice.
    pub choices: Vec<String>,
    /// What of a call has it.
    pub grain: Grain,
    /// Where it comes from.
    pub source: AttributeSource,
    /// Whether it says something of a customer: it is then kept apart, and forgotten with him.
    pub personal: bool,
    /// How long it is kept; absent: as long as its call.
    pub retention_days: Option<u32>,
    /// Values so far that were none of its kind and are kept as text.
    pub misfits: u64,
}

/// What values of an attribute are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeKind {
    /// Any text.
    Text,
    /// A number, with a point.
    Number,
    /// Yes or no.
    Boolean,
    /// One of a few.
    Choice,
}

/// What part of a call has an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grain {
    /// The call.
    Call,
    /// The visit of a queue during which it was set.
    Visit,
    /// The last attempt to reach whoever's channel had it.
    Attempt,
    /// The talk in which it was set.
    Segment,
}

/// Where an attribute comes from; written as in a file of `apply`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AttributeSource {
    /// `variable NAME`: a channel variable.
    Variable(String),
    /// `user-event NAME.FIELD`: a field of a UserEvent.
    UserEvent(String, String),
    /// `sip-header NAME`: a header of the INVITE.
    SipHeader(String),
    /// `form FIELD`: a person fills it in.
    Form(String),
}

impl AttributeSource {
    /// As a call names it ([`calls::call::Attribute::name`]), and the field in it.
    #[must_use]
    pub fn in_call(&self) -> (String, Option<&str>) {
        match self {
            Self::Variable(name) => (name.clone(), None),
            Self::UserEvent(name, field) => (format!("UserEvent:{name}"), Some(field)),
            Self::SipHeader(name) => (format!("SipHeader:{name}"), None),
            Self::Form(field) => (format!("Form:{field}"), None),
        }
    }
}

impl AttributeSource {
    /// `NAME.FIELD`, if it is one of a user event.
    #[must_use]
    pub fn of_user_event(&self) -> Option<String> {
        match self {
            Self::UserEvent(name, field) => Some(format!("{name}.{field}")),
            _ => None,
        }
    }
}

impl TryFrom<String> for AttributeSource {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "the source `{text}` cannot be read; write `variable NAME`, `user-event NAME.FIELD`, `sip-header NAME` or \
                 `form FIELD`"
            )
        };
        let (kind, name) = text.split_once(' ').ok_or_else(wrong)?;
        let name = name.trim();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(wrong());
        }
        match kind {
            "variable" => Ok(Self::Variable(name.to_owned())),
            "user-event" => match name.split_once('.') {
                Some((event, field)) if !event.is_empty() && !field.is_empty() => {
                    Ok(Self::UserEvent(event.to_owned(), field.to_owned()))
                }
                _ => Err(wrong()),
            },
            "sip-header" => Ok(Self::SipHeader(name.to_owned())),
            "form" => Ok(Self::Form(name.to_owned())),
            _ => Err(wrong()),
        }
    }
}

impl From<AttributeSource> for String {
    fn from(source: AttributeSource) -> Self {
        match source {
            AttributeSource::Variable(name) => format!("variable {name}"),
            AttributeSource::UserEvent(name, field) => format!("user-event {name}.{field}"),
            AttributeSource::SipHeader(name) => format!("sip-header {name}"),
            AttributeSource::Form(field) => format!("form {field}"),
        }
    }
}

impl Attribute {
    /// What a text means: whether it is of this kind, and its number. A yes is 1, a no is 0.
    #[must_use]
    pub fn read(&self, text: &str) -> (bool, Option<f64>) {
        let text = text.trim();
        match self.kind {
            AttributeKind::Text => (true, None),
            AttributeKind::Choice => (self.choices.iter().any(|choice| choice == text), None),
            AttributeKind::Number => {
                let number = text.parse().ok().filter(|number: &f64| number.is_finite());
                (number.is_some(), number)
            }
            AttributeKind::Boolean => {
                let number = match text.to_lowercase().as_str() {
                    "1" | "yes" | "true" | "on" => Some(1.0),
                    "0" | "no" | "false" | "off" => Some(0.0),
                    _ => None,
                };
                (number.is_some(), number)
            }
        }
    }
}

impl Store {
    /// The catalogue, by name. The sources of its variables are what the collector keeps.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn attributes(&self) -> Result<Vec<Attribute>, StoreError> {
        read(self.database()).await
    }
}

/// See [`Store::attributes`].
pub(super) async fn read(on: impl Into<On<'_>>) -> Result<Vec<Attribute>, StoreError> {
    let rows: Vec<Row> = query(
        "SELECT name, titles, kind, choices, grain, source, personal, retention_days, misfits FROM attributes ORDER BY name",
    )
    .fetch_all(on)
    .await?;
    let attribute = |row: &Row| {
        Ok(Attribute {
            name: row.get("name")?,
            titles: codec::from_json(row.get("titles")?)?,
            kind: codec::from_word(row.get("kind")?)?,
            choices: codec::from_json(row.get("choices")?)?,
            grain: codec::from_word(row.get("grain")?)?,
            source: row.get::<String>("source")?.try_into().map_err(StoreError::Row)?,
            personal: row.get("personal")?,
            retention_days: row.get("retention_days")?,
            misfits: row.get("misfits")?,
        })
    };
    rows.iter().map(attribute).collect()
}

/// Counts values that are none of their attribute's kind.
pub(super) async fn count_misfits<'v>(
    tx: &mut Transaction,
    values: impl Iterator<Item = (&'v Attribute, &'v str)>,
) -> Result<(), StoreError> {
    let mut misfits: BTreeMap<&str, i64> = BTreeMap::new();
    for (attribute, _) in values.filter(|(attribute, text)| !attribute.read(text).0) {
        *misfits.entry(&attribute.name).or_default() += 1;
    }
    for (name, count) in misfits {
        query("UPDATE attributes SET misfits = misfits + $1 WHERE name = $2")
            .bind(count)
            .bind(name)
            .execute(tx)
            .await?;
    }
    Ok(())
}

/// Deletes the values of one attribute in the calls of one UTC day; how many.
pub(super) async fn delete_values(tx: &mut Transaction, name: &str, day: i64) -> Result<u64, StoreError> {
    let deleted = query("DELETE FROM call_attributes WHERE attribute = $1 AND started_ms >= $2 AND started_ms < $3")
        .bind(name)
        .bind(day * DAY_MS)
        .bind((day + 1) * DAY_MS)
        .execute(tx)
        .await?;
    query("UPDATE attributes SET deleted_day = $1 WHERE name = $2").bind(day + 1).bind(name).execute(tx).await?;
    Ok(deleted)
}

/// Deletes what is kept apart of the values of one attribute that no call since a day has; how many.
pub(super) async fn delete_personal(tx: &mut Transaction, name: &str, day: i64) -> Result<u64, StoreError> {
    query("DELETE FROM personal_data WHERE attribute = $1 AND last_day < $2").bind(name).bind(day).execute(tx).await
}

/// An attribute in a file of `apply`: `[[attribute]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeInput {
    /// By which it is found again.
    pub name: String,
    /// Title by language; `en` must be there.
    pub titles: BTreeMap<String, String>,
    /// What its values are; absent: text.
    #[serde(default = "text", rename = "type")]
    pub kind: AttributeKind,
    /// Values of a choice.
    #[serde(default)]
    pub choices: Vec<String>,
    /// What of a call has it; absent: the call.
    #[serde(default = "of_call")]
    pub grain: Grain,
    /// Where it comes from.
    pub source: AttributeSource,
    /// Whether it says something of a customer. It has to be said, since a guess would be wrong for somebody.
    pub personal: bool,
    /// How long it is kept; absent: as long as its call.
    pub retention_days: Option<u32>,
}

fn text() -> AttributeKind {
    AttributeKind::Text
}

fn of_call() -> Grain {
    Grain::Call
}

/// What is in the catalogue and gets no values yet, as texts for a person.
pub(super) fn without_values(attributes: &[AttributeInput]) -> impl Iterator<Item = String> {
    attributes.iter().filter_map(|attribute| {
        let (name, source) = (&attribute.name, String::from(attribute.source.clone()));
        let instead = match attribute.source {
            AttributeSource::SipHeader(_) => {
                "no PBX tells headers by its manager interface; set a variable from it in the dialplan and write `variable NAME`"
            }
            AttributeSource::Form(_) => "there are no forms yet",
            AttributeSource::Variable(_) | AttributeSource::UserEvent(..) => return None,
        };
        Some(format!("the attribute {name} gets no values from `{source}` for now: {instead}"))
    })
}

/// Carries the catalogue's part of a file out.
pub(super) async fn apply(tx: &mut Transaction, attributes: &[AttributeInput]) -> Result<(), StoreError> {
    for attribute in attributes {
        let name = &attribute.name;
        if !attribute.titles.contains_key("en") {
            return Err(StoreError::Input(format!(
                "the attribute {name} has no English title, which is shown where another is missing; add titles.en"
            )));
        }
        if (attribute.kind == AttributeKind::Choice) == attribute.choices.is_empty() {
            return Err(StoreError::Input(format!(
                "the attribute {name} has choices without being a choice, or is one without any; set type = \"choice\" and \
                 choices = [\"…\"], or neither"
            )));
        }
        if attribute.retention_days == Some(0) {
            return Err(StoreError::Input(format!(
                "the attribute {name} is kept for 0 days, so not at all; give 1 or more, or leave the attribute out"
            )));
        }
        query(
            "INSERT INTO attributes (name, titles, kind, choices, grain, source, personal, retention_days) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO UPDATE SET titles = excluded.titles, \
             kind = excluded.kind, choices = excluded.choices, grain = excluded.grain, source = excluded.source, \
             personal = excluded.personal, retention_days = excluded.retention_days",
        )
        .bind(name)
        .bind(codec::json(&attribute.titles)?)
        .bind(codec::word(&attribute.kind)?)
        .bind(codec::json(&attribute.choices)?)
        .bind(codec::word(&attribute.grain)?)
        .bind(String::from(attribute.source.clone()))
        .bind(attribute.personal)
        .bind(attribute.retention_days)
        .execute(tx)
        .await
        .map_err(|error| match error.is_unique_violation() {
            true => StoreError::Input(format!(
                "the source of the attribute {name} is already another one's; one source is one attribute"
            )),
            false => error,
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{AttributeInput, without_values};

    #[test]
    fn what_gets_no_values_is_told() {
        let said = |source: &str| -> AttributeInput {
            let text = format!("name = 'a'\ntitles.en = 'x'\nsource = '{source}'\npersonal = false");
            toml::from_str(&text).unwrap()
        };
        for (source, told) in [
            ("variable ORDER", None),
            ("user-event Callback.Reason", None),
            ("sip-header X-Order", Some("set a variable from it in the dialplan")),
            ("form order", Some("there are no forms yet")),
        ] {
            let texts: Vec<String> = without_values(&[said(source)]).collect();
            assert_eq!(texts.len(), usize::from(told.is_some()), "{source}");
            assert!(told.is_none_or(|told| texts[0].contains(told)), "{texts:?}");
        }
    }
}
