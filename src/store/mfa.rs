//! Second factors in the database: secrets of authenticator apps, and recovery codes.
//!
//! Invariant: a code is used by one conditional statement, so of two who show it at once one is told so.

use crate::domain::id::UserId;
use crate::domain::mfa::Factors;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::value::{FromRow, Row, params};

/// The secret of an authenticator app.
pub struct Totp {
    /// The secret, sealed.
    pub secret: Vec<u8>,
    /// When a code has shown that an app holds it.
    pub confirmed_at: Option<Timestamp>,
    /// The newest step whose code was used.
    pub last_step: i64,
}

/// What an account has.
///
/// # Errors
/// The store's.
pub async fn factors(conn: &mut Conn, user: UserId) -> Result<Factors, StoreError> {
    const PASSKEYS: &str = "SELECT COUNT(*) FROM passkeys WHERE user_id = ?1";
    const CODES: &str = "SELECT COUNT(*) FROM recovery_codes WHERE user_id = ?1 AND used_at IS NULL";
    let totp = find_totp(conn, user).await?;
    Ok(Factors {
        totp_since: totp.and_then(|totp| totp.confirmed_at),
        passkeys: conn.one(PASSKEYS, params![user]).await?,
        recovery_codes_left: conn.one(CODES, params![user]).await?,
    })
}

/// Writes beside the user whether there is a second factor now.
///
/// # Errors
/// `NotFound`.
pub async fn settle(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<User, StoreError> {
    const SQL: &str = "UPDATE users SET has_mfa = (\
        EXISTS (SELECT 1 FROM totp_secrets AS t WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL) \
        OR EXISTS (SELECT 1 FROM passkeys AS p WHERE p.user_id = users.id)), \
        revision = revision + 1, updated_at = ?2 WHERE id = ?1 AND deleted_at IS NULL RETURNING *";
    tx.one(SQL, params![user, now]).await
}

/// Takes every second factor of a user away, and raises the epoch, which ends every access token and every question.
///
/// # Errors
/// `NotFound`.
pub async fn clear(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<User, StoreError> {
    const SQL: &str = "UPDATE users SET has_mfa = FALSE, epoch = epoch + 1, revision = revision + 1, updated_at = ?2 \
        WHERE id = ?1 AND deleted_at IS NULL RETURNING *";
    delete_totp(tx, user).await?;
    delete_codes(tx, user).await?;
    tx.execute("DELETE FROM passkeys WHERE user_id = ?1", params![user]).await?;
    tx.execute("DELETE FROM challenges WHERE user_id = ?1", params![user]).await?;
    tx.one(SQL, params![user, now]).await
}

/// The secret of a user's authenticator app, confirmed or not.
///
/// # Errors
/// The store's.
pub async fn find_totp(conn: &mut Conn, user: UserId) -> Result<Option<Totp>, StoreError> {
    conn.find("SELECT * FROM totp_secrets WHERE user_id = ?1", params![user]).await
}

/// Keeps a secret that is not confirmed yet, in the place of another such one; false when one is confirmed.
///
/// # Errors
/// The store's.
pub async fn offer_totp(
    tx: &mut Tx,
    user: UserId,
    sealed: &[u8],
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO totp_secrets (user_id, secret, last_step, created_at) VALUES (?1, ?2, 0, ?3) \
        ON CONFLICT (user_id) DO UPDATE SET secret = ?2, last_step = 0, created_at = ?3 \
        WHERE totp_secrets.confirmed_at IS NULL";
    Ok(tx.execute(SQL, params![user, sealed, now]).await? == 1)
}

/// Confirms the offered secret, whose code of `step` was shown; false when another took its place, or it is confirmed.
///
/// # Errors
/// The store's.
pub async fn confirm_totp(
    tx: &mut Tx,
    user: UserId,
    sealed: &[u8],
    step: i64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE totp_secrets SET confirmed_at = ?4, last_step = ?3 \
        WHERE user_id = ?1 AND secret = ?2 AND confirmed_at IS NULL";
    Ok(tx.execute(SQL, params![user, sealed, step, now]).await? == 1)
}

/// Uses the code of a step; false when it, or a later one, was used before.
///
/// # Errors
/// The store's.
pub async fn spend_step(tx: &mut Tx, user: UserId, step: i64) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE totp_secrets SET last_step = ?2 \
        WHERE user_id = ?1 AND last_step < ?2 AND confirmed_at IS NOT NULL";
    Ok(tx.execute(SQL, params![user, step]).await? == 1)
}

/// Gives up the authenticator app; false when there was none.
///
/// # Errors
/// The store's.
pub async fn delete_totp(tx: &mut Tx, user: UserId) -> Result<bool, StoreError> {
    Ok(tx.execute("DELETE FROM totp_secrets WHERE user_id = ?1", params![user]).await? == 1)
}

/// Puts new recovery codes in the place of all others.
///
/// # Errors
/// The store's.
pub async fn replace_codes(
    tx: &mut Tx,
    user: UserId,
    hashes: &[[u8; 32]],
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO recovery_codes (user_id, code_hash, created_at) VALUES (?1, ?2, ?3)";
    delete_codes(tx, user).await?;
    for hash in hashes {
        tx.execute(SQL, params![user, &hash[..], now]).await?;
    }
    Ok(())
}

/// Uses a recovery code; false when there is no such one, or it was used before.
///
/// # Errors
/// The store's.
pub async fn spend_code(tx: &mut Tx, user: UserId, hash: &[u8], now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE recovery_codes SET used_at = ?3 \
        WHERE user_id = ?1 AND code_hash = ?2 AND used_at IS NULL";
    Ok(tx.execute(SQL, params![user, hash, now]).await? == 1)
}

/// Removes a user's recovery codes.
///
/// # Errors
/// The store's.
pub async fn delete_codes(tx: &mut Tx, user: UserId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM recovery_codes WHERE user_id = ?1", params![user]).await.map(drop)
}

impl FromRow for Totp {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            secret: row.take("secret")?,
            confirmed_at: row.take("confirmed_at")?,
            last_step: row.take("last_step")?,
        })
    }
}
