//! Identity providers in the database, each with its sealed secret.

use crate::domain::id::IdentityProviderId;
use crate::domain::identity_provider::{IdentityProvider, SignUpRules};
use crate::domain::name::fold;
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::fields::Json;
use crate::store::list::{Select, Sort, stale_or_missing};
use crate::store::value::{Bind, FromRow, Kind, Row, params};

/// What lists of providers are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityProviderSort {
    /// The name.
    Name,
    /// When they were made.
    CreatedAt,
}

impl Sort for IdentityProviderSort {
    fn column(self) -> (&'static str, Kind) {
        match self {
            Self::Name => ("name", Kind::Text),
            Self::CreatedAt => ("created_at", Kind::Int),
        }
    }
}

/// A provider with its sealed secret, for those who ask it.
pub struct Whole {
    /// The facts.
    pub provider: IdentityProvider,
    /// The secret as it is stored.
    pub secret: Option<Vec<u8>>,
}

const INSERT: &str = "INSERT INTO identity_providers (id, name, connection, secret, allows_sign_up, default_role, \
    group_roles, device_limit, enabled, search, ca, revision, created_at, updated_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 1, ?12, ?12) RETURNING *";

/// Makes a provider with its sealed secret.
///
/// # Errors
/// `Conflict(ProviderName)`.
pub async fn insert(
    tx: &mut Tx,
    new: &IdentityProvider,
    secret: Option<Vec<u8>>,
    now: Timestamp,
) -> Result<IdentityProvider, StoreError> {
    let rules = &new.rules;
    tx.one(
        INSERT,
        params![
            new.id,
            &new.name,
            Json(&new.connection),
            secret,
            rules.allows_sign_up,
            rules.default_role,
            Json(&rules.group_roles),
            rules.device_limit,
            new.enabled,
            fold(new.name.as_str()),
            new.ca.as_ref(),
            now,
        ],
    )
    .await
}

/// A provider.
///
/// # Errors
/// The store's.
pub async fn find(conn: &mut Conn, id: IdentityProviderId) -> Result<Option<IdentityProvider>, StoreError> {
    conn.find("SELECT * FROM identity_providers WHERE id = ?1", params![id]).await
}

/// A provider with its secret.
///
/// # Errors
/// The store's.
pub async fn find_whole(conn: &mut Conn, id: IdentityProviderId) -> Result<Option<Whole>, StoreError> {
    conn.find("SELECT * FROM identity_providers WHERE id = ?1", params![id]).await
}

/// Every provider that is enabled, by name.
///
/// # Errors
/// The store's.
pub async fn enabled(conn: &mut Conn) -> Result<Vec<IdentityProvider>, StoreError> {
    conn.query("SELECT * FROM identity_providers WHERE enabled = TRUE ORDER BY name, id", &[]).await
}

/// How many there are.
///
/// # Errors
/// The store's.
pub async fn count(conn: &mut Conn) -> Result<u64, StoreError> {
    conn.one("SELECT COUNT(*) FROM identity_providers", &[]).await
}

/// A page of providers.
///
/// # Errors
/// `BadCursor`.
pub async fn list(
    conn: &mut Conn,
    page: &PageRequest<IdentityProviderSort>,
) -> Result<Page<IdentityProvider>, StoreError> {
    Select::from("identity_providers").page(conn, page).await
}

const UPDATE: &str = "UPDATE identity_providers SET name = ?3, connection = ?4, allows_sign_up = ?5, \
    default_role = ?6, group_roles = ?7, device_limit = ?8, enabled = ?9, search = ?10, ca = ?11, updated_at = ?12, \
    revision = revision + 1 WHERE id = ?1 AND revision = ?2 RETURNING *";

/// Writes a provider's fields, without its secret, if the row still has the expected revision.
///
/// # Errors
/// `Stale`, `NotFound`, `Conflict(ProviderName)`.
pub async fn update(
    tx: &mut Tx,
    it: &IdentityProvider,
    expected: i64,
    now: Timestamp,
) -> Result<IdentityProvider, StoreError> {
    let rules = &it.rules;
    let params = params![
        it.id,
        expected,
        &it.name,
        Json(&it.connection),
        rules.allows_sign_up,
        rules.default_role,
        Json(&rules.group_roles),
        rules.device_limit,
        it.enabled,
        fold(it.name.as_str()),
        it.ca.as_ref(),
        now,
    ];
    match tx.find(UPDATE, params).await? {
        Some(provider) => Ok(provider),
        None => Err(stale_or_missing(tx, "identity_providers", it.id.bind()).await?),
    }
}

/// Puts another sealed secret in place, or none.
///
/// # Errors
/// The store's.
pub async fn set_secret(
    tx: &mut Tx,
    id: IdentityProviderId,
    secret: Option<Vec<u8>>,
) -> Result<(), StoreError> {
    tx.execute("UPDATE identity_providers SET secret = ?2 WHERE id = ?1", params![id, secret]).await.map(drop)
}

/// Removes a provider, and with it every account's link to it.
///
/// # Errors
/// The store's.
pub async fn delete(tx: &mut Tx, id: IdentityProviderId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM identity_providers WHERE id = ?1", params![id]).await.map(drop)
}

impl FromRow for IdentityProvider {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Whole::from_row(row)?.provider)
    }
}

impl FromRow for Whole {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let secret: Option<Vec<u8>> = row.take("secret")?;
        let provider = IdentityProvider {
            id: row.take("id")?,
            name: row.take("name")?,
            connection: row.take::<Json<_>>("connection")?.0,
            ca: row.take("ca")?,
            has_secret: secret.is_some(),
            rules: SignUpRules {
                allows_sign_up: row.take("allows_sign_up")?,
                default_role: row.take("default_role")?,
                group_roles: row.take::<Json<_>>("group_roles")?.0,
                device_limit: row.take("device_limit")?,
            },
            enabled: row.take("enabled")?,
            revision: row.take("revision")?,
            created_at: row.take("created_at")?,
            updated_at: row.take("updated_at")?,
        };
        Ok(Self { provider, secret })
    }
}
