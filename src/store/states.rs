//! Devices counted by state, for metrics and the overview.
//!
//! Invariant: the rules are those of `domain::device`, in its order; the conformance suite holds the two together.

use std::collections::BTreeMap;

use crate::domain::device::DeviceState;
use crate::domain::time::Timestamp;
use crate::store::backend::Conn;
use crate::store::error::StoreError;
use crate::store::value::{Row, params};

/// The state of a device by its row and, as `o` and `u`, its owner's and its usage. `used` sums what the owner's devices
/// have moved, `now` is the time.
fn rule(device: &str, used: &str, now: &str) -> String {
    format!(
        "CASE WHEN {device}.disabled OR o.disabled OR o.deleted_at IS NOT NULL THEN 'disabled' \
         WHEN {device}.expires_at <= {now} OR o.expires_at <= {now} \
            OR {device}.first_handshake_at + {device}.duration_s * 1000 <= {now} THEN 'expired' \
         WHEN COALESCE(u.rx_bytes, 0) + COALESCE(u.tx_bytes, 0) >= {device}.data_limit_bytes \
            OR (o.data_limit_bytes IS NOT NULL AND o.retired_bytes + {used} >= o.data_limit_bytes) THEN 'limited' \
         WHEN {device}.duration_s IS NOT NULL AND {device}.first_handshake_at IS NULL THEN 'on_hold' \
         ELSE 'active' END"
    )
}

/// A condition on rows of `devices`: their state is this one at the time that stands for `{}`. It is judged row by row, in
/// the order of the list, so a page of a common state costs little.
pub(super) fn condition(state: DeviceState) -> String {
    const USED: &str = "(SELECT CAST(COALESCE(SUM(t.rx_bytes + t.tx_bytes), 0) AS BIGINT) FROM devices AS m \
        JOIN usage AS t ON t.device_id = m.id WHERE m.user_id = o.id)";
    format!(
        "EXISTS (SELECT 1 FROM users AS o LEFT JOIN usage AS u ON u.device_id = devices.id \
         WHERE o.id = devices.user_id AND {rule} = '{state}')",
        rule = rule("devices", USED, "{}"),
        state = state.as_str(),
    )
}

fn count_all() -> String {
    format!(
        "SELECT state, COUNT(*) AS devices FROM (SELECT {rule} AS state \
         FROM devices AS d JOIN users AS o ON o.id = d.user_id LEFT JOIN usage AS u ON u.device_id = d.id \
         LEFT JOIN (SELECT m.user_id, CAST(SUM(t.rx_bytes + t.tx_bytes) AS BIGINT) AS used FROM devices AS m \
            JOIN usage AS t ON t.device_id = m.id GROUP BY m.user_id) AS s ON s.user_id = o.id \
         WHERE d.deleted_at IS NULL) AS states GROUP BY state",
        rule = rule("d", "COALESCE(s.used, 0)", "?1"),
    )
}

/// How many devices are in each state; a state without devices is zero.
///
/// # Errors
/// The store's.
pub async fn count(conn: &mut Conn, now: Timestamp) -> Result<BTreeMap<DeviceState, u64>, StoreError> {
    let mut counts: BTreeMap<DeviceState, u64> =
        DeviceState::ALL.into_iter().map(|state| (state, 0)).collect();
    let rows: Vec<Row> = conn.query(&count_all(), params![now]).await?;
    for mut row in rows {
        let name: String = row.take("state")?;
        let devices: u64 = row.take("devices")?;
        if let Some(state) = DeviceState::ALL.into_iter().find(|state| state.as_str() == name) {
            counts.insert(state, devices);
        }
    }
    Ok(counts)
}
