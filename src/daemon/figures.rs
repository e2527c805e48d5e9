//! The store's figures as metrics.

use crate::store::figures::{COMMIT_BOUNDS_US, FigureSnapshot};
use crate::telemetry::names;
use crate::telemetry::reading::Reading;

/// Says what the store has counted, for a scrape.
pub fn readings(figures: &FigureSnapshot) -> Vec<Reading> {
    let bounds = COMMIT_BOUNDS_US.iter().map(|us| float(*us) / 1e6).chain([f64::INFINITY]);
    let buckets = bounds.zip(figures.commit_buckets).collect();
    vec![
        Reading::of(names::DB_WRITE_QUEUE_DEPTH, float(figures.queued_writes)),
        Reading::histogram(names::DB_COMMIT_DURATION_SECONDS, buckets, float(figures.commit_us) / 1e6),
        Reading::of(names::DB_WRITES, float(figures.committed_writes)).with("result", "committed"),
        Reading::of(names::DB_WRITES, float(figures.failed_writes)).with("result", "failed"),
        Reading::of(names::DB_READS, float(figures.reads)),
        Reading::of(names::DB_BUSY, float(figures.busy)),
        Reading::of(names::DB_RETRIES, float(figures.retries)),
        Reading::of(names::DB_WAL_BYTES, float(figures.wal_bytes)),
        Reading::of(names::DB_CHECKPOINTS, float(figures.checkpoints)),
        Reading::of(names::DB_CORRUPT, f64::from(u8::from(figures.corrupt))),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floating point")]
const fn float(value: u64) -> f64 {
    value as f64
}
