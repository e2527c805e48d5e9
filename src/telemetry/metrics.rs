//! The metrics of the process, and their text for Prometheus.
//!
//! Invariant: [`Metrics::upkeep`] runs every few seconds, or samples of histograms pile up until a scrape.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::Unit;
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use crate::domain::time::Timestamp;
use crate::telemetry::names::{self, Kind};
use crate::telemetry::process;
use crate::telemetry::reading::{self, Reading};

/// What a scrape must be labelled with: Prometheus 3 refuses an answer without it.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The metrics of the process.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    started_at: Timestamp,
    sources: Arc<Mutex<Vec<Source>>>,
}

type Source = Box<dyn Fn() -> Vec<Reading> + Send>;

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("started_at", &self.started_at).finish_non_exhaustive()
    }
}

/// Why there are no metrics.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The buckets of a histogram are wrong.
    #[error("set the buckets of a histogram")]
    Buckets {
        /// What is wrong with them.
        #[source]
        cause: BuildError,
    },
    /// There are metrics already.
    #[error("install the metrics: this process has them already")]
    Installed,
}

impl Metrics {
    /// Makes the metrics of the whole process. `started_at` is when the process started.
    ///
    /// # Errors
    /// When the process has them already.
    pub fn install(version: &'static str, started_at: Timestamp) -> Result<Self, MetricsError> {
        let (recorder, metrics) = Self::build(started_at)?;
        ::metrics::set_global_recorder(recorder).map_err(|_| MetricsError::Installed)?;
        describe();
        ::metrics::gauge!(names::BUILD_INFO.name, "version" => version).set(1.0);
        Ok(metrics)
    }

    /// A recorder that is not the process's, for a test to install for a while.
    ///
    /// # Errors
    /// When the buckets are wrong.
    pub fn build(started_at: Timestamp) -> Result<(PrometheusRecorder, Self), MetricsError> {
        let mut builder = PrometheusBuilder::new();
        for metric in names::ALL.iter().filter(|metric| metric.kind == Kind::Histogram) {
            builder = builder
                .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets(metric.unit))
                .map_err(|cause| MetricsError::Buckets { cause })?;
        }
        // A histogram that is not listed must not become a summary, whose samples are kept one by one.
        let builder =
            builder.set_buckets(SECONDS_BUCKETS).map_err(|cause| MetricsError::Buckets { cause })?;
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        Ok((recorder, Self { handle, started_at, sources: Arc::default() }))
    }

    /// Folds the samples of histograms into their buckets.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    /// Everything in Prometheus' text format, families and series in a fixed order.
    pub fn render(&self) -> String {
        let mut families = BTreeMap::new();
        for block in self.handle.render().split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
            let name = block.lines().find_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
            families.insert(name.unwrap_or_default().to_owned(), sorted(block));
        }
        let mut readings = process::read();
        let seconds = u64::try_from(self.started_at.as_seconds()).unwrap_or(0);
        readings.push(Reading::of(names::PROCESS_START_TIME_SECONDS, process::float(seconds)));
        for source in self.sources.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            readings.extend(source());
        }
        families.extend(reading::families(&readings));
        families.into_values().collect()
    }

    /// Asks `source` for its readings at each scrape. A metric has one home: it is either recorded or read.
    pub fn watch(&self, source: impl Fn() -> Vec<Reading> + Send + 'static) {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(source));
    }
}

/// Tells the recorder in place what each metric means.
fn describe() {
    for metric in names::ALL {
        match metric.kind {
            Kind::Counter => ::metrics::describe_counter!(metric.name, metric.unit, metric.help),
            Kind::Gauge => ::metrics::describe_gauge!(metric.name, metric.unit, metric.help),
            Kind::Histogram => ::metrics::describe_histogram!(metric.name, metric.unit, metric.help),
        }
    }
}

/// A family with its series in order. The lines of one histogram stay together, as its buckets have an order of
/// their own.
fn sorted(block: &str) -> String {
    let (head, lines): (Vec<_>, Vec<_>) = block.lines().partition(|line| line.starts_with('#'));
    let histogram = head.iter().any(|line| line.ends_with(" histogram"));
    let mut series: Vec<Vec<&str>> = Vec::new();
    let mut open = false;
    for line in lines {
        match series.last_mut() {
            Some(last) if open => last.push(line),
            Some(_) | None => series.push(vec![line]),
        }
        open = histogram && !line.split(['{', ' ']).next().unwrap_or_default().ends_with("_count");
    }
    series.sort_unstable();
    let mut text = String::with_capacity(block.len() + 1);
    for line in head.into_iter().chain(series.into_iter().flatten()) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
    }
    text
}

fn buckets(unit: Unit) -> &'static [f64] {
    if unit == Unit::Bytes {
        BYTES_BUCKETS
    } else if unit == Unit::Count {
        COUNT_BUCKETS
    } else {
        SECONDS_BUCKETS
    }
}

/// From a cached read to a request that has timed out.
const SECONDS_BUCKETS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

const BYTES_BUCKETS: &[f64] =
    &[256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 16_777_216.0];

const COUNT_BUCKETS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

#[cfg(test)]
mod tests {
    use super::{Metrics, describe};
    use crate::domain::time::Timestamp;
    use crate::telemetry::names::{self, Kind};
    use std::io::Write;
    use std::process::{Command, Stdio};

    /// The text after every metric of the list was used, twice with labels where it has any.
    fn everything() -> String {
        let (recorder, metrics) = Metrics::build(Timestamp::from_millis(1_800_000_000_000)).unwrap();
        metrics::with_local_recorder(&recorder, || {
            describe();
            for metric in names::ALL.iter().filter(|metric| !metric.name.starts_with("process_")) {
                for label in ["b", "a"] {
                    match metric.kind {
                        Kind::Counter => metrics::counter!(metric.name, "kind" => label).increment(1),
                        Kind::Gauge => metrics::gauge!(metric.name, "kind" => label).set(1.5),
                        Kind::Histogram => metrics::histogram!(metric.name, "kind" => label).record(0.2),
                    }
                }
            }
        });
        metrics.upkeep();
        metrics.render()
    }

    #[test]
    fn promtool_finds_nothing_to_say_about_any_metric() {
        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool of Debian's package prometheus is installed");

        promtool.stdin.take().unwrap().write_all(everything().as_bytes()).unwrap();

        let output = promtool.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success() && said.is_empty(), "{said}");
    }

    #[test]
    fn the_text_is_the_same_each_time_and_ends_in_one_newline() {
        let text = everything();
        let ours = |text: &str| -> Vec<String> {
            text.lines().filter(|line| line.contains("caspervpn_")).map(str::to_owned).collect()
        };

        assert_eq!(ours(&text), ours(&everything()));
        assert!(text.ends_with('\n') && !text.contains("\n\n"));
        let heads: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        assert!(heads.is_sorted(), "{heads:?}");
    }

    #[test]
    fn every_listed_metric_has_its_type_once() {
        let text = everything();

        for metric in names::ALL {
            assert_eq!(text.matches(&format!("# TYPE {} ", metric.name)).count(), 1, "{}", metric.name);
        }
    }

    #[test]
    fn a_histogram_keeps_its_buckets_in_order() {
        let text = everything();

        let le: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("caspervpn_job_duration_seconds_bucket{kind=\"a\""))
            .collect();

        assert!(le.last().unwrap().contains("+Inf") && le.first().unwrap().contains("0.0005"), "{le:?}");
    }
}
