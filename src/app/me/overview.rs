//! What the service knows of one's own account: usage, and everything, for taking it away.

use crate::app::ctx::Ctx;
use crate::app::devices::DailyUsage;
use crate::app::error::{AppError, Result};
use crate::app::me::Me;
use crate::app::users::{UserItem, live};
use crate::domain::access::Action;
use crate::domain::audit::AuditEvent;
use crate::domain::page::{Page, PageRequest};
use crate::store::audit::{AuditFilter, AuditSort};
use crate::store::backend::{Conn, Tx};
use crate::store::{audit, devices, sessions, usage};

/// What all devices of an account have moved.
#[derive(Debug, Clone)]
pub struct OwnUsage {
    /// Bytes of all time that count against the limit, both ways.
    pub used_bytes: u64,
    /// Bytes that may be moved.
    pub data_limit_bytes: Option<u64>,
    /// Devices there are.
    pub devices: u64,
    /// Devices there may be.
    pub device_limit: Option<u32>,
    /// The last thirty days, those on which something moved.
    pub days: Vec<DailyUsage>,
}

/// Days of a summary.
const DAYS: i64 = 30;

impl Me<'_> {
    /// What one's own devices have moved.
    pub async fn usage(&self, ctx: &Ctx) -> Result<OwnUsage> {
        let id = ctx.user(Action::MeUsage)?;
        let today = self.0.now().day();
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| {
                let user = live(on, id).await?;
                Ok::<_, AppError>(OwnUsage {
                    used_bytes: usage::of_user(on, id).await?,
                    data_limit_bytes: user.data_limit_bytes,
                    devices: devices::count_of_user(on, id).await?,
                    device_limit: user.device_limit,
                    days: usage::daily_of_user(on, id, today - DAYS + 1, today).await?,
                })
            })
            .await
    }

    /// Ends one's own sessions but the one that asks.
    pub async fn end_others(&self, ctx: &Ctx) -> Result<()> {
        let id = ctx.user(Action::MeSessionsEndOthers)?;
        let app = self.0;
        let now = app.now();
        let own = ctx.actor.session();
        let event = app.event(ctx, Action::MeSessionsEndOthers.as_str(), ("user", id.to_string()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                sessions::revoke_of_user(tx, id, own, now).await?;
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(())
            })
            .await?;
        app.core.authorities.forget_all();
        Ok(())
    }

    /// Begins to hand out all that is known of one's own account.
    pub async fn export(&self, ctx: &Ctx) -> Result<UserItem> {
        let id = ctx.user(Action::MeExport)?;
        let app = self.0;
        let event = app.event(ctx, Action::MeExport.as_str(), ("user", id.to_string()));
        app.core
            .store
            .write(async move |tx: &mut Tx| Ok::<_, AppError>(audit::insert(tx, &event).await?))
            .await?;
        self.get(ctx).await
    }

    /// A page of what one did oneself, for the export.
    pub async fn export_audit(&self, ctx: &Ctx, page: PageRequest<AuditSort>) -> Result<Page<AuditEvent>> {
        let filter = AuditFilter { actor: Some(ctx.user(Action::MeExport)?), ..AuditFilter::default() };
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(audit::list(on, &filter, &page).await?))
            .await
    }

    /// Today, by the service's clock.
    pub fn today(&self) -> i64 {
        self.0.now().day()
    }
}
