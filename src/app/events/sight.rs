//! What was seen at the last look, and what is new against it.
//!
//! Invariant: an act is told once, however long its commit took and whichever replica did it, as far as clocks agree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::domain::certificate::CertificateName;
use crate::domain::device::{ONLINE_FOR, is_online};
use crate::domain::id::{AuditEventId, DeviceId};
use crate::domain::live::{ChangedThing, DeviceMove};
use crate::domain::time::Timestamp;
use crate::domain::usage::{Rate, Traffic};
use crate::store::backend::Conn;
use crate::store::certificate_log;
use crate::store::live::{Act, Counters, done_since, reported_since};

/// How far back each look reaches: an act is dated when it begins, and may be committed seconds later, or by a replica whose
/// clock is behind.
const OVERLAP: Duration = Duration::from_secs(10);

/// Acts that one look takes in.
const ACTS_AT_ONCE: u32 = 2000;

/// How often figures are looked at. Acts are looked at each time.
const FIGURES_EVERY: Duration = Duration::from_millis(1900);

/// After how long without a report a device moves nothing any more: while somebody listens, the node of this process
/// reports every two seconds, and others four times a minute.
const STILL_AFTER_HERE: Duration = Duration::from_secs(5);
const STILL_AFTER: Duration = Duration::from_secs(20);

/// What was seen at the last look.
#[derive(Debug)]
pub(super) struct Sight {
    looked_at: Timestamp,
    /// Acts of the overlap that were told already.
    told: BTreeSet<AuditEventId>,
    /// How far each log of the overlap was told of already.
    logs: BTreeMap<CertificateName, i64>,
    figures_at: Instant,
    /// Devices that were there lately.
    devices: BTreeMap<DeviceId, Known>,
}

/// What is new.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) moved: Vec<DeviceMove>,
    pub(super) changed: Arc<[ChangedThing]>,
    pub(super) is_time_for_figures: bool,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    counters: Counters,
    online: bool,
    rate: Rate,
}

impl Sight {
    /// Takes what there is for known.
    pub(super) async fn begin(app: &App) -> Result<Self> {
        let now = app.now();
        let Read { acts, logs, counters } =
            read(app, now.before(OVERLAP), Some(now.before(ONLINE_FOR))).await?;
        let known = |it: Counters| Known {
            online: is_online(it.last_handshake_at, now),
            rate: Rate::default(),
            counters: it,
        };
        Ok(Self {
            looked_at: now,
            told: acts.iter().map(|act| act.event).collect(),
            logs,
            figures_at: app.core.clock.instant(),
            devices: counters.into_iter().map(|it| (it.device, known(it))).collect(),
        })
    }

    /// What is new since the last look.
    pub(super) async fn look(&mut self, app: &App) -> Result<Seen> {
        let (now, instant) = (app.now(), app.core.clock.instant());
        let since = self.looked_at.before(OVERLAP);
        let is_time_for_figures = instant.saturating_duration_since(self.figures_at) >= FIGURES_EVERY;
        let Read { acts, logs, counters } = read(app, since, is_time_for_figures.then_some(since)).await?;
        let mut seen = Seen { is_time_for_figures, ..Seen::default() };
        if is_time_for_figures {
            self.figures_at = instant;
            let still_after = if app.core.facts.local_node { STILL_AFTER_HERE } else { STILL_AFTER };
            seen.moved = self.note(counters, now, still_after);
        }
        let told: BTreeSet<_> = acts.iter().map(|act| act.event).collect();
        let is_new = |act: &Act| !self.told.contains(&act.event);
        let done = acts.into_iter().filter(is_new).filter_map(|act| act.changed);
        // A log may have begun anew.
        let grown = logs.iter().filter(|(name, last)| self.logs.get(name) != Some(last));
        seen.changed = done.chain(grown.map(|(name, _)| ChangedThing::log_of(name))).collect();
        self.told = told;
        self.logs = logs;
        self.looked_at = now;
        Ok(seen)
    }

    fn note(&mut self, reported: Vec<Counters>, now: Timestamp, still_after: Duration) -> Vec<DeviceMove> {
        let mut moved = Vec::new();
        for counters in reported {
            let known = self.devices.get(&counters.device);
            if known.is_some_and(|known| known.counters == counters) {
                continue;
            }
            let next = Known {
                counters,
                online: is_online(counters.last_handshake_at, now),
                rate: known.map(|known| known.rate_to(&counters)).unwrap_or_default(),
            };
            moved.push(next.told());
            self.devices.insert(counters.device, next);
        }
        for known in self.devices.values_mut() {
            let online = is_online(known.counters.last_handshake_at, now);
            let is_still =
                known.rate != Rate::default() && now.since(known.counters.reported_at) >= still_after;
            if is_still {
                known.rate = Rate::default();
            }
            if is_still || known.online != online {
                known.online = online;
                moved.push(known.told());
            }
        }
        self.devices.retain(|_, known| known.online || now.since(known.counters.reported_at) < ONLINE_FOR);
        moved
    }
}

impl Known {
    fn rate_to(&self, next: &Counters) -> Rate {
        let before = &self.counters;
        let moved = Traffic {
            rx_bytes: next.traffic.rx_bytes.saturating_sub(before.traffic.rx_bytes),
            tx_bytes: next.traffic.tx_bytes.saturating_sub(before.traffic.tx_bytes),
        };
        Rate::over(moved, next.reported_at.since(before.reported_at))
    }

    fn told(&self) -> DeviceMove {
        DeviceMove {
            device: self.counters.device,
            user: self.counters.user,
            online: self.online,
            traffic: self.counters.traffic,
            rate: self.rate,
            last_handshake_at: self.counters.last_handshake_at,
        }
    }
}

/// What a look takes in.
struct Read {
    acts: Vec<Act>,
    logs: BTreeMap<CertificateName, i64>,
    counters: Vec<Counters>,
}

/// What was done since a time, and what was reported since another where that is asked.
async fn read(app: &App, since: Timestamp, reports_since: Option<Timestamp>) -> Result<Read> {
    app.core
        .store
        .read(async move |on: &mut Conn| {
            let acts = done_since(on, since, ACTS_AT_ONCE).await?;
            let logs = certificate_log::grown_since(on, since).await?.into_iter().collect();
            let counters = match reports_since {
                Some(since) => reported_since(on, since).await?,
                None => Vec::new(),
            };
            Ok::<_, AppError>(Read { acts, logs, counters })
        })
        .await
}
