//! Brings the machine to its desired state, again and again, and remembers what could not be done.
//!
//! Invariant: nothing but the difference between desired and observed leads to a change, and a change that fails
//! is not tried again before its wait is over or the controller has said something new.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use crate::agent::change::{ChangeKey, ChangeKind, size};
use crate::agent::host::{ChangeError, NodeHost, ObserveError};
use crate::domain::desired::{Change, Desired, Observed, diff};
use crate::domain::id::DeviceId;
use crate::domain::message::{DeviceReport, Gap, Snapshot, Update};
use crate::domain::node::InterfaceName;
use crate::domain::time::Timestamp;
use crate::runtime::backoff::Backoff;
use crate::runtime::clock::{Clock, random};
use crate::telemetry::chain::chain;
use crate::telemetry::names;
use crate::vpn::tunnel::PeerStatistics;

/// The desired state, and how far it has been brought about.
pub struct Reconciler {
    clock: Arc<dyn Clock>,
    desired: Option<Desired>,
    /// The machine after the last pass, where nothing failed in it.
    known: Option<Observed>,
    applied_sequence: i64,
    failures: BTreeMap<ChangeKey, Failure>,
    observe_failure: Option<String>,
    last_pass: Option<Pass>,
    /// The newest life of a counter, of this process or of one before it.
    last_life: Timestamp,
}

/// What a pass left behind.
struct Pass {
    at: Timestamp,
    undone: BTreeSet<ChangeKey>,
}

/// The changes that a pass is about to make.
pub struct Plan {
    observed: Observed,
    changes: Vec<Change>,
    now: Timestamp,
}

/// Why a pass is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The controller has said something new: everything is tried, also what has failed before.
    Update,
    /// Time has passed: a peer's time may be over, another may have changed something, a failure may be retried.
    Timer,
}

struct Failure {
    said: String,
    backoff: Backoff,
    retry_at: Instant,
}

impl Reconciler {
    /// Knows nothing yet, and so changes nothing.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            desired: None,
            known: None,
            applied_sequence: 0,
            failures: BTreeMap::new(),
            observe_failure: None,
            last_pass: None,
            last_life: Timestamp::from_millis(0),
        }
    }

    /// The sequence to ask for news after; `None` asks for everything.
    pub fn sequence(&self) -> Option<i64> {
        self.desired.as_ref().map(|desired| desired.sequence)
    }

    /// Whether this node is to carry any tunnel.
    pub fn has_interfaces(&self) -> bool {
        self.desired.as_ref().is_some_and(|desired| !desired.interfaces.is_empty())
    }

    /// The newest sequence that is wholly in force.
    pub const fn applied_sequence(&self) -> i64 {
        self.applied_sequence
    }

    /// What could not be done, in words.
    pub fn problems(&self) -> impl Iterator<Item = &String> {
        self.observe_failure.iter().chain(self.failures.values().map(|failure| &failure.said))
    }

    /// Whether taking an update in may end the counters of a device.
    pub fn ends_counters(&self, update: &Update) -> bool {
        let Some(desired) = &self.desired else { return false };
        match update {
            Update::Snapshot(_) => true,
            Update::Delta(delta) => {
                let mut peers = desired.interfaces.values().flat_map(|interface| interface.peers.values());
                peers.any(|peer| delta.removed.contains(&peer.device))
            }
        }
    }

    /// Takes an update in. After a gap nothing is known but what is in force, and everything has to be asked for.
    pub fn take(&mut self, update: Update) -> Result<(), Gap> {
        match (update, &mut self.desired) {
            (Update::Snapshot(Snapshot { desired, newest_epoch }), known) => {
                self.last_life = self.last_life.max(Timestamp::from_millis(newest_epoch));
                info!(sequence = desired.sequence, "took in a snapshot of the desired state");
                *known = Some(desired);
                Ok(())
            }
            (Update::Delta(delta), Some(desired)) => {
                debug!(from = delta.from, to = delta.to, "took in a delta of the desired state");
                desired.advance(delta)
            }
            (Update::Delta(delta), None) => Err(Gap { from: delta.from, at: 0 }),
        }
    }

    /// The devices behind the keys of an interface. Lives that a tunnel began by itself are noted, so that no later
    /// one has their name.
    pub fn name_devices(&mut self, found: Vec<(InterfaceName, Vec<PeerStatistics>)>) -> Vec<DeviceReport> {
        let newest = found.iter().flat_map(|(_, peers)| peers).map(|it| it.reading.epoch).max();
        self.last_life = self.last_life.max(Timestamp::from_millis(newest.unwrap_or(0)));
        let Some(desired) = &self.desired else { return Vec::new() };
        let mut named = Vec::new();
        for (name, peers) in found {
            let Some(interface) = desired.interfaces.get(&name) else { continue };
            named.extend(peers.into_iter().filter_map(|it| {
                let device: DeviceId = interface.peers.get(&it.public_key)?.device;
                let PeerStatistics { reading, last_handshake, endpoint, .. } = it;
                Some(DeviceReport { device, reading, last_handshake, endpoint })
            }));
        }
        named
    }

    /// When a pass has to be made at the latest, as waits from now: for a peer whose time ends, or a retry.
    pub fn next_wait(&self) -> Option<Duration> {
        let now = self.clock.now();
        let expiry = self.desired.as_ref().and_then(|desired| desired.next_expiry(now));
        let expiry = expiry.map(|until| until.since(now));
        let instant = self.clock.instant();
        let retry = self.failures.values().map(|it| it.retry_at.saturating_duration_since(instant)).min();
        expiry.into_iter().chain(retry).min()
    }

    /// Says what has to change. `None` while nothing is desired or nothing can be seen.
    ///
    /// An update is measured against what the last pass left, because looking at ten thousand devices takes longer
    /// than changing one; whatever somebody else did meanwhile, the next timer pass sees.
    pub async fn plan(&mut self, host: &NodeHost, reason: Reason) -> Option<Plan> {
        let desired = self.desired.as_ref()?;
        let known = self.known.take().filter(|_| reason == Reason::Update);
        let observed = match known {
            Some(known) => Ok(known),
            None => host.observe().await,
        };
        match observed {
            Ok(observed) => {
                self.observe_failure = None;
                let now = self.clock.now();
                Some(Plan { changes: diff(desired, &observed, now), observed, now })
            }
            Err(cause) => {
                self.note_blindness(&cause);
                None
            }
        }
    }

    /// Makes the changes of a plan. One that fails stops only those that depend on it.
    pub async fn perform(&mut self, host: &NodeHost, plan: Plan, reason: Reason) {
        let life = self.new_life(plan.now);
        let mut observed = plan.observed;
        let mut undone = BTreeSet::new();
        for change in plan.changes {
            let key = ChangeKey::of(&change);
            if undone.iter().any(|failed: &ChangeKey| failed.stops(&key)) {
                // Its own failure, if any, is out of date by now.
                self.failures.remove(&key);
                undone.insert(key);
            } else if reason == Reason::Timer && self.is_waiting(&key) {
                undone.insert(key);
            } else if let Err(cause) = host.perform(&change, life).await {
                self.note_failure(key.clone(), &cause);
                undone.insert(key);
            } else {
                self.note_done(&key, size(&change), reason, plan.now);
                self.failures.remove(&key);
                observed.advance(change);
            }
        }
        self.failures.retain(|key, _| undone.contains(key));
        if let Some(desired) = &self.desired
            && undone.is_empty()
        {
            self.applied_sequence = desired.sequence;
        }
        self.known = undone.is_empty().then_some(observed);
        self.last_pass = Some(Pass { at: plan.now, undone });
    }

    /// Names the lives of counters that begin in a pass. It grows even when the host's clock is set back, also
    /// from one process to the next: the controller takes bytes of a life only when it knows of no newer one.
    fn new_life(&mut self, now: Timestamp) -> Timestamp {
        self.last_life = now.max(self.last_life + Duration::from_millis(1));
        self.last_life
    }

    fn is_waiting(&self, key: &ChangeKey) -> bool {
        self.failures.get(key).is_some_and(|failure| self.clock.instant() < failure.retry_at)
    }

    fn note_failure(&mut self, key: ChangeKey, cause: &ChangeError) {
        let said = chain(cause).to_string();
        let [spread] = random(self.clock.as_ref());
        let retry_at = self.clock.instant();
        let interface = key.interface.as_ref().map_or("-", InterfaceName::as_str).to_owned();
        let change = key.kind.as_str();
        metrics::counter!(names::NODE_CHANGES.name, "change" => change, "result" => "failure").increment(1);
        let failure = self.failures.entry(key).or_insert_with(|| Failure {
            said: String::new(),
            backoff: Backoff::new(FIRST_RETRY, LAST_RETRY),
            retry_at,
        });
        failure.retry_at = retry_at + failure.backoff.next_wait(spread);
        // The same words every few seconds would bury everything else.
        if failure.said == said {
            debug!(interface.name = %interface, change, error = %said, "still {said}");
        } else {
            warn!(interface.name = %interface, change, error = %said, "{said}");
            failure.said = said;
        }
    }

    fn note_blindness(&mut self, cause: &ObserveError) {
        let said = chain(cause).to_string();
        if self.observe_failure.as_ref() != Some(&said) {
            warn!(error = %said, "{said}");
        }
        self.observe_failure = Some(said);
    }

    fn note_done(&self, key: &ChangeKey, count: usize, reason: Reason, now: Timestamp) {
        let interface = key.interface.as_ref().map_or("-", InterfaceName::as_str);
        let change = key.kind.as_str();
        metrics::counter!(names::NODE_CHANGES.name, "change" => change, "result" => "success").increment(1);
        if reason == Reason::Timer && self.is_drift(key, now) {
            metrics::counter!(names::NODE_HEALED.name, "change" => change).increment(1);
            warn!(
                interface.name = interface,
                change, count, "something else changed this host; healed it: {key}"
            );
        } else {
            debug!(interface.name = interface, change, count, "done: {key}");
        }
    }

    /// Whether a change that became due without an update is somebody else's doing: not a retry, and not the end of
    /// a peer's time.
    fn is_drift(&self, key: &ChangeKey, now: Timestamp) -> bool {
        let (Some(last), Some(desired)) = (&self.last_pass, &self.desired) else { return false };
        let expired = desired.next_expiry(last.at).is_some_and(|until| until <= now);
        let by_time = expired && matches!(key.kind, ChangeKind::RemovePeers | ChangeKind::SetFirewall);
        !by_time && !last.undone.contains(key)
    }
}

impl Plan {
    /// Whether counters of devices end with it.
    pub fn ends_counters(&self) -> bool {
        self.changes.iter().any(|change| {
            matches!(
                change,
                Change::RemovePeers(..) | Change::RemoveInterface(_) | Change::CreateInterface(..)
            )
        })
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// The wait before a change that failed is tried again: a busy port is often free a moment later.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The longest wait before a change is tried again. What has failed this often waits for a person.
const LAST_RETRY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::sync::Arc;
    use std::time::Duration;

    use uuid::Uuid;

    use super::{FIRST_RETRY, Reason, Reconciler};
    use crate::agent::host::{Mode, NodeHost};
    use crate::domain::desired::{Desired, Interface, InterfaceSettings, Peer};
    use crate::domain::id::{DeviceId, NodeNetworkId};
    use crate::domain::key::{PrivateKey, PublicKey};
    use crate::domain::message::{Delta, Snapshot, Update};
    use crate::domain::network::Mtu;
    use crate::domain::node::{InterfaceName, Port};
    use crate::domain::time::Timestamp;
    use crate::domain::usage::{Reading, Traffic};
    use crate::runtime::clock::TestClock;
    use crate::runtime::tasks::Tasks;
    use crate::vpn::tunnel::PeerStatistics;
    use crate::vpn::tunnel::memory::MemoryTransport;

    const KEY: PublicKey = PublicKey::new([3; 32]);
    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    struct Bench {
        clock: Arc<TestClock>,
        host: NodeHost,
        reconciler: Reconciler,
    }

    impl Bench {
        fn new() -> Self {
            let clock = Arc::new(TestClock::at(NOW));
            let tasks = Tasks::current(clock.clone());
            let host = NodeHost::open(Mode::Detached(MemoryTransport::default()), &tasks).unwrap();
            let reconciler = Reconciler::new(clock.clone());
            Self { clock, host, reconciler }
        }

        /// Gives how many changes were due.
        async fn pass(&mut self, reason: Reason) -> usize {
            let plan = self.reconciler.plan(&self.host, reason).await.unwrap();
            let due = plan.changes.len();
            self.reconciler.perform(&self.host, plan, reason).await;
            due
        }

        async fn keys(&self) -> Vec<PublicKey> {
            let observed = self.host.observe().await.unwrap();
            observed.interfaces.values().flat_map(|it| it.peers.keys().copied()).collect()
        }
    }

    /// A port that is free, and the socket that keeps others from taking it.
    fn free_port() -> (UdpSocket, Port) {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let port = Port::try_from(socket.local_addr().unwrap().port()).unwrap();
        (socket, port)
    }

    fn snapshot(listen_port: Port, until: Option<Timestamp>) -> Update {
        Update::Snapshot(Snapshot { desired: desired(listen_port, until), newest_epoch: 0 })
    }

    fn desired(listen_port: Port, until: Option<Timestamp>) -> Desired {
        let settings = InterfaceSettings {
            node_network: NodeNetworkId::new(Uuid::nil()),
            private_key: PrivateKey::new([7; 32]),
            listen_port,
            mtu: Mtu::DEFAULT,
            pools: ["10.0.0.0/24".parse().unwrap()].into(),
            addresses: ["10.0.0.1/24".parse().unwrap()].into(),
            isolated: true,
        };
        let device = DeviceId::new(Uuid::nil());
        let addresses = ["10.0.0.2".parse().unwrap()].into();
        let peers = [(KEY, Peer { device, preshared_key: None, addresses, until })].into();
        let interfaces = [(InterfaceName::numbered(0), Interface { settings, peers })].into();
        Desired { sequence: 5, interfaces }
    }

    #[tokio::test]
    async fn one_pass_brings_everything_about_and_the_next_finds_nothing_to_do() {
        let mut bench = Bench::new();
        let (socket, port) = free_port();
        drop(socket);
        bench.reconciler.take(snapshot(port, None)).unwrap();

        bench.pass(Reason::Update).await;
        let left = bench.pass(Reason::Timer).await;

        assert_eq!(left, 0);
        assert_eq!(bench.keys().await, [KEY]);
        assert_eq!(bench.reconciler.applied_sequence(), 5);
        assert_eq!(bench.reconciler.problems().count(), 0);
        bench.host.close().await;
    }

    #[tokio::test]
    async fn a_busy_port_is_told_and_retried_after_a_wait_while_the_rest_is_done() {
        let mut bench = Bench::new();
        let (socket, port) = free_port();
        bench.reconciler.take(snapshot(port, None)).unwrap();

        bench.pass(Reason::Update).await;
        let told: Vec<String> = bench.reconciler.problems().cloned().collect();
        let (peers, wait) = (bench.keys().await, bench.reconciler.next_wait().unwrap());
        drop(socket);
        let too_soon = (bench.pass(Reason::Timer).await, bench.reconciler.problems().count());
        bench.clock.advance(FIRST_RETRY);
        let in_time = (bench.pass(Reason::Timer).await, bench.reconciler.problems().count());

        assert!(told[0].contains(&port.to_string()) && told[0].contains("cvpn0"), "{told:?}");
        assert_eq!((told.len(), peers), (1, vec![KEY]));
        assert!(wait > Duration::ZERO && wait <= FIRST_RETRY, "{wait:?}");
        assert_eq!((too_soon, in_time), ((1, 1), (1, 0)));
        assert_eq!(bench.reconciler.next_wait(), None);
        bench.host.close().await;
    }

    #[tokio::test]
    async fn a_peer_whose_time_is_over_goes_at_that_time() {
        let mut bench = Bench::new();
        let (socket, port) = free_port();
        drop(socket);
        let until = NOW + Duration::from_secs(30);
        bench.reconciler.take(snapshot(port, Some(until))).unwrap();
        bench.pass(Reason::Update).await;

        let wait = bench.reconciler.next_wait();
        bench.clock.advance(Duration::from_secs(30));
        bench.pass(Reason::Timer).await;

        assert_eq!(wait, Some(Duration::from_secs(30)));
        assert_eq!(bench.keys().await, []);
        assert_eq!(bench.reconciler.next_wait(), None, "a time that is over wakes nobody");
        bench.host.close().await;
    }

    #[tokio::test]
    async fn counters_begin_above_all_that_was_told_though_the_clock_went_back() {
        let mut bench = Bench::new();
        let (socket, port) = free_port();
        drop(socket);
        let newest_epoch = NOW.as_millis() + 3_600_000;
        let told = Snapshot { desired: desired(port, None), newest_epoch };
        bench.reconciler.take(Update::Snapshot(told)).unwrap();

        bench.pass(Reason::Update).await;
        let found = bench.reconciler.name_devices(bench.host.statistics(NOW).await);

        assert_eq!(found[0].reading.epoch, newest_epoch + 1);
        bench.host.close().await;
    }

    #[tokio::test]
    async fn a_life_that_a_tunnel_began_by_itself_gives_its_name_to_no_other() {
        let mut bench = Bench::new();
        let (socket, port) = free_port();
        drop(socket);
        bench.reconciler.take(snapshot(port, None)).unwrap();
        let reading = Reading { epoch: NOW.as_millis() + 5, traffic: Traffic::default() };
        let begun = PeerStatistics { public_key: KEY, reading, last_handshake: None, endpoint: None };

        bench.reconciler.name_devices(vec![(InterfaceName::numbered(0), vec![begun])]);
        bench.pass(Reason::Update).await;
        let found = bench.reconciler.name_devices(bench.host.statistics(NOW).await);

        assert_eq!(found[0].reading.epoch, reading.epoch + 1);
        bench.host.close().await;
    }

    #[tokio::test]
    async fn a_delta_that_does_not_follow_leaves_all_as_it_is() {
        let mut bench = Bench::new();
        let first = bench.reconciler.take(Update::Delta(Delta { from: 4, to: 5, ..Delta::default() }));
        let (socket, port) = free_port();
        drop(socket);
        bench.reconciler.take(snapshot(port, None)).unwrap();

        let late = bench.reconciler.take(Update::Delta(Delta { from: 9, to: 10, ..Delta::default() }));

        assert!(first.is_err() && late.is_err());
        assert_eq!(bench.reconciler.sequence(), Some(5));
    }
}
