//! The audit: who did what.

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::domain::access::Action;
use crate::domain::audit::{AuditEvent, Outcome};
use crate::domain::page::{Cursor, Limit, Order, Page, PageRequest};
use crate::store::audit;
pub use crate::store::audit::{AuditFilter, AuditSort};
use crate::store::backend::{Conn, Tx};

/// The use cases of the audit.
#[derive(Debug, Clone, Copy)]
pub struct Audit<'a>(pub(in crate::app) &'a App);

impl Audit<'_> {
    /// A page of events.
    pub async fn list(
        &self,
        ctx: &Ctx,
        filter: AuditFilter,
        page: PageRequest<AuditSort>,
    ) -> Result<Page<AuditEvent>> {
        ctx.require(Action::AuditList)?;
        self.page(filter, page).await
    }

    /// The next part of an export, oldest events first.
    pub async fn export(
        &self,
        ctx: &Ctx,
        filter: AuditFilter,
        after: Option<Cursor>,
    ) -> Result<Page<AuditEvent>> {
        ctx.require(Action::AuditExport)?;
        let limit = Limit::MOST;
        let page = PageRequest { limit, sort: AuditSort::At, order: Order::Asc, after, search: None };
        self.page(filter, page).await
    }

    async fn page(&self, filter: AuditFilter, page: PageRequest<AuditSort>) -> Result<Page<AuditEvent>> {
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(audit::list(on, &filter, &page).await?))
            .await
    }
}

impl App {
    /// Writes down an act that was refused, outside any transaction: there is none to be part of.
    pub(in crate::app) async fn refused(
        &self,
        ctx: &Ctx,
        action: &str,
        target: (&str, String),
    ) -> Result<()> {
        let mut event = self.event(ctx, action, target);
        event.outcome = Outcome::Refused;
        self.core
            .store
            .write(async move |tx: &mut Tx| Ok::<_, AppError>(audit::insert(tx, &event).await?))
            .await?;
        Ok(())
    }
}
