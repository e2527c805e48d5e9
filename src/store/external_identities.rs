//! Accounts' links to people at identity providers.

use crate::domain::access::Role;
use crate::domain::external_identity::ExternalIdentity;
use crate::domain::id::{ExternalIdentityId, IdentityProviderId, UserId};
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::{ErrorKind, StoreError};
use crate::store::value::{FromRow, Row, params};

const INSERT: &str = "INSERT INTO external_identities (id, provider_id, subject, user_id, is_managed, last_used_at, \
    created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// Makes a link.
///
/// # Errors
/// `Conflict(ExternalIdentity)` and `Conflict(ProviderAccount)`.
pub async fn insert(tx: &mut Tx, it: &ExternalIdentity) -> Result<(), StoreError> {
    let subject = it.subject.as_str();
    let params = params![it.id, it.provider, subject, it.user, it.is_managed, it.last_used_at, it.created_at];
    tx.execute(INSERT, params).await.map(drop)
}

/// A link.
///
/// # Errors
/// The store's.
pub async fn find(conn: &mut Conn, id: ExternalIdentityId) -> Result<Option<ExternalIdentity>, StoreError> {
    conn.find("SELECT * FROM external_identities WHERE id = ?1", params![id]).await
}

/// The link to somebody at a provider.
///
/// # Errors
/// The store's.
pub async fn find_subject(
    conn: &mut Conn,
    provider: IdentityProviderId,
    subject: &str,
) -> Result<Option<ExternalIdentity>, StoreError> {
    const SQL: &str = "SELECT * FROM external_identities WHERE provider_id = ?1 AND subject = ?2";
    conn.find(SQL, params![provider, subject]).await
}

/// An account's links, the oldest first: one for each provider at most.
///
/// # Errors
/// The store's.
pub async fn of_user(conn: &mut Conn, user: UserId) -> Result<Vec<ExternalIdentity>, StoreError> {
    conn.query("SELECT * FROM external_identities WHERE user_id = ?1 ORDER BY id", params![user]).await
}

/// The roles of the accounts that are linked to people at a provider.
///
/// # Errors
/// The store's.
pub async fn roles_at(conn: &mut Conn, provider: IdentityProviderId) -> Result<Vec<Role>, StoreError> {
    const SQL: &str = "SELECT DISTINCT users.role FROM users JOIN external_identities \
        ON external_identities.user_id = users.id WHERE external_identities.provider_id = ?1";
    let words: Vec<String> = conn.query(SQL, params![provider]).await?;
    words.iter().map(|word| Role::parse(word).ok_or(StoreError::new(ErrorKind::Unreadable))).collect()
}

/// Notes when a link was used to sign in.
///
/// # Errors
/// The store's.
pub async fn note_use(tx: &mut Tx, id: ExternalIdentityId, at: Timestamp) -> Result<(), StoreError> {
    tx.execute("UPDATE external_identities SET last_used_at = ?2 WHERE id = ?1", params![id, at])
        .await
        .map(drop)
}

/// Removes a link.
///
/// # Errors
/// The store's.
pub async fn delete(tx: &mut Tx, id: ExternalIdentityId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM external_identities WHERE id = ?1", params![id]).await.map(drop)
}

impl FromRow for ExternalIdentity {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.take("id")?,
            provider: row.take("provider_id")?,
            subject: row.take("subject")?,
            user: row.take("user_id")?,
            is_managed: row.take("is_managed")?,
            last_used_at: row.take("last_used_at")?,
            created_at: row.take("created_at")?,
        })
    }
}
