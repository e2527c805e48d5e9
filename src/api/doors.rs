//! Turns away callers whose address may not reach the panel and the API, before anything else is looked at.
//!
//! Invariant: nothing here reads the database while a request waits, and the local socket is never turned away.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{Extensions, StatusCode};

use crate::api::caller::{FindOrigin, Origin};
use crate::api::problem::Problem;
use crate::app::App;
use crate::domain::id::RequestId;
use crate::telemetry::names;

/// Lets a caller in, or says why not.
pub fn admit(app: &App, origin: Origin) -> Result<(), Problem> {
    if app.gate().admits(origin.address) {
        return Ok(());
    }
    metrics::counter!(names::ADDRESS_REFUSED.name).increment(1);
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "address_not_allowed",
        "this address may not reach the panel and the API; come from inside the VPN or from an allowed address. On \
         the host, `caspervpn access show` says which are, and `caspervpn access allow-from` adds one",
    ))
}

/// Puts the door before routes that are not the API's own, which has it already.
pub fn before(routes: Router, app: App, find_origin: FindOrigin) -> Router {
    routes.layer(from_fn_with_state((app, find_origin), judged))
}

async fn judged(
    State((app, find_origin)): State<(App, FindOrigin)>,
    request: Request,
    next: Next,
) -> Response {
    match refusal(&app, find_origin, request.extensions()) {
        None => next.run(request).await,
        Some(refusal) => refusal,
    }
}

/// The answer to whoever sent a request with these extensions, if it may not come in.
pub fn refusal(app: &App, find_origin: FindOrigin, extensions: &Extensions) -> Option<Response> {
    let problem = admit(app, find_origin(extensions)).err()?;
    Some(match extensions.get::<RequestId>() {
        Some(id) => problem.render(*id),
        None => problem.into_response(),
    })
}
