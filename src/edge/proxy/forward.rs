//! One request: to an upstream, and its answer back.

use std::sync::Arc;

use axum::body::Body;
use http::header::{HOST, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode, Uri, request};
use hyper::upgrade::OnUpgrade;

use crate::domain::id::RequestId;
use crate::edge::answer::Content;
use crate::edge::peer::Peer;
use crate::edge::problem::problem;
use crate::edge::proxies::Vouched;
use crate::edge::proxy::Inner;
use crate::edge::proxy::headers::{self, Scheme, Told};
use crate::edge::proxy::passing::Coming;
use crate::edge::proxy::retry::{self, Failure, Reached};
use crate::edge::proxy::upgrade::{self, Wish};

/// Passes a request on. `scheme` is how clients reach the listener.
pub(super) async fn forward(
    proxy: Arc<Inner>,
    scheme: Scheme,
    request: Request<Body>,
    id: RequestId,
) -> Response<Content> {
    let (mut parts, body) = request.into_parts();
    let wish = Wish::of(&mut parts);
    let told = Told {
        client: parts.extensions.get::<Peer>().copied(),
        scheme: parts.extensions.get::<Vouched>().map_or(scheme, |vouched| vouched.scheme(scheme)),
        host: host(&parts),
        id,
    };
    headers::prepare(&mut parts.headers, &told);
    if wish.is_some() {
        upgrade::mark(&mut parts.headers);
    }
    let mut request = outgoing(parts, body);
    match retry::send(&proxy, &mut request, id).await {
        Ok(reached) => answer(&proxy, reached, wish, id),
        Err(failure) => refusal(failure, id).map(Content::from),
    }
}

/// The host that the client asked; HTTP/2 has it beside the headers.
fn host(parts: &request::Parts) -> Option<HeaderValue> {
    let header = parts.headers.get(HOST).cloned();
    header.or_else(|| HeaderValue::try_from(parts.uri.authority()?.as_str()).ok())
}

/// The request without its way here, and with HTTP/1.1's form of the target.
fn outgoing(parts: request::Parts, body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    *request.method_mut() = parts.method;
    *request.uri_mut() = parts.uri.into_parts().path_and_query.map_or_else(Uri::default, Uri::from);
    *request.headers_mut() = parts.headers;
    if !request.headers().contains_key(HOST) {
        // HTTP/1.0 may leave it out, HTTP/1.1 may not.
        request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
    }
    request
}

fn answer(proxy: &Arc<Inner>, reached: Reached, wish: Option<Wish>, id: RequestId) -> Response<Content> {
    let Reached { mut answer, mut connection, flight } = reached;
    headers::strip(answer.headers_mut());
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return answer
            .map(|body| Content::Passed(Coming::new(body, connection, flight, Arc::clone(proxy), id)));
    }
    connection.run(&proxy.connections);
    let upstream = answer.extensions_mut().remove::<OnUpgrade>();
    let (Some(wish), Some(upstream)) = (wish, upstream) else {
        return refusal(Failure::Broken, id).map(Content::from);
    };
    upgrade::mark(answer.headers_mut());
    wish.grant(proxy, upstream, flight);
    answer.map(|_| Content::from(Body::empty()))
}

fn refusal(failure: Failure, id: RequestId) -> Response<Body> {
    let (status, code, detail) = match failure {
        Failure::NoneUp => {
            (StatusCode::SERVICE_UNAVAILABLE, "no_upstream", "no API replica is up; try again in a moment")
        }
        Failure::Unreachable => (
            StatusCode::BAD_GATEWAY,
            "upstream_unreachable",
            "no API replica could be reached; nothing was done",
        ),
        Failure::Broken => (
            StatusCode::BAD_GATEWAY,
            "upstream_broken",
            "an API replica broke off; whether a change was made is not known",
        ),
        Failure::Late => (
            StatusCode::GATEWAY_TIMEOUT,
            "upstream_late",
            "an API replica did not answer in time; whether a change was made is not known",
        ),
        Failure::Client => (StatusCode::BAD_REQUEST, "body_cut", "the body of the request broke off"),
    };
    let mut response = problem(status, code, detail, id);
    if failure == Failure::NoneUp {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}
