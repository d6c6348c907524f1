//! What is bound to a statement: whole numbers, fractions, text and bytes, and nothing of each kind. A closed list, since
//! only what both engines store alike may stand in a table.

use sqlx::Arguments as _;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use std::borrow::Cow;
use std::sync::Arc;

use super::Engine;
use super::columns::Columns;

/// A value on its way into the database; what is there already is borrowed.
#[derive(Clone)]
pub enum Value<'q> {
    /// `INTEGER`, `BIGINT`.
    Integer(Option<i64>),
    /// `REAL`, `DOUBLE PRECISION`.
    Real(Option<f64>),
    /// `TEXT`.
    Text(Option<Cow<'q, str>>),
    /// `BLOB`, `BYTEA`.
    Bytes(Option<Cow<'q, [u8]>>),
}

/// What can be bound. `NULL` has a kind, too: PostgreSQL asks of which type a nothing is.
pub trait ToValue<'q>: Sized {
    /// Nothing of this kind.
    const NULL: Value<'q>;
    /// Something.
    fn to_value(self) -> Value<'q>;
}

macro_rules! to_value {
    ($($type:ty => $kind:ident, $convert:expr;)*) => {$(
        impl<'q> ToValue<'q> for $type {
            const NULL: Value<'q> = Value::$kind(None);
            fn to_value(self) -> Value<'q> {
                let convert: fn(Self) -> _ = $convert;
                Value::$kind(Some(convert(self)))
            }
        }
    )*};
}

to_value! {
    i64 => Integer, |number| number;
    &i64 => Integer, |number| *number;
    i32 => Integer, i64::from;
    u32 => Integer, i64::from;
    u16 => Integer, i64::from;
    u8 => Integer, i64::from;
    bool => Integer, i64::from;
    f64 => Real, |number| number;
    &'q str => Text, Cow::Borrowed;
    &'q String => Text, |text| Cow::Borrowed(text.as_str());
    String => Text, Cow::Owned;
    &'q [u8] => Bytes, Cow::Borrowed;
    &'q Vec<u8> => Bytes, |bytes| Cow::Borrowed(bytes.as_slice());
    Vec<u8> => Bytes, Cow::Owned;
}

impl<'q, T: ToValue<'q>> ToValue<'q> for Option<T> {
    const NULL: Value<'q> = T::NULL;
    fn to_value(self) -> Value<'q> {
        self.map_or(T::NULL, T::to_value)
    }
}

impl<'q, T> ToValue<'q> for &'q Option<T>
where
    &'q T: ToValue<'q>,
{
    const NULL: Value<'q> = <&'q T as ToValue<'q>>::NULL;
    fn to_value(self) -> Value<'q> {
        self.as_ref().to_value()
    }
}

/// Says which kind and never what: sealed secrets, hashes and customers' numbers are bound here.
impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Integer(_) => "Integer(…)",
            Self::Real(_) => "Real(…)",
            Self::Text(_) => "Text(…)",
            Self::Bytes(_) => "Bytes(…)",
        })
    }
}

/// Values as one engine takes them, encoded at once: PostgreSQL's go into one buffer, or one a column where they are many rows;
/// SQLite's are one allocation for a text and none for a number.
pub struct Arguments {
    values: Values,
    /// The first value that could not be encoded; the statement is then not run.
    fault: Option<BoxDynError>,
}

enum Values {
    One(Encoded),
    Rows(Columns),
}

/// Of one engine.
pub(super) enum Encoded {
    Sqlite(SqliteArguments),
    Postgres(PgArguments),
}

impl Arguments {
    pub(super) fn new(engine: Engine, values: usize) -> Self {
        // A guess of the bytes; a wrong one costs a copy.
        const BYTES: usize = 16;
        let encoded = match engine {
            Engine::Sqlite => {
                let mut arguments = SqliteArguments::default();
                arguments.reserve(values, values * BYTES);
                Encoded::Sqlite(arguments)
            }
            Engine::Postgres => {
                let mut arguments = PgArguments::default();
                arguments.reserve(values, values * BYTES);
                Encoded::Postgres(arguments)
            }
        };
        Self { values: Values::One(encoded), fault: None }
    }

    /// Of so many rows with so many values each.
    pub(super) fn of_rows(engine: Engine, rows: usize, columns: usize) -> Self {
        match engine {
            Engine::Sqlite => Self::new(engine, rows * columns),
            Engine::Postgres => Self { values: Values::Rows(Columns::new(columns)), fault: None },
        }
    }

    /// Binds the next value.
    pub fn add<'q>(&mut self, value: impl ToValue<'q>) -> &mut Self {
        self.push(value.to_value());
        self
    }

    pub(super) fn push(&mut self, value: Value<'_>) {
        let added = match &mut self.values {
            Values::One(Encoded::Sqlite(to)) => match value {
                Value::Integer(number) => to.add(number),
                Value::Real(number) => to.add(number),
                Value::Text(text) => to.add(text.map(|text| Arc::<str>::from(storable(&text)))),
                Value::Bytes(bytes) => to.add(bytes.map(Cow::into_owned)),
            },
            Values::One(Encoded::Postgres(to)) => match value {
                Value::Integer(number) => to.add(number),
                Value::Real(number) => to.add(number),
                Value::Text(text) => to.add(text.as_deref().map(storable)),
                Value::Bytes(bytes) => to.add(bytes.as_deref()),
            },
            Values::Rows(to) => to.push(value),
        };
        if let Err(fault) = added {
            self.fault.get_or_insert(fault);
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match &self.values {
            Values::One(Encoded::Sqlite(arguments)) => arguments.len(),
            Values::One(Encoded::Postgres(arguments)) => arguments.len(),
            Values::Rows(columns) => columns.len(),
        }
    }

    /// Where the values of many rows go by column: the types of those.
    pub(super) fn columns(&self) -> Option<impl Iterator<Item = &'static str>> {
        match &self.values {
            Values::Rows(columns) => Some(columns.arrays()),
            Values::One(_) => None,
        }
    }

    pub(super) fn encoded(self) -> Result<Encoded, sqlx::Error> {
        let encoded = match (self.fault, self.values) {
            (Some(fault), _) => Err(fault),
            (None, Values::One(encoded)) => Ok(encoded),
            (None, Values::Rows(columns)) => columns.encoded().map(Encoded::Postgres),
        };
        encoded.map_err(sqlx::Error::Encode)
    }
}

impl std::fmt::Debug for Arguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arguments").field("values", &self.len()).finish_non_exhaustive()
    }
}

/// PostgreSQL's text knows no NUL. A name of a caller that has one must not stop the batch that it is in, and both engines
/// must hold the same, so it becomes the replacement character.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, ToValue as _, Value, storable};
    use crate::store::engine::Engine;

    #[test]
    fn nothing_has_a_kind() {
        assert!(matches!(None::<i64>.to_value(), Value::Integer(None)));
        assert!(matches!((&None::<String>).to_value(), Value::Text(None)));
        assert!(matches!(None::<&[u8]>.to_value(), Value::Bytes(None)));
        assert!(matches!(Some(1.5).to_value(), Value::Real(Some(_))));
    }

    #[test]
    fn what_is_bound_is_not_shown() {
        let mut arguments = Arguments::new(Engine::Postgres, 2);
        arguments.add("+7 495 123-45-67").add(7);
        let shown = format!("{:?} {:?}", "+7 495 123-45-67".to_value(), arguments);
        assert_eq!(shown, "Text(…) Arguments { values: 2, .. }");
    }

    #[test]
    fn a_nul_is_replaced() {
        assert_eq!(storable("a\0b"), "a\u{fffd}b");
        assert_eq!(storable("ab"), "ab");
    }
}
