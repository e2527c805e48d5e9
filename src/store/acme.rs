//! What an authority of certificates has to do with: the accounts there, and the proofs it is shown.

use crate::domain::certificate::Method;
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::value::params;

/// A proof for an authority to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptProof {
    /// Where it looks.
    pub method: Method,
    /// The name or address that is proven.
    pub identifier: String,
    /// Which proof of it.
    pub token: String,
    /// What is shown.
    pub key_authorization: String,
}

/// The sealed account at a directory.
///
/// # Errors
/// The store's.
pub async fn account(conn: &mut Conn, directory: &str) -> Result<Option<Vec<u8>>, StoreError> {
    conn.find("SELECT credentials FROM acme_accounts WHERE directory = ?1", params![directory]).await
}

/// Keeps the account at a directory, in place of the one before.
///
/// # Errors
/// The store's.
pub async fn keep_account(
    tx: &mut Tx,
    directory: &str,
    credentials: &[u8],
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO acme_accounts (directory, credentials, created_at) VALUES (?1, ?2, ?3) \
        ON CONFLICT (directory) DO UPDATE SET credentials = excluded.credentials, created_at = excluded.created_at";
    tx.execute(SQL, params![directory, credentials, now]).await.map(drop)
}

/// Forgets the account at a directory.
///
/// # Errors
/// The store's.
pub async fn forget_account(tx: &mut Tx, directory: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM acme_accounts WHERE directory = ?1", params![directory]).await.map(drop)
}

/// Shows a proof.
///
/// # Errors
/// The store's.
pub async fn show(tx: &mut Tx, proof: &KeptProof, expires_at: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO acme_proofs (method, identifier, token, key_authorization, expires_at) \
        VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (method, identifier, token) DO UPDATE SET \
        key_authorization = excluded.key_authorization, expires_at = excluded.expires_at";
    let it = proof;
    let (identifier, token, shown) =
        (it.identifier.as_str(), it.token.as_str(), it.key_authorization.as_str());
    tx.execute(SQL, params![it.method, identifier, token, shown, expires_at]).await.map(drop)
}

/// Shows a proof no longer.
///
/// # Errors
/// The store's.
pub async fn hide(tx: &mut Tx, proof: &KeptProof) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM acme_proofs WHERE method = ?1 AND identifier = ?2 AND token = ?3";
    tx.execute(SQL, params![proof.method, proof.identifier.as_str(), proof.token.as_str()]).await.map(drop)
}

/// What is shown over HTTP for a token.
///
/// # Errors
/// The store's.
pub async fn of_token(conn: &mut Conn, token: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
    const SQL: &str =
        "SELECT key_authorization FROM acme_proofs WHERE method = ?1 AND token = ?2 AND expires_at > ?3";
    conn.find(SQL, params![Method::Http01, token, now]).await
}

/// What is shown in a handshake for a name, the newest where there are several.
///
/// # Errors
/// The store's.
pub async fn of_name(
    conn: &mut Conn,
    identifier: &str,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    const SQL: &str = "SELECT key_authorization FROM acme_proofs WHERE method = ?1 AND identifier = ?2 \
        AND expires_at > ?3 ORDER BY expires_at DESC, token LIMIT 1";
    conn.find(SQL, params![Method::TlsAlpn01, identifier, now]).await
}

/// Removes proofs that nobody looks for any more, at most `limit`; says how many.
///
/// # Errors
/// The store's.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM acme_proofs WHERE token IN \
        (SELECT token FROM acme_proofs WHERE expires_at < ?1 ORDER BY expires_at, token LIMIT ?2)";
    tx.execute(SQL, params![before, limit]).await
}
