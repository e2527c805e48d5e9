//! The values that go into statements and come out of rows, owned and the same on both databases.
//!
//! Invariant: a missing value still has a kind, because PostgreSQL wants the type of every parameter.

use crate::store::error::{ErrorKind, StoreError};

/// One owned value of the database.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// No value, of this kind.
    Null(Kind),
    /// BIGINT.
    Int(i64),
    /// TEXT.
    Text(String),
    /// BLOB or BYTEA.
    Blob(Vec<u8>),
    /// BOOLEAN.
    Bool(bool),
}

/// The column types the schema uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// BIGINT.
    Int,
    /// TEXT.
    Text,
    /// BLOB or BYTEA.
    Blob,
    /// BOOLEAN.
    Bool,
}

impl std::fmt::Debug for Value {
    /// Shows the kind alone: rows hold names, addresses and sealed keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null(kind) => write!(f, "Null({kind:?})"),
            Self::Int(_) => f.write_str("Int(***)"),
            Self::Text(_) => f.write_str("Text(***)"),
            Self::Blob(_) => f.write_str("Blob(***)"),
            Self::Bool(_) => f.write_str("Bool(***)"),
        }
    }
}

/// Something that can be a statement's parameter.
pub trait Bind {
    /// Its column type, for when the value is missing.
    const KIND: Kind;

    /// The value to send.
    fn bind(self) -> Value;
}

/// Something that can be read from a column.
pub trait Column: Sized {
    /// Reads it, or hands back why the stored value is not one.
    ///
    /// # Errors
    /// When the value has another type, is missing, or does not parse.
    fn column(value: Value) -> Result<Self, Unfit>;
}

/// A stored value is not what the code expects.
#[derive(Debug, thiserror::Error)]
#[error("expected {expected}")]
pub struct Unfit {
    /// What the code expected.
    pub expected: &'static str,
}

impl Unfit {
    /// Names what was expected.
    #[must_use]
    pub fn new(expected: &'static str) -> Self {
        Self { expected }
    }
}

/// Builds the parameters of a statement: `params![id, name, now]`.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::store::value::Bind::bind($value)),*][..]
    };
}
pub(crate) use params;

impl Bind for Value {
    const KIND: Kind = Kind::Text;

    fn bind(self) -> Value {
        self
    }
}

impl<T: Bind> Bind for Option<T> {
    const KIND: Kind = T::KIND;

    fn bind(self) -> Value {
        self.map_or(Value::Null(T::KIND), T::bind)
    }
}

impl<T: Column> Column for Option<T> {
    fn column(value: Value) -> Result<Self, Unfit> {
        if matches!(value, Value::Null(_)) { Ok(None) } else { T::column(value).map(Some) }
    }
}

impl Bind for &str {
    const KIND: Kind = Kind::Text;

    fn bind(self) -> Value {
        Value::Text(self.to_owned())
    }
}

impl Bind for &[u8] {
    const KIND: Kind = Kind::Blob;

    fn bind(self) -> Value {
        Value::Blob(self.to_vec())
    }
}

impl Bind for String {
    const KIND: Kind = Kind::Text;

    fn bind(self) -> Value {
        Value::Text(self)
    }
}

impl Column for String {
    fn column(value: Value) -> Result<Self, Unfit> {
        if let Value::Text(text) = value { Ok(text) } else { Err(Unfit::new("text")) }
    }
}

impl Bind for Vec<u8> {
    const KIND: Kind = Kind::Blob;

    fn bind(self) -> Value {
        Value::Blob(self)
    }
}

impl Column for Vec<u8> {
    fn column(value: Value) -> Result<Self, Unfit> {
        if let Value::Blob(bytes) = value { Ok(bytes) } else { Err(Unfit::new("bytes")) }
    }
}

impl Bind for bool {
    const KIND: Kind = Kind::Bool;

    fn bind(self) -> Value {
        Value::Bool(self)
    }
}

impl Column for bool {
    /// SQLite keeps booleans as 0 and 1.
    fn column(value: Value) -> Result<Self, Unfit> {
        match value {
            Value::Bool(flag) => Ok(flag),
            Value::Int(0) => Ok(false),
            Value::Int(1) => Ok(true),
            Value::Null(_) | Value::Int(_) | Value::Text(_) | Value::Blob(_) => Err(Unfit::new("a boolean")),
        }
    }
}

impl Bind for i64 {
    const KIND: Kind = Kind::Int;

    fn bind(self) -> Value {
        Value::Int(self)
    }
}

impl Column for i64 {
    fn column(value: Value) -> Result<Self, Unfit> {
        if let Value::Int(number) = value { Ok(number) } else { Err(Unfit::new("an integer")) }
    }
}

macro_rules! small_integers {
    ($($type:ty),*) => {$(
        impl Bind for $type {
            const KIND: Kind = Kind::Int;

            fn bind(self) -> Value {
                Value::Int(i64::from(self))
            }
        }

        impl Column for $type {
            fn column(value: Value) -> Result<Self, Unfit> {
                i64::column(value)?.try_into().map_err(|_| Unfit::new("a smaller integer"))
            }
        }
    )*};
}
small_integers!(u8, u16, u32, i32);

impl Bind for u64 {
    const KIND: Kind = Kind::Int;

    /// A number past BIGINT is kept as the largest one: counters and limits of 9 exabytes never get there.
    fn bind(self) -> Value {
        Value::Int(i64::try_from(self).unwrap_or(i64::MAX))
    }
}

impl Column for u64 {
    fn column(value: Value) -> Result<Self, Unfit> {
        i64::column(value)?.try_into().map_err(|_| Unfit::new("a number that is not negative"))
    }
}

/// The names of an answer's columns, shared by its rows.
pub(super) type ColumnNames = std::sync::Arc<[Box<str>]>;

/// One row of an answer; columns are taken out by name.
#[derive(Debug)]
pub struct Row {
    columns: ColumnNames,
    values: Vec<Value>,
}

/// Something that is read from a whole row.
pub trait FromRow: Sized {
    /// Takes its columns out of the row.
    ///
    /// # Errors
    /// When a column is missing or holds something else.
    fn from_row(row: &mut Row) -> Result<Self, StoreError>;
}

impl Row {
    pub(super) fn new(columns: ColumnNames, values: Vec<Value>) -> Self {
        Self { columns, values }
    }

    /// Takes a column's value out by name; the cell is empty afterwards.
    ///
    /// # Errors
    /// When there is no such column or its value does not fit.
    pub fn take<T: Column>(&mut self, column: &str) -> Result<T, StoreError> {
        match self.columns.iter().position(|name| &**name == column) {
            Some(index) => self.take_at(index),
            None => Err(unreadable(column, &Unfit::new("the column in the answer"))),
        }
    }

    /// Copies a column's value by name and leaves it there.
    pub(super) fn peek<T: Column>(&self, column: &str) -> Result<T, StoreError> {
        let index = self.columns.iter().position(|name| &**name == column);
        match index.and_then(|index| self.values.get(index)) {
            Some(value) => T::column(value.clone()).map_err(|unfit| unreadable(column, &unfit)),
            None => Err(unreadable(column, &Unfit::new("the column in the answer"))),
        }
    }

    /// Takes a column's value out by its place, counted from 0.
    ///
    /// # Errors
    /// When there is no such column or its value does not fit.
    pub fn take_at<T: Column>(&mut self, index: usize) -> Result<T, StoreError> {
        let name = self.columns.get(index).map_or("?", |name| name);
        let Some(cell) = self.values.get_mut(index) else {
            return Err(unreadable(name, &Unfit::new("one more column")));
        };
        let value = std::mem::replace(cell, Value::Null(Kind::Text));
        T::column(value).map_err(|unfit| unreadable(name, &unfit))
    }
}

fn unreadable(column: &str, unfit: &Unfit) -> StoreError {
    StoreError::caused(ErrorKind::Unreadable, format!("column {column}: {unfit}"))
}

impl FromRow for Row {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { columns: row.columns.clone(), values: std::mem::take(&mut row.values) })
    }
}

macro_rules! single_columns {
    ($($type:ty),*) => {$(
        impl FromRow for $type {
            fn from_row(row: &mut Row) -> Result<Self, StoreError> {
                row.take_at(0)
            }
        }
    )*};
}
single_columns!(i64, u64, u32, bool, String, Vec<u8>);
