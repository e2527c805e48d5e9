//! Takes in what nodes report: bytes, handshakes, health.
//!
//! Invariant: a repeated report adds nothing, and a limit that is reached stops the device in the same transaction.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::domain::device::Surroundings;
use crate::domain::diagnosis::Whereabouts;
use crate::domain::id::{DeviceId, NodeId, UserId};
use crate::domain::message::{DeviceReport, Report};
use crate::domain::time::Timestamp;
use crate::domain::usage::{Rate, Traffic};
use crate::store::backend::Tx;
use crate::store::peers::PeerFacts;
use crate::store::{nodes, peers, sequences, usage};

/// The intake of reports.
#[derive(Debug, Clone, Copy)]
pub struct UsageIntake<'a>(pub(in crate::app) &'a App);

/// Devices of a report that one transaction takes in, so that other writes get their turn between.
const BATCH: usize = 200;

impl UsageIntake<'_> {
    /// Takes in a report.
    pub async fn report(&self, node: NodeId, report: Report) -> Result<()> {
        let app = self.0;
        let now = app.now();
        let Report { applied_sequence, devices: reported, health } = report;
        let mut stopped = false;
        let mut moved = Traffic::default();
        for batch in reported.chunks(BATCH) {
            let devices: Vec<DeviceReport> = batch.to_vec();
            let taken =
                app.core.store.write(async move |tx: &mut Tx| record(tx, node, &devices, now).await).await?;
            stopped |= taken.has_changed_states;
            moved += taken.moved;
            for device in batch {
                app.core.devices.forget(&device.device);
                self.note_whereabouts(device, now);
            }
        }
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let seen = nodes::find(tx, node).await?.and_then(|node| node.last_seen_at);
                let rate = seen.map(|at| Rate::over(moved, now.since(at))).unwrap_or_default();
                Ok::<_, AppError>(nodes::seen(tx, node, applied_sequence, &health, rate, now).await?)
            })
            .await?;
        if stopped {
            // A user's limit stops devices that this report does not name.
            app.core.devices.forget_all();
            app.publish();
        }
        Ok(())
    }

    /// Where a device is heard from stays in this process.
    fn note_whereabouts(&self, report: &DeviceReport, now: Timestamp) {
        let Some(address) = report.endpoint else { return };
        let whereabouts = &self.0.core.whereabouts;
        let heard = Whereabouts::heard(whereabouts.find(&report.device), address, now);
        whereabouts.keep(whereabouts.moment(), report.device, heard);
    }
}

/// What a batch brought.
struct Taken {
    /// Whether a device came to its end by it, or began its time.
    has_changed_states: bool,
    moved: Traffic,
}

/// Records a batch.
async fn record(tx: &mut Tx, node: NodeId, batch: &[DeviceReport], now: Timestamp) -> Result<Taken> {
    let before = sequences::current(tx, sequences::DESIRED).await?;
    let mut moved = Traffic::default();
    let mut grown: BTreeMap<DeviceId, u64> = BTreeMap::new();
    for (device, traffic) in usage::record(tx, node, batch, now).await? {
        moved += traffic;
        grown.insert(device, traffic.total_bytes());
    }
    let ids: Vec<DeviceId> = grown.keys().copied().collect();
    let facts = peers::of_devices(tx, &ids).await?;
    for user in ended(&facts, &grown, now) {
        // The user's other devices may have come to the same end.
        peers::touch_user(tx, user).await?;
    }
    let has_changed_states = sequences::current(tx, sequences::DESIRED).await? != before;
    Ok(Taken { has_changed_states, moved })
}

/// The users some of whose devices were peers before they grew by so many bytes, and now are none.
fn ended(facts: &[PeerFacts], grown: &BTreeMap<DeviceId, u64>, now: Timestamp) -> BTreeSet<UserId> {
    let growth = |device: DeviceId| grown.get(&device).copied().unwrap_or_default();
    let mut by_user: BTreeMap<UserId, u64> = BTreeMap::new();
    for it in facts {
        *by_user.entry(it.device.user).or_default() += growth(it.device.id);
    }
    let crossed = |it: &&PeerFacts| {
        let user_growth = by_user.get(&it.device.user).copied().unwrap_or_default();
        let before = Surroundings {
            device_used_bytes: it.around.device_used_bytes.saturating_sub(growth(it.device.id)),
            user_used_bytes: it.around.user_used_bytes.saturating_sub(user_growth),
            ..it.around
        };
        it.device.state(&before, now) != it.device.state(&it.around, now)
    };
    facts.iter().filter(crossed).map(|it| it.device.user).collect()
}
