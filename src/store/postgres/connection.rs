//! One PostgreSQL connection: its statements and its errors.
//!
//! Invariant: statements are unnamed and carry their types, so that a pooler may move each transaction to another server connection.

use std::cell::RefCell;
use std::rc::Rc;

use deadpool_postgres::Object;
use postgres_types::private::BytesMut;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::store::backend::{Fault, constraint_of_name};
use crate::store::error::{Constraint, ErrorKind, StoreError};
use crate::store::postgres::placeholders::Placeholders;
use crate::store::value::{Kind, Row, Value};

/// A pooled connection on the thread that opened it.
pub(in crate::store) struct PgConnection {
    client: Object,
    placeholders: Rc<RefCell<Placeholders>>,
}

impl PgConnection {
    pub(super) fn new(client: Object, placeholders: Rc<RefCell<Placeholders>>) -> Self {
        Self { client, placeholders }
    }

    /// Runs one of the transaction statements.
    pub(super) async fn control(&self, sql: &str) -> Result<(), Fault> {
        self.client.batch_execute(sql).await.map_err(|error| fault(&error))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Takes the connection out of the pool for good: its state is not known any more.
    pub(super) fn discard(self) {
        drop(Object::take(self.client));
    }

    pub(in crate::store) async fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, Fault> {
        let sql = self.placeholders.borrow_mut().rewrite(sql);
        let answer = self.client.query_typed(&sql, &typed(params)).await.map_err(|error| fault(&error))?;
        let Some(first) = answer.first() else { return Ok(Vec::new()) };
        let columns: std::sync::Arc<[Box<str>]> =
            first.columns().iter().map(|column| column.name().into()).collect();
        let mut rows = Vec::with_capacity(answer.len());
        for row in &answer {
            let values: Result<Vec<Value>, _> = (0..row.len()).map(|index| row.try_get(index)).collect();
            rows.push(Row::new(std::sync::Arc::clone(&columns), values.map_err(|error| fault(&error))?));
        }
        Ok(rows)
    }

    pub(in crate::store) async fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, Fault> {
        let sql = self.placeholders.borrow_mut().rewrite(sql);
        self.client.execute_typed(&sql, &typed(params)).await.map_err(|error| fault(&error))
    }
}

fn typed(params: &[Value]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    params.iter().map(|value| (value as &(dyn ToSql + Sync), type_of(value))).collect()
}

fn type_of(value: &Value) -> Type {
    match value {
        Value::Null(Kind::Int) | Value::Int(_) => Type::INT8,
        Value::Null(Kind::Text) | Value::Text(_) => Type::TEXT,
        Value::Null(Kind::Blob) | Value::Blob(_) => Type::BYTEA,
        Value::Null(Kind::Bool) | Value::Bool(_) => Type::BOOL,
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null(_) => Ok(IsNull::Yes),
            Self::Int(number) => number.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Blob(bytes) => bytes.to_sql(ty, out),
            Self::Bool(flag) => flag.to_sql(ty, out),
        }
    }

    /// Every type passes: the statement is sent with the types of its values.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match *ty {
            Type::INT8 => Self::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Self::Int(i16::from_sql(ty, raw)?.into()),
            Type::BOOL => Self::Bool(bool::from_sql(ty, raw)?),
            Type::BYTEA => Self::Blob(Vec::from_sql(ty, raw)?),
            _ => Self::Text(String::from_sql(ty, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self::Null(Kind::Text))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::INT4 | Type::INT2 | Type::BOOL | Type::BYTEA)
            || <String as FromSql>::accepts(ty)
    }
}

fn fault(error: &tokio_postgres::Error) -> Fault {
    let again = error.code().is_some_and(|code| {
        *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED
    });
    Fault { error: store_error(error), again }
}

/// Puts PostgreSQL's error into the store's words.
pub(in crate::store) fn store_error(error: &tokio_postgres::Error) -> StoreError {
    let Some(db) = error.as_db_error() else {
        let kind = if error.to_string().contains("deserializing") {
            ErrorKind::Unreadable
        } else {
            ErrorKind::Unavailable
        };
        return StoreError::caused(kind, chain(error));
    };
    let kind = match db.code().code() {
        "23505" => ErrorKind::Conflict(db.constraint().map_or(Constraint::Other, constraint_of_name)),
        "23503" => ErrorKind::Conflict(Constraint::Reference),
        "23514" | "23502" => ErrorKind::Conflict(Constraint::Check),
        "40001" | "40P01" | "55P03" | "53300" | "53400" => ErrorKind::Busy,
        "53100" => ErrorKind::Full,
        "57014" => ErrorKind::TooLong,
        "25006" => ErrorKind::ReadOnly,
        "XX001" | "XX002" => ErrorKind::Corrupt,
        code if ["08", "28", "3D", "53", "57"].iter().any(|class| code.starts_with(class)) => {
            ErrorKind::Unavailable
        }
        _ => ErrorKind::Refused,
    };
    StoreError::caused(kind, told(db))
}

/// The server's message, without the detail lines; in the classes whose messages quote values, the code alone.
fn told(db: &tokio_postgres::error::DbError) -> String {
    let code = db.code().code();
    let place = db.constraint().or(db.column()).or(db.table()).unwrap_or("-");
    if code.starts_with("22") || code.starts_with("23") {
        return format!("PostgreSQL error {code} at {place}");
    }
    format!("PostgreSQL error {code}: {}", db.message())
}

fn chain(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}
