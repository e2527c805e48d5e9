//! Sessions over HTTP: signing in, staying signed in, signing out.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::caller::{Guest, TokenHolder};
use crate::api::cookie::{self, ByCookie, Way};
use crate::api::number::{Once, Shown};
use crate::api::path::Id;
use crate::api::query::Query;
use crate::api::reply::{self, Answer};
use crate::api::v1::second_factor::{SecondFactorView, answer, user_agent};
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::sessions::{BrowserSession, Tokens};
use crate::domain::id::{SessionId, UserId};
use crate::domain::session::Session;
use crate::domain::time::Timestamp;

/// The routes of sessions.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(delete))
        .routes(routes!(give_cookie))
        .routes(routes!(refresh))
        .routes(routes!(end))
}

/// A session: a client that is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionView {
    /// Names the session.
    id: SessionId,
    /// Who signed in.
    user_id: UserId,
    /// What the client called itself.
    #[schema(max_length = 200, example = "curl/8.5.0")]
    user_agent: String,
    /// When it began.
    created_at: Timestamp,
    /// When its tokens were last renewed.
    last_used_at: Timestamp,
    /// When it ends if nobody comes.
    expires_at: Timestamp,
}

impl From<Session> for SessionView {
    fn from(session: Session) -> Self {
        Self {
            id: session.id,
            user_id: session.user,
            user_agent: session.user_agent,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
        }
    }
}

/// The sessions of a user that have not ended, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sessions {
    /// The sessions.
    items: Vec<SessionView>,
}

/// Whose sessions are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListSessions {
    /// The user; the caller where it is left out.
    #[param(inline, nullable = false)]
    user_id: Option<UserId>,
}

/// A login and a password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The login.
    login: Shown,
    /// The password.
    password: Shown,
}

/// A refresh token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The newest refresh token of the session.
    refresh_token: Shown,
}

/// What a client stays signed in with.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokensView {
    /// The session.
    session_id: SessionId,
    /// Goes into `Authorization: Bearer …`.
    access_token: Once,
    /// When the access token is no longer good.
    access_expires_at: Timestamp,
    /// Gets the next pair, once.
    refresh_token: Once,
    /// When the session ends if nobody comes.
    refresh_expires_at: Timestamp,
    /// Whether a second factor must be enrolled before the session is good for anything else.
    mfa_enrolment_required: bool,
}

impl From<Tokens> for TokensView {
    fn from(tokens: Tokens) -> Self {
        Self {
            session_id: tokens.session,
            access_token: Once(tokens.access_token),
            access_expires_at: tokens.access_expires_at,
            refresh_token: Once(tokens.refresh_token),
            refresh_expires_at: tokens.refresh_expires_at,
            mfa_enrolment_required: tokens.lacks_mfa,
        }
    }
}

/// List a user's sessions.
///
/// Only owners, admins and auditors see those of others.
#[utoipa::path(get, path = "/sessions", operation_id = "session_list", tag = "sessions", params(ListSessions),
    responses((status = 200, description = "The sessions.", body = Sessions)))]
async fn list(State(app): State<App>, ctx: Ctx, Query(query): Query<ListSessions>) -> Answer<Json<Sessions>> {
    let sessions = app.sessions().list(&ctx, query.user_id).await?;
    Ok(Json(Sessions { items: sessions.into_iter().map(Into::into).collect() }))
}

/// Sign in.
///
/// Where the account has a second factor, the answer is a question for it: 202. Tries are limited for each address and
/// each login.
#[utoipa::path(post, path = "/sessions", operation_id = "session_create", tag = "sessions", request_body = SignIn,
    responses((status = 201, description = "Signed in.", body = TokensView),
        (status = 202, description = "The second factor is asked for.", body = SecondFactorView)))]
async fn create(
    State(app): State<App>,
    Guest(ctx): Guest,
    headers: HeaderMap,
    Body(request): Body<SignIn>,
) -> Answer<Response> {
    let (login, password) = (request.login.reveal(), request.password.reveal());
    Ok(answer(app.sessions().login(&ctx, login, password, user_agent(&headers)).await?))
}

/// What a browser is signed in with, beside the cookie.
#[derive(Debug, Serialize, ToSchema)]
pub struct BrowserSessionView {
    /// The session.
    session_id: SessionId,
    /// Goes into `X-CSRF-Token` of each request that changes something.
    csrf_token: Once,
    /// When the session ends if nobody comes; each request moves it on, up to a week after the sign-in.
    expires_at: Timestamp,
}

/// Trade the session's tokens for a cookie.
///
/// For browsers: the cookie is `HttpOnly`, so that no page can read it, `Secure`, `SameSite=Strict`, and named
/// `__Host-caspervpn`; on the machine itself over HTTP it is `caspervpn-local` without `Secure`. The refresh token is
/// dead from then on. Requests by cookie that change something need `X-CSRF-Token`. `DELETE /sessions/{id}` signs out.
#[utoipa::path(post, path = "/sessions/cookie", operation_id = "session_cookie", tag = "sessions",
    responses((status = 201, description = "The cookie is set.", body = BrowserSessionView)))]
async fn give_cookie(State(app): State<App>, TokenHolder(ctx): TokenHolder, way: Way) -> Answer<Response> {
    give(StatusCode::CREATED, app.sessions().give_cookie(&ctx).await?, way)
}

/// The answer that gives a browser its cookie.
pub(super) fn give(status: StatusCode, given: BrowserSession, way: Way) -> Answer<Response> {
    let view = BrowserSessionView {
        session_id: given.session,
        csrf_token: Once(given.csrf_token),
        expires_at: given.expires_at,
    };
    let cookie = way.give(&given.cookie)?;
    Ok((status, [(header::SET_COOKIE, cookie)], Json(view)).into_response())
}

/// End a session.
///
/// A browser that ends its own loses its cookie.
#[utoipa::path(delete, path = "/sessions/{id}", operation_id = "session_delete", tag = "sessions",
    params(Id<SessionId>), responses((status = 204, description = "The session has ended.")))]
async fn delete(
    State(app): State<App>,
    ctx: Ctx,
    ByCookie(csrf_token): ByCookie,
    Id(id): Id<SessionId>,
) -> Answer<Response> {
    app.sessions().delete(&ctx, id).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if csrf_token.is_some() && ctx.actor.session() == Some(id) {
        for (name, value) in cookie::taken() {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}

/// Trade a refresh token for the next pair of tokens.
///
/// A token that was traded before ends the session, unless it was within the last 20 seconds.
#[utoipa::path(post, path = "/sessions/refresh", operation_id = "session_refresh", tag = "sessions",
    request_body = Refresh, responses((status = 200, description = "The next pair.", body = TokensView)))]
async fn refresh(
    State(app): State<App>,
    Guest(ctx): Guest,
    Body(request): Body<Refresh>,
) -> Answer<Json<TokensView>> {
    Ok(Json(app.sessions().refresh(&ctx, request.refresh_token.reveal()).await?.into()))
}

/// Sign out.
///
/// A token that is not known has no session to end, and is no error.
#[utoipa::path(post, path = "/sessions/end", operation_id = "session_end", tag = "sessions", request_body = Refresh,
    responses((status = 204, description = "The session has ended.")))]
async fn end(State(app): State<App>, Guest(ctx): Guest, Body(request): Body<Refresh>) -> Answer<StatusCode> {
    app.sessions().end(&ctx, request.refresh_token.reveal()).await?;
    reply::done()
}
