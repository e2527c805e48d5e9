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
use crate::domain::desired::{Change, Desired, diff};
use crate::domain::id::DeviceId;
use crate::domain::message::{DeviceReport, Gap, Update};
use crate::domain::node::InterfaceName;
use crate::domain::time::Timestamp;
use crate::runtime::backoff::Backoff;
use crate::runtime::clock::{Clock, random};
use crate::telemetry::chain::chain;
use crate::vpn::tunnel::PeerStatistics;

/// The desired state, and how far it has been brought about.
pub struct Reconciler {
    clock: Arc<dyn Clock>,
    desired: Option<Desired>,
    applied_sequence: i64,
    failures: BTreeMap<ChangeKey, Failure>,
    observe_failure: Option<String>,
    last_pass: Option<Pass>,
    last_life: Timestamp,
}

/// What a pass left behind.
struct Pass {
    at: Timestamp,
    undone: BTreeSet<ChangeKey>,
}

/// The changes that a pass is about to make.
pub struct Plan {
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
            (Update::Snapshot(desired), known) => {
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

    /// The devices behind the keys of an interface.
    pub fn name_devices(&self, found: Vec<(InterfaceName, Vec<PeerStatistics>)>) -> Vec<DeviceReport> {
        let Some(desired) = &self.desired else { return Vec::new() };
        let mut named = Vec::new();
        for (name, peers) in found {
            let Some(interface) = desired.interfaces.get(&name) else { continue };
            named.extend(peers.into_iter().filter_map(|it| {
                let device: DeviceId = interface.peers.get(&it.public_key)?.device;
                Some(DeviceReport { device, reading: it.reading, last_handshake: it.last_handshake })
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

    /// Looks at the machine and says what has to change. `None` while nothing is desired or nothing can be seen.
    pub async fn plan(&mut self, host: &NodeHost) -> Option<Plan> {
        let desired = self.desired.as_ref()?;
        match host.observe().await {
            Ok(observed) => {
                self.observe_failure = None;
                let now = self.clock.now();
                Some(Plan { changes: diff(desired, &observed, now), now })
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
        let mut undone = BTreeSet::new();
        for change in &plan.changes {
            let key = ChangeKey::of(change);
            if undone.iter().any(|failed: &ChangeKey| failed.stops(&key)) {
                // Its own failure, if any, is out of date by now.
                self.failures.remove(&key);
                undone.insert(key);
            } else if reason == Reason::Timer && self.is_waiting(&key) {
                undone.insert(key);
            } else if let Err(cause) = host.perform(change, life).await {
                self.note_failure(key.clone(), &cause);
                undone.insert(key);
            } else {
                self.log_done(&key, size(change), reason, plan.now);
                self.failures.remove(&key);
            }
        }
        self.failures.retain(|key, _| undone.contains(key));
        if let Some(desired) = &self.desired
            && undone.is_empty()
        {
            self.applied_sequence = desired.sequence;
        }
        self.last_pass = Some(Pass { at: plan.now, undone });
    }

    /// Names the lives of counters that begin in a pass. It grows even when the host's clock is set back.
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

    fn log_done(&self, key: &ChangeKey, count: usize, reason: Reason, now: Timestamp) {
        let interface = key.interface.as_ref().map_or("-", InterfaceName::as_str);
        let change = key.kind.as_str();
        if reason == Reason::Timer && self.is_drift(key, now) {
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
            matches!(change, Change::RemovePeers(..) | Change::RemoveInterface(_) | Change::CreateInterface(..))
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
