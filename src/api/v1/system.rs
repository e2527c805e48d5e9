//! The state of the service over HTTP.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::reply::Answer;
use crate::api::v1::nodes::HealthView;
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::system::SystemState;
use crate::domain::time::Timestamp;

/// The routes of the service itself.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get))
}

/// What runs here and how it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct SystemView {
    /// The program's version.
    #[schema(example = "0.1.0")]
    version: String,
    /// What it was compiled for.
    #[schema(example = "x86_64-unknown-linux-musl")]
    target: &'static str,
    /// The licence it is under, by its SPDX identifier.
    #[schema(example = "Apache-2.0")]
    license: &'static str,
    /// When the process that answers began.
    started_at: Timestamp,
    /// Seconds since then.
    #[schema(minimum = 0, example = 86400)]
    uptime_s: u64,
    /// `sqlite` or `postgres`.
    #[schema(example = "sqlite")]
    database: String,
    /// What the appliance's own node says of itself; null where no node runs here.
    node: Option<HealthView>,
    /// How many devices are in each state.
    #[schema(example = json!({ "active": 12, "disabled": 1 }))]
    devices: BTreeMap<&'static str, u64>,
}

impl From<SystemState> for SystemView {
    fn from(state: SystemState) -> Self {
        Self {
            version: state.version.to_owned(),
            target: state.target,
            license: state.license,
            started_at: state.started_at,
            uptime_s: state.uptime.as_secs(),
            database: state.database.to_owned(),
            node: state.node.map(Into::into),
            devices: state.devices.into_iter().map(|(state, count)| (state.as_str(), count)).collect(),
        }
    }
}

/// Read the state of the service.
#[utoipa::path(get, path = "/system", operation_id = "system_get", tag = "system",
    responses((status = 200, description = "The state.", body = SystemView)))]
async fn get(State(app): State<App>, ctx: Ctx) -> Answer<Json<SystemView>> {
    Ok(Json(app.system().get(&ctx).await?.into()))
}
