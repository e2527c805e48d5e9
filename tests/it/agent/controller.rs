//! A controller in memory: a link whose desired state a test sets, and which keeps the reports.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use caspervpn::agent::link::{Link, LinkError};
use caspervpn::domain::desired::Desired;
use caspervpn::domain::message::{Delta, Report, Snapshot, Update};
use futures_util::future::BoxFuture;
use tokio::sync::watch;

pub(super) struct Controller {
    desired: watch::Sender<Desired>,
    /// Deltas by what they build on, in order.
    deltas: Mutex<Vec<Delta>>,
    reports: Mutex<Vec<Report>>,
    /// How many reports are still to be refused.
    pub(super) refusals: Mutex<u32>,
}

impl Controller {
    pub(super) fn new(desired: Desired) -> Arc<Self> {
        let desired = watch::Sender::new(desired);
        Arc::new(Self {
            desired,
            deltas: Mutex::default(),
            reports: Mutex::default(),
            refusals: Mutex::default(),
        })
    }

    /// Publishes a delta from the present sequence to the next.
    pub(super) fn publish(&self, change: impl FnOnce(&mut Delta)) {
        self.desired.send_modify(|desired| {
            let mut delta = Delta { from: desired.sequence, to: desired.sequence + 1, ..Delta::default() };
            change(&mut delta);
            desired.advance(delta.clone()).unwrap();
            self.deltas.lock().unwrap().push(delta);
        });
    }

    /// Puts another state in place of the present one; nodes get it whole.
    pub(super) fn replace(&self, change: impl FnOnce(&mut Desired)) {
        self.desired.send_modify(|desired| {
            change(desired);
            desired.sequence += 1;
            self.deltas.lock().unwrap().clear();
        });
    }

    pub(super) fn reports(&self) -> Vec<Report> {
        self.reports.lock().unwrap().clone()
    }

    /// Waits for a report that holds what is asked for.
    pub(super) async fn report(&self, what: &str, holds: impl Fn(&Report) -> bool) -> Report {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(found) = self.reports().into_iter().rev().find(|report| holds(report)) {
                return found;
            }
            assert!(Instant::now() < deadline, "no report of {what}: {:?}", self.reports().last());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Link for Controller {
    fn next(&self, after: Option<i64>) -> BoxFuture<'_, Result<Update, LinkError>> {
        Box::pin(async move {
            let mut desired = self.desired.subscribe();
            let is_news = |desired: &Desired| after.is_none_or(|known| desired.sequence > known);
            let now = desired.wait_for(is_news).await.unwrap().clone();
            let deltas = self.deltas.lock().unwrap();
            let next = deltas.iter().find(|delta| Some(delta.from) == after);
            let whole = || Update::Snapshot(Snapshot { desired: now, newest_epoch: 0 });
            Ok(next.map_or_else(whole, |delta| Update::Delta(delta.clone())))
        })
    }

    fn report(&self, report: Report) -> BoxFuture<'_, Result<(), LinkError>> {
        Box::pin(async move {
            let mut refusals = self.refusals.lock().unwrap();
            if *refusals > 0 {
                *refusals -= 1;
                return Err(LinkError::new("hand over the report", "the test refuses it"));
            }
            self.reports.lock().unwrap().push(report);
            Ok(())
        })
    }
}
