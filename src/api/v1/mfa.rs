//! One's own second factors, and fresh proofs, over HTTP.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::number::{Once, Shown};
use crate::api::reply::{self, Answer};
use crate::api::v1::passkeys::{PasskeyAnswer, PasskeyQuestion};
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::mfa::{Codes, MfaState, NewTotp};
use crate::domain::time::Timestamp;

/// The routes of second factors.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(get))
        .routes(routes!(create_totp, delete_totp))
        .routes(routes!(confirm_totp))
        .routes(routes!(create_recovery_codes))
        .routes(routes!(step_up))
        .routes(routes!(step_up_passkey_begin))
        .routes(routes!(step_up_passkey))
}

/// Which second factors one has, and what is asked.
#[derive(Debug, Serialize, ToSchema)]
pub struct MfaView {
    /// Whether a second factor is enrolled.
    enrolled: bool,
    /// Whether one's role must have one.
    required: bool,
    /// Since when there is an authenticator app.
    totp_since: Option<Timestamp>,
    /// How many passkeys there are.
    #[schema(minimum = 0, example = 2)]
    passkeys: u32,
    /// Recovery codes that were not used.
    #[schema(minimum = 0, example = 10)]
    recovery_codes_left: u32,
    /// Why passkeys cannot be used here; null where they can.
    #[schema(example = json!(null))]
    passkeys_off: Option<String>,
}

impl From<MfaState> for MfaView {
    fn from(state: MfaState) -> Self {
        Self {
            enrolled: state.factors.any(),
            required: state.is_required,
            totp_since: state.factors.totp_since,
            passkeys: state.factors.passkeys,
            recovery_codes_left: state.factors.recovery_codes_left,
            passkeys_off: state.passkeys_off,
        }
    }
}

/// The secret of an authenticator app, in every form that one takes. It is shown in this answer alone.
#[derive(Debug, Serialize, ToSchema)]
pub struct TotpView {
    /// To be typed: base 32.
    secret: Once,
    /// To be opened on the telephone itself: `otpauth://totp/…`.
    url: Once,
    /// The URL as a QR code, an SVG document.
    qr_svg: Once,
    /// The URL as a QR code, a PNG picture in base 64.
    qr_png: Once,
}

impl From<NewTotp> for TotpView {
    fn from(made: NewTotp) -> Self {
        Self {
            secret: Once(made.secret),
            url: Once(made.url),
            qr_svg: Once(made.svg),
            qr_png: Once(Zeroizing::new(STANDARD.encode(made.png.as_slice()))),
        }
    }
}

/// A code of the app.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmTotp {
    /// The six digits that the app shows.
    code: Shown,
}

/// A factor that is enrolled.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnrolledView {
    /// Recovery codes to print, where this is the first factor; else null, and those of before stay good. They are
    /// shown in this answer alone.
    recovery_codes: Option<Vec<Once>>,
}

/// New recovery codes. They are shown in this answer alone.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryCodesView {
    /// The codes, each good once.
    recovery_codes: Vec<Once>,
}

/// A fresh proof.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StepUp {
    /// A code of the authenticator app, or a recovery code; the password where the account has no second factor.
    proof: Shown,
}

/// Writes codes into an answer.
pub(super) fn shown_once(codes: Codes) -> Vec<Once> {
    codes.into_iter().map(Once).collect()
}

/// See which second factors one has.
#[utoipa::path(get, path = "/me/mfa", operation_id = "me_mfa_get", tag = "me",
    responses((status = 200, description = "What there is.", body = MfaView)))]
async fn get(State(app): State<App>, ctx: Ctx) -> Answer<Json<MfaView>> {
    Ok(Json(app.mfa().get(&ctx).await?.into()))
}

/// Make the secret of an authenticator app.
///
/// It counts from its confirmation on. Another one takes the place of one that was not confirmed.
#[utoipa::path(post, path = "/me/mfa/totp", operation_id = "me_totp_create", tag = "me",
    responses((status = 201, description = "The secret.", body = TotpView)))]
async fn create_totp(State(app): State<App>, ctx: Ctx) -> Answer<Response> {
    let made = app.mfa().create_totp(&ctx).await?;
    Ok((StatusCode::CREATED, Json(TotpView::from(made))).into_response())
}

/// Enrol the authenticator app by a code of it.
///
/// Ends one's other sessions.
#[utoipa::path(post, path = "/me/mfa/totp/confirm", operation_id = "me_totp_confirm", tag = "me",
    request_body = ConfirmTotp,
    responses((status = 200, description = "It is enrolled.", body = EnrolledView)))]
async fn confirm_totp(
    State(app): State<App>,
    ctx: Ctx,
    Body(request): Body<ConfirmTotp>,
) -> Answer<Json<EnrolledView>> {
    let codes = app.mfa().confirm_totp(&ctx, request.code.reveal()).await?;
    Ok(Json(EnrolledView { recovery_codes: codes.map(shown_once) }))
}

/// Give up the authenticator app.
///
/// Ends one's other sessions. With the last factor go the recovery codes.
#[utoipa::path(delete, path = "/me/mfa/totp", operation_id = "me_totp_delete", tag = "me",
    responses((status = 204, description = "It is gone.")))]
async fn delete_totp(State(app): State<App>, ctx: Ctx) -> Answer<StatusCode> {
    app.mfa().delete_totp(&ctx).await?;
    reply::done()
}

/// Make new recovery codes.
///
/// Those of before are no longer good.
#[utoipa::path(post, path = "/me/mfa/recovery-codes", operation_id = "me_recovery_codes_create", tag = "me",
    responses((status = 201, description = "The codes.", body = RecoveryCodesView)))]
async fn create_recovery_codes(State(app): State<App>, ctx: Ctx) -> Answer<Response> {
    let codes = app.mfa().create_recovery_codes(&ctx).await?;
    let view = RecoveryCodesView { recovery_codes: shown_once(codes) };
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// Prove again that it is oneself.
///
/// Dangerous acts (403 with the code `step_up_required`) are possible for 15 minutes from then on, in this session.
#[utoipa::path(post, path = "/me/step-up", operation_id = "me_step_up", tag = "me", request_body = StepUp,
    responses((status = 204, description = "It is proved.")))]
async fn step_up(State(app): State<App>, ctx: Ctx, Body(request): Body<StepUp>) -> Answer<StatusCode> {
    app.step_up().prove(&ctx, request.proof.reveal()).await?;
    reply::done()
}

/// Ask for the question that a passkey answers in a fresh proof.
#[utoipa::path(post, path = "/me/step-up/passkey/begin", operation_id = "me_step_up_passkey_begin", tag = "me",
    responses((status = 201, description = "The question.", body = PasskeyQuestion)))]
async fn step_up_passkey_begin(State(app): State<App>, ctx: Ctx) -> Answer<Response> {
    let question = app.step_up().begin_passkey(&ctx).await?;
    Ok((StatusCode::CREATED, Json(PasskeyQuestion::from(question))).into_response())
}

/// Give a fresh proof by a passkey.
#[utoipa::path(post, path = "/me/step-up/passkey", operation_id = "me_step_up_passkey", tag = "me",
    request_body = PasskeyAnswer, responses((status = 204, description = "It is proved.")))]
async fn step_up_passkey(
    State(app): State<App>,
    ctx: Ctx,
    Body(request): Body<PasskeyAnswer>,
) -> Answer<StatusCode> {
    app.step_up().passkey(&ctx, request.challenge.reveal(), request.credential.into()).await?;
    reply::done()
}
