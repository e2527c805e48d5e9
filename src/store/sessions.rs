//! Signed-in clients and the hashes of their refresh tokens.
//!
//! Invariants: a refresh token is rotated by one conditional statement, so of two at once one wins and the other is told
//! so; every token of a live session stays known for as long as it could have been good.

use crate::domain::id::{SessionId, UserId};
use crate::domain::session::{IDLE_FOR, Session};
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::value::{FromRow, Row, params};

/// A session found by one of its refresh tokens.
pub struct Presented {
    /// The session.
    pub session: Session,
    /// Whether the token is the newest one, rather than the one before.
    pub is_current: bool,
    /// When the newest one took its place; none for a token older than the one before.
    pub rotated_at: Option<Timestamp>,
    /// The newest refresh token, sealed, for a client whose answer was lost.
    pub successor: Option<Vec<u8>>,
}

/// A refresh token's replacement.
pub struct Rotation<'a> {
    /// The hash of the token that was presented.
    pub old_hash: &'a [u8],
    /// The hash of the new one.
    pub new_hash: &'a [u8],
    /// The new one, sealed.
    pub successor: &'a [u8],
    /// When the session now ends if nobody comes.
    pub expires_at: Timestamp,
}

/// Begins a session.
///
/// # Errors
/// `Conflict(SessionToken)`.
pub async fn insert(tx: &mut Tx, session: &Session, refresh_hash: &[u8]) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO sessions (id, user_id, refresh_hash, user_agent, created_at, last_used_at, \
        expires_at, proved_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let it = session;
    let agent = it.user_agent.as_str();
    let params = params![
        it.id,
        it.user,
        refresh_hash,
        agent,
        it.created_at,
        it.last_used_at,
        it.expires_at,
        it.proved_at,
    ];
    tx.execute(SQL, params).await.map(drop)
}

/// A session.
///
/// # Errors
/// The store's.
pub async fn find(conn: &mut Conn, id: SessionId) -> Result<Option<Session>, StoreError> {
    conn.find("SELECT * FROM sessions WHERE id = ?1", params![id]).await
}

/// The session that a refresh token of this hash belongs to, or belonged to before it was replaced.
///
/// # Errors
/// The store's.
pub async fn find_by_refresh(conn: &mut Conn, hash: &[u8]) -> Result<Option<Presented>, StoreError> {
    const SQL: &str = "SELECT *, CASE WHEN refresh_hash = ?1 THEN TRUE ELSE FALSE END AS is_current FROM sessions \
        WHERE refresh_hash = ?1 OR previous_refresh_hash = ?1";
    const SPENT: &str =
        "SELECT * FROM sessions WHERE id = (SELECT session_id FROM spent_refresh WHERE hash = ?1)";
    let found = conn.find(SQL, params![hash]).await?;
    if found.is_some() {
        return Ok(found);
    }
    let of_spent: Option<Session> = conn.find(SPENT, params![hash]).await?;
    Ok(of_spent.map(|session| Presented { session, is_current: false, rotated_at: None, successor: None }))
}

/// Replaces the newest refresh token and keeps the one that this pushes out among the spent; false when it was replaced
/// meanwhile, or the session is over.
///
/// # Errors
/// The store's.
pub async fn rotate(
    tx: &mut Tx,
    id: SessionId,
    rotation: &Rotation<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE sessions SET previous_refresh_hash = refresh_hash, refresh_hash = ?3, successor = ?4, \
        rotated_at = ?5, last_used_at = ?5, expires_at = ?6 \
        WHERE id = ?1 AND refresh_hash = ?2 AND revoked_at IS NULL AND expires_at > ?5";
    const SPEND: &str = "INSERT INTO spent_refresh (hash, session_id, spent_at) \
        SELECT previous_refresh_hash, id, rotated_at FROM sessions \
        WHERE id = ?1 AND refresh_hash = ?2 AND revoked_at IS NULL AND expires_at > ?3 \
        AND previous_refresh_hash IS NOT NULL AND rotated_at IS NOT NULL";
    // A session can be renewed for ever; what it has spent must not grow for ever.
    const FORGET: &str = "DELETE FROM spent_refresh WHERE session_id = ?1 AND spent_at < ?2";
    tx.execute(SPEND, params![id, rotation.old_hash, now]).await?;
    tx.execute(FORGET, params![id, now.before(IDLE_FOR)]).await?;
    let params =
        params![id, rotation.old_hash, rotation.new_hash, rotation.successor, now, rotation.expires_at];
    Ok(tx.execute(SQL, params).await? == 1)
}

/// Gives a live session to a browser: from now on the hash is of what its cookie holds, and no refresh token is known.
///
/// # Errors
/// The store's.
pub async fn give_cookie(
    tx: &mut Tx,
    id: SessionId,
    cookie_hash: &[u8],
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE sessions SET refresh_hash = ?2, previous_refresh_hash = NULL, rotated_at = NULL, \
        successor = NULL, last_used_at = ?4, expires_at = ?3 \
        WHERE id = ?1 AND revoked_at IS NULL AND expires_at > ?4";
    Ok(tx.execute(SQL, params![id, cookie_hash, expires_at, now]).await? == 1)
}

/// Notes that a live session was used.
///
/// # Errors
/// The store's.
pub async fn note_use(
    tx: &mut Tx,
    id: SessionId,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE sessions SET last_used_at = ?3, expires_at = ?2 \
        WHERE id = ?1 AND revoked_at IS NULL AND expires_at > ?3";
    tx.execute(SQL, params![id, expires_at, now]).await.map(drop)
}

/// Writes down that its user has just proved to be there; false when the session is over.
///
/// # Errors
/// The store's.
pub async fn prove(tx: &mut Tx, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str =
        "UPDATE sessions SET proved_at = ?2 WHERE id = ?1 AND revoked_at IS NULL AND expires_at > ?2";
    Ok(tx.execute(SQL, params![id, now]).await? == 1)
}

/// Ends a session and forgets its sealed token; false when it had ended before.
///
/// # Errors
/// The store's.
pub async fn revoke(tx: &mut Tx, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str =
        "UPDATE sessions SET revoked_at = ?2, successor = NULL WHERE id = ?1 AND revoked_at IS NULL";
    Ok(tx.execute(SQL, params![id, now]).await? == 1)
}

/// Ends all sessions of a user but the given one; says how many.
///
/// # Errors
/// The store's.
pub async fn revoke_of_user(
    tx: &mut Tx,
    user: UserId,
    but: Option<SessionId>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    const SQL: &str = "UPDATE sessions SET revoked_at = ?2, successor = NULL \
        WHERE user_id = ?1 AND revoked_at IS NULL AND (?3 IS NULL OR id <> ?3)";
    tx.execute(SQL, params![user, now, but]).await
}

/// Ends the live sessions of a user but the `kept` that were used last; says which.
///
/// # Errors
/// The store's.
pub async fn revoke_all_but_latest(
    tx: &mut Tx,
    user: UserId,
    kept: u32,
    now: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    const SQL: &str = "UPDATE sessions SET revoked_at = ?2, successor = NULL \
        WHERE user_id = ?1 AND revoked_at IS NULL AND expires_at > ?2 AND id NOT IN \
        (SELECT id FROM sessions WHERE user_id = ?1 AND revoked_at IS NULL AND expires_at > ?2 \
        ORDER BY last_used_at DESC, id DESC LIMIT ?3) RETURNING *";
    tx.query(SQL, params![user, now, kept]).await
}

/// A user's sessions that are neither ended nor over, newest first.
///
/// # Errors
/// The store's.
pub async fn live_of_user(conn: &mut Conn, user: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
    const SQL: &str = "SELECT * FROM sessions WHERE user_id = ?1 AND revoked_at IS NULL AND expires_at > ?2 \
        ORDER BY id DESC LIMIT 200";
    conn.query(SQL, params![user, now]).await
}

/// Removes sessions that were over before a time, and with each what it has spent, at most `limit`; says how many.
///
/// # Errors
/// The store's.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM sessions WHERE id IN \
        (SELECT id FROM sessions WHERE expires_at < ?1 OR revoked_at < ?1 LIMIT ?2)";
    tx.execute(SQL, params![before, limit]).await
}

impl FromRow for Session {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let created_at = row.take("created_at")?;
        Ok(Self {
            id: row.take("id")?,
            user: row.take("user_id")?,
            user_agent: row.take("user_agent")?,
            created_at,
            last_used_at: row.take("last_used_at")?,
            expires_at: row.take("expires_at")?,
            revoked_at: row.take("revoked_at")?,
            proved_at: row.take::<Option<Timestamp>>("proved_at")?.unwrap_or(created_at),
        })
    }
}

impl FromRow for Presented {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            session: Session::from_row(row)?,
            is_current: row.take("is_current")?,
            rotated_at: row.take("rotated_at")?,
            successor: row.take("successor")?,
        })
    }
}
