//! The master key over HTTP: which keys there are, never a key.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::reply::Answer;
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::master_key::MasterKeyState;

/// The routes of the master key.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get)).routes(routes!(rotate))
}

/// The master keys of this process, by the ids that stand in every value they have sealed.
#[derive(Debug, Serialize, ToSchema)]
pub struct MasterKeyView {
    /// The key that seals.
    #[schema(example = "76df253a61540c56", pattern = "^[0-9a-f]{16}$")]
    id: String,
    /// Where it comes from.
    #[schema(example = "/var/lib/caspervpn/master.key")]
    place: String,
    /// Keys that only open, until everything is sealed anew.
    previous: Vec<String>,
    /// How many values are not sealed with the key that seals.
    #[schema(minimum = 0, example = 0)]
    outstanding: u64,
}

impl From<MasterKeyState> for MasterKeyView {
    fn from(state: MasterKeyState) -> Self {
        Self {
            id: state.id.to_string(),
            place: state.place,
            previous: state.previous.iter().map(ToString::to_string).collect(),
            outstanding: state.outstanding,
        }
    }
}

/// See which master keys there are and how much is still sealed with another than the current one.
#[utoipa::path(get, path = "/master-key", operation_id = "master_key_get", tag = "system",
    responses((status = 200, description = "The keys, by their ids.", body = MasterKeyView)))]
async fn get(State(app): State<App>, ctx: Ctx) -> Answer<Json<MasterKeyView>> {
    Ok(Json(app.master_key().get(&ctx).await?.into()))
}

/// Make another master key, and seal everything anew with it.
///
/// Only on the host, by its local socket. The answer comes when the new key is in place; the values follow while the
/// service goes on.
#[utoipa::path(post, path = "/master-key/rotate", operation_id = "master_key_rotate", tag = "system",
    responses((status = 200, description = "The keys, by their ids.", body = MasterKeyView)))]
async fn rotate(State(app): State<App>, ctx: Ctx) -> Answer<Json<MasterKeyView>> {
    Ok(Json(app.master_key().rotate(&ctx).await?.into()))
}
