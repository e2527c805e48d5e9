//! What has moved and what was done a moment ago, for live events.
//!
//! Invariant: reads only, and only a window of seconds that the caller names.

use crate::domain::id::{AuditEventId, DeviceId, UserId};
use crate::domain::live::ChangedThing;
use crate::domain::time::Timestamp;
use crate::domain::usage::Traffic;
use crate::store::backend::Conn;
use crate::store::error::StoreError;
use crate::store::fields::Json;
use crate::store::value::{FromRow, Row, params};

/// A device's counters as its last report left them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// The device.
    pub device: DeviceId,
    /// Whose it is.
    pub user: UserId,
    /// Its bytes.
    pub traffic: Traffic,
    /// When it last shook hands.
    pub last_handshake_at: Option<Timestamp>,
    /// When that was reported.
    pub reported_at: Timestamp,
}

/// An act, with the thing that it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The event that tells of it.
    pub event: AuditEventId,
    /// The thing; none where it was refused, or was about nothing.
    pub changed: Option<ChangedThing>,
}

/// The counters that were reported since a time. Reads a narrow table whole: 50,000 devices take some ten milliseconds.
///
/// # Errors
/// The store's.
pub async fn reported_since(conn: &mut Conn, since: Timestamp) -> Result<Vec<Counters>, StoreError> {
    const SQL: &str = "SELECT u.device_id, d.user_id, u.rx_bytes, u.tx_bytes, u.last_handshake_at, u.updated_at \
        FROM usage AS u JOIN devices AS d ON d.id = u.device_id WHERE u.updated_at >= ?1 AND d.deleted_at IS NULL";
    conn.query(SQL, params![since]).await
}

/// What was done since a time, newest first, at most `limit`.
///
/// # Errors
/// The store's.
pub async fn done_since(conn: &mut Conn, since: Timestamp, limit: u32) -> Result<Vec<Act>, StoreError> {
    const SQL: &str = "SELECT id, actor_id, target_kind, target_id, before_state, after_state \
        FROM audit_events WHERE at >= ?1 AND outcome = 'done' ORDER BY at DESC, id DESC LIMIT ?2";
    conn.query(SQL, params![since, limit]).await
}

impl FromRow for Counters {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            device: row.take("device_id")?,
            user: row.take("user_id")?,
            traffic: Traffic { rx_bytes: row.take("rx_bytes")?, tx_bytes: row.take("tx_bytes")? },
            last_handshake_at: row.take("last_handshake_at")?,
            reported_at: row.take("updated_at")?,
        })
    }
}

impl FromRow for Act {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let (kind, id): (String, Option<String>) = (row.take("target_kind")?, row.take("target_id")?);
        let state = |found: Option<Json<_>>| found.map(|json| json.0);
        let (before, after) = (state(row.take("before_state")?), state(row.take("after_state")?));
        let (actor, event) = (row.take("actor_id")?, row.take("id")?);
        let changed = id.map(|id| ChangedThing::new(kind, id, actor, (before.as_ref(), after.as_ref())));
        Ok(Self { event, changed })
    }
}
