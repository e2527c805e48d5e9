//! The second half of a sign-in over HTTP: answers to the question for a second factor, and passkeys by themselves.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::caller::Guest;
use crate::api::number::{Once, Shown};
use crate::api::reply::Answer;
use crate::api::v1::passkeys::{PasskeyAnswer, PasskeyQuestion};
use crate::api::v1::sessions::TokensView;
use crate::app::App;
use crate::app::sessions::{Question, SignIn};
use crate::domain::mfa::Method;
use crate::domain::time::Timestamp;

/// The routes of the second half of a sign-in.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(second_factor))
        .routes(routes!(passkey_begin))
        .routes(routes!(passkey))
}

/// A sign-in that is half done: the password was right, and the account has a second factor.
#[derive(Debug, Serialize, ToSchema)]
pub struct SecondFactorView {
    /// Goes back with the answer, within five minutes. It takes five answers at most.
    challenge: Once,
    /// Until when it may be answered.
    expires_at: Timestamp,
    /// By what it may be answered: a code or a recovery code at `/sessions/second-factor`, a passkey at
    /// `/sessions/passkey`.
    methods: Vec<Method>,
    /// For `navigator.credentials.get`, where a passkey may answer; else null.
    #[schema(value_type = Option<Object>, example = json!(null))]
    passkey_options: Option<Value>,
}

impl From<Question> for SecondFactorView {
    fn from(question: Question) -> Self {
        Self {
            challenge: Once(question.token),
            expires_at: question.expires_at,
            methods: question.methods,
            passkey_options: question.passkey_options,
        }
    }
}

/// An answer to the question for a second factor.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactor {
    /// The question's challenge.
    challenge: Shown,
    /// The six digits of the authenticator app, or a recovery code.
    code: Shown,
}

/// What a sign-in comes to: 201 with tokens, or 202 with a question.
pub(super) fn answer(begun: SignIn) -> Response {
    match begun {
        SignIn::Session(tokens) => (StatusCode::CREATED, Json(TokensView::from(tokens))).into_response(),
        SignIn::SecondFactor(question) => {
            (StatusCode::ACCEPTED, Json(SecondFactorView::from(question))).into_response()
        }
    }
}

/// What a client calls itself.
pub(super) fn user_agent(headers: &HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// Finish a sign-in by a second factor.
///
/// A wrong answer says nothing about which part was wrong. Tries are limited for each challenge, account and address.
#[utoipa::path(post, path = "/sessions/second-factor", operation_id = "session_second_factor", tag = "sessions",
    request_body = SecondFactor, responses((status = 201, description = "Signed in.", body = TokensView)))]
async fn second_factor(
    State(app): State<App>,
    Guest(ctx): Guest,
    headers: HeaderMap,
    Body(request): Body<SecondFactor>,
) -> Answer<Response> {
    let (challenge, code) = (request.challenge.reveal(), request.code.reveal());
    let tokens = app.sessions().second_factor(&ctx, challenge, code, user_agent(&headers)).await?;
    Ok((StatusCode::CREATED, Json(TokensView::from(tokens))).into_response())
}

/// Begin a sign-in by a passkey alone.
///
/// It needs no login: the passkey says whose it is, and verifies its user itself.
#[utoipa::path(post, path = "/sessions/passkey/begin", operation_id = "session_passkey_begin", tag = "sessions",
    responses((status = 201, description = "The question.", body = PasskeyQuestion)))]
async fn passkey_begin(State(app): State<App>, Guest(ctx): Guest) -> Answer<Response> {
    let question = app.sessions().begin_passkey(&ctx).await?;
    Ok((StatusCode::CREATED, Json(PasskeyQuestion::from(question))).into_response())
}

/// Sign in by a passkey.
///
/// As the second factor where the challenge is that of a sign-in by password, else by itself.
#[utoipa::path(post, path = "/sessions/passkey", operation_id = "session_passkey", tag = "sessions",
    request_body = PasskeyAnswer, responses((status = 201, description = "Signed in.", body = TokensView)))]
async fn passkey(
    State(app): State<App>,
    Guest(ctx): Guest,
    headers: HeaderMap,
    Body(request): Body<PasskeyAnswer>,
) -> Answer<Response> {
    let (challenge, shown) = (request.challenge.reveal(), request.credential.into());
    let tokens = app.sessions().passkey(&ctx, challenge, shown, user_agent(&headers)).await?;
    Ok((StatusCode::CREATED, Json(TokensView::from(tokens))).into_response())
}
