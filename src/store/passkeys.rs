//! Passkeys in the database.
//!
//! Invariant: a counter never goes back: a use whose count is not past the stored one changes nothing and is told so.

use crate::domain::id::{PasskeyId, UserId};
use crate::domain::name::PasskeyName;
use crate::domain::passkey::Passkey;
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::{ErrorKind, StoreError};
use crate::store::value::{FromRow, Row, params};

/// Adds a passkey.
///
/// # Errors
/// `Conflict(PasskeyCredential)` when somebody has it.
pub async fn insert(tx: &mut Tx, passkey: &Passkey) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO passkeys (id, user_id, name, credential_id, credential, counter, revision, \
        created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let it = passkey;
    let (id, credential) = (it.credential_id.as_slice(), it.credential.as_str());
    let params = params![it.id, it.user, &it.name, id, credential, it.counter, it.revision, it.created_at];
    tx.execute(SQL, params).await.map(drop)
}

/// A user's passkeys, oldest first.
///
/// # Errors
/// The store's.
pub async fn of_user(conn: &mut Conn, user: UserId) -> Result<Vec<Passkey>, StoreError> {
    conn.query("SELECT * FROM passkeys WHERE user_id = ?1 ORDER BY id", params![user]).await
}

/// The passkey that an authenticator knows by this id.
///
/// # Errors
/// The store's.
pub async fn find_by_credential(
    conn: &mut Conn,
    credential_id: &[u8],
) -> Result<Option<Passkey>, StoreError> {
    conn.find("SELECT * FROM passkeys WHERE credential_id = ?1", params![credential_id]).await
}

/// A user's passkey.
///
/// # Errors
/// `NotFound`.
pub async fn get(conn: &mut Conn, user: UserId, id: PasskeyId) -> Result<Passkey, StoreError> {
    conn.one("SELECT * FROM passkeys WHERE id = ?1 AND user_id = ?2", params![id, user]).await
}

/// Renames a user's passkey if it still has the expected revision.
///
/// # Errors
/// `NotFound`, `Stale`.
pub async fn rename(
    tx: &mut Tx,
    user: UserId,
    id: PasskeyId,
    name: &PasskeyName,
    expected: i64,
) -> Result<Passkey, StoreError> {
    const SQL: &str = "UPDATE passkeys SET name = ?3, revision = revision + 1 \
        WHERE id = ?1 AND user_id = ?2 AND revision = ?4 RETURNING *";
    get(tx, user, id).await?;
    let changed = tx.find(SQL, params![id, user, name, expected]).await?;
    changed.ok_or_else(|| StoreError::new(ErrorKind::Stale))
}

/// Writes down a use: the count that was shown, and what the ceremony says of the credential now; false when the count
/// is not past the last one, or the passkey is gone.
///
/// # Errors
/// The store's.
pub async fn spend(
    tx: &mut Tx,
    id: PasskeyId,
    counter: i64,
    credential: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE passkeys SET counter = ?2, credential = ?3, last_used_at = ?4 \
        WHERE id = ?1 AND (counter < ?2 OR (counter = 0 AND ?2 = 0))";
    Ok(tx.execute(SQL, params![id, counter, credential, now]).await? == 1)
}

/// Deletes a user's passkey.
///
/// # Errors
/// The store's.
pub async fn delete(tx: &mut Tx, user: UserId, id: PasskeyId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM passkeys WHERE id = ?1 AND user_id = ?2", params![id, user]).await.map(drop)
}

impl FromRow for Passkey {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.take("id")?,
            user: row.take("user_id")?,
            name: row.take("name")?,
            credential_id: row.take("credential_id")?,
            credential: row.take("credential")?,
            counter: row.take("counter")?,
            revision: row.take("revision")?,
            created_at: row.take("created_at")?,
            last_used_at: row.take("last_used_at")?,
        })
    }
}
