//! The first run over HTTP.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::caller::{Guest, SetupProof};
use crate::api::number::{NewPassword, Once};
use crate::api::reply::Answer;
use crate::api::schema::Address;
use crate::api::v1::configs::ConfigView;
use crate::api::v1::devices::DeviceView;
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::networks::CreateNetwork;
use crate::app::setup::{self, SetupDone};
use crate::app::users::CreateUser;
use crate::domain::access::Role;
use crate::domain::acme::DirectoryUrl;
use crate::domain::id::{NetworkId, UserId};
use crate::domain::key::PublicKey;
use crate::domain::name::{DeviceName, DisplayName, Host, Login, NetworkName};
use crate::domain::node::Port;
use crate::domain::pool::Pool;
use crate::domain::time::Timestamp;

/// The routes of the first run.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get, run)).routes(routes!(link_create))
}

/// A link that sets the service up, once.
#[derive(Debug, Serialize, ToSchema)]
pub struct SetupLinkView {
    /// What the link carries behind its `#`: it is shown here and never again.
    token: Once,
    /// When it is no longer good.
    expires_at: Timestamp,
    /// Where this server serves the page `/setup`, the likeliest way in first: an address and port, or `unix:` and the
    /// path of a socket, with `tls:` before it where it takes TLS. Empty where no server runs, and the command line alone answers.
    #[schema(example = json!(["tls:[::]:443", "127.0.0.1:8080"]))]
    listeners: Vec<String>,
}

/// Whether the service has yet to be set up.
#[derive(Debug, Serialize, ToSchema)]
pub struct SetupView {
    /// Whether there is no owner yet.
    needed: bool,
}

/// What the first run makes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupRequest {
    /// The owner.
    owner: SetupOwner,
    /// Where clients reach the appliance.
    endpoint: SetupEndpoint,
    /// The first network.
    network: SetupNetwork,
    /// The owner's first device, with a key that its client made.
    device: Option<SetupDevice>,
}

/// The owner.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupOwner {
    /// What the owner signs in with.
    login: Login,
    /// How the owner is shown; the login where it is left out.
    display_name: Option<DisplayName>,
    /// The owner's password.
    password: NewPassword,
}

/// Where clients reach the appliance.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupEndpoint {
    /// Name or address.
    host: Host,
    /// UDP port, on which the node listens as well.
    port: Option<Port>,
}

/// The first network.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupNetwork {
    /// What it is called.
    name: NetworkName,
    /// The IPv4 pool.
    ipv4: Option<Pool>,
    /// The IPv6 pool.
    #[schema(example = "fd86:cafe::/64")]
    ipv6: Option<Pool>,
    /// Name servers for clients.
    #[schema(value_type = Vec<Address>, min_items = 1, max_items = 4, example = json!(["9.9.9.9"]))]
    dns: Vec<IpAddr>,
}

/// The owner's first device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupDevice {
    /// What it is called.
    name: DeviceName,
    /// The public half of its key pair.
    public_key: PublicKey,
}

impl From<SetupRequest> for setup::SetupRequest {
    fn from(request: SetupRequest) -> Self {
        let SetupRequest { owner, endpoint, network, device } = request;
        Self {
            owner: CreateUser {
                login: owner.login,
                display_name: owner.display_name,
                email: None,
                language: None,
                role: Role::Owner,
                password: Some(owner.password.into()),
                password_hash: None,
                expires_at: None,
                data_limit_bytes: None,
                device_limit: None,
            },
            endpoint_host: endpoint.host,
            endpoint_port: endpoint.port,
            network: CreateNetwork {
                name: network.name,
                ipv4: network.ipv4,
                ipv6: network.ipv6,
                dns: network.dns,
                mtu: None,
                keepalive_s: None,
                routes: None,
                isolated: None,
            },
            device: device.map(|it| setup::FirstDevice { name: it.name, public_key: it.public_key }),
        }
    }
}

/// What the first run made.
#[derive(Debug, Serialize, ToSchema)]
pub struct SetupDoneView {
    /// The owner, who can sign in now.
    user_id: UserId,
    /// The network.
    network_id: NetworkId,
    /// The first device.
    device: Option<DeviceView>,
    /// Its configuration, with a place for the key that only its client knows.
    config: Option<ConfigView>,
    /// The directory of the authority that certificates are ordered from; null where none is set yet.
    authority: Option<DirectoryUrl>,
}

impl From<SetupDone> for SetupDoneView {
    fn from(done: SetupDone) -> Self {
        Self {
            user_id: done.user.id,
            network_id: done.network,
            device: done.device.map(Into::into),
            config: done.config.map(Into::into),
            authority: done.authority,
        }
    }
}

/// See whether the service has yet to be set up.
#[utoipa::path(get, path = "/setup", operation_id = "setup_get", tag = "setup",
    responses((status = 200, description = "Whether it is needed.", body = SetupView)))]
async fn get(State(app): State<App>, Guest(_ctx): Guest) -> Answer<Json<SetupView>> {
    Ok(Json(SetupView { needed: app.setup().is_needed().await? }))
}

/// Set the service up.
///
/// The token of the setup link allows it, or the local socket. It works once: afterwards there is an owner.
#[utoipa::path(post, path = "/setup", operation_id = "setup_run", tag = "setup", request_body = SetupRequest,
    responses((status = 201, description = "The service is set up.", body = SetupDoneView)))]
async fn run(
    State(app): State<App>,
    proof: SetupProof,
    Body(request): Body<SetupRequest>,
) -> Answer<Response> {
    let SetupProof { ctx, token } = proof;
    let done = match token {
        Some(token) => app.setup().run(&ctx, &token, request.into()).await?,
        None => app.setup().run_unattended(&ctx, request.into()).await?,
    };
    Ok((StatusCode::CREATED, Json(SetupDoneView::from(done))).into_response())
}

/// Make a new setup link.
///
/// Only the host may, over the local socket. The link before is dead.
#[utoipa::path(post, path = "/setup/link", operation_id = "setup_link_create", tag = "setup",
    responses((status = 201, description = "The link.", body = SetupLinkView)))]
async fn link_create(State(app): State<App>, ctx: Ctx) -> Answer {
    let link = app.setup().link_create(&ctx).await?;
    let view = SetupLinkView {
        token: Once(link.token),
        expires_at: link.expires_at,
        listeners: app.pages().to_vec(),
    };
    Ok((StatusCode::CREATED, Json(view)).into_response())
}
