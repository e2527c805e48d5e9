//! Finds out who asks: a session's token, a program's token, the machine's administrator on the local socket, or nobody.
//!
//! Invariant: a token that is not good is refused, never taken for nobody.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use zeroize::Zeroizing;

use crate::api::Api;
use crate::api::cookie::{self, ByCookie};
use crate::api::problem::Problem;
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::sessions::CookieHolder;
use crate::domain::access::Actor;
use crate::domain::id::RequestId;

/// Where a request came from, as the listener knows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's address; none on a unix socket.
    pub address: Option<IpAddr>,
    /// Whether the peer of the local socket is root or the server's own account.
    pub is_host: bool,
}

/// Reads the origin from what the listener left with the request.
pub type FindOrigin = fn(&Extensions) -> Origin;

/// Whoever is somebody. Nobody is told to sign in before anything else about the request is judged.
impl FromRequestParts<Api> for Ctx {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let origin = api.origin(&parts.extensions);
        let cookie = cookie::find(&parts.headers, origin)?.map(|cookie| Zeroizing::new(cookie.to_owned()));
        let (actor, cookie) = match (credentials(&parts.headers)?, cookie) {
            (Some(_), Some(_)) => return Err(two_credentials()),
            (Some(value), None) => (by_token(api, value, origin).await?, None),
            (None, Some(cookie)) => {
                let (actor, digest) = by_cookie(parts, api, &cookie, origin).await?;
                (actor, Some(digest))
            }
            (None, None) if origin.is_host => (Actor::Host, None),
            (None, None) => return Err(Problem::unauthenticated("sign in first", "Bearer")),
        };
        Ok(Self { cookie, ..standing(parts, api, actor, origin) })
    }
}

/// Whoever shows a token; a cookie that came along is not looked at.
#[derive(Debug)]
pub struct TokenHolder(pub Ctx);

impl FromRequestParts<Api> for TokenHolder {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let origin = api.origin(&parts.extensions);
        let value = credentials(&parts.headers)?
            .ok_or_else(|| Problem::unauthenticated("sign in first", "Bearer"))?;
        let actor = by_token(api, value, origin).await?;
        Ok(Self(standing(parts, api, actor, origin)))
    }
}

async fn by_token(api: &Api, value: &HeaderValue, origin: Origin) -> Result<Actor, Problem> {
    let token = after_scheme(value, "bearer").ok_or_else(wrong_scheme)?;
    api.app().authenticate(token, origin.address).await.map_err(refused)
}

/// A browser sends its cookie whoever made the request, so a change needs the proof of a page of ours. Gives the cookie's
/// digest, too.
async fn by_cookie(
    parts: &mut Parts,
    api: &Api,
    cookie: &str,
    origin: Origin,
) -> Result<(Actor, [u8; 32]), Problem> {
    let sessions = api.app().sessions();
    let CookieHolder { actor, session, token } =
        sessions.authenticate_cookie(cookie).await.map_err(refused)?;
    if !parts.method.is_safe() && !cookie::is_proved(parts, &token) {
        sessions.unproved(&context(actor, origin, &parts.extensions), session).await?;
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "csrf",
            "a change by cookie needs the header X-CSRF-Token, as the sign-in and GET /api/v1/me give it, from a \
             page of this address",
        ));
    }
    parts.extensions.insert(ByCookie(Some(token.csrf_token())));
    Ok((actor, *token.digest().as_bytes()))
}

fn two_credentials() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "two_credentials",
        "there are both an Authorization header and a session's cookie; send one of them",
    )
}

/// The context, which is judged again once the request's body has come.
fn standing(parts: &mut Parts, api: &Api, actor: Actor, origin: Origin) -> Ctx {
    if !parts.method.is_safe() {
        parts.extensions.insert(Standing { app: api.app().clone(), actor });
    }
    context(actor, origin, &parts.extensions)
}

/// Who was judged before the request's body had come. A body may take many seconds, in which an account can be disabled.
#[derive(Clone)]
pub struct Standing {
    app: App,
    actor: Actor,
}

impl Standing {
    /// Judges again.
    pub async fn confirm(self) -> Result<(), Problem> {
        self.app.confirm(self.actor).await.map_err(refused)
    }
}

/// The context of an operation that needs no account; whatever token came along is not looked at.
#[derive(Debug)]
pub struct Guest(pub Ctx);

impl FromRequestParts<Api> for Guest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let origin = api.origin(&parts.extensions);
        Ok(Self(context(Actor::Anonymous, origin, &parts.extensions)))
    }
}

/// What allows a first run: the token of a setup link, `Authorization: Setup <token>`, or being the host itself.
pub struct SetupProof {
    /// The context of the run.
    pub ctx: Ctx,
    /// The link's token; the host needs none.
    pub token: Option<Zeroizing<String>>,
}

impl FromRequestParts<Api> for SetupProof {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let origin = api.origin(&parts.extensions);
        let value = credentials(&parts.headers)?;
        let token = value.and_then(|value| after_scheme(value, "setup"));
        match (token, value) {
            (Some(token), _) => Ok(Self {
                ctx: context(Actor::Anonymous, origin, &parts.extensions),
                token: Some(Zeroizing::new(token.to_owned())),
            }),
            (None, None) if origin.is_host => {
                Ok(Self { ctx: context(Actor::Host, origin, &parts.extensions), token: None })
            }
            (None, _) => Err(Problem::unauthenticated(
                "send the token of the setup link as `Authorization: Setup <token>`; \
                 `caspervpn setup-link` prints a new link",
                "Setup",
            )),
        }
    }
}

fn context(actor: Actor, origin: Origin, extensions: &Extensions) -> Ctx {
    let request = extensions.get::<RequestId>().copied();
    Ctx { actor, request, address: origin.address, cookie: None, idempotency: None }
}

/// The one `Authorization` header. Two of them would leave open which counts.
fn credentials(headers: &HeaderMap) -> Result<Option<&HeaderValue>, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Problem::unauthenticated("there are two Authorization headers", INVALID)),
    }
}

/// The credentials behind a scheme, whose name has no case (RFC 9110 §11.1); one token of RFC 6750 §2.1.
fn after_scheme<'a>(value: &'a HeaderValue, scheme: &str) -> Option<&'a str> {
    let (given, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    let is_token = (1..=MAX_TOKEN_BYTES).contains(&token.len()) && token.bytes().all(allowed);
    (given.eq_ignore_ascii_case(scheme) && is_token).then_some(token)
}

fn wrong_scheme() -> Problem {
    Problem::unauthenticated("the Authorization header is not `Bearer <access token>`", INVALID)
}

fn refused(error: crate::app::error::AppError) -> Problem {
    use crate::app::error::AppError;
    match error {
        AppError::Unauthenticated { why } => Problem::unauthenticated(why, INVALID),
        other @ (AppError::NotFound { .. }
        | AppError::Forbidden { .. }
        | AppError::Unproven { .. }
        | AppError::Invalid { .. }
        | AppError::Conflict { .. }
        | AppError::Stale { .. }
        | AppError::TooMany { .. }
        | AppError::Busy { .. }
        | AppError::Internal { .. }) => other.into(),
    }
}

/// RFC 6750 §3.1: a token came, and is not good.
const INVALID: &str = "Bearer error=\"invalid_token\"";
/// Longest token that is looked at; ours have under 400 bytes.
const MAX_TOKEN_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::{after_scheme, credentials};
    use http::{HeaderMap, HeaderValue, header};

    fn token(value: &'static str) -> Option<&'static str> {
        let value: &'static HeaderValue = Box::leak(Box::new(HeaderValue::from_static(value)));
        after_scheme(value, "bearer")
    }

    #[test]
    fn a_token_stands_behind_its_scheme_alone() {
        assert_eq!(token("Bearer a.b-c_d"), Some("a.b-c_d"));
        assert_eq!(token("bEARER  a "), Some("a"));
        for bad in ["Bearer", "Bearer ", "a.b.c", "Basic YTpi", "Bearer a b", "Bearer a,b", "Setup a"] {
            assert_eq!(token(bad), None, "{bad}");
        }
    }

    #[test]
    fn two_authorization_headers_are_refused() {
        let mut headers = HeaderMap::new();
        assert!(credentials(&headers).unwrap().is_none());
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        assert!(credentials(&headers).unwrap().is_some());
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer a"));

        assert_eq!(credentials(&headers).unwrap_err().status(), 401);
    }
}
