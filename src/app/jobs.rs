//! Work the service does by itself, each a step that may be repeated.

use std::time::Duration;

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::app::idempotency::KEPT;
use crate::store::backend::Tx;
use crate::store::{idempotency, links, sessions};

/// How long an ended session can be told from one that never was.
const SESSIONS_KEPT: Duration = Duration::from_secs(7 * 86_400);

impl App {
    /// Forgets keys, links and sessions whose time is over.
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
            .await
    }
}
