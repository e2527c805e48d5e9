//! JSON over HTTP: the public API and the internal router of metrics and probes.
//!
//! Invariant: a handler takes a typed request, calls one use case, and answers. Nothing here decides who may do what.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use http::Extensions;

use crate::api::body::BodyLimits;
use crate::api::caller::{FindOrigin, Origin};
use crate::api::problem::Problem;
use crate::app::App;
use crate::config::limits::Limits;
use crate::domain::id::RequestId;
use crate::runtime::clock::Clock;
use crate::runtime::tasks::{Group, Tasks};

pub mod body;
pub mod caller;
pub mod cookie;
pub mod doors;
pub mod front;
pub mod idempotency;
pub mod internal;
pub mod number;
pub mod openapi;
pub mod page;
pub mod path;
pub mod precondition;
pub mod problem;
pub mod query;
pub mod reply;
pub mod schema;
pub mod v1;

/// What the handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Parts>);

struct Parts {
    app: App,
    clock: Arc<dyn Clock>,
    /// Acts under way. A stop waits for them.
    acts: Group,
    find_origin: FindOrigin,
    body_limits: BodyLimits,
    /// Longest time to the beginning of an answer.
    answer_within: Duration,
}

impl Api {
    fn app(&self) -> &App {
        &self.0.app
    }

    fn origin(&self, extensions: &Extensions) -> Origin {
        (self.0.find_origin)(extensions)
    }

    fn acts(&self) -> &Group {
        &self.0.acts
    }

    /// An id for a request whose listener gave it none.
    fn new_request_id(&self) -> RequestId {
        RequestId::new(self.0.clock.new_id())
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("app", &self.0.app).finish_non_exhaustive()
    }
}

impl FromRef<Api> for App {
    fn from_ref(api: &Api) -> Self {
        api.0.app.clone()
    }
}

/// The public API: everything under `/api`. Other addresses are left to whoever it is merged with.
///
/// `find_origin` reads where a request came from out of what the listener left in its extensions. A `RequestId` among
/// them is used; without one the API makes it.
pub fn router(app: App, tasks: &Tasks, find_origin: FindOrigin, limits: &Limits) -> Router {
    let (clock, acts) = (Arc::clone(tasks.clock()), tasks.group("acts"));
    let answer_within = Duration::from_secs(limits.request_timeout_s.into());
    let parts = Parts { app, clock, acts, find_origin, body_limits: limits.into(), answer_within };
    let api = Api(Arc::new(parts));
    let (v1, _) = v1::routes().split_for_parts();
    Router::new()
        .nest("/api/v1", v1)
        .route("/api", axum::routing::any(nothing))
        .route("/api/", axum::routing::any(nothing))
        .route("/api/{*rest}", axum::routing::any(nothing))
        .route_layer(from_fn_with_state(api.clone(), front::guard))
        .with_state(api)
}

/// Answers where there is nothing, so that no page of the panel is taken for an answer of the API.
async fn nothing() -> Problem {
    Problem::not_found()
}
