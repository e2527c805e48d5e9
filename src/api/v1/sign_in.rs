//! Signing in by an identity provider, over HTTP: who can be asked, there, back, and the session.
//!
//! Invariant: no token and no code of ours stands in an address. The browser carries a cookie that scripts cannot read.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::caller::Guest;
use crate::api::path::Id;
use crate::api::query;
use crate::api::reply::Answer;
use crate::api::v1::second_factor::{SecondFactorView, answer, user_agent};
use crate::api::v1::sessions::TokensView;
use crate::app::App;
use crate::app::error::AppError;
use crate::app::sign_in::{Arrived, Begun, Cookie, Cookies, Refusal, Returned};
use crate::domain::id::IdentityProviderId;
use crate::domain::name::ProviderName;

/// The routes of signing in by an identity provider.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(providers))
        .routes(routes!(begin))
        .routes(routes!(callback))
        .routes(routes!(finish))
}

/// An identity provider that people may sign in by.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignInProviderView {
    /// Names the provider.
    id: IdentityProviderId,
    /// What its button says.
    name: ProviderName,
}

/// The identity providers that people may sign in by, by name.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignInProviders {
    /// The providers.
    items: Vec<SignInProviderView>,
}

/// An attempt to sign in that was begun.
#[derive(Debug, Serialize, ToSchema)]
pub struct BegunView {
    /// Where the browser goes next.
    #[schema(
        max_length = 8000,
        example = "https://id.example.org/authorize?client_id=casper-vpn&response_type=code"
    )]
    url: String,
}

/// List the identity providers that people may sign in by.
#[utoipa::path(get, path = "/sign-in/providers", operation_id = "sign_in_provider_list", tag = "sessions",
    responses((status = 200, description = "The providers that are enabled.", body = SignInProviders)))]
async fn providers(State(app): State<App>) -> Answer<Json<SignInProviders>> {
    let found = app.sign_in().providers().await?;
    let items = found.into_iter().map(|it| SignInProviderView { id: it.id, name: it.name }).collect();
    Ok(Json(SignInProviders { items }))
}

/// Begin to sign in by an identity provider.
///
/// Sets a cookie for ten minutes; then send the browser to `url`. Tries are limited for each address.
#[utoipa::path(post, path = "/sign-in/providers/{id}/begin", operation_id = "sign_in_begin", tag = "sessions",
    params(Id<IdentityProviderId>),
    responses((status = 200, description = "Where the browser goes next.", body = BegunView)))]
async fn begin(State(app): State<App>, Guest(ctx): Guest, Id(id): Id<IdentityProviderId>) -> Answer {
    begun(app.sign_in().begin(&ctx, id).await?)
}

/// Come back from an identity provider.
///
/// For browsers alone: it sends them to the page `/sign-in`, with `#done` when `POST /api/v1/sign-in/finish` gives a session,
/// `#linked` when one's own account is linked, or `#error=` and a word.
#[utoipa::path(get, path = "/sign-in/providers/{id}/callback", operation_id = "sign_in_callback", tag = "sessions",
    params(Id<IdentityProviderId>),
    responses((status = 303, description = "To the page of signing in.")))]
async fn callback(
    State(app): State<App>,
    Guest(ctx): Guest,
    Id(id): Id<IdentityProviderId>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let arrived = app.sign_in().arrive(&ctx, id, &cookies(&headers), &returned(query.as_deref())).await?;
    let refused = |why: Refusal| format!("{PAGE_ERROR}{}", why.as_str());
    let (place, kept) = match arrived {
        Arrived::SignedIn(cookie) => (PAGE_DONE.to_owned(), Kept::Code(cookie)),
        Arrived::Linked => (PAGE_LINKED.to_owned(), Kept::Nothing),
        Arrived::Refused(why) => (refused(why), Kept::Nothing),
        Arrived::Stray => (refused(Refusal::Attempt), Kept::AsItWas),
    };
    let place = HeaderValue::from_str(&place).map_err(AppError::broken("writing an address"))?;
    let mut response: Response = (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response();
    match kept {
        Kept::Code(cookie) => set(&mut response, &cookie)?,
        Kept::Nothing => clear(&mut response),
        Kept::AsItWas => {}
    }
    Ok(response)
}

/// Trade the cookie of the way back for a session, once.
///
/// Where the account has a second factor, the answer is a question for it: 202.
#[utoipa::path(post, path = "/sign-in/finish", operation_id = "sign_in_finish", tag = "sessions",
    responses((status = 201, description = "Signed in.", body = TokensView),
        (status = 202, description = "The second factor is asked for.", body = SecondFactorView)))]
async fn finish(State(app): State<App>, Guest(ctx): Guest, headers: HeaderMap) -> Answer {
    let begun = app.sign_in().finish(&ctx, &cookies(&headers), user_agent(&headers)).await?;
    let mut response = answer(begun);
    clear(&mut response);
    Ok(response)
}

/// Where the browser goes next, with what it keeps meanwhile.
pub(super) fn begun(begun: Begun) -> Answer {
    let mut response = Json(BegunView { url: begun.url }).into_response();
    set(&mut response, &begun.cookie)?;
    Ok(response)
}

/// What the browser keeps from then on.
enum Kept {
    Code(Cookie),
    Nothing,
    AsItWas,
}

/// Browsers keep a cookie of this name for this host alone, and only over TLS (RFC 6265bis §4.1.3.2).
const SECURE_NAME: &str = "__Host-casper_sign_in";
const PLAIN_NAME: &str = "casper_sign_in";
const PAGE_DONE: &str = "/sign-in#done";
const PAGE_LINKED: &str = "/sign-in#linked";
const PAGE_ERROR: &str = "/sign-in#error=";

/// `Lax`, because the browser comes back from another site; no other site can make it send a POST with it.
fn set(response: &mut Response, cookie: &Cookie) -> Result<(), AppError> {
    let (name, secure) = if cookie.is_secure { (SECURE_NAME, "; Secure") } else { (PLAIN_NAME, "") };
    let (value, seconds) = (cookie.value.as_str(), cookie.good_for.as_secs());
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let text = HeaderValue::from_str(&text).map_err(AppError::broken("writing a cookie"))?;
    response.headers_mut().append(header::SET_COOKIE, text);
    Ok(())
}

fn clear(response: &mut Response) {
    for gone in [
        "__Host-casper_sign_in=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure",
        "casper_sign_in=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
    ] {
        response.headers_mut().append(header::SET_COOKIE, HeaderValue::from_static(gone));
    }
}

/// The cookies that can be ours. One that is there twice was not set by us alone, and counts as none.
fn cookies(headers: &HeaderMap) -> Cookies {
    let find = |name: &str| {
        let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut found = all
            .flat_map(|text| text.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned());
        match (found.next(), found.next()) {
            (Some(value), None) if value.len() <= MAX_COOKIE_BYTES => Some(value),
            _ => None,
        }
    };
    Cookies { secure: find(SECURE_NAME), plain: find(PLAIN_NAME) }
}

/// Ours have under 600 bytes.
const MAX_COOKIE_BYTES: usize = 2048;

/// What the provider sent back. Parameters that are not known are the provider's business; unreadable ones are as if
/// they were not there.
fn returned(text: Option<&str>) -> Returned {
    let mut all: BTreeMap<String, String> = query::parse(text.unwrap_or("")).unwrap_or_default();
    Returned {
        state: all.remove("state"),
        code: all.remove("code"),
        iss: all.remove("iss"),
        error: all.remove("error"),
    }
}

#[cfg(test)]
mod tests {
    use super::{cookies, returned};
    use http::{HeaderMap, HeaderValue, header};

    #[test]
    fn a_cookie_that_is_there_twice_is_not_ours() {
        let read = |texts: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for text in texts {
                headers.append(header::COOKIE, HeaderValue::from_static(text));
            }
            cookies(&headers)
        };

        assert_eq!(read(&["a=b; __Host-casper_sign_in=x; c"]).secure.as_deref(), Some("x"));
        assert_eq!(read(&["casper_sign_in=x", "a=b"]).plain.as_deref(), Some("x"));
        assert_eq!(read(&["casper_sign_in=x; casper_sign_in=y"]).plain, None);
        assert_eq!(read(&["casper_sign_in=x", "casper_sign_in=x"]).plain, None);
        assert_eq!(read(&["__host-casper_sign_in=x"]).secure, None);
    }

    #[test]
    fn what_a_provider_adds_is_passed_over() {
        let read = returned(Some("code=a%2Fb&state=s&session_state=1&iss=https%3A%2F%2Fid.example.org"));

        assert_eq!((read.code.as_deref(), read.state.as_deref()), (Some("a/b"), Some("s")));
        assert_eq!(read.iss.as_deref(), Some("https://id.example.org"));
        assert_eq!(returned(Some("code=a&code=b&state=s")).state, None);
        assert_eq!(returned(None).code, None);
    }
}
