//! Version 1 of the API: one file a noun, one line a noun.

use utoipa_axum::router::OpenApiRouter;

use crate::api::{Api, openapi};

pub mod acme;
pub mod api_tokens;
pub mod audit;
pub mod certificates;
pub mod configs;
pub mod device_traffic;
pub mod devices;
pub mod diagnosis;
pub mod events;
pub mod identity_providers;
pub mod invites;
pub mod jobs;
pub mod mail;
pub mod master_key;
pub mod me;
pub mod me_export;
pub mod me_identities;
pub mod mfa;
pub mod networks;
pub mod node_networks;
pub mod nodes;
pub mod overview;
pub mod passkeys;
pub mod password_resets;
pub mod ratelimits;
pub mod second_factor;
pub mod sessions;
pub mod settings;
pub mod setup;
pub mod sign_in;
pub mod system;
pub mod usage;
pub mod users;
pub mod webhooks;

/// Every route, under `/api/v1`.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(users::routes())
        .merge(password_resets::routes())
        .merge(invites::routes())
        .merge(networks::routes())
        .merge(nodes::routes())
        .merge(node_networks::routes())
        .merge(devices::routes())
        .merge(device_traffic::routes())
        .merge(diagnosis::routes())
        .merge(configs::routes())
        .merge(usage::routes())
        .merge(sessions::routes())
        .merge(second_factor::routes())
        .merge(sign_in::routes())
        .merge(api_tokens::routes())
        .merge(identity_providers::routes())
        .merge(me::routes())
        .merge(me_export::routes())
        .merge(ratelimits::routes())
        .merge(mfa::routes())
        .merge(passkeys::routes())
        .merge(me_identities::routes())
        .merge(audit::routes())
        .merge(settings::routes())
        .merge(mail::routes())
        .merge(certificates::routes())
        .merge(webhooks::routes())
        .merge(jobs::routes())
        .merge(system::routes())
        .merge(overview::routes())
        .merge(events::routes())
        .merge(master_key::routes())
        .merge(setup::routes())
        .merge(openapi::routes())
}
