//! Questions that were asked of whoever signs in, known by the hashes of the texts that the askers hold.
//!
//! Invariant: each try is taken by one conditional statement before it is judged, and a right answer removes the
//! question, so it is answered once however many try. A question that is of nobody yet is no row until it is answered:
//! everybody may ask it.

use crate::domain::id::{ChallengeId, UserId};
use crate::domain::mfa::{Challenge, ChallengeKind};
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::value::{Column, FromRow, Row, Unfit, Value, params};

/// Asks, and forgets the user's oldest questions past `kept`.
///
/// # Errors
/// The store's.
pub async fn insert(
    tx: &mut Tx,
    challenge: &Challenge,
    token_hash: &[u8],
    tries: u32,
    kept: u32,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO challenges (id, kind, token_hash, user_id, epoch, session_id, tries_left, state, \
        expires_at, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    const TRIM: &str = "DELETE FROM challenges WHERE user_id = ?1 AND id NOT IN \
        (SELECT id FROM challenges WHERE user_id = ?1 ORDER BY id DESC LIMIT ?2)";
    let it = challenge;
    let params = params![
        it.id,
        it.kind.as_str(),
        token_hash,
        it.user,
        it.epoch,
        it.session,
        tries,
        it.state.as_deref(),
        it.expires_at,
        it.created_at,
    ];
    tx.execute(SQL, params).await?;
    if let Some(user) = it.user {
        tx.execute(TRIM, params![user, kept]).await?;
    }
    Ok(())
}

/// The question of a text while it may be answered; looking takes no try.
///
/// # Errors
/// The store's.
pub async fn find(
    conn: &mut Conn,
    token_hash: &[u8],
    now: Timestamp,
) -> Result<Option<Challenge>, StoreError> {
    const SQL: &str = "SELECT * FROM challenges WHERE token_hash = ?1 AND tries_left > 0 AND expires_at > ?2";
    conn.find(SQL, params![token_hash, now]).await
}

/// Takes one try; false when none is left.
///
/// # Errors
/// The store's.
pub async fn take_try(tx: &mut Tx, id: ChallengeId, now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE challenges SET tries_left = tries_left - 1 \
        WHERE id = ?1 AND tries_left > 0 AND expires_at > ?2";
    Ok(tx.execute(SQL, params![id, now]).await? == 1)
}

/// Removes a question that was answered; false when somebody else's answer was first.
///
/// # Errors
/// The store's.
pub async fn spend(tx: &mut Tx, id: ChallengeId) -> Result<bool, StoreError> {
    Ok(tx.execute("DELETE FROM challenges WHERE id = ?1", params![id]).await? == 1)
}

/// Notes that a question was answered which its asker held whole; false when it had been before.
///
/// # Errors
/// The store's.
pub async fn note_answered(tx: &mut Tx, challenge: &Challenge) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO challenges (id, kind, token_hash, epoch, tries_left, expires_at, created_at) \
        VALUES (?1, ?2, ?3, 0, 0, ?4, ?5) ON CONFLICT (id) DO NOTHING";
    let it = challenge;
    // No question is found by this: the hash of a text is longer.
    let id = it.id.as_uuid();
    let params = params![it.id, it.kind.as_str(), &id.as_bytes()[..], it.expires_at, it.created_at];
    Ok(tx.execute(SQL, params).await? == 1)
}

/// Whether a question was answered which its asker held whole.
///
/// # Errors
/// The store's.
pub async fn was_answered(conn: &mut Conn, id: ChallengeId) -> Result<bool, StoreError> {
    let found: Option<String> = conn.find("SELECT id FROM challenges WHERE id = ?1", params![id]).await?;
    Ok(found.is_some())
}

/// Removes a user's questions: what they were asked about has changed.
///
/// # Errors
/// The store's.
pub async fn delete_of_user(tx: &mut Tx, user: UserId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM challenges WHERE user_id = ?1", params![user]).await.map(drop)
}

/// Removes questions that were over before a time, at most `limit`; says how many.
///
/// # Errors
/// The store's.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM challenges WHERE id IN \
        (SELECT id FROM challenges WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)";
    tx.execute(SQL, params![before, limit]).await
}

impl Column for ChallengeKind {
    fn column(value: Value) -> Result<Self, Unfit> {
        let name = String::column(value)?;
        let all = [Self::SignIn, Self::Passkey, Self::Register, Self::StepUp];
        all.into_iter().find(|kind| kind.as_str() == name).ok_or(Unfit::new("a kind of challenge"))
    }
}

impl FromRow for Challenge {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.take("id")?,
            kind: row.take("kind")?,
            user: row.take("user_id")?,
            epoch: row.take("epoch")?,
            session: row.take("session_id")?,
            state: row.take("state")?,
            expires_at: row.take("expires_at")?,
            created_at: row.take("created_at")?,
        })
    }
}
