//! Why a device cannot connect, over HTTP.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::path::Id;
use crate::api::reply::Answer;
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::domain::diagnosis::{Check, CheckCode, CheckName, CheckOutcome};
use crate::domain::id::DeviceId;

/// The routes of diagnoses.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(diagnosis))
}

/// What was found of a device and the way to it.
#[derive(Debug, Serialize, ToSchema)]
pub struct DiagnosisView {
    /// The checks, in the order in which they are in the way.
    checks: Vec<CheckView>,
}

/// One check.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckView {
    /// What was looked at.
    name: CheckName,
    /// What came of it.
    outcome: CheckOutcome,
    /// What was found, as a word that stays.
    code: CheckCode,
    /// What the finding is about, by name: times end in `_at` and are of RFC 3339, bytes in `_bytes`; `said` is what a server says
    /// itself, in English, and `address` where the device's packets come from.
    values: BTreeMap<&'static str, String>,
    /// What was found, in an English sentence.
    #[schema(max_length = 4000, example = "The device is disabled.")]
    detail: String,
    /// What somebody can do, in an English sentence; null where all is well.
    #[schema(max_length = 1000, example = "Enable the device.")]
    fix: Option<String>,
}

impl From<Check> for CheckView {
    fn from(check: Check) -> Self {
        let Check { name, outcome, code, values, detail, fix } = check;
        Self { name, outcome, code, values, detail, fix }
    }
}

/// See what keeps a device from connecting.
///
/// The checks go by what the service and its nodes know, and by asking: the name of the public endpoint is looked up, and the
/// network's name servers are asked a question where its server is this machine. Nothing is sent to the device. What is wrong with
/// a server is told in full to those who may read nodes. A device is looked at by one request at a time (429).
#[utoipa::path(get, path = "/devices/{id}/diagnosis", operation_id = "device_diagnosis", tag = "devices",
    params(Id<DeviceId>), responses((status = 200, description = "The checks.", body = DiagnosisView)))]
async fn diagnosis(State(app): State<App>, ctx: Ctx, Id(id): Id<DeviceId>) -> Answer<Json<DiagnosisView>> {
    let checks = app.devices().diagnose(&ctx, id).await?;
    Ok(Json(DiagnosisView { checks: checks.into_iter().map(Into::into).collect() }))
}
