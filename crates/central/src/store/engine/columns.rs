//! The values of many rows as PostgreSQL takes them at once: one array a column. A statement with a value for each field of each
//! row costs the server several times as much.

use sqlx::Arguments as _;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;

use super::value::{Value, storable};

/// Rows that are being added, value by value.
pub struct Columns {
    columns: Vec<Column>,
    /// Of the row that is being added.
    next: usize,
    len: usize,
}

enum Column {
    /// No row has come yet, so nobody knows.
    Unknown,
    Integer(Vec<Option<i64>>),
    Real(Vec<Option<f64>>),
    Text(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Columns {
    pub(super) fn new(columns: usize) -> Self {
        Self { columns: (0..columns).map(|_| Column::Unknown).collect(), next: 0, len: 0 }
    }

    /// Adds the next value of a row, or the first of the next row.
    pub(super) fn push(&mut self, value: Value<'_>) -> Result<(), BoxDynError> {
        self.len += 1;
        let (at, width) = (self.next, self.columns.len());
        let Some(column) = self.columns.get_mut(at) else { return Err("a row has no columns".into()) };
        self.next = (at + 1) % width;
        if matches!(column, Column::Unknown) {
            *column = Column::like(&value);
        }
        match (column, value) {
            (Column::Integer(to), Value::Integer(number)) => to.push(number),
            (Column::Real(to), Value::Real(number)) => to.push(number),
            (Column::Text(to), Value::Text(text)) => to.push(text.map(|text| storable(&text).into_owned())),
            (Column::Bytes(to), Value::Bytes(bytes)) => to.push(bytes.map(Into::into)),
            (column, value) => {
                return Err(format!("{value:?} in a column of {}", column.array()).into());
            }
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Of what each column is.
    pub(super) fn arrays(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(Column::array)
    }

    pub(super) fn encoded(self) -> Result<PgArguments, BoxDynError> {
        let mut arguments = PgArguments::default();
        arguments.reserve(self.columns.len(), self.len * 12);
        for column in self.columns {
            match column {
                Column::Unknown => return Err("rows are missing".into()),
                Column::Integer(values) => arguments.add(values)?,
                Column::Real(values) => arguments.add(values)?,
                Column::Text(values) => arguments.add(values)?,
                Column::Bytes(values) => arguments.add(values)?,
            }
        }
        Ok(arguments)
    }
}

impl Column {
    fn like(value: &Value<'_>) -> Self {
        match value {
            Value::Integer(_) => Self::Integer(Vec::new()),
            Value::Real(_) => Self::Real(Vec::new()),
            Value::Text(_) => Self::Text(Vec::new()),
            Value::Bytes(_) => Self::Bytes(Vec::new()),
        }
    }

    fn array(&self) -> &'static str {
        match self {
            Self::Integer(_) => "bigint[]",
            Self::Real(_) => "double precision[]",
            Self::Text(_) | Self::Unknown => "text[]",
            Self::Bytes(_) => "bytea[]",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Columns;
    use crate::store::engine::value::ToValue as _;

    #[test]
    fn a_column_has_one_kind() {
        let mut columns = Columns::new(2);
        for value in [1_i64.to_value(), "a".to_value(), None::<i64>.to_value(), None::<&str>.to_value()] {
            columns.push(value).unwrap();
        }
        assert_eq!((columns.len(), columns.arrays().collect::<Vec<_>>()), (4, vec!["bigint[]", "text[]"]));
        let refused = columns.push("+7 495 123-45-67".to_value()).unwrap_err().to_string();
        // What it is, and not what it says.
        assert_eq!(refused, "Text(…) in a column of bigint[]");
    }
}
