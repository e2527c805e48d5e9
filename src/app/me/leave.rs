//! Leaving: one's own account is deleted by its owner.

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::me::{Me, require_session};
use crate::app::noun;
use crate::app::users::{facts, live, remove};
use crate::domain::access::Action;
use crate::store::audit;
use crate::store::backend::Tx;

impl Me<'_> {
    /// Deletes one's own account with its devices. Operators can restore it until a purge.
    pub async fn delete(&self, ctx: &Ctx, password: &str) -> Result<()> {
        let id = ctx.user(Action::MeDelete)?;
        self.prove(ctx, Action::MeDelete, "/password", password).await?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, Action::MeDelete.as_str(), ("user", id.to_string()));
        let actor = ctx.actor;
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                require_session(tx, &actor, now).await?;
                let user = live(tx, id).await?;
                remove(tx, &user, now).await?;
                audit::insert(tx, &event.removed(facts(&user))).await?;
                Ok::<_, AppError>(())
            })
            .await
            .map_err(noun("user"))?;
        app.user_changed();
        Ok(())
    }
}
