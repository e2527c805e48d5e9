//! Stops everything in order, and not for ever.

use std::borrow::Cow;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tracing::{debug, warn};

use crate::runtime::tasks::registry::{Entry, Kind, Registry};

/// What a drain left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drained {
    /// How many ended by themselves.
    pub finished: usize,
    /// Those that did not end in time, last started first.
    pub late: Vec<Cow<'static, str>>,
}

impl Drained {
    /// Whether all ended in time.
    pub fn is_clean(&self) -> bool {
        self.late.is_empty()
    }
}

pub(super) async fn drain(registry: &Registry, deadline: Duration) -> Drained {
    let until = Instant::now() + deadline;
    let reserve = RESERVE.min(deadline / 4);
    let mut drained = Drained::default();
    // One at a time: what started later may still need what started earlier while it ends. Work that is started
    // meanwhile is found too, as the list is looked at anew each time.
    while let Some(entry) = registry.last() {
        entry.stop.cancel();
        let is_cut = entry.kind == Kind::Group && !ended_early(&entry, until, reserve).await;
        if is_cut {
            warn!(task.name = %entry.name, "cut {} short, so that the rest can end in order", entry.name);
            entry.abort_group.cancel();
        }
        if timeout_at(until, entry.finished()).await.is_err() {
            break;
        }
        debug!(task.name = %entry.name, "task {} ended", entry.name);
        if is_cut {
            drained.late.push(entry.name.clone());
        } else {
            drained.finished += 1;
        }
    }
    let left = registry.reversed();
    for entry in &left {
        entry.stop.cancel();
    }
    let grace = Instant::now() + GRACE;
    for entry in left {
        if timeout_at(grace, entry.finished()).await.is_ok() {
            drained.finished += 1;
            continue;
        }
        warn!(task.name = %entry.name, "task {} did not end before the drain deadline", entry.name);
        entry.abort();
        drained.late.push(entry.name.clone());
    }
    drained
}

/// Whether a group has ended by itself so early that others still have their time. Behind a group that used up its
/// own, the next one has a moment to notice that it is to end.
async fn ended_early(group: &Entry, until: Instant, reserve: Duration) -> bool {
    let cut = (until - reserve).max(Instant::now() + reserve / 20);
    timeout_at(cut.min(until), group.finished()).await.is_ok()
}

/// What is kept of the deadline, at most, for what is behind connections that do not end: the node's last report, and
/// then the database that takes it.
const RESERVE: Duration = Duration::from_secs(5);

/// What the tasks behind the one that used up the deadline get, all together, to end by themselves.
const GRACE: Duration = Duration::from_millis(500);
