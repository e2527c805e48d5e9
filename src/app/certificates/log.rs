//! The log of each certificate's orders: written while they go on, read by operators.
//!
//! Invariant: no order waits for its log for long, or fails by it.

use std::time::Duration;

use tracing::warn;

use super::Certificates;
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::domain::access::Action;
use crate::domain::certificate::CertificateName;
use crate::domain::certificate_log::{LogLine, Step};
use crate::store::backend::{Conn, Tx};
use crate::store::{certificate_log, certificates};
use crate::telemetry::chain::chain;

/// How long an order waits for a line to be written: a database that is slower than this is away.
const PATIENCE: Duration = Duration::from_secs(3);

impl Certificates<'_> {
    /// What was done to get one, newest last. One that is not ordered here has no lines.
    pub async fn log(&self, ctx: &Ctx, name: &CertificateName) -> Result<Vec<LogLine>> {
        ctx.require(Action::CertificateLog)?;
        let app = self.0;
        let is_served = app.served_items(app.now()).any(|item| item.name == *name);
        let name = name.clone();
        app.core
            .store
            .read(async move |on: &mut Conn| {
                let lines = certificate_log::list(on, &name).await?;
                if lines.is_empty() && !is_served && certificates::find(on, &name).await?.is_none() {
                    return Err(AppError::not_found("certificate"));
                }
                Ok(lines)
            })
            .await
    }
}

impl App {
    /// Writes a step down. Where that cannot be, the log has a gap and the order goes on.
    pub(super) async fn note_step(&self, name: &CertificateName, step: Step) {
        let (row, now) = (name.clone(), self.now());
        let write =
            async move |tx: &mut Tx| Ok::<_, AppError>(certificate_log::append(tx, &row, now, &step).await?);
        match tokio::time::timeout(PATIENCE, self.core.store.write(write)).await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => warn!(error = %chain(&cause), "the log of the orders for {name} has a gap"),
            Err(_) => warn!("the log of the orders for {name} has a gap: the database did not answer"),
        }
    }
}
