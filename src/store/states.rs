//! Devices counted by state, for metrics and the overview.
//!
//! Invariant: the rules are those of `domain::device`, in its order; the conformance suite holds the two together.

use std::collections::BTreeMap;

use crate::domain::device::DeviceState;
use crate::domain::time::Timestamp;
use crate::store::backend::Conn;
use crate::store::error::StoreError;
use crate::store::value::{Row, params};

/// The state of a device by its row and, as `o`, its owner's. `spent` says whether the owner's devices have moved what they
/// may, `now` is the time. What is dear to look up is looked up last, and only where there is a limit.
fn rule(device: &str, spent: &str, now: &str) -> String {
    format!(
        "CASE WHEN {device}.disabled OR o.disabled OR o.deleted_at IS NOT NULL THEN 'disabled' \
         WHEN {device}.expires_at <= {now} OR o.expires_at <= {now} \
            OR {device}.first_handshake_at + {device}.duration_s * 1000 <= {now} THEN 'expired' \
         WHEN ({device}.data_limit_bytes IS NOT NULL AND {device}.data_limit_bytes <= \
               COALESCE((SELECT u.rx_bytes + u.tx_bytes FROM usage AS u WHERE u.device_id = {device}.id), 0)) \
            OR (o.data_limit_bytes IS NOT NULL AND {spent}) THEN 'limited' \
         WHEN {device}.duration_s IS NOT NULL AND {device}.first_handshake_at IS NULL THEN 'on_hold' \
         ELSE 'active' END"
    )
}

/// A condition on rows of `devices`: their state is this one at the time that stands for `{}`. It is judged row by row, in
/// the order of the list, so a page of a common state costs little.
pub(super) fn condition(state: DeviceState) -> String {
    const SPENT: &str = "o.retired_bytes + (SELECT CAST(COALESCE(SUM(t.rx_bytes + t.tx_bytes), 0) AS BIGINT) \
        FROM devices AS m JOIN usage AS t ON t.device_id = m.id WHERE m.user_id = o.id) >= o.data_limit_bytes";
    format!(
        "EXISTS (SELECT 1 FROM users AS o WHERE o.id = devices.user_id AND {rule} = '{state}')",
        rule = rule("devices", SPENT, "{}"),
        state = state.as_str(),
    )
}

/// Owners that have moved what they may are found once, not for each of their devices; and each owner is read before the
/// own devices, which `devices_state_idx` holds side by side. A CROSS JOIN keeps SQLite to that order.
fn count_all() -> String {
    let count =
        |state: &DeviceState| format!("COUNT(CASE WHEN state = '{0}' THEN 1 END) AS {0}", state.as_str());
    format!(
        "WITH spent AS MATERIALIZED (SELECT o.id FROM users AS o CROSS JOIN devices AS m \
            LEFT JOIN usage AS t ON t.device_id = m.id WHERE o.data_limit_bytes IS NOT NULL AND m.user_id = o.id \
            GROUP BY o.id, o.retired_bytes, o.data_limit_bytes \
            HAVING o.retired_bytes + CAST(COALESCE(SUM(t.rx_bytes + t.tx_bytes), 0) AS BIGINT) >= o.data_limit_bytes), \
         states AS MATERIALIZED (SELECT {rule} AS state FROM users AS o CROSS JOIN devices AS d \
            WHERE d.user_id = o.id AND d.deleted_at IS NULL) SELECT {counts} FROM states",
        rule = rule("d", "o.id IN (SELECT id FROM spent)", "?1"),
        counts = DeviceState::ALL.iter().map(count).collect::<Vec<_>>().join(", "),
    )
}

/// How many devices are in each state; a state without devices is zero.
///
/// # Errors
/// The store's.
pub async fn count(conn: &mut Conn, now: Timestamp) -> Result<BTreeMap<DeviceState, u64>, StoreError> {
    let mut row: Row = conn.one(&count_all(), params![now]).await?;
    DeviceState::ALL.into_iter().map(|state| Ok((state, row.take(state.as_str())?))).collect()
}
