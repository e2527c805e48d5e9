//! One's own links to people at identity providers.
//!
//! Invariant: nobody is left without a way in: the last link of an account without a password stays.

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::sign_in::identity_facts;
use crate::domain::access::Action;
use crate::domain::external_identity::ExternalIdentity;
use crate::domain::id::ExternalIdentityId;
use crate::store::backend::{Conn, Tx};
use crate::store::{audit, external_identities, users};

/// The use cases of one's own links.
#[derive(Debug, Clone, Copy)]
pub struct Identities<'a>(pub(in crate::app) &'a App);

impl Identities<'_> {
    /// One's own links, the oldest first.
    pub async fn list(&self, ctx: &Ctx) -> Result<Vec<ExternalIdentity>> {
        let user = ctx.user(Action::MeIdentityList)?;
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(external_identities::of_user(on, user).await?))
            .await
    }

    /// Removes one of one's own links. Who signs in by it is not signed in by it any more.
    pub async fn delete(&self, ctx: &Ctx, id: ExternalIdentityId) -> Result<()> {
        let user = ctx.user(Action::MeIdentityDelete)?;
        let app = self.0;
        let action = Action::MeIdentityDelete.as_str();
        let event = app.event(ctx, action, ("external_identity", id.to_string()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let found = external_identities::find(tx, id).await?.filter(|it| it.user == user);
                let identity = found.ok_or(AppError::not_found("link"))?;
                let has_password = users::get(tx, user).await?.has_password;
                if !has_password && external_identities::of_user(tx, user).await?.len() < 2 {
                    return Err(AppError::conflict(
                        "last_way_in",
                        "this account has no password, so without this link nobody could sign in to it; have a password set first",
                    ));
                }
                external_identities::delete(tx, id).await?;
                audit::insert(tx, &event.removed(identity_facts(&identity))).await?;
                Ok::<_, AppError>(())
            })
            .await
    }
}
