//! What this process costs, read from `/proc/self` at each scrape.
//!
//! Invariant: works with `ProcSubset=pid`, which hides everything of `/proc` that is not a process.

use std::fs;

use procfs::process::Process;

use crate::telemetry::names;
use crate::telemetry::reading::Reading;

/// One reading of each metric. What cannot be read is left out.
pub(super) fn read() -> Vec<Reading> {
    let Ok(process) = Process::myself() else { return Vec::new() };
    let mut found = Vec::new();
    if let Ok(stat) = process.stat() {
        let ticks = float(stat.utime + stat.stime);
        found.push(Reading::of(names::PROCESS_CPU_SECONDS, ticks / float(procfs::ticks_per_second())));
        let resident_bytes = float(stat.rss.saturating_mul(procfs::page_size()));
        found.push(Reading::of(names::PROCESS_RESIDENT_MEMORY_BYTES, resident_bytes));
        found.push(Reading::of(names::PROCESS_VIRTUAL_MEMORY_BYTES, float(stat.vsize)));
        found.push(Reading::of(names::PROCESS_THREADS, float(u64::try_from(stat.num_threads).unwrap_or(0))));
    }
    if let Ok(fds) = fs::read_dir("/proc/self/fd") {
        // Reading the directory opens it, which is one more than there are.
        let count = fds.count().saturating_sub(1);
        found.push(Reading::of(names::PROCESS_OPEN_FDS, float(u64::try_from(count).unwrap_or(u64::MAX))));
    }
    if let Ok(limits) = process.limits() {
        let limit = match limits.max_open_files.soft_limit {
            procfs::process::LimitValue::Value(value) => float(value),
            procfs::process::LimitValue::Unlimited => f64::INFINITY,
        };
        found.push(Reading::of(names::PROCESS_MAX_FDS, limit));
    }
    found
}

/// Prometheus knows only floating point; past 2^53 the last digits are lost, as in every exporter.
#[expect(clippy::cast_precision_loss, reason = "no reading comes near 2^53")]
pub(super) const fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::telemetry::names;
    use crate::telemetry::reading::Value;

    #[test]
    fn this_process_has_memory_threads_and_open_files() {
        let found = read();

        for wanted in [names::PROCESS_RESIDENT_MEMORY_BYTES, names::PROCESS_THREADS, names::PROCESS_OPEN_FDS]
        {
            let value =
                found.iter().find(|reading| reading.metric == wanted).map(|reading| reading.value.clone());
            assert!(
                matches!(value, Some(Value::Number(number)) if number >= 1.0),
                "{}: {value:?}",
                wanted.name
            );
        }
    }
}
