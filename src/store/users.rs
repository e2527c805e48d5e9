//! Users in the database.

use std::collections::BTreeMap;

use crate::domain::access::Role;
use crate::domain::id::UserId;
use crate::domain::name::{Login, fold};
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::user::{NewUser, User, UserState};
use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::list::{NEVER_ENDS_LAST, Select, Sort, members, stale_or_missing};
use crate::store::value::{Bind, FromRow, Kind, Row, Value, params};

/// What lists of users are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserSort {
    /// The login.
    Login,
    /// The name shown.
    DisplayName,
    /// When they were made.
    CreatedAt,
    /// When their time ends; what never ends comes last.
    ExpiresAt,
    /// What their devices have moved.
    UsedBytes,
}

impl Sort for UserSort {
    fn column(self) -> (&'static str, Kind) {
        match self {
            Self::Login => ("login", Kind::Text),
            Self::DisplayName => ("display_name", Kind::Text),
            Self::CreatedAt => ("created_at", Kind::Int),
            Self::ExpiresAt => (NEVER_ENDS_LAST, Kind::Int),
            Self::UsedBytes => (
                "retired_bytes + COALESCE((SELECT CAST(SUM(t.rx_bytes + t.tx_bytes) AS BIGINT) FROM devices AS m \
                 JOIN usage AS t ON t.device_id = m.id WHERE m.user_id = users.id), 0)",
                Kind::Int,
            ),
        }
    }
}

/// Which users a list holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct UserFilter {
    /// Only this role.
    pub role: Option<Role>,
    /// Only those that are, or are not, disabled.
    pub disabled: Option<bool>,
    /// Deleted users instead of the others.
    pub deleted: bool,
    /// Only this one: what a member may see.
    pub only: Option<UserId>,
    /// Only those in this state.
    pub state: Option<UserState>,
    /// The time by which states are told.
    pub now: Timestamp,
}

/// What a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Owned {
    /// Devices that are not deleted.
    pub devices: u64,
    /// Bytes that count against the limit, those of purged devices among them.
    pub used_bytes: u64,
}

/// What a login is checked against.
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The password's hash, if one is set.
    pub password_hash: Option<String>,
}

const INSERT: &str = "INSERT INTO users (id, login, login_folded, display_name, role, password_hash, \
    password_changed_at, epoch, disabled, expires_at, data_limit_bytes, device_limit, retired_bytes, search, revision, \
    created_at, updated_at, email, language) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, FALSE, ?8, ?9, ?10, 0, ?11, 1, ?12, ?12, ?13, ?14) RETURNING *";

/// Makes a user.
///
/// # Errors
/// `Conflict(UserLogin)` when the login is taken.
pub async fn insert(tx: &mut Tx, new: &NewUser, now: Timestamp) -> Result<User, StoreError> {
    let changed_at = new.password_hash.as_ref().map(|_| now);
    tx.one(
        INSERT,
        params![
            new.id,
            &new.login,
            fold(new.login.as_str()),
            &new.display_name,
            new.role,
            new.password_hash.clone(),
            changed_at,
            new.expires_at,
            new.data_limit_bytes,
            new.device_limit,
            fold(&format!("{} {}", new.login, new.display_name)),
            now,
            new.email.as_ref(),
            new.language,
        ],
    )
    .await
}

/// A user, deleted or not.
///
/// # Errors
/// The store's.
pub async fn find(conn: &mut Conn, id: UserId) -> Result<Option<User>, StoreError> {
    conn.find("SELECT * FROM users WHERE id = ?1", params![id]).await
}

/// A user that is not deleted.
///
/// # Errors
/// `NotFound`.
pub async fn get(conn: &mut Conn, id: UserId) -> Result<User, StoreError> {
    conn.one("SELECT * FROM users WHERE id = ?1 AND deleted_at IS NULL", params![id]).await
}

/// Users that are not deleted whose login this is, or whose e-mail address, at most `limit`.
///
/// # Errors
/// The store's.
pub async fn named(conn: &mut Conn, name: &str, limit: u32) -> Result<Vec<User>, StoreError> {
    const SQL: &str = "SELECT * FROM users WHERE (login_folded = ?1 OR email = ?1) AND deleted_at IS NULL \
        ORDER BY id LIMIT ?2";
    conn.query(SQL, params![fold(name), limit]).await
}

/// What a login is checked against, by login.
///
/// # Errors
/// The store's.
pub async fn find_credentials(conn: &mut Conn, login: &Login) -> Result<Option<Credentials>, StoreError> {
    const SQL: &str = "SELECT * FROM users WHERE login_folded = ?1 AND deleted_at IS NULL";
    conn.find(SQL, params![fold(login.as_str())]).await
}

/// What a password change is checked against.
///
/// # Errors
/// `NotFound`.
pub async fn get_credentials(conn: &mut Conn, id: UserId) -> Result<Credentials, StoreError> {
    conn.one("SELECT * FROM users WHERE id = ?1 AND deleted_at IS NULL", params![id]).await
}

/// A page of users.
///
/// # Errors
/// `BadCursor`.
pub async fn list(
    conn: &mut Conn,
    filter: &UserFilter,
    page: &PageRequest<UserSort>,
) -> Result<Page<User>, StoreError> {
    let mut select = Select::from("users");
    select.and_plain(if filter.deleted { "deleted_at IS NOT NULL" } else { "deleted_at IS NULL" });
    select.and_if("role = {}", filter.role);
    select.and_if("disabled = {}", filter.disabled);
    select.and_if("id = {}", filter.only);
    match filter.state {
        Some(UserState::Active) => {
            select.and("(disabled = FALSE AND (expires_at IS NULL OR expires_at > {}))", filter.now);
        }
        Some(UserState::Expired) => select.and("(disabled = FALSE AND expires_at <= {})", filter.now),
        Some(UserState::Disabled) => select.and_plain("disabled = TRUE"),
        None => {}
    }
    select.page(conn, page).await
}

/// What these users have; a page's worth of them at most.
///
/// # Errors
/// The store's.
pub async fn owned(conn: &mut Conn, ids: &[UserId]) -> Result<BTreeMap<UserId, Owned>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!(
        "SELECT o.id, COUNT(CASE WHEN d.deleted_at IS NULL THEN d.id END) AS devices, \
         o.retired_bytes + CAST(COALESCE(SUM(u.rx_bytes + u.tx_bytes), 0) AS BIGINT) AS used FROM users AS o \
         LEFT JOIN devices AS d ON d.user_id = o.id LEFT JOIN usage AS u ON u.device_id = d.id \
         WHERE o.id IN ({}) GROUP BY o.id, o.retired_bytes",
        members(ids.len(), 1)
    );
    let params: Vec<Value> = ids.iter().map(Bind::bind).collect();
    let mut rows: Vec<Row> = conn.query(&sql, &params).await?;
    rows.iter_mut()
        .map(|row| {
            let owned = Owned { devices: row.take("devices")?, used_bytes: row.take("used")? };
            Ok((row.take("id")?, owned))
        })
        .collect()
}

/// How many users of a role can act: neither disabled nor deleted.
///
/// # Errors
/// The store's.
pub async fn count_able(conn: &mut Conn, role: Role) -> Result<u64, StoreError> {
    const SQL: &str =
        "SELECT COUNT(*) FROM users WHERE role = ?1 AND disabled = FALSE AND deleted_at IS NULL";
    conn.one(SQL, params![role]).await
}

/// How many users of a role can sign in for as long as nobody changes them: with a password and without an end.
///
/// # Errors
/// The store's.
pub async fn count_lasting(conn: &mut Conn, role: Role) -> Result<u64, StoreError> {
    const SQL: &str = "SELECT COUNT(*) FROM users WHERE role = ?1 AND disabled = FALSE AND deleted_at IS NULL \
        AND password_hash IS NOT NULL AND expires_at IS NULL";
    conn.one(SQL, params![role]).await
}

/// Whether there ever was a user: then the first run is over.
///
/// # Errors
/// The store's.
pub async fn any(conn: &mut Conn) -> Result<bool, StoreError> {
    let found: Option<String> = conn.find("SELECT id FROM users LIMIT 1", &[]).await?;
    Ok(found.is_some())
}

const UPDATE: &str = "UPDATE users SET login = ?3, login_folded = ?4, display_name = ?5, role = ?6, disabled = ?7, \
    expires_at = ?8, data_limit_bytes = ?9, device_limit = ?10, search = ?11, epoch = ?12, updated_at = ?13, \
    email = ?14, language = ?15, revision = revision + 1 WHERE id = ?1 AND revision = ?2 AND deleted_at IS NULL RETURNING *";

/// Writes a user's fields if the row still has the expected revision. Password, creation and deletion are not among them.
///
/// # Errors
/// `Stale`, `NotFound`, `Conflict(UserLogin)`.
pub async fn update(tx: &mut Tx, user: &User, expected: i64, now: Timestamp) -> Result<User, StoreError> {
    let changed = tx
        .find(
            UPDATE,
            params![
                user.id,
                expected,
                &user.login,
                fold(user.login.as_str()),
                &user.display_name,
                user.role,
                user.disabled,
                user.expires_at,
                user.data_limit_bytes,
                user.device_limit,
                fold(&format!("{} {}", user.login, user.display_name)),
                user.epoch,
                now,
                user.email.as_ref(),
                user.language,
            ],
        )
        .await?;
    found_or_why(tx, changed, user.id).await
}

/// Sets the password's hash and raises the epoch, which ends every access token of the user at once.
///
/// # Errors
/// `NotFound`.
pub async fn set_password(tx: &mut Tx, id: UserId, hash: &str, now: Timestamp) -> Result<User, StoreError> {
    const SQL: &str = "UPDATE users SET password_hash = ?2, password_changed_at = ?3, epoch = epoch + 1, \
        revision = revision + 1, updated_at = ?3 WHERE id = ?1 AND deleted_at IS NULL RETURNING *";
    tx.one(SQL, params![id, hash, now]).await
}

/// Sets the password's hash as [`set_password`] does, if the old one still stands; nothing where another took its place.
///
/// # Errors
/// The store's.
pub async fn replace_password(
    tx: &mut Tx,
    id: UserId,
    old: &str,
    new: &str,
    now: Timestamp,
) -> Result<Option<User>, StoreError> {
    const SQL: &str = "UPDATE users SET password_hash = ?3, password_changed_at = ?4, epoch = epoch + 1, \
        revision = revision + 1, updated_at = ?4 \
        WHERE id = ?1 AND password_hash = ?2 AND deleted_at IS NULL RETURNING *";
    tx.find(SQL, params![id, old, new, now]).await
}

/// Replaces the hash by a stronger one of the same password; nothing else changes.
///
/// # Errors
/// The store's.
pub async fn rehash(tx: &mut Tx, id: UserId, old: &str, new: &str) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2";
    tx.execute(SQL, params![id, old, new]).await.map(drop)
}

/// Marks a user deleted.
///
/// # Errors
/// `Stale`, `NotFound`.
pub async fn delete(tx: &mut Tx, id: UserId, expected: i64, now: Timestamp) -> Result<User, StoreError> {
    const SQL: &str = "UPDATE users SET deleted_at = ?3, updated_at = ?3, epoch = epoch + 1, revision = revision + 1 \
        WHERE id = ?1 AND revision = ?2 AND deleted_at IS NULL RETURNING *";
    let changed = tx.find(SQL, params![id, expected, now]).await?;
    found_or_why(tx, changed, id).await
}

/// Takes a deletion back that was made no earlier than `since`.
///
/// # Errors
/// `NotFound` when there is none, `Conflict(UserLogin)` when the login was taken meanwhile.
pub async fn undelete(tx: &mut Tx, id: UserId, since: Timestamp, now: Timestamp) -> Result<User, StoreError> {
    const SQL: &str = "UPDATE users SET deleted_at = NULL, updated_at = ?2, revision = revision + 1 \
        WHERE id = ?1 AND deleted_at >= ?3 RETURNING *";
    tx.one(SQL, params![id, now, since]).await
}

/// Removes users deleted before a time for good, at most `limit`; says how many. One who still has devices or sessions
/// waits for their purge.
///
/// # Errors
/// The store's.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM users WHERE id IN (SELECT u.id FROM users AS u WHERE u.deleted_at < ?1 \
        AND NOT EXISTS (SELECT 1 FROM devices AS d WHERE d.user_id = u.id) \
        AND NOT EXISTS (SELECT 1 FROM sessions AS s WHERE s.user_id = u.id) ORDER BY u.deleted_at, u.id LIMIT ?2)";
    tx.execute(SQL, params![before, limit]).await
}

async fn found_or_why(tx: &mut Tx, changed: Option<User>, id: UserId) -> Result<User, StoreError> {
    match changed {
        Some(user) => Ok(user),
        None => Err(stale_or_missing(tx, "users", id.bind()).await?),
    }
}

impl FromRow for User {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let password: Option<String> = row.peek("password_hash")?;
        Ok(Self {
            id: row.take("id")?,
            login: row.take("login")?,
            display_name: row.take("display_name")?,
            email: row.take("email")?,
            language: row.take("language")?,
            role: row.take("role")?,
            has_password: password.is_some(),
            has_mfa: row.take("has_mfa")?,
            epoch: row.take("epoch")?,
            disabled: row.take("disabled")?,
            expires_at: row.take("expires_at")?,
            data_limit_bytes: row.take("data_limit_bytes")?,
            device_limit: row.take("device_limit")?,
            revision: row.take("revision")?,
            created_at: row.take("created_at")?,
            updated_at: row.take("updated_at")?,
            deleted_at: row.take("deleted_at")?,
        })
    }
}

impl FromRow for Credentials {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let user = User::from_row(row)?;
        Ok(Self { user, password_hash: row.take("password_hash")? })
    }
}
