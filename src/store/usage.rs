//! Bytes that devices moved.
//!
//! Invariant: a node's counters are cumulative and only their growth is added, so a report that comes twice counts once.

use std::collections::BTreeMap;

use crate::domain::id::{DeviceId, NetworkId, NodeId, UserId};
use crate::domain::message::DeviceReport;
use crate::domain::time::Timestamp;
use crate::domain::usage::{Reading, Traffic, growth};
use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::list::{groups, members};
use crate::store::sequences::{self, DESIRED};
use crate::store::value::{Bind, FromRow, Row, Value, params};

/// Devices handled by one statement. Both databases take far more parameters; larger statements only get slower to plan.
const CHUNK: usize = 200;

/// A device's bytes on all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// The device.
    pub device: DeviceId,
    /// Its bytes.
    pub traffic: Traffic,
    /// When it last shook hands.
    pub last_handshake_at: Option<Timestamp>,
}

/// A device's bytes on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyUsage {
    /// Days since 1970-01-01 in UTC.
    pub day: i64,
    /// The bytes.
    pub traffic: Traffic,
}

/// Takes a node's counters in. Devices that are gone are passed over. Answers those that grew, with their growth.
///
/// # Errors
/// `Conflict(Reference)` for an unknown node.
pub async fn record(
    tx: &mut Tx,
    node: NodeId,
    reports: &[DeviceReport],
    now: Timestamp,
) -> Result<Vec<(DeviceId, Traffic)>, StoreError> {
    // The last report of a device within one batch is the newest; a statement may touch a row once.
    let newest: BTreeMap<DeviceId, DeviceReport> =
        reports.iter().map(|report| (report.device, report.clone())).collect();
    let newest: Vec<DeviceReport> = newest.into_values().collect();
    let mut grown = Vec::new();
    for chunk in newest.chunks(CHUNK) {
        grown.extend(record_chunk(tx, node, chunk, now).await?);
    }
    Ok(grown)
}

async fn record_chunk(
    tx: &mut Tx,
    node: NodeId,
    reports: &[DeviceReport],
    now: Timestamp,
) -> Result<Vec<(DeviceId, Traffic)>, StoreError> {
    let known = known(tx, node, reports).await?;
    let mut readings = Vec::new();
    let mut totals = Vec::new();
    let mut days = Vec::new();
    let mut grown = Vec::new();
    let mut by_network: BTreeMap<NetworkId, Traffic> = BTreeMap::new();
    for report in reports {
        let Some(known) = known.get(&report.device) else { continue };
        let grew = growth(known.reading, report.reading);
        if known.reading.is_none_or(|last| last.epoch <= report.reading.epoch) {
            let seen = report.reading.traffic;
            readings.push([
                node.bind(),
                report.device.bind(),
                report.reading.epoch.bind(),
                seen.rx_bytes.bind(),
                seen.tx_bytes.bind(),
            ]);
        }
        let (rx, tx_) = (grew.rx_bytes.bind(), grew.tx_bytes.bind());
        let shook = report.last_handshake.bind();
        let shook_here = report.last_handshake.map(|_| node).bind();
        totals.push([report.device.bind(), rx.clone(), tx_.clone(), shook, shook_here, now.bind()]);
        if grew.total_bytes() > 0 {
            days.push([report.device.bind(), now.day().bind(), rx, tx_]);
            grown.push((report.device, grew));
            *by_network.entry(known.network).or_default() += grew;
        }
        if let (false, Some(first)) = (known.used_before, report.last_handshake) {
            begin_use(tx, report.device, first).await?;
        }
    }
    write_many(tx, READINGS, &readings).await?;
    write_many(tx, TOTALS, &totals).await?;
    write_many(tx, DAYS, &days).await?;
    let of_node: Vec<_> = by_network
        .into_iter()
        .map(|(network, grew)| {
            [now.day().bind(), network.bind(), node.bind(), grew.rx_bytes.bind(), grew.tx_bytes.bind()]
        })
        .collect();
    write_many(tx, NODE_DAYS, &of_node).await?;
    Ok(grown)
}

/// What is known of a device before a report.
struct Known {
    device: DeviceId,
    network: NetworkId,
    reading: Option<Reading>,
    used_before: bool,
}

async fn known(
    tx: &mut Tx,
    node: NodeId,
    reports: &[DeviceReport],
) -> Result<BTreeMap<DeviceId, Known>, StoreError> {
    let mut params = vec![node.bind()];
    params.extend(reports.iter().map(|report| report.device.bind()));
    let sql = format!(
        "SELECT d.id, d.network_id, d.first_handshake_at, r.epoch, r.rx_seen, r.tx_seen FROM devices AS d \
         LEFT JOIN usage_readings AS r ON r.device_id = d.id AND r.node_id = ?1 WHERE d.id IN ({})",
        members(reports.len(), 2)
    );
    let known: Vec<Known> = tx.query(&sql, &params).await?;
    Ok(known.into_iter().map(|known| (known.device, known)).collect())
}

/// A device's time may begin with its first handshake, so nodes hear of it.
async fn begin_use(tx: &mut Tx, device: DeviceId, first: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE devices SET first_handshake_at = ?2, changed_seq = ?3 \
        WHERE id = ?1 AND first_handshake_at IS NULL";
    let sequence = sequences::next(tx, DESIRED).await?;
    tx.execute(SQL, params![device, first, sequence]).await.map(drop)
}

/// A statement around its groups of values: before them and after them.
struct Many(&'static str, &'static str);

const READINGS: Many = Many(
    "INSERT INTO usage_readings (node_id, device_id, epoch, rx_seen, tx_seen) VALUES ",
    " ON CONFLICT (node_id, device_id) DO UPDATE SET epoch = excluded.epoch, \
      rx_seen = CASE WHEN excluded.epoch = usage_readings.epoch AND usage_readings.rx_seen > excluded.rx_seen \
      THEN usage_readings.rx_seen ELSE excluded.rx_seen END, \
      tx_seen = CASE WHEN excluded.epoch = usage_readings.epoch AND usage_readings.tx_seen > excluded.tx_seen \
      THEN usage_readings.tx_seen ELSE excluded.tx_seen END",
);

const TOTALS: Many = Many(
    "INSERT INTO usage (device_id, rx_bytes, tx_bytes, last_handshake_at, last_node_id, updated_at) VALUES ",
    " ON CONFLICT (device_id) DO UPDATE SET rx_bytes = usage.rx_bytes + excluded.rx_bytes, \
      tx_bytes = usage.tx_bytes + excluded.tx_bytes, updated_at = excluded.updated_at, \
      last_node_id = CASE WHEN usage.last_handshake_at > excluded.last_handshake_at \
      OR excluded.last_handshake_at IS NULL THEN usage.last_node_id ELSE excluded.last_node_id END, \
      last_handshake_at = CASE WHEN usage.last_handshake_at > excluded.last_handshake_at \
      OR excluded.last_handshake_at IS NULL THEN usage.last_handshake_at ELSE excluded.last_handshake_at END",
);

const DAYS: Many = Many(
    "INSERT INTO usage_daily (device_id, day, rx_bytes, tx_bytes) VALUES ",
    " ON CONFLICT (device_id, day) DO UPDATE SET rx_bytes = usage_daily.rx_bytes + excluded.rx_bytes, \
      tx_bytes = usage_daily.tx_bytes + excluded.tx_bytes",
);

/// A node's row of a day is written by its own reports alone, so no two nodes wait for one another.
const NODE_DAYS: Many = Many(
    "INSERT INTO usage_node_daily (day, network_id, node_id, rx_bytes, tx_bytes) VALUES ",
    " ON CONFLICT (day, network_id, node_id) DO UPDATE SET rx_bytes = usage_node_daily.rx_bytes + excluded.rx_bytes, \
      tx_bytes = usage_node_daily.tx_bytes + excluded.tx_bytes",
);

async fn write_many<const WIDTH: usize>(
    tx: &mut Tx,
    statement: Many,
    rows: &[[Value; WIDTH]],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!("{}{}{}", statement.0, groups(rows.len(), WIDTH, 1), statement.1);
    let params: Vec<Value> = rows.iter().flatten().cloned().collect();
    tx.execute(&sql, &params).await.map(drop)
}

/// The newest life of a counter that a node has told of, zero before the first.
///
/// # Errors
/// The store's.
pub async fn newest_epoch(conn: &mut Conn, node: NodeId) -> Result<i64, StoreError> {
    conn.one("SELECT COALESCE(MAX(epoch), 0) FROM usage_readings WHERE node_id = ?1", params![node]).await
}

/// Whether a report is new. Answers false, and changes nothing, for one that was taken in before.
///
/// # Errors
/// `Conflict(Reference)` for an unknown node.
pub async fn accept_report(tx: &mut Tx, node: NodeId, epoch: i64, sequence: i64) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO usage_reports (node_id, epoch, sequence) VALUES (?1, ?2, ?3) \
        ON CONFLICT (node_id) DO UPDATE SET epoch = excluded.epoch, sequence = excluded.sequence \
        WHERE excluded.epoch > usage_reports.epoch \
        OR (excluded.epoch = usage_reports.epoch AND excluded.sequence > usage_reports.sequence)";
    Ok(tx.execute(SQL, params![node, epoch, sequence]).await? > 0)
}

/// A device's bytes.
///
/// # Errors
/// The store's.
pub async fn find(conn: &mut Conn, device: DeviceId) -> Result<Option<Usage>, StoreError> {
    conn.find("SELECT * FROM usage WHERE device_id = ?1", params![device]).await
}

/// The bytes of all of a user's devices, purged ones among them.
///
/// # Errors
/// `NotFound`.
pub async fn of_user(conn: &mut Conn, user: UserId) -> Result<u64, StoreError> {
    const SQL: &str = "SELECT o.retired_bytes + (SELECT CAST(COALESCE(SUM(u.rx_bytes + u.tx_bytes), 0) AS BIGINT) \
        FROM devices AS d JOIN usage AS u ON u.device_id = d.id WHERE d.user_id = o.id) FROM users AS o WHERE o.id = ?1";
    conn.one(SQL, params![user]).await
}

/// A device's bytes by day, both days included, oldest first.
///
/// # Errors
/// The store's.
pub async fn daily(
    conn: &mut Conn,
    device: DeviceId,
    from_day: i64,
    to_day: i64,
) -> Result<Vec<DailyUsage>, StoreError> {
    const SQL: &str = "SELECT day, rx_bytes, tx_bytes FROM usage_daily \
        WHERE device_id = ?1 AND day >= ?2 AND day <= ?3 ORDER BY day";
    conn.query(SQL, params![device, from_day, to_day]).await
}

/// The bytes of all of a user's devices by day, both days included, oldest first.
///
/// # Errors
/// The store's.
pub async fn daily_of_user(
    conn: &mut Conn,
    user: UserId,
    from_day: i64,
    to_day: i64,
) -> Result<Vec<DailyUsage>, StoreError> {
    const SQL: &str = "SELECT u.day AS day, CAST(SUM(u.rx_bytes) AS BIGINT) AS rx_bytes, \
        CAST(SUM(u.tx_bytes) AS BIGINT) AS tx_bytes FROM usage_daily AS u JOIN devices AS d ON d.id = u.device_id \
        WHERE d.user_id = ?1 AND u.day >= ?2 AND u.day <= ?3 GROUP BY u.day ORDER BY u.day";
    conn.query(SQL, params![user, from_day, to_day]).await
}

/// The bytes of all of a user's devices in one network by day, both days included, oldest first.
///
/// # Errors
/// The store's.
pub async fn daily_of_user_in(
    conn: &mut Conn,
    user: UserId,
    network: NetworkId,
    from_day: i64,
    to_day: i64,
) -> Result<Vec<DailyUsage>, StoreError> {
    const SQL: &str = "SELECT u.day AS day, CAST(SUM(u.rx_bytes) AS BIGINT) AS rx_bytes, \
        CAST(SUM(u.tx_bytes) AS BIGINT) AS tx_bytes FROM usage_daily AS u JOIN devices AS d ON d.id = u.device_id \
        WHERE d.user_id = ?1 AND d.network_id = ?2 AND u.day >= ?3 AND u.day <= ?4 GROUP BY u.day ORDER BY u.day";
    conn.query(SQL, params![user, network, from_day, to_day]).await
}

/// The bytes of all devices by day, of one network where one is named, both days included, oldest first. Devices that
/// were purged since count too.
///
/// # Errors
/// The store's.
pub async fn daily_of_all(
    conn: &mut Conn,
    network: Option<NetworkId>,
    from_day: i64,
    to_day: i64,
) -> Result<Vec<DailyUsage>, StoreError> {
    let of_network = if network.is_some() { " AND network_id = ?3" } else { "" };
    let sql = format!(
        "SELECT day, CAST(SUM(rx_bytes) AS BIGINT) AS rx_bytes, CAST(SUM(tx_bytes) AS BIGINT) AS tx_bytes \
         FROM usage_node_daily WHERE day >= ?1 AND day <= ?2{of_network} GROUP BY day ORDER BY day"
    );
    let mut params = vec![from_day.bind(), to_day.bind()];
    params.extend(network.map(Bind::bind));
    conn.query(&sql, &params).await
}

/// Removes days before the one of a time, at most `limit` of devices; says how many. Devices' totals stay.
///
/// # Errors
/// The store's.
pub async fn purge_daily(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM usage_daily WHERE (device_id, day) IN \
        (SELECT device_id, day FROM usage_daily WHERE day < ?1 ORDER BY day LIMIT ?2)";
    tx.execute("DELETE FROM usage_node_daily WHERE day < ?1", params![before.day()]).await?;
    tx.execute(SQL, params![before.day(), limit]).await
}

impl FromRow for Known {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let epoch: Option<i64> = row.take("epoch")?;
        let reading = match epoch {
            Some(epoch) => Some(Reading {
                epoch,
                traffic: Traffic { rx_bytes: row.take("rx_seen")?, tx_bytes: row.take("tx_seen")? },
            }),
            None => None,
        };
        let first: Option<Timestamp> = row.take("first_handshake_at")?;
        Ok(Self {
            device: row.take("id")?,
            network: row.take("network_id")?,
            reading,
            used_before: first.is_some(),
        })
    }
}

impl FromRow for Usage {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            device: row.take("device_id")?,
            traffic: Traffic { rx_bytes: row.take("rx_bytes")?, tx_bytes: row.take("tx_bytes")? },
            last_handshake_at: row.take("last_handshake_at")?,
        })
    }
}

impl FromRow for DailyUsage {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            day: row.take("day")?,
            traffic: Traffic { rx_bytes: row.take("rx_bytes")?, tx_bytes: row.take("tx_bytes")? },
        })
    }
}
