//! What devices have moved by day: all together, or one user's.

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::devices::{DailyUsage, check_days};
use crate::app::error::{AppError, Result};
use crate::app::{networks, users};
use crate::domain::access::Action;
use crate::domain::id::{NetworkId, UserId};
use crate::store::backend::Conn;
use crate::store::usage;

/// The use cases of sums of traffic.
#[derive(Debug, Clone, Copy)]
pub struct Traffic<'a>(pub(in crate::app) &'a App);

/// Whose traffic is summed. Nothing chosen is everybody's, as far as the actor may see.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrafficFilter {
    /// Only this user's devices'.
    pub user: Option<UserId>,
    /// Only this network's devices'.
    pub network: Option<NetworkId>,
}

impl Traffic<'_> {
    /// Bytes by day, both days included. Of all devices those count too that were purged since, of a user's they do not.
    pub async fn daily(
        &self,
        ctx: &Ctx,
        filter: TrafficFilter,
        (from, to): (i64, i64),
    ) -> Result<Vec<DailyUsage>> {
        let owner = ctx.scope(Action::UsageGet)?.owner();
        check_days(from, to)?;
        if owner.is_some() && filter.user.is_some() && filter.user != owner {
            return Err(AppError::not_found("user"));
        }
        let TrafficFilter { user, network } = filter;
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| {
                if let Some(user) = user {
                    users::live(on, user).await?;
                }
                if let Some(network) = network {
                    networks::live(on, network).await?;
                }
                Ok::<_, AppError>(match (owner.or(user), network) {
                    (None, network) => usage::daily_of_all(on, network, from, to).await?,
                    (Some(user), None) => usage::daily_of_user(on, user, from, to).await?,
                    (Some(user), Some(network)) => {
                        usage::daily_of_user_in(on, user, network, from, to).await?
                    }
                })
            })
            .await
    }

    /// A user's bytes by day, both days included.
    pub async fn of_user(&self, ctx: &Ctx, id: UserId, (from, to): (i64, i64)) -> Result<Vec<DailyUsage>> {
        let owner = ctx.scope(Action::UserUsage)?.owner();
        check_days(from, to)?;
        if owner.is_some_and(|owner| owner != id) {
            return Err(AppError::not_found("user"));
        }
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| {
                users::live(on, id).await?;
                Ok::<_, AppError>(usage::daily_of_user(on, id, from, to).await?)
            })
            .await
    }
}
