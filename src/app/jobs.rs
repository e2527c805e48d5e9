//! Work the service does by itself, each a step that may be repeated.

use std::time::Duration;

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::app::idempotency::KEPT;
use crate::store::backend::Tx;
use crate::store::{devices, idempotency, links, sessions};

/// How long an ended session can be told from one that never was.
const SESSIONS_KEPT: Duration = Duration::from_secs(7 * 86_400);

/// How long deleting a device can be undone: a month of absence, after which its key and addresses are free again.
const DEVICES_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Devices that one transaction purges: few enough that others wait for milliseconds.
const DEVICES_AT_ONCE: u32 = 200;

/// Transactions of one step: what is left waits for the next step, which comes within minutes.
const BATCHES: u32 = 50;

impl App {
    /// Forgets keys, links, sessions and deleted devices whose time is over.
    pub async fn purge_step(&self) -> Result<()> {
        let now = self.now();
        let (keys, ended) = (now.before(KEPT), now.before(SESSIONS_KEPT));
        self.core
            .store
            .write(async move |tx: &mut Tx| {
                idempotency::purge(tx, keys).await?;
                links::purge(tx, ended).await?;
                sessions::purge(tx, ended).await?;
                Ok::<_, AppError>(())
            })
            .await?;
        self.purge_devices().await
    }

    async fn purge_devices(&self) -> Result<()> {
        let before = self.now().before(DEVICES_KEPT);
        for _ in 0..BATCHES {
            let purged = self
                .core
                .store
                .write(async move |tx: &mut Tx| {
                    Ok::<_, AppError>(devices::purge(tx, before, DEVICES_AT_ONCE).await?)
                })
                .await?;
            if purged < u64::from(DEVICES_AT_ONCE) {
                break;
            }
        }
        Ok(())
    }
}
