//! The limits of sign-in over HTTP.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::problem::{FieldFault, Problem};
use crate::api::reply::{self, Answer};
use crate::api::schema::Address;
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::login_limit::Held;
use crate::app::ratelimits::{RateLimitItem, RateLimitList, Unban};
use crate::domain::id::UserId;
use crate::domain::name::Login;
use crate::domain::time::Timestamp;

/// The routes of the limits.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(unban))
}

/// An address whose sign-ins failed lately.
#[derive(Debug, Serialize, ToSchema)]
pub struct LimitedAddress {
    /// An IPv4 address, or the first of the IPv6 /64 that counts as one.
    #[schema(value_type = Address)]
    address: IpAddr,
    /// Failures that are not forgotten.
    #[schema(minimum = 0, example = 12)]
    failures: u32,
    /// Until when every attempt is refused.
    until: Option<Timestamp>,
}

/// An account whose sign-ins failed lately.
#[derive(Debug, Serialize, ToSchema)]
pub struct LimitedAccount {
    /// The account; none where nobody has that login. What was typed is not kept.
    user_id: Option<UserId>,
    /// Its login.
    login: Option<Login>,
    /// Failures that are not forgotten.
    #[schema(minimum = 0, example = 12)]
    failures: u32,
    /// Until when every attempt is refused.
    until: Option<Timestamp>,
}

/// What the limits of sign-in hold, in this process: at most a hundred rows of each kind, who must wait longest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct RateLimits {
    /// Failures of the last minute.
    #[schema(minimum = 0, example = 3)]
    recent_failures: u32,
    /// Until when addresses that nobody signed in from lately are slowed down.
    alarm_until: Option<Timestamp>,
    /// Addresses.
    addresses: Vec<LimitedAddress>,
    /// Accounts.
    accounts: Vec<LimitedAccount>,
}

impl From<RateLimitList> for RateLimits {
    fn from(list: RateLimitList) -> Self {
        let address = |held: Held| {
            let Held { address, failures, until, .. } = held;
            address.map(|address| LimitedAddress { address, failures, until })
        };
        let account = |item: RateLimitItem| LimitedAccount {
            user_id: item.held.user,
            login: item.login,
            failures: item.held.failures,
            until: item.held.until,
        };
        Self {
            recent_failures: list.recent_failures,
            alarm_until: list.alarm_until,
            addresses: list.addresses.into_iter().filter_map(address).collect(),
            accounts: list.accounts.into_iter().map(account).collect(),
        }
    }
}

/// Who may try again: an address or a login, one of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LiftLimit {
    /// An address; an IPv6 address stands for its /64.
    #[schema(value_type = Option<Address>)]
    address: Option<IpAddr>,
    /// An account's login.
    login: Option<Login>,
}

/// List the addresses and accounts whose sign-ins failed lately.
///
/// Each process of the service holds its own.
#[utoipa::path(get, path = "/ratelimits", operation_id = "ratelimit_list", tag = "system",
    responses((status = 200, description = "What the limits hold.", body = RateLimits)))]
async fn list(State(app): State<App>, ctx: Ctx) -> Answer<Json<RateLimits>> {
    Ok(Json(app.ratelimits().list(&ctx).await?.into()))
}

/// Let an address or an account try to sign in again at once.
#[utoipa::path(post, path = "/ratelimits/unban", operation_id = "ratelimit_unban", tag = "system",
    request_body = LiftLimit, responses((status = 204, description = "It may try again.")))]
async fn unban(State(app): State<App>, ctx: Ctx, Body(request): Body<LiftLimit>) -> Answer<StatusCode> {
    let who = match (request.address, request.login) {
        (Some(address), None) => Unban::Address(address),
        (None, Some(login)) => Unban::Login(login),
        (Some(_), Some(_)) | (None, None) => {
            return Err(Problem::invalid(FieldFault::pointer("", "give an address or a login, one of them")));
        }
    };
    app.ratelimits().unban(&ctx, who).await?;
    reply::done()
}
