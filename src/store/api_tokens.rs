//! API tokens in the database, known by the hashes of their texts.

use crate::domain::api_token::ApiToken;
use crate::domain::id::{ApiTokenId, UserId};
use crate::domain::name::fold;
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::list::{Select, Sort};
use crate::store::value::{FromRow, Kind, Row, params};

/// What lists of tokens are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiTokenSort {
    /// When they were made.
    CreatedAt,
    /// What they are called.
    Name,
}

impl Sort for ApiTokenSort {
    fn column(self) -> (&'static str, Kind) {
        match self {
            Self::CreatedAt => ("created_at", Kind::Int),
            Self::Name => ("name", Kind::Text),
        }
    }
}

/// Makes a token.
///
/// # Errors
/// `Conflict(ApiToken)`.
pub async fn insert(tx: &mut Tx, token: &ApiToken, hash: &[u8]) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO api_tokens (id, user_id, token_hash, name, scopes, allowed_from, expires_at, search, \
        created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let it = token;
    let search = fold(it.name.as_str());
    let params = params![
        it.id,
        it.user,
        hash,
        &it.name,
        it.scopes,
        &it.allowed_from,
        it.expires_at,
        search,
        it.created_at
    ];
    tx.execute(SQL, params).await.map(drop)
}

/// A token.
///
/// # Errors
/// The store's.
pub async fn find(conn: &mut Conn, id: ApiTokenId) -> Result<Option<ApiToken>, StoreError> {
    conn.find("SELECT * FROM api_tokens WHERE id = ?1", params![id]).await
}

/// The token of this hash.
///
/// # Errors
/// The store's.
pub async fn find_by_hash(conn: &mut Conn, hash: &[u8]) -> Result<Option<ApiToken>, StoreError> {
    conn.find("SELECT * FROM api_tokens WHERE token_hash = ?1", params![hash]).await
}

/// A page of tokens, of one user where one is given.
///
/// # Errors
/// `BadCursor`.
pub async fn list(
    conn: &mut Conn,
    user: Option<UserId>,
    page: &PageRequest<ApiTokenSort>,
) -> Result<Page<ApiToken>, StoreError> {
    let mut select = Select::from("api_tokens");
    select.and_if("user_id = {}", user);
    select.page(conn, page).await
}

/// How many tokens a user has.
///
/// # Errors
/// The store's.
pub async fn count_of_user(conn: &mut Conn, user: UserId) -> Result<u64, StoreError> {
    conn.one("SELECT COUNT(*) FROM api_tokens WHERE user_id = ?1", params![user]).await
}

/// Removes a token.
///
/// # Errors
/// The store's.
pub async fn delete(tx: &mut Tx, id: ApiTokenId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM api_tokens WHERE id = ?1", params![id]).await.map(drop)
}

/// Removes every token of a user.
///
/// # Errors
/// The store's.
pub async fn delete_of_user(tx: &mut Tx, user: UserId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM api_tokens WHERE user_id = ?1", params![user]).await.map(drop)
}

/// Notes when a token was used, unless it was used later.
///
/// # Errors
/// The store's.
pub async fn note_use(tx: &mut Tx, id: ApiTokenId, at: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE api_tokens SET last_used_at = ?2 \
        WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)";
    tx.execute(SQL, params![id, at]).await.map(drop)
}

/// Removes tokens that were over before a time, at most `limit`; says how many.
///
/// # Errors
/// The store's.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM api_tokens WHERE id IN \
        (SELECT id FROM api_tokens WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)";
    tx.execute(SQL, params![before, limit]).await
}

impl FromRow for ApiToken {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.take("id")?,
            user: row.take("user_id")?,
            name: row.take("name")?,
            scopes: row.take("scopes")?,
            allowed_from: row.take("allowed_from")?,
            expires_at: row.take("expires_at")?,
            last_used_at: row.take("last_used_at")?,
            created_at: row.take("created_at")?,
        })
    }
}
