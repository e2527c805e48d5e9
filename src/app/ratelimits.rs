//! The limits of sign-in, as operators see them and lift them.
//!
//! They are this process's own: another replica holds others.

use std::net::IpAddr;

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::login_limit::{Held, Holding};
use crate::domain::access::Action;
use crate::domain::name::Login;
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::{audit, users};

/// The use cases of the limits.
#[derive(Debug, Clone, Copy)]
pub struct RateLimits<'a>(pub(in crate::app) &'a App);

/// Who has failed lately.
#[derive(Debug, Clone)]
pub struct RateLimitItem {
    /// Failures, and until when to wait.
    pub held: Held,
    /// The account's login, where the account exists.
    pub login: Option<Login>,
}

/// What the limits hold.
#[derive(Debug, Clone)]
pub struct RateLimitList {
    /// Failures of the last minute.
    pub recent_failures: u32,
    /// Until when addresses that nobody signed in from are slowed down.
    pub alarm_until: Option<Timestamp>,
    /// Addresses, who must wait longest first.
    pub addresses: Vec<Held>,
    /// Accounts, in the same way.
    pub accounts: Vec<RateLimitItem>,
}

/// Who may try again at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unban {
    /// An address, with its whole /64.
    Address(IpAddr),
    /// An account.
    Login(Login),
}

impl RateLimits<'_> {
    /// What this process holds.
    pub async fn list(&self, ctx: &Ctx) -> Result<RateLimitList> {
        ctx.require(Action::RatelimitList)?;
        let app = self.0;
        let Holding { recent_failures, alarm_until, addresses, accounts } =
            app.core.login_limit.list(app.now());
        let accounts = app
            .core
            .store
            .read(async move |on: &mut Conn| {
                let mut items = Vec::with_capacity(accounts.len());
                for held in &accounts {
                    let user = match held.user {
                        Some(id) => users::find(on, id).await?,
                        None => None,
                    };
                    items.push(RateLimitItem { held: held.clone(), login: user.map(|user| user.login) });
                }
                Ok::<_, AppError>(items)
            })
            .await?;
        Ok(RateLimitList { recent_failures, alarm_until, addresses, accounts })
    }

    /// Lets an address or an account try again at once. One that did not have to wait is no error.
    pub async fn unban(&self, ctx: &Ctx, who: Unban) -> Result<()> {
        ctx.require(Action::RatelimitUnban)?;
        let app = self.0;
        let limit = &app.core.login_limit;
        let target = match who {
            Unban::Address(address) => {
                limit.unban_address(address, app.now());
                ("address", address.to_string())
            }
            Unban::Login(login) => {
                let key = login.clone();
                let found = app
                    .core
                    .store
                    .read(async move |on: &mut Conn| users::find_credentials(on, &key).await)
                    .await?;
                let user = found.ok_or(AppError::not_found("user"))?.user;
                limit.unban_account(login.as_str(), Some(user.id));
                ("user", user.id.to_string())
            }
        };
        let event = app.event(ctx, Action::RatelimitUnban.as_str(), target);
        app.core
            .store
            .write(async move |tx: &mut Tx| Ok::<_, AppError>(audit::insert(tx, &event).await?))
            .await?;
        Ok(())
    }
}
