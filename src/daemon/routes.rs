//! Which routes each listener serves: three sets that never mix.
//!
//! Public: panel and API. Internal: metrics and probes with details. Node: nothing yet; the one node runs inside.

use std::sync::{Arc, LazyLock};

use http::Extensions;

use crate::api::caller::Origin;
use crate::app::App;
use crate::edge::Routes;
use crate::edge::peer::Peer;
use crate::edge::probes::{self, Detail};
use crate::runtime::clock::Clock;
use crate::runtime::readiness::Readiness;
use crate::telemetry::metrics::Metrics;
use crate::{api, edge, panel};

/// What the routes are made of.
#[derive(Clone)]
pub struct Site {
    /// The use cases.
    pub app: App,
    /// Names the requests.
    pub clock: Arc<dyn Clock>,
    /// Says whether the service is ready.
    pub readiness: Readiness,
    /// Renders the metrics.
    pub metrics: Metrics,
}

impl Site {
    /// The API, the panel and brief probes: what strangers may reach.
    pub fn public(&self, listener: &'static str) -> Routes {
        let probes = probes::routes(self.readiness.clone(), Detail::Status, VERSION);
        edge::observe::observe(self.pages().merge(probes), listener, Arc::clone(&self.clock))
    }

    /// Metrics and probes with every detail: what the machine's own may reach.
    pub fn internal(&self, listener: &'static str) -> Routes {
        edge::observe::observe(self.figures(), listener, Arc::clone(&self.clock))
    }

    /// Both, for a listener that only the machine itself reaches.
    pub fn local(&self, listener: &'static str) -> Routes {
        edge::observe::observe(self.pages().merge(self.figures()), listener, Arc::clone(&self.clock))
    }

    fn pages(&self) -> Routes {
        api_routes(&self.app, &self.clock).fallback_service(panel::router())
    }

    fn figures(&self) -> Routes {
        let metrics = self.metrics.clone();
        probes::routes(self.readiness.clone(), Detail::Full, VERSION)
            .merge(api::internal::routes(Arc::new(move || metrics.render())))
    }
}

/// The API alone, for verbs with no server running.
pub fn api_routes(app: &App, clock: &Arc<dyn Clock>) -> Routes {
    api::router(app.clone(), Arc::clone(clock), origin)
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Who this process runs as; asked once, since it never changes user.
static OWN_UID: LazyLock<Option<u32>> =
    LazyLock::new(|| procfs::process::Process::myself().and_then(|me| me.uid()).ok());

/// Where a request came from: root and the service's own user on the unix socket are the host's administrator.
fn origin(extensions: &Extensions) -> Origin {
    match extensions.get::<Peer>() {
        Some(Peer::Tcp(at)) => Origin { address: Some(at.ip()), is_host: false },
        Some(Peer::Unix { uid, .. }) => {
            Origin { address: None, is_host: *uid == 0 || Some(*uid) == *OWN_UID }
        }
        None => Origin::default(),
    }
}
