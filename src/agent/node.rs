//! The loop of a node: listens to the controller, keeps the machine as it has to be, and reports.
//!
//! Invariant: one task does it all, so no two passes meet. Nothing on the way from an update to the machine waits
//! for a timer, and a controller that cannot be reached stops neither healing nor expiry.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::agent::host::{Examined, NodeHost};
use crate::agent::link::{Link, LinkError};
use crate::agent::reconcile::{Reason, Reconciler};
use crate::agent::report::Reporter;
use crate::domain::device::is_online;
use crate::domain::handshake::Handshakes;
use crate::domain::message::{Report, Update};
use crate::domain::node::{InterfaceName, NodeHealth};
use crate::domain::time::Timestamp;
use crate::runtime::backoff::Backoff;
use crate::runtime::clock::{Clock, random};
use crate::telemetry::chain::chain;
use crate::telemetry::names;
use crate::vpn::tunnel::PeerStatistics;

/// A node: a machine, and the way to its controller.
pub struct Agent {
    link: Arc<dyn Link>,
    host: Arc<NodeHost>,
    clock: Arc<dyn Clock>,
    on_stop: OnStop,
    health: watch::Sender<NodeHealth>,
}

/// What becomes of the tunnels when the agent stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnStop {
    /// Interfaces and firewall are taken away.
    Remove,
    /// What can outlive the process stays, for a restart that clients do not notice.
    Keep,
}

impl Agent {
    /// A node that does nothing yet.
    pub fn new(link: Arc<dyn Link>, host: NodeHost, clock: Arc<dyn Clock>, on_stop: OnStop) -> Self {
        let problems = host.off_reason().map(str::to_owned).into_iter().collect();
        let health = NodeHealth { backend: host.backend().to_owned(), problems, ..NodeHealth::default() };
        Self { link, host: Arc::new(host), clock, on_stop, health: watch::Sender::new(health) }
    }

    /// What the node says of itself, as it changes.
    pub fn health(&self) -> watch::Receiver<NodeHealth> {
        self.health.subscribe()
    }

    /// Runs until `stop`, then reports once more and cleans up.
    pub async fn run(&self, stop: CancellationToken) {
        let mut node = Running::new(self);
        let mut update = self.listen(None, Duration::ZERO);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                heard = &mut update => {
                    let wait = node.hear(heard).await;
                    update = self.listen(node.reconciler.sequence().filter(|_| !node.has_gap), wait);
                }
                told = wait_for(&mut node.telling) => node.told(told),
                () = sleep_until(node.pass_at) => node.pass(Reason::Timer).await,
                () = sleep_until(node.look_at) => node.look().await,
            }
        }
        drop(update);
        node.finish().await;
    }

    fn listen(&self, after: Option<i64>, wait: Duration) -> BoxFuture<'_, Result<Update, LinkError>> {
        Box::pin(async move {
            sleep(wait).await;
            self.link.next(after).await
        })
    }
}

struct Running<'a> {
    agent: &'a Agent,
    reconciler: Reconciler,
    reporter: Reporter,
    has_gap: bool,
    /// What else on the host is in the way.
    findings: Examined,
    /// What the interfaces hear of handshakes, and what of it the controller knows.
    handshakes: BTreeMap<InterfaceName, Handshakes>,
    told_handshakes: BTreeMap<InterfaceName, Handshakes>,
    examine_at: Instant,
    pass_at: Instant,
    look_at: Instant,
    tell_at: Instant,
    telling: Option<Telling<'a>>,
    /// Whether the controller took the last report.
    is_heard: bool,
    listen_backoff: Backoff,
    tell_backoff: Backoff,
}

/// A report under way. It is given back with its result, to know what was acknowledged.
type Telling<'a> = BoxFuture<'a, (Report, Result<(), LinkError>)>;

impl<'a> Running<'a> {
    fn new(agent: &'a Agent) -> Self {
        let now = agent.now();
        Self {
            agent,
            reconciler: Reconciler::new(Arc::clone(&agent.clock)),
            reporter: Reporter::default(),
            has_gap: false,
            findings: Examined::default(),
            handshakes: BTreeMap::new(),
            told_handshakes: BTreeMap::new(),
            examine_at: now,
            pass_at: now,
            look_at: now,
            tell_at: now,
            telling: None,
            is_heard: false,
            listen_backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT),
            tell_backoff: Backoff::new(LOOK_EVERY, TELL_EVERY),
        }
    }

    /// Does what the controller said, and gives how long to wait before listening again.
    async fn hear(&mut self, heard: Result<Update, LinkError>) -> Duration {
        let update = match heard {
            Ok(update) => update,
            Err(cause) => {
                let wait = self.listen_backoff.next_wait(self.spread());
                let error = chain(&cause);
                warn!(error = %error, retry_ms = wait.as_millis(), "the controller could not be heard: {error}");
                return wait;
            }
        };
        self.listen_backoff.reset();
        if self.reconciler.ends_counters(&update) {
            self.note_counters().await;
        }
        if let Err(gap) = self.reconciler.take(update) {
            debug!("{gap}; asking for everything");
            // A controller that answers a request for everything with deltas is asked ever more slowly.
            let again = self.has_gap;
            self.has_gap = true;
            return if again { self.listen_backoff.next_wait(self.spread()) } else { Duration::ZERO };
        }
        self.has_gap = false;
        let is_first = self.reconciler.applied_sequence() == 0;
        let was_bare = is_first || !self.reconciler.has_interfaces();
        let began = self.agent.now();
        self.pass(Reason::Update).await;
        let took = self.agent.now().duration_since(began);
        if was_bare && self.reconciler.has_interfaces() {
            // Without forwarding the first client would be connected and carry nothing until the next look.
            self.examine_at = self.agent.now() + EXAMINE_EVERY;
            self.examine().await;
        }
        if is_first {
            // The controller waits to hear that the node is there.
            self.look_at = self.agent.now();
        }
        // Half the time is left to others while changes keep coming; a change after a quiet moment waits for nothing.
        took.min(LONGEST_PAUSE)
    }

    /// Brings the machine to its desired state.
    async fn pass(&mut self, reason: Reason) {
        let began = self.agent.now();
        let host = &self.agent.host;
        if host.off_reason().is_none()
            && let Some(plan) = self.reconciler.plan(host, reason).await
        {
            if reason == Reason::Timer && plan.ends_counters() {
                self.note_counters().await;
            }
            self.reconciler.perform(host, plan, reason).await;
        }
        metrics::histogram!(names::NODE_PASS_DURATION_SECONDS.name)
            .record(self.agent.now().duration_since(began));
        let wait = self.reconciler.next_wait().unwrap_or(HEAL_EVERY);
        self.pass_at = self.agent.now() + wait.clamp(SHORTEST_PASS, HEAL_EVERY);
        self.publish_health();
    }

    /// Looks at counters and host, and reports when it is time or a device has arrived.
    async fn look(&mut self) {
        let began = self.agent.now();
        self.look_at = began + LOOK_EVERY;
        if self.reconciler.sequence().is_none() && self.agent.host.off_reason().is_none() {
            return;
        }
        if began >= self.examine_at {
            self.examine_at = began + EXAMINE_EVERY;
            self.examine().await;
        }
        self.note_counters().await;
        let is_watched = self.is_heard && self.agent.link.is_watched();
        let now = self.agent.clock.now();
        let is_news = self.reporter.has_arrival(now) || self.has_handshake_news(now);
        let is_due = began >= self.tell_at || is_watched || is_news;
        if self.telling.is_none() && is_due {
            let report = self.report();
            self.telling = Some(self.agent.tell(report, TELL_PATIENCE));
        }
    }

    async fn examine(&mut self) {
        // A host that carries no tunnel yet is none of our business.
        let is_needed = self.agent.host.off_reason().is_none() && self.reconciler.has_interfaces();
        self.findings = if is_needed { self.agent.host.examine().await } else { Examined::default() };
        self.publish_health();
    }

    async fn note_counters(&mut self) {
        let now = self.agent.clock.now();
        let found = self.agent.host.statistics(now).await;
        self.handshakes = self.agent.host.handshakes(now).await;
        for (name, peers) in &found {
            measure_peers(name, peers, now);
        }
        let grown = self.reporter.note(self.reconciler.name_devices(found));
        metrics::counter!(names::TUNNEL_RECEIVED_BYTES.name).increment(grown.rx_bytes);
        metrics::counter!(names::TUNNEL_SENT_BYTES.name).increment(grown.tx_bytes);
    }

    /// People look at the panel while they try to connect: whether their packets come must not wait for its turn.
    fn has_handshake_news(&self, now: Timestamp) -> bool {
        self.handshakes.iter().any(|(name, heard)| heard.is_news(self.told_handshakes.get(name), now))
    }

    fn report(&self) -> Report {
        let health = self.agent.health.borrow().clone();
        Report {
            applied_sequence: self.reconciler.applied_sequence(),
            devices: self.reporter.list_moved(),
            health: NodeHealth { handshakes: self.handshakes.clone(), ..health },
        }
    }

    fn told(&mut self, (report, result): (Report, Result<(), LinkError>)) {
        self.telling = None;
        let wait = match result {
            Ok(()) => {
                self.reporter.acknowledge(&report.devices);
                self.told_handshakes = report.health.handshakes;
                self.tell_backoff.reset();
                self.is_heard = true;
                TELL_EVERY
            }
            Err(cause) => {
                self.is_heard = false;
                let wait = self.tell_backoff.next_wait(self.spread());
                let error = chain(&cause);
                warn!(error = %error, retry_ms = wait.as_millis(), "the controller did not take the report: {error}");
                wait
            }
        };
        self.tell_at = self.agent.now() + wait;
    }

    fn publish_health(&mut self) {
        let host = &self.agent.host;
        let problems = host.off_reason().map(str::to_owned).into_iter();
        let Examined { forwarding, firewall, addresses } = self.findings.clone();
        let problems = problems
            .chain(self.reconciler.problems().cloned())
            .chain(forwarding.iter().cloned())
            .chain(firewall.iter().cloned());
        let (backend, problems) = (host.backend().to_owned(), problems.collect());
        let handshakes = BTreeMap::new();
        let health = NodeHealth { backend, problems, forwarding, firewall, addresses, handshakes };
        metrics::gauge!(names::NODE_PROBLEMS.name).set(health.problems.len() as f64);
        let changed = self.agent.health.send_if_modified(|known| {
            let changed = *known != health;
            *known = health;
            changed
        });
        if changed {
            // People look at the panel while they repair things: tell at the next look.
            self.tell_at = self.agent.now();
        }
    }

    fn spread(&self) -> u8 {
        let [spread] = random(self.agent.clock.as_ref());
        spread
    }

    /// Reports the last bytes, and takes down what is to be taken down.
    async fn finish(mut self) {
        self.telling = None;
        self.note_counters().await;
        let (_, result) = self.agent.tell(self.report(), LAST_PATIENCE).await;
        if let Err(cause) = result {
            let error = chain(&cause);
            warn!(error = %error, "the controller did not take the last report: {error}");
        }
        match self.agent.on_stop {
            OnStop::Remove => self.agent.host.close().await,
            OnStop::Keep => self.agent.host.leave().await,
        }
        info!("the node has stopped");
    }
}

impl Agent {
    /// The clock's instant, as the runtime's timers take it.
    fn now(&self) -> Instant {
        Instant::from_std(self.clock.instant())
    }

    fn tell(&self, report: Report, patience: Duration) -> Telling<'_> {
        Box::pin(async move {
            let sent = timeout(patience, self.link.report(report.clone())).await;
            let result =
                sent.unwrap_or_else(|late| Err(LinkError::new("wait for the controller to take it", late)));
            (report, result)
        })
    }
}

fn measure_peers(name: &InterfaceName, peers: &[PeerStatistics], now: Timestamp) {
    let online = peers.iter().filter(|peer| is_online(peer.last_handshake, now)).count();
    metrics::gauge!(names::TUNNEL_PEERS.name, "interface" => name.to_string()).set(peers.len() as f64);
    metrics::gauge!(names::TUNNEL_PEERS_ONLINE.name, "interface" => name.to_string()).set(online as f64);
}

/// The longest pause between two passes of changes that come one after the other. With the pass itself it stays within
/// the tenth of a second in which a change has to reach the tunnel.
const LONGEST_PAUSE: Duration = Duration::from_millis(40);

/// The result of work that may be under way; while there is none, never.
async fn wait_for<T>(work: &mut Option<BoxFuture<'_, T>>) -> T {
    match work {
        Some(work) => work.await,
        None => pending().await,
    }
}

/// How often the machine is looked at for what others have changed: within this an address that somebody deleted is
/// back. A look at ten thousand devices takes some 15 ms.
const HEAL_EVERY: Duration = Duration::from_secs(5);

/// The least time from one pass on a timer to the next, whatever is due.
const SHORTEST_PASS: Duration = Duration::from_millis(5);

/// How often counters are read, and so how soon an arriving device shows as online.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often the node reports: the step of the history.
const TELL_EVERY: Duration = Duration::from_secs(15);

/// The longest wait for a report to be taken: the next one is due by then.
const TELL_PATIENCE: Duration = Duration::from_secs(10);

/// The same when the node stops: the bytes of the last seconds are not worth more of the drain's time.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// How often forwarding and foreign firewalls are looked at. They change when a person changes them.
const EXAMINE_EVERY: Duration = Duration::from_secs(10);

/// The first and the longest wait before a controller that could not be heard is asked again.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
