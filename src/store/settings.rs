//! Policy that operators change at run time: named JSON values, each with a revision.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::settings::Settings;
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::{ErrorKind, StoreError};
use crate::store::fields::Json;
use crate::store::value::{FromRow, Row, params};

/// The key of the service's settings.
const SERVICE: &str = "service";

/// A value and its revision; 0 while it was never set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Counts the changes.
    pub revision: i64,
}

/// The service's settings; the defaults while none were set.
///
/// # Errors
/// The store's.
pub async fn service(conn: &mut Conn) -> Result<Setting<Settings>, StoreError> {
    Ok(find(conn, SERVICE).await?.unwrap_or_else(|| Setting { value: Settings::default(), revision: 0 }))
}

/// Replaces the service's settings if they still have the expected revision.
///
/// # Errors
/// `Stale`.
pub async fn set_service(
    tx: &mut Tx,
    value: &Settings,
    expected: i64,
    now: Timestamp,
) -> Result<i64, StoreError> {
    set(tx, SERVICE, value, expected, now).await
}

/// A value by its key.
///
/// # Errors
/// `Unreadable` when it has another form.
pub async fn find<T: DeserializeOwned>(conn: &mut Conn, key: &str) -> Result<Option<Setting<T>>, StoreError> {
    conn.find("SELECT value, revision FROM settings WHERE key = ?1", params![key]).await
}

/// Sets a value if it still has the expected revision, 0 for one that was never set; answers the new revision.
///
/// # Errors
/// `Stale`.
pub async fn set<T: Serialize>(
    tx: &mut Tx,
    key: &str,
    value: &T,
    expected: i64,
    now: Timestamp,
) -> Result<i64, StoreError> {
    const INSERT: &str = "INSERT INTO settings (key, value, revision, updated_at) VALUES (?1, ?2, 1, ?3) \
        ON CONFLICT (key) DO NOTHING RETURNING revision";
    const UPDATE: &str = "UPDATE settings SET value = ?2, updated_at = ?3, revision = revision + 1 \
        WHERE key = ?1 AND revision = ?4 RETURNING revision";
    let changed = if expected == 0 {
        tx.find(INSERT, params![key, Json(value), now]).await?
    } else {
        tx.find(UPDATE, params![key, Json(value), now, expected]).await?
    };
    changed.ok_or_else(|| StoreError::new(ErrorKind::Stale))
}

/// Removes a value, whatever its revision.
///
/// # Errors
/// The store's.
pub async fn forget(tx: &mut Tx, key: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM settings WHERE key = ?1", params![key]).await.map(drop)
}

/// Sets a value, whatever its revision.
///
/// # Errors
/// The store's.
pub async fn put<T: Serialize>(tx: &mut Tx, key: &str, value: &T, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO settings (key, value, revision, updated_at) VALUES (?1, ?2, 1, ?3) \
        ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at, \
        revision = settings.revision + 1";
    tx.execute(SQL, params![key, Json(value), now]).await.map(drop)
}

impl<T: DeserializeOwned> FromRow for Setting<T> {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { value: row.take::<Json<T>>("value")?.0, revision: row.take("revision")? })
    }
}
