//! Stops everything in order, and not for ever.

use std::borrow::Cow;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tracing::{debug, warn};

use crate::runtime::tasks::registry::Registry;

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
    let mut drained = Drained::default();
    // One at a time: what started later may still need what started earlier while it ends. Work that is started
    // meanwhile is found too, as the list is looked at anew each time.
    while let Some(entry) = registry.last() {
        entry.stop.cancel();
        if timeout_at(until, entry.finished()).await.is_err() {
            break;
        }
        debug!(task.name = %entry.name, "task {} ended", entry.name);
        drained.finished += 1;
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

/// What the tasks behind the one that used up the deadline get, all together, to end by themselves.
const GRACE: Duration = Duration::from_millis(500);
