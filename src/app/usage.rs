//! Takes in what nodes report: bytes, handshakes, health.
//!
//! Invariant: a repeated report adds nothing, and a limit that is reached stops the device in the same transaction.

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::domain::id::NodeId;
use crate::domain::message::{DeviceReport, Report};
use crate::domain::time::Timestamp;
use crate::store::backend::Tx;
use crate::store::usage::Recorded;
use crate::store::{devices, nodes, sequences, usage};

/// The intake of reports.
#[derive(Debug, Clone, Copy)]
pub struct UsageIntake<'a>(pub(in crate::app) &'a App);

/// Devices of a report that one transaction takes in, so that other writes get their turn between.
const BATCH: usize = 250;

impl UsageIntake<'_> {
    /// Takes in a report.
    pub async fn report(&self, node: NodeId, report: Report) -> Result<()> {
        let app = self.0;
        let now = app.now();
        let Report { applied_sequence, devices: reported, health } = report;
        let mut stopped = false;
        for batch in reported.chunks(BATCH) {
            let devices: Vec<DeviceReport> = batch.to_vec();
            stopped |= app
                .core
                .store
                .write(async move |tx: &mut Tx| record(tx, node, &devices, now).await)
                .await?;
            for device in batch {
                app.core.devices.forget(&device.device);
            }
        }
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                Ok::<_, AppError>(nodes::seen(tx, node, applied_sequence, &health, now).await?)
            })
            .await?;
        if stopped {
            // A user's limit stops devices that this report does not name.
            app.core.devices.forget_all();
            app.publish();
        }
        Ok(())
    }
}

/// Records a batch. True when a device came to its end by it, or began its time.
async fn record(tx: &mut Tx, node: NodeId, batch: &[DeviceReport], now: Timestamp) -> Result<bool> {
    let mut changed = false;
    for report in batch {
        let Some(recorded) = usage::record(tx, node, report, now).await? else { continue };
        let Recorded { device, around_before, around_after, .. } = &recorded;
        let began = device.duration_s.is_some() && device.first_handshake_at == report.last_handshake;
        if device.state(around_before, now) != device.state(around_after, now) || began {
            changed = true;
            let sequence = sequences::next(tx, sequences::DESIRED).await?;
            // The user's other devices may have come to the same end.
            devices::touch_user(tx, device.user, sequence).await?;
        }
    }
    Ok(changed)
}
