//! Devices counted by state, for metrics and the overview.
//!
//! Invariant: the rules are those of `domain::device`, in its order; the conformance suite holds the two together.

use std::collections::BTreeMap;

use crate::domain::device::DeviceState;
use crate::domain::time::Timestamp;
use crate::store::backend::Conn;
use crate::store::error::StoreError;
use crate::store::value::{Row, params};

const COUNT: &str = "SELECT state, COUNT(*) AS devices FROM (SELECT CASE \
    WHEN d.disabled OR o.disabled OR o.deleted_at IS NOT NULL THEN 'disabled' \
    WHEN d.expires_at <= ?1 OR o.expires_at <= ?1 \
        OR d.first_handshake_at + d.duration_s * 1000 <= ?1 THEN 'expired' \
    WHEN COALESCE(u.rx_bytes, 0) + COALESCE(u.tx_bytes, 0) >= d.data_limit_bytes \
        OR o.retired_bytes + COALESCE(s.used, 0) >= o.data_limit_bytes THEN 'limited' \
    WHEN d.duration_s IS NOT NULL AND d.first_handshake_at IS NULL THEN 'on_hold' \
    ELSE 'active' END AS state \
    FROM devices AS d JOIN users AS o ON o.id = d.user_id LEFT JOIN usage AS u ON u.device_id = d.id \
    LEFT JOIN (SELECT m.user_id, CAST(SUM(t.rx_bytes + t.tx_bytes) AS BIGINT) AS used FROM devices AS m \
        JOIN usage AS t ON t.device_id = m.id GROUP BY m.user_id) AS s ON s.user_id = o.id \
    WHERE d.deleted_at IS NULL) AS states GROUP BY state";

/// How many devices are in each state; a state without devices is zero.
///
/// # Errors
/// The store's.
pub async fn count(conn: &mut Conn, now: Timestamp) -> Result<BTreeMap<DeviceState, u64>, StoreError> {
    let mut counts: BTreeMap<DeviceState, u64> =
        DeviceState::ALL.into_iter().map(|state| (state, 0)).collect();
    let rows: Vec<Row> = conn.query(COUNT, params![now]).await?;
    for mut row in rows {
        let name: String = row.take("state")?;
        let devices: u64 = row.take("devices")?;
        if let Some(state) = DeviceState::ALL.into_iter().find(|state| state.as_str() == name) {
            counts.insert(state, devices);
        }
    }
    Ok(counts)
}
