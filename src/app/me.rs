//! One's own account.

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::sessions::work_error;
use crate::app::users::{UserItem, live};
use crate::domain::access::{Action, Actor};
use crate::secrets::password::{Password, PasswordHash, Verdict};
use crate::store::backend::{Conn, Tx};
use crate::store::{audit, sessions, users};

/// The use cases of one's own account.
#[derive(Debug, Clone, Copy)]
pub struct Me<'a>(pub(in crate::app) &'a App);

impl Me<'_> {
    /// One's own account.
    pub async fn get(&self, ctx: &Ctx) -> Result<UserItem> {
        let id = ctx.user(Action::MeGet)?;
        let user = self.0.core.store.read(async move |on: &mut Conn| live(on, id).await).await?;
        Ok(UserItem { state: user.state(self.0.now()), user })
    }

    /// Changes one's own password and ends one's other sessions. This one has to sign in again too:
    /// its tokens carry the epoch of the old password.
    pub async fn set_password(&self, ctx: &Ctx, current: &str, new: Password) -> Result<()> {
        let id = ctx.user(Action::MeSetPassword)?;
        let app = self.0;
        let now = app.now();
        let account = app
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(users::get_credentials(on, id).await?))
            .await?;
        let hash = account.password_hash;
        let hash = hash.ok_or_else(|| AppError::conflict("no_password", "this account has no password"))?;
        let hash = PasswordHash::parse(&hash).map_err(AppError::broken("reading a stored password hash"))?;
        let wrong = || AppError::invalid("/current_password", "is not your password");
        let current = Password::presented(current).map_err(|_| wrong())?;
        self.limit(ctx, id.to_string().as_str())?;
        match app.core.passwords.verify(&current, Some(&hash)).await.map_err(work_error)? {
            Verdict::Right { .. } => {}
            Verdict::Wrong => {
                app.refused(ctx, Action::MeSetPassword.as_str(), ("user", id.to_string())).await?;
                return Err(wrong());
            }
        }
        let hash = app.hash(&new).await?;
        let event = app.event(ctx, Action::MeSetPassword.as_str(), ("user", id.to_string()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                users::set_password(tx, id, &hash, now).await?;
                sessions::revoke_of_user(tx, id, None, now).await?;
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(())
            })
            .await?;
        app.core.authorities.forget_all();
        Ok(())
    }

    /// A stolen session must not be a way to guess the password.
    fn limit(&self, ctx: &Ctx, account: &str) -> Result<()> {
        let Actor::User { .. } = ctx.actor else { return Ok(()) };
        let now = self.0.now();
        let address = ctx.address.unwrap_or(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
        let limit = &self.0.core.login_limit;
        limit.check(address, account, now).map_err(|wait| AppError::TooMany {
            retry_after: std::time::Duration::from_secs(wait.seconds()),
        })?;
        limit.record_failure(address, account, now);
        Ok(())
    }
}
