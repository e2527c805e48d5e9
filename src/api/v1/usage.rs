//! Sums of what devices have moved by day, over HTTP.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::number::Day;
use crate::api::path::Id;
use crate::api::query::Query;
use crate::api::reply::Answer;
use crate::api::v1::device_traffic::{UsageDay, UsageQuery, days};
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::devices::DailyUsage;
use crate::app::traffic::TrafficFilter;
use crate::domain::id::{NetworkId, UserId};

/// The routes of sums of traffic.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(total)).routes(routes!(of_user))
}

/// Which days are wanted, and whose.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TotalQuery {
    /// The first day.
    #[param(inline)]
    from: Day,
    /// The last day; at most 400 days in all.
    #[param(inline)]
    to: Day,
    /// Only this user's devices.
    #[param(inline, nullable = false)]
    user_id: Option<UserId>,
    /// Only this network's devices.
    #[param(inline, nullable = false)]
    network_id: Option<NetworkId>,
}

/// Usage by day.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageView {
    /// The days on which something moved, in order.
    days: Vec<UsageDay>,
}

impl From<Vec<DailyUsage>> for UsageView {
    fn from(days: Vec<DailyUsage>) -> Self {
        Self { days: days.into_iter().map(Into::into).collect() }
    }
}

/// Read what all devices together have moved by day.
///
/// Members get the sum of their own devices. Sums of all users keep the bytes of devices that were purged.
#[utoipa::path(get, path = "/usage", operation_id = "usage_get", tag = "devices", params(TotalQuery),
    responses((status = 200, description = "The days.", body = UsageView)))]
async fn total(State(app): State<App>, ctx: Ctx, Query(query): Query<TotalQuery>) -> Answer<Json<UsageView>> {
    let span = days(query.from, query.to)?;
    let filter = TrafficFilter { user: query.user_id, network: query.network_id };
    Ok(Json(app.traffic().daily(&ctx, filter, span).await?.into()))
}

/// Read what a user's devices have moved by day.
#[utoipa::path(get, path = "/users/{id}/usage", operation_id = "user_usage", tag = "users",
    params(Id<UserId>, UsageQuery), responses((status = 200, description = "The days.", body = UsageView)))]
async fn of_user(
    State(app): State<App>,
    ctx: Ctx,
    Id(id): Id<UserId>,
    Query(query): Query<UsageQuery>,
) -> Answer<Json<UsageView>> {
    let span = query.days()?;
    Ok(Json(app.traffic().of_user(&ctx, id, span).await?.into()))
}
