//! `caspervpn serve`: opens the service, starts its roles in order, and runs until a signal.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info, warn};
use zeroize::Zeroizing;

use crate::agent::host::{Mode, NodeHost};
use crate::agent::node::{Agent, OnStop};
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::AppError;
use crate::config::Settings;
use crate::config::address::PageAddress;
use crate::config::load::Args;
use crate::config::server::Role;
use crate::config::tunnel::Backend;
use crate::daemon::certificates::Certificates;
use crate::daemon::disk::free_bytes;
use crate::daemon::exit::Exit;
use crate::daemon::figures;
use crate::daemon::lifecycle::Lifecycle;
use crate::daemon::link::InProcessLink;
use crate::daemon::listeners::Listeners;
use crate::daemon::ordering;
use crate::daemon::proxy;
use crate::daemon::routes::Site;
use crate::daemon::services::{Services, StartError, metrics_token};
use crate::daemon::signals::Signals;
use crate::domain::id::NodeId;
use crate::domain::job::Lane;
use crate::edge::listener::{ListenError, PassedSockets};
use crate::edge::live_limits::LiveLimits;
use crate::edge::quic::QuicError;
use crate::runtime::job::{Job, Jobs};
use crate::runtime::lanes::Lanes;
use crate::runtime::readiness::{OutOfOrder, Readiness, Stage, Weight};
use crate::runtime::tasks::Tasks;
use crate::telemetry::chain::chain;
use crate::telemetry::logging::LevelControl;
use crate::telemetry::metrics::{Metrics, MetricsError};
use crate::telemetry::names;
use crate::vpn::netlink::NetlinkError;
use crate::vpn::tunnel::probe::Choice;

/// What the process was started with.
pub struct Start {
    /// The settings in force.
    pub settings: Settings,
    /// Where they came from, to read them again.
    pub args: Args,
    /// Changes the log's level.
    pub level: LevelControl,
    /// How much of the machine the node may touch; found out by itself where it is `None`.
    pub node: Option<Mode>,
    /// Whether somebody is there to be told a setup link. Making one ends the one before.
    pub offer_link: bool,
    /// Where the access log goes.
    pub output: fn() -> Box<dyn Write + Send>,
}

/// What there is to tell once the service runs.
#[derive(Debug)]
pub struct Started {
    /// Where the pages are served.
    pub page: Option<PageAddress>,
    /// SHA-256 of the certificate at `listen.https`, where no authority vouches for it.
    pub fingerprint: Option<String>,
    /// Whether the service still has to be set up.
    pub setup: SetupNeed,
    /// The use cases.
    pub app: App,
}

/// Whether the service still has to be set up.
#[derive(Debug)]
pub enum SetupNeed {
    /// There is an owner.
    Done,
    /// There is none, and nobody is there to be told a link.
    Open,
    /// There is none, and this token sets the service up.
    Link(Zeroizing<String>),
}

/// Why the service could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The store, the key or the use cases.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A listener.
    #[error("cannot listen for `{key}`; {}", way_out(key))]
    Listen {
        /// The setting.
        key: &'static str,
        /// Why.
        #[source]
        cause: ListenError,
    },
    /// The metrics.
    #[error("cannot start the metrics")]
    Metrics(#[source] MetricsError),
    /// The access log.
    #[error("cannot start a thread for the access log")]
    AccessLog(#[source] std::io::Error),
    /// The threads of the connections.
    #[error("cannot start the threads that serve connections")]
    Lanes(#[source] std::io::Error),
    /// TLS.
    #[error(transparent)]
    Tls(QuicError),
    /// The handlers of signals.
    #[error("cannot take the signals over")]
    Signals(#[source] std::io::Error),
    /// The order of the start.
    #[error("the parts were started in the wrong order")]
    Order(#[source] OutOfOrder),
    /// A use case of the start.
    #[error("cannot prepare the service")]
    Prepare(#[source] AppError),
    /// The kernel's interface.
    #[error("cannot speak with the kernel about its network")]
    Network(#[source] NetlinkError),
}

impl ServeError {
    /// The number the process ends with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Start(cause) => cause.exit(),
            Self::Listen { .. } | Self::Prepare(_) | Self::AccessLog(_) | Self::Lanes(_) => Exit::Unavailable,
            Self::Metrics(_) | Self::Tls(_) | Self::Signals(_) | Self::Order(_) | Self::Network(_) => {
                Exit::Failure
            }
        }
    }
}

fn way_out(key: &str) -> &'static str {
    match key {
        "listen.https" | "listen.http" => {
            "set it to another address, or, behind a web server that is there already, set listen.https and listen.http to \
             off and listen.public to where that server shall pass requests on"
        }
        "tls.http3" => {
            "set it to false, or end what has the port: a network of yours may carry WireGuard there"
        }
        _ => "set it to another address, or to off",
    }
}

/// A thread of connections takes up new work within microseconds; only what never should holds it this long.
const LONGEST_TURN: Duration = Duration::from_secs(5);

/// Runs the service until a signal stops it. `announce` is called once, when it is ready.
pub async fn serve(
    start: Start,
    passed: PassedSockets,
    announce: impl FnOnce(&Started),
) -> Result<Exit, ServeError> {
    let mut signals = Signals::new().map_err(ServeError::Signals)?;
    let services = Services::open(&start.settings).await?;
    let ended = run(&start, passed, &services, &mut signals, announce).await;
    if ended.is_err() {
        services.close().await;
    }
    ended
}

async fn run(
    start: &Start,
    mut passed: PassedSockets,
    services: &Services,
    signals: &mut Signals,
    announce: impl FnOnce(&Started),
) -> Result<Exit, ServeError> {
    let Start { settings, .. } = start;
    let Services { tasks, app } = services;
    let jobs = Jobs::new(tasks.clone());
    let readiness = Readiness::new(Arc::clone(tasks.clock()), stages(settings));
    watch_store(&readiness, app, settings);
    readiness.up(Stage::Store).map_err(ServeError::Order)?;
    let metrics = start_metrics(services, &jobs)?;
    let limits = LiveLimits::new((&settings.limits).into());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let lanes = Lanes::start(tasks, cores).map_err(ServeError::Lanes)?;
    let (watched, clock) = (lanes.clone(), Arc::clone(tasks.clock()));
    readiness.check("connections", Weight::Vital, move || {
        std::future::ready(watched.check(clock.instant(), LONGEST_TURN))
    });
    let proxy = proxy::start(settings, tasks, &jobs, &readiness, &metrics).await;
    let site = Site::new(settings, services, &readiness, metrics, (start.output)())
        .map_err(ServeError::AccessLog)?
        .with_proxy(proxy)
        .with_metrics_token(metrics_token(settings).await?);
    let listeners = Listeners::open(settings, &mut passed)?;
    let certificates = Certificates::open(
        listeners.take_tls().then_some(settings.server.data_dir.as_path()),
        &settings.tls.certificates,
        readiness.clone(),
        Arc::clone(tasks.clock()),
    );
    certificates.follow(&jobs);
    ordering::follow(&jobs, app, &certificates).await;
    certificates.announce();
    note_token_uses(tasks, &jobs, app);
    follow_policy(&jobs, app);
    tell_listeners(&jobs, app);
    if settings.server.has(Role::Worker) {
        start_jobs(&jobs, app);
        ordering::work(&jobs, app);
    }
    readiness.up(Stage::Api).map_err(ServeError::Order)?;
    if settings.server.has(Role::Agent) {
        start_agent(start, services, &readiness).await?;
        readiness.up(Stage::Agent).map_err(ServeError::Order)?;
    }
    readiness.up(Stage::Panel).map_err(ServeError::Order)?;
    let pages = listeners.pages();
    app.serves_pages_at(pages.iter().map(ToString::to_string).collect());
    listeners.serve(&site, settings, &certificates, &limits, tasks, &lanes).map_err(ServeError::Tls)?;
    readiness.up(Stage::Edge).map_err(ServeError::Order)?;
    let life = Lifecycle::begin(tasks.clone(), &jobs, readiness).await;
    announce(&Started {
        page: pages.into_iter().next(),
        fingerprint: certificates.fingerprint(),
        setup: setup_need(app, start.offer_link).await?,
        app: app.clone(),
    });
    let drain = Duration::from_secs(settings.limits.drain_s.into());
    let mut current = settings.clone();
    let exit =
        life.run(signals, async || reload(start, &mut current, &limits, &certificates), move || drain).await;
    Ok(exit)
}

fn stages(settings: &Settings) -> Vec<Stage> {
    let mut stages = vec![Stage::Store, Stage::Api, Stage::Panel, Stage::Edge];
    if settings.server.has(Role::Agent) {
        stages.push(Stage::Agent);
    }
    stages
}

/// The conditions of readiness: the database reads and writes durably, and its disk has room.
fn watch_store(readiness: &Readiness, app: &App, settings: &Settings) {
    let store = app.store().clone();
    readiness.check("database", Weight::Vital, move || {
        let store = store.clone();
        async move { store.probe().await.map_err(|error| chain(&error).to_string()) }
    });
    let data_dir = settings.server.data_dir.clone();
    readiness.check("disk", Weight::Ready, move || {
        let room = free_bytes(&data_dir);
        let shown = data_dir.display().to_string();
        async move {
            match room {
                Ok(free) if free < DISK_RESERVE_BYTES => Err(format!(
                    "{shown} has only {} MiB free; free space before the database must stop writing",
                    free / 1_048_576
                )),
                Ok(_) => Ok(()),
                Err(error) => Err(format!("cannot read the free space of {shown}: {error}")),
            }
        }
    });
}

/// Below this much free space the service asks to be relieved: a checkpoint of the log needs up to 64 MiB.
const DISK_RESERVE_BYTES: u64 = 100 * 1_048_576;

fn start_metrics(services: &Services, jobs: &Jobs) -> Result<Metrics, ServeError> {
    let metrics = Metrics::install(env!("CARGO_PKG_VERSION"), services.tasks.clock().now())
        .map_err(ServeError::Metrics)?;
    let store = services.app.store().clone();
    metrics.watch(move || figures::readings(&store.figures()));
    let upkeep = metrics.clone();
    jobs.start(Job::new("metrics-upkeep", METRICS_UPKEEP, move || {
        upkeep.upkeep();
        async {}
    }));
    Ok(metrics)
}

/// Samples pile up until they are folded; the recorder's own advice is five seconds.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

fn start_jobs(jobs: &Jobs, app: &App) {
    let purging = app.clone();
    jobs.start(Job::new("purge", PURGE_EVERY, move || {
        let app = purging.clone();
        async move { app.purge_step().await }
    }));
    let telling = app.clone();
    jobs.start(Job::new("hand-out-events", WORK_EVERY, move || {
        let app = telling.clone();
        async move { app.hand_out_step().await }
    }));
    for (name, lane) in [("queue-letters", Lane::Letters), ("queue-webhooks", Lane::Webhooks)] {
        let working = app.clone();
        jobs.start(Job::stoppable(name, WORK_EVERY, move |stop| {
            let app = working.clone();
            async move { app.work_step(lane, &stop).await }
        }));
    }
    let waiting = app.clone();
    jobs.start(Job::new("count-queue", COUNT_EVERY, move || count_queue(waiting.clone())));
    let sealing = app.clone();
    jobs.start(Job::new("seal-audit", SEAL_EVERY, move || {
        let app = sealing.clone();
        async move { app.seal_audit_step().await }
    }));
    let resealing = app.clone();
    jobs.start(Job::new("reseal", RESEAL_EVERY, move || {
        let app = resealing.clone();
        async move { app.reseal_step().await }
    }));
    let counting = app.clone();
    jobs.start(Job::new("count-devices", COUNT_EVERY, move || count_devices(counting.clone())));
}

const PURGE_EVERY: Duration = Duration::from_secs(600);

/// The longest that a job waits which nothing else holds up. Looking costs one read of an index.
const WORK_EVERY: Duration = Duration::from_secs(1);
/// How soon after a new master key its work begins. Without one it costs nothing.
const RESEAL_EVERY: Duration = Duration::from_secs(1);
/// How long an event of the audit can stand unsealed.
const SEAL_EVERY: Duration = Duration::from_secs(1);

/// Writes down when the API tokens that this process saw were last used. Entered before the listeners, so that in a drain
/// the last time comes after the last request.
fn note_token_uses(tasks: &Tasks, jobs: &Jobs, app: &App) {
    let (app, at_end) = (app.clone(), app.clone());
    drop(tasks.spawn_once("last-token-uses", move |stop| async move {
        stop.cancelled().await;
        if let Err(cause) = at_end.token_use_step().await {
            warn!(error = %chain(&cause), "when API tokens were last used is known only up to a minute ago");
        }
    }));
    jobs.start(Job::new("token-uses", NOTE_USES_EVERY, move || {
        let app = app.clone();
        async move { app.token_use_step().await }
    }));
}

/// In every process that has the API: each tells those who listen there.
fn tell_listeners(jobs: &Jobs, app: &App) {
    let app = app.clone();
    jobs.start(Job::new("live-events", TELL_EVERY, move || {
        let app = app.clone();
        async move { app.events_step().await }
    }));
}

/// How soon a listener is told of an act, and let go whose session has ended.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// In every process, whatever its roles: each judges its own requests.
fn follow_policy(jobs: &Jobs, app: &App) {
    let app = app.clone();
    jobs.start(Job::new("policy", POLICY_EVERY, move || {
        let app = app.clone();
        async move { app.reload_policy().await }
    }));
}

/// The longest that who may reach the API goes by a rule which another replica, or a new pool, has changed.
const POLICY_EVERY: Duration = Duration::from_secs(10);

/// As closely as the last use of an API token is known.
const NOTE_USES_EVERY: Duration = Duration::from_secs(60);

/// Counts the devices of each state for the metrics: a query of all devices, so not at each scrape.
async fn count_devices(app: App) -> Result<(), AppError> {
    let state = app.system().get(&Ctx::system()).await?;
    for (state, devices) in state.devices {
        #[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floating point")]
        metrics::gauge!(names::DEVICES.name, "state" => state.as_str()).set(devices as f64);
    }
    Ok(())
}

/// Counts the jobs that wait and those that were given up: a mail server that refuses us must not go unseen.
async fn count_queue(app: App) -> Result<(), AppError> {
    let (waiting, failed) = app.count_jobs().await?;
    for (state, jobs) in [("waiting", waiting), ("failed", failed)] {
        #[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floating point")]
        metrics::gauge!(names::QUEUE_JOBS.name, "state" => state).set(jobs as f64);
    }
    Ok(())
}

/// As often as Prometheus usually asks.
const COUNT_EVERY: Duration = Duration::from_secs(15);

async fn start_agent(start: &Start, services: &Services, readiness: &Readiness) -> Result<(), ServeError> {
    let Services { tasks, app } = services;
    let Some(node) = app.desired().local_node().await.map_err(ServeError::Prepare)? else { return Ok(()) };
    let mode = match &start.node {
        Some(mode) => mode.clone(),
        None => detect(start.settings.tunnel.backend),
    };
    let host = NodeHost::open(mode, tasks).map_err(ServeError::Network)?;
    let link = Arc::new(InProcessLink::new(app.clone(), node));
    let agent = Arc::new(Agent::new(link, host, Arc::clone(tasks.clock()), OnStop::Remove));
    note_health(&agent, services, readiness, node);
    tasks.spawn("agent", move |stop| {
        let agent = Arc::clone(&agent);
        async move { agent.run(stop).await }
    });
    Ok(())
}

fn detect(backend: Backend) -> Mode {
    match backend {
        Backend::Auto => Mode::detect(Choice::Auto),
        Backend::Kernel => Mode::detect(Choice::Kernel),
        Backend::Userspace => Mode::detect(Choice::Userspace),
        Backend::Off => Mode::Off("the setting tunnel.backend is off, so no packet is carried".to_owned()),
    }
}

/// Keeps what the node says of itself among the notes of readiness: it degrades the service and does not end it.
fn note_health(agent: &Agent, services: &Services, readiness: &Readiness, node: NodeId) {
    let mut health = agent.health();
    let readiness = readiness.clone();
    info!(node.id = %node, tunnel.backend = %health.borrow().backend, "node {node} starts");
    drop(services.tasks.spawn_once("node-health", move |stop| async move {
        loop {
            match health.borrow_and_update().problems.join("; ") {
                none if none.is_empty() => readiness.clear_note("node"),
                problems => readiness.note("node", problems),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                changed = health.changed() => if changed.is_err() { return },
            }
        }
    }));
}

async fn setup_need(app: &App, offer_link: bool) -> Result<SetupNeed, ServeError> {
    if !app.setup().is_needed().await.map_err(ServeError::Prepare)? {
        return Ok(SetupNeed::Done);
    }
    if !offer_link {
        return Ok(SetupNeed::Open);
    }
    let link = app.setup().link_create(&Ctx::host(None)).await.map_err(ServeError::Prepare)?;
    Ok(SetupNeed::Link(link.token))
}

/// Reads the settings again. A bad file keeps the old ones and says so.
fn reload(start: &Start, current: &mut Settings, limits: &LiveLimits, certificates: &Certificates) {
    let new = match Settings::load(&start.args) {
        Ok(new) => new,
        Err(error) => {
            error!(error = %chain(&error), "the settings stay as they were: the new ones are not valid");
            return;
        }
    };
    let diff = Settings::reload_diff(current, &new);
    if !diff.needs_restart.is_empty() {
        let keys = diff.needs_restart.join(", ");
        warn!(settings.keys = %keys, "these settings need a restart to take effect: {keys}");
    }
    let next = current.reloaded(&new);
    limits.set((&next.limits).into());
    certificates.set_files(&next.tls.certificates);
    if let Err(error) = start.level.set(&next.log.level) {
        error!(error = %chain(&error), "the log keeps its level");
    }
    info!("settings read again");
    *current = next;
}
