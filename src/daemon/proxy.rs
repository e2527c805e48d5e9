//! The way to the API replicas, for a process that has the edge alone.

use crate::config::Settings;
use crate::edge::proxy::Proxy;
use crate::runtime::job::Jobs;
use crate::runtime::readiness::{Readiness, Weight};
use crate::runtime::tasks::Tasks;
use crate::telemetry::metrics::Metrics;

/// Looks for the upstreams once and starts what watches them. Nothing where this process has the API itself.
pub(super) async fn start(
    settings: &Settings,
    tasks: &Tasks,
    jobs: &Jobs,
    readiness: &Readiness,
    metrics: &Metrics,
) -> Option<Proxy> {
    if !settings.is_proxy() {
        return None;
    }
    let proxy = Proxy::new(&settings.proxy, tasks);
    proxy.look().await;
    for job in proxy.jobs() {
        jobs.start(job);
    }
    let (asked, read) = (proxy.clone(), proxy.clone());
    readiness.check("upstreams", Weight::Ready, move || std::future::ready(asked.ready()));
    metrics.watch(move || read.readings());
    Some(proxy)
}
