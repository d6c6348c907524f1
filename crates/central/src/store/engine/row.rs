//! A row of either engine, read by the same words.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Decode, Postgres, Row as _, Sqlite, Type};

use crate::store::StoreError;

/// A row.
pub enum Row {
    /// Of SQLite.
    Sqlite(SqliteRow),
    /// Of PostgreSQL.
    Postgres(PgRow),
}

impl Row {
    /// The value of a column, by its name or its place. `Option` where it may be `NULL`.
    ///
    /// # Errors
    /// When there is no such column, or it holds something else.
    pub fn get<'r, T: FromColumn<'r>>(&'r self, column: impl Column) -> Result<T, StoreError> {
        T::from_column(self, column)
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Row(…)")
    }
}

/// Name or place of a column.
pub trait Column: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> + std::fmt::Debug + Copy {}
impl Column for &str {}
impl Column for usize {}

/// What both drivers can read.
pub trait Cell<'r>: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres> {}
impl<'r, T> Cell<'r> for T where T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres> {}

/// A type that a cell becomes.
pub trait FromCell<'r>: Sized {
    /// How it is stored.
    type Cell: Cell<'r>;
    /// Checks and converts; the text says what is wrong.
    fn from_cell(cell: Self::Cell) -> Result<Self, String>;
}

/// A type that a column of a row becomes: a [`FromCell`] or an `Option` of one.
pub trait FromColumn<'r>: Sized {
    /// Reads it.
    fn from_column(row: &'r Row, column: impl Column) -> Result<Self, StoreError>;
}

impl<'r, T: FromCell<'r>> FromColumn<'r> for T {
    fn from_column(row: &'r Row, column: impl Column) -> Result<Self, StoreError> {
        Option::<T>::from_column(row, column)?.ok_or_else(|| wrong(column, "it is NULL"))
    }
}

impl<'r, T: FromCell<'r>> FromColumn<'r> for Option<T> {
    fn from_column(row: &'r Row, column: impl Column) -> Result<Self, StoreError> {
        let cell = match row {
            Row::Sqlite(row) => row.try_get::<Option<T::Cell>, _>(column),
            Row::Postgres(row) => row.try_get::<Option<T::Cell>, _>(column),
        };
        let cell = cell.map_err(|error| wrong(column, &error.to_string()))?;
        cell.map(T::from_cell).transpose().map_err(|why| wrong(column, &why))
    }
}

fn wrong(column: impl Column, why: &str) -> StoreError {
    StoreError::Row(format!("column {column:?}: {why}"))
}

macro_rules! cells {
    ($($type:ty),*) => {$(
        impl<'r> FromCell<'r> for $type {
            type Cell = Self;
            fn from_cell(cell: Self) -> Result<Self, String> {
                Ok(cell)
            }
        }
    )*};
}
cells!(i64, f64, &'r str, String, &'r [u8], Vec<u8>);

macro_rules! smaller_numbers {
    ($($type:ty),*) => {$(
        impl FromCell<'_> for $type {
            type Cell = i64;
            fn from_cell(cell: i64) -> Result<Self, String> {
                Self::try_from(cell).map_err(|_| format!("the number {cell} is out of range"))
            }
        }
    )*};
}
smaller_numbers!(u8, u16, u32, u64, i32);

/// 0 and 1: SQLite has no other, and so neither has our PostgreSQL.
impl FromCell<'_> for bool {
    type Cell = i64;
    fn from_cell(cell: i64) -> Result<Self, String> {
        Ok(cell != 0)
    }
}

/// What a whole row becomes: tuples by the order of the columns, and [`Row`] itself for reading by name.
pub trait FromRow: Sized {
    /// Reads it.
    fn from_row(row: Row) -> Result<Self, StoreError>;
}

impl FromRow for Row {
    fn from_row(row: Row) -> Result<Self, StoreError> {
        Ok(row)
    }
}

macro_rules! tuples {
    ($(($($type:ident $place:tt),*))*) => {$(
        impl<$($type: for<'r> FromColumn<'r>),*> FromRow for ($($type,)*) {
            fn from_row(row: Row) -> Result<Self, StoreError> {
                Ok(($(row.get::<$type>($place)?,)*))
            }
        }
    )*};
}
tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}
