//! Numbers that somebody else keeps, asked for at each scrape, and their text for Prometheus.
//!
//! Invariant: one HELP and one TYPE a family, TYPE before its series, label values escaped (Prometheus' "Exposition
//! formats").

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use crate::telemetry::names::{Kind, Metric};

/// One series of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The metric; its kind decides which value it may have.
    pub metric: Metric,
    /// Its labels, from bounded sets.
    pub labels: Vec<(&'static str, Cow<'static, str>)>,
    /// What was read.
    pub value: Value,
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram.
    Histogram {
        /// Each bucket's upper bound with the observations in it alone, rising; the last bound is infinite.
        buckets: Vec<(f64, u64)>,
        /// All observations added up.
        sum: f64,
    },
}

impl Reading {
    /// A series without labels.
    pub const fn of(metric: Metric, value: f64) -> Self {
        Self { metric, labels: Vec::new(), value: Value::Number(value) }
    }

    /// A histogram without labels, from buckets that are not cumulative.
    pub const fn histogram(metric: Metric, buckets: Vec<(f64, u64)>, sum: f64) -> Self {
        Self { metric, labels: Vec::new(), value: Value::Histogram { buckets, sum } }
    }

    /// The same series with one more label.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.labels.push((name, value.into()));
        self
    }
}

/// Each family's text by its name. Readings of one metric may stand apart; its series keep their order.
pub fn families(readings: &[Reading]) -> BTreeMap<String, String> {
    let mut families = BTreeMap::new();
    for reading in readings {
        let Metric { name, help, .. } = reading.metric;
        let text = families.entry(name.to_owned()).or_insert_with(|| {
            format!("# HELP {name} {help}\n# TYPE {name} {}\n", kind(reading.metric.kind))
        });
        series(text, reading);
    }
    families
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    }
}

fn series(text: &mut String, reading: &Reading) {
    let name = reading.metric.name;
    let labels: Vec<_> =
        reading.labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    // Writing to a String cannot fail.
    let mut line = |suffix: &str, bound: Option<f64>, value: String| {
        let bound = bound.map(|bound| format!("le=\"{}\"", number(bound)));
        let all: Vec<&str> = labels.iter().chain(&bound).map(String::as_str).collect();
        let _ = match all.is_empty() {
            true => writeln!(text, "{name}{suffix} {value}"),
            false => writeln!(text, "{name}{suffix}{{{}}} {value}", all.join(",")),
        };
    };
    match &reading.value {
        Value::Number(value) => line("", None, number(*value)),
        Value::Histogram { buckets, sum } => {
            let mut count = 0;
            for (bound, observations) in buckets {
                count += observations;
                line("_bucket", Some(*bound), count.to_string());
            }
            line("_sum", None, number(*sum));
            line("_count", None, count.to_string());
        }
    }
}

fn number(value: f64) -> String {
    if value.is_infinite() {
        if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else {
        value.to_string()
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::{Reading, families};
    use crate::telemetry::names;

    #[test]
    fn a_histogram_is_cumulative_and_ends_in_infinity() {
        let reading =
            Reading::histogram(names::JOB_DURATION_SECONDS, vec![(0.5, 2), (f64::INFINITY, 1)], 3.5)
                .with("job", "a\"b\\c\nd");

        let text = families(&[reading]).remove(names::JOB_DURATION_SECONDS.name).unwrap();

        let series: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(
            series,
            [
                r#"caspervpn_job_duration_seconds_bucket{job="a\"b\\c\nd",le="0.5"} 2"#,
                r#"caspervpn_job_duration_seconds_bucket{job="a\"b\\c\nd",le="+Inf"} 3"#,
                r#"caspervpn_job_duration_seconds_sum{job="a\"b\\c\nd"} 3.5"#,
                r#"caspervpn_job_duration_seconds_count{job="a\"b\\c\nd"} 3"#,
            ]
        );
    }

    #[test]
    fn two_series_of_one_metric_share_their_head() {
        let readings = [Reading::of(names::READY, 1.0), Reading::of(names::READY, 0.0).with("x", "y")];

        let text = families(&readings).remove(names::READY.name).unwrap();

        assert_eq!(text.matches("# TYPE").count(), 1);
        assert!(text.ends_with("caspervpn_ready 1\ncaspervpn_ready{x=\"y\"} 0\n"));
    }
}
