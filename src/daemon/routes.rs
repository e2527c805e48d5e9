//! Which routes each listener serves: three sets that never mix.
//!
//! Public: panel and API. Internal: metrics and probes with details. Node: nothing yet; the one node runs inside.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock};

use http::Extensions;

use crate::api::caller::Origin;
use crate::api::internal::Render;
use crate::app::App;
use crate::config::Settings;
use crate::config::address::Address;
use crate::config::api::WebOrigin;
use crate::config::limits::Limits;
use crate::daemon::listeners::HTTP_3;
use crate::daemon::services::Services;
use crate::edge::Routes;
use crate::edge::access_log::AccessLog;
use crate::edge::cors::Cors;
use crate::edge::files::{Files, Shelf};
use crate::edge::observe::Observer;
use crate::edge::peer::Peer;
use crate::edge::probes::{self, Detail};
use crate::edge::proxy::{Passing, PassingTerms, Proxy, Scheme};
use crate::edge::rate_limit::{RequestLimits, Surroundings};
use crate::edge::redirect::FindProof;
use crate::edge::secure::AlpnProofs;
use crate::runtime::readiness::Readiness;
use crate::runtime::tasks::Tasks;
use crate::secrets::token::TokenDigest;
use crate::telemetry::metrics::Metrics;
use crate::{api, edge, panel};

/// What the routes are made of.
#[derive(Clone)]
pub struct Site {
    /// The use cases.
    pub app: App,
    /// Supervises the acts, and names the requests.
    pub tasks: Tasks,
    /// Says whether the service is ready.
    pub readiness: Readiness,
    /// Renders the metrics.
    pub metrics: Metrics,
    /// Bounds the requests of strangers.
    pub requests: RequestLimits,
    /// What one request of the API may take.
    pub limits: Limits,
    /// Lets pages of other origins in, where there are any.
    pub cors: Option<Cors>,
    /// Tells of each request, where that is wanted.
    pub access: Option<Arc<AccessLog>>,
    /// The way to other processes that have the API, where this one has none.
    pub proxy: Option<Proxy>,
    /// What strangers show to see the figures.
    pub metrics_token: Option<TokenDigest>,
}

fn request_limits(limits: &Limits, app: &App) -> RequestLimits {
    let app = app.clone();
    let around = Surroundings {
        cookies: &[api::cookie::NAME, api::cookie::LOCAL_NAME],
        is_unlimited: Arc::new(move |address| app.is_unlimited(address)),
        refuse: api::front::too_many_requests,
    };
    RequestLimits::new(limits.into(), around)
}

impl Site {
    /// What these settings make of it. `output` takes the access log.
    ///
    /// # Errors
    /// When the system gives no thread for that.
    pub(super) fn new(
        settings: &Settings,
        services: &Services,
        readiness: &Readiness,
        metrics: Metrics,
        output: Box<dyn Write + Send>,
    ) -> io::Result<Self> {
        let Services { tasks, app } = services;
        Ok(Self {
            app: app.clone(),
            tasks: tasks.clone(),
            readiness: readiness.clone(),
            metrics,
            requests: request_limits(&settings.limits, app),
            limits: settings.limits.clone(),
            cors: Cors::new(settings.api.allowed_origins.iter().map(WebOrigin::as_str)),
            access: AccessLog::start(&settings.log, panel::find_file, output, tasks)?,
            proxy: None,
            metrics_token: None,
        })
    }

    /// The same, passing on what it does not have.
    #[must_use]
    pub(super) fn with_proxy(self, proxy: Option<Proxy>) -> Self {
        Self { proxy, ..self }
    }

    /// The same, showing the figures to strangers with this token.
    #[must_use]
    pub(super) fn with_metrics_token(self, metrics_token: Option<TokenDigest>) -> Self {
        Self { metrics_token, ..self }
    }

    /// The API, the panel and brief probes: what strangers may reach. Without the API here all but the probes is passed on:
    /// those tell whether requests should come to this process, and whoever answers has limits of its own.
    pub fn public(&self, listener: &'static str) -> Routes {
        let probes = probes::routes(self.readiness.clone(), Detail::Status, VERSION);
        let figures = self.metrics_token.map_or_else(Routes::new, |token| {
            api::doors::before(api::internal::guarded(self.rendered(), token), self.app.clone(), stranger)
        });
        if self.proxy.is_some() {
            return self.observe(probes.merge(self.requests.before(figures)), listener);
        }
        let panel = api::doors::before(panel::router(), self.app.clone(), stranger);
        let pages =
            api::router(self.app.clone(), &self.tasks, stranger, &self.limits).fallback_service(panel);
        let limited = self.requests.before(pages.merge(probes).merge(figures));
        let shared = match &self.cors {
            Some(cors) => cors.around(limited),
            None => limited,
        };
        self.observe(shared, listener)
    }

    /// The way of a listener's requests to processes that have the API, where this one has none.
    pub(super) fn passing(&self, listener: &'static str) -> Option<Passing> {
        let scheme = if matches!(listener, "https" | HTTP_3) { Scheme::Https } else { Scheme::Http };
        let figures = self.metrics_token.map(|_| api::internal::METRICS);
        let own = probes::PATHS.into_iter().chain(figures).collect();
        let terms = PassingTerms { scheme, observer: self.observer(listener), own };
        self.proxy.as_ref().map(|proxy| proxy.passing(terms))
    }

    /// The files of the panel, which strangers may have from the same listeners as the API.
    pub(super) fn files(&self, listener: &'static str) -> Option<Files> {
        let app = self.app.clone();
        self.proxy.is_none().then(|| {
            Files::new(Shelf {
                observer: self.observer(listener),
                limits: self.requests.clone(),
                find: panel::find_file,
                refuse: Box::new(move |extensions| api::doors::refusal(&app, stranger, extensions)),
                serve: panel::respond,
            })
        })
    }

    /// The way from HTTP to `https`, where that is served, and what certificate authorities look for.
    pub(super) fn plain(&self, listener: &'static str, https: Option<&Address>) -> Routes {
        let port = match https {
            Some(Address::Tcp(at)) => at.port(),
            Some(Address::Unix(_) | Address::Systemd(_)) | None => HTTPS,
        };
        let app = self.app.clone();
        let proofs: FindProof = Arc::new(move |token| {
            let app = app.clone();
            Box::pin(async move { app.http_proof(&token).await })
        });
        // Nothing stands in the way of an authority, no limit either.
        let moved = self.requests.before(edge::redirect::routes(port));
        self.observe(edge::redirect::proofs(proofs).merge(moved), listener)
    }

    /// What certificate authorities look for in handshakes.
    pub(super) fn handshake_proofs(&self) -> AlpnProofs {
        let app = self.app.clone();
        Arc::new(move |name| {
            let app = app.clone();
            Box::pin(async move { app.handshake_proof(&name).await })
        })
    }

    /// Metrics alone, for whom the address is made, with the token where there is one.
    pub(super) fn metrics(&self, listener: &'static str) -> Routes {
        let routes = match self.metrics_token {
            Some(token) => api::internal::guarded(self.rendered(), token),
            None => api::internal::routes(self.rendered()),
        };
        self.observe(self.requests.before(routes), listener)
    }

    /// Metrics and probes with every detail: what the machine's own may reach.
    pub fn internal(&self, listener: &'static str) -> Routes {
        self.observe(self.figures(), listener)
    }

    /// The local socket: the API, where the host's administrator is known by the kernel, with metrics and probes.
    pub fn local(&self, listener: &'static str) -> Routes {
        let pages = host_api(&self.app, &self.tasks, &self.limits).fallback_service(panel::router());
        self.observe(pages.merge(self.figures()), listener)
    }

    fn observer(&self, listener: &'static str) -> Observer {
        Observer::new(listener, Arc::clone(self.tasks.clock()), self.access.clone())
    }

    fn observe(&self, routes: Routes, listener: &'static str) -> Routes {
        edge::observe::observe(routes, listener, Arc::clone(self.tasks.clock()), self.access.clone())
    }

    fn figures(&self) -> Routes {
        probes::routes(self.readiness.clone(), Detail::Full, VERSION)
            .merge(api::internal::routes(self.rendered()))
    }

    fn rendered(&self) -> Render {
        let metrics = self.metrics.clone();
        Arc::new(move || metrics.render())
    }
}

/// The API alone, where the host's administrator is known by the kernel: for the local socket, and for verbs with no
/// server running.
pub fn host_api(app: &App, tasks: &Tasks, limits: &Limits) -> Routes {
    api::router(app.clone(), tasks, origin, limits)
}

/// Where browsers look for it: RFC 9110 §4.2.2.
const HTTPS: u16 = 443;

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

/// The same for every other listener. A reverse proxy may run as root, and speaks for strangers all the same.
fn stranger(extensions: &Extensions) -> Origin {
    Origin { is_host: false, ..origin(extensions) }
}
