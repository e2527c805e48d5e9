//! What a device moves, over HTTP: live figures and daily sums.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::number::Day;
use crate::api::path::Id;
use crate::api::problem::{FieldFault, Problem};
use crate::api::query::Query;
use crate::api::reply::Answer;
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::devices::{DailyUsage, DeviceLive, MAX_USAGE_DAYS};
use crate::domain::id::DeviceId;
use crate::domain::time::Timestamp;

/// The routes of what devices move.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(usage))
}

/// What moves while a device is connected.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceLiveView {
    /// Whether it shook hands within three minutes.
    online: bool,
    /// When it last shook hands.
    last_handshake_at: Option<Timestamp>,
    /// Bytes received from it so far.
    #[schema(minimum = 0, example = 1_048_576)]
    rx_bytes: u64,
    /// Bytes sent to it so far.
    #[schema(minimum = 0, example = 8_388_608)]
    tx_bytes: u64,
}

impl From<DeviceLive> for DeviceLiveView {
    fn from(live: DeviceLive) -> Self {
        Self {
            online: live.online,
            last_handshake_at: live.last_handshake_at,
            rx_bytes: live.rx_bytes,
            tx_bytes: live.tx_bytes,
        }
    }
}

/// Which days are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UsageQuery {
    /// The first day.
    #[param(inline)]
    from: Day,
    /// The last day; at most 400 days in all.
    #[param(inline)]
    to: Day,
}

impl UsageQuery {
    /// First and last day, in days since 1970-01-01.
    pub(super) fn days(&self) -> Result<(i64, i64), Problem> {
        days(self.from, self.to)
    }
}

/// First and last day, in days since 1970-01-01, of no more days than an answer spans.
pub(super) fn days(from: Day, to: Day) -> Result<(i64, i64), Problem> {
    let (from, to) = (from.number(), to.number());
    if to < from || to - from >= MAX_USAGE_DAYS {
        let detail = format!("is before `from`, or more than {MAX_USAGE_DAYS} days after it");
        return Err(Problem::invalid(FieldFault::parameter("to", detail)));
    }
    Ok((from, to))
}

/// A device's usage by day.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceUsageView {
    /// The days on which something moved, in order.
    days: Vec<UsageDay>,
}

/// One day of one device, or of several together.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageDay {
    /// The day.
    date: Day,
    /// Bytes received from them.
    #[schema(minimum = 0, example = 1_048_576)]
    rx_bytes: u64,
    /// Bytes sent to them.
    #[schema(minimum = 0, example = 8_388_608)]
    tx_bytes: u64,
}

impl From<DailyUsage> for UsageDay {
    fn from(usage: DailyUsage) -> Self {
        Self {
            date: Day::since_epoch(usage.day),
            rx_bytes: usage.traffic.rx_bytes,
            tx_bytes: usage.traffic.tx_bytes,
        }
    }
}

/// See whether a device is online and what it moves.
#[utoipa::path(get, path = "/devices/{id}/live", operation_id = "device_live", tag = "devices",
    params(Id<DeviceId>), responses((status = 200, description = "The device now.", body = DeviceLiveView)))]
async fn live(State(app): State<App>, ctx: Ctx, Id(id): Id<DeviceId>) -> Answer<Json<DeviceLiveView>> {
    Ok(Json(app.devices().live(&ctx, id).await?.into()))
}

/// Read a device's daily usage.
#[utoipa::path(get, path = "/devices/{id}/usage", operation_id = "device_usage", tag = "devices",
    params(Id<DeviceId>, UsageQuery), responses((status = 200, description = "The days.", body = DeviceUsageView)))]
async fn usage(
    State(app): State<App>,
    ctx: Ctx,
    Id(id): Id<DeviceId>,
    Query(query): Query<UsageQuery>,
) -> Answer<Json<DeviceUsageView>> {
    let (from, to) = query.days()?;
    let days = app.devices().usage(&ctx, id, from, to).await?;
    Ok(Json(DeviceUsageView { days: days.into_iter().map(Into::into).collect() }))
}
