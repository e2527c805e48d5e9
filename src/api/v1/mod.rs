//! Version 1 of the API: one file a noun, one line a noun.

use utoipa_axum::router::OpenApiRouter;

use crate::api::{Api, openapi};

pub mod api_tokens;
pub mod audit;
pub mod configs;
pub mod device_traffic;
pub mod devices;
pub mod me;
pub mod me_export;
pub mod networks;
pub mod node_networks;
pub mod nodes;
pub mod ratelimits;
pub mod sessions;
pub mod settings;
pub mod setup;
pub mod system;
pub mod users;

/// Every route, under `/api/v1`.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(users::routes())
        .merge(networks::routes())
        .merge(nodes::routes())
        .merge(node_networks::routes())
        .merge(devices::routes())
        .merge(device_traffic::routes())
        .merge(configs::routes())
        .merge(sessions::routes())
        .merge(api_tokens::routes())
        .merge(me::routes())
        .merge(me_export::routes())
        .merge(ratelimits::routes())
        .merge(audit::routes())
        .merge(settings::routes())
        .merge(system::routes())
        .merge(setup::routes())
        .merge(openapi::routes())
}
