//! Forgotten passwords over HTTP.

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::caller::Guest;
use crate::api::number::{NewPassword, Shown};
use crate::api::reply::{self, Answer};
use crate::app::App;

/// The routes of forgotten passwords.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(redeem))
}

/// Who has forgotten a password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgottenPassword {
    /// A login or an e-mail address.
    #[schema(example = "ada")]
    login: Shown,
}

/// A link that sets a password, to be spent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeemReset {
    /// What the link carries behind its `#`.
    token: Shown,
    /// The password from now on.
    password: NewPassword,
}

/// Ask for a new password.
///
/// The answer is always the same. Where there is such an account, with a password and an address, and mail is set up, a
/// letter with a link is on its way; nobody else learns which of these holds.
#[utoipa::path(post, path = "/password-resets", operation_id = "password_reset_create", tag = "users",
    request_body = ForgottenPassword, responses((status = 202, description = "It was noted.")))]
async fn create(
    State(app): State<App>,
    Guest(ctx): Guest,
    Body(request): Body<ForgottenPassword>,
) -> Answer<StatusCode> {
    app.password_resets().request(&ctx, request.login.reveal()).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Set a new password by a link.
///
/// The link works once. Every session of the account ends, and nobody is signed in by this: the user signs in with the new
/// password, and the second factor where there is one.
#[utoipa::path(post, path = "/password-resets/redeem", operation_id = "password_reset_redeem", tag = "users",
    request_body = RedeemReset, responses((status = 204, description = "The password is set.")))]
async fn redeem(
    State(app): State<App>,
    Guest(ctx): Guest,
    Body(request): Body<RedeemReset>,
) -> Answer<StatusCode> {
    app.password_resets().redeem(&ctx, request.token.reveal(), &request.password.into()).await?;
    reply::done()
}
