//! Live figures of the store for metrics and readiness.
//!
//! Invariant: only counters; nothing here decides anything but whether writes are still accepted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::telemetry::names;
use crate::telemetry::reading::Reading;

/// Upper bounds of the commit histogram in microseconds: 100 µs (memory) to 10 s (a disk in trouble).
pub const COMMIT_BOUNDS_US: [u64; 15] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000,
];

/// The counters the database threads keep.
#[derive(Debug, Default)]
pub struct Figures {
    queued: AtomicU64,
    commits: AtomicU64,
    writes: AtomicU64,
    failed_writes: AtomicU64,
    reads: AtomicU64,
    busy: AtomicU64,
    retries: AtomicU64,
    wal_bytes: AtomicU64,
    checkpoints: AtomicU64,
    commit_us: AtomicU64,
    commit_buckets: [AtomicU64; COMMIT_BOUNDS_US.len() + 1],
    corrupt: AtomicBool,
}

/// The figures at one moment.
#[derive(Debug, Clone)]
pub struct FigureSnapshot {
    /// Writes that wait for their turn or are under way.
    pub queued_writes: u64,
    /// Transactions committed.
    pub commits: u64,
    /// Callers whose writes were committed; divided by `commits` it is the group size.
    pub committed_writes: u64,
    /// Callers whose writes were undone.
    pub failed_writes: u64,
    /// Reading calls.
    pub reads: u64,
    /// Calls refused or retried because the database was busy.
    pub busy: u64,
    /// PostgreSQL: transactions run again after a serialization failure or deadlock.
    pub retries: u64,
    /// SQLite: bytes in the write-ahead log.
    pub wal_bytes: u64,
    /// SQLite: checkpoints that emptied the log.
    pub checkpoints: u64,
    /// Time spent in COMMIT, in microseconds, all commits together.
    pub commit_us: u64,
    /// Commits by duration: one count for each of `COMMIT_BOUNDS_US`, and one for the rest; not cumulative.
    pub commit_buckets: [u64; COMMIT_BOUNDS_US.len() + 1],
    /// The database file was found damaged; no writes are taken.
    pub corrupt: bool,
}

impl FigureSnapshot {
    /// The figures as metrics.
    #[must_use]
    pub fn readings(&self) -> Vec<Reading> {
        let bounds = COMMIT_BOUNDS_US.iter().map(|bound| float(*bound) / 1e6).chain([f64::INFINITY]);
        let buckets = bounds.zip(self.commit_buckets).collect();
        let writes =
            |result: &'static str, count| Reading::of(names::DB_WRITES, float(count)).with("result", result);
        vec![
            Reading::of(names::DB_WRITE_QUEUE_DEPTH, float(self.queued_writes)),
            Reading::histogram(names::DB_COMMIT_DURATION_SECONDS, buckets, float(self.commit_us) / 1e6),
            writes("committed", self.committed_writes),
            writes("undone", self.failed_writes),
            Reading::of(names::DB_READS, float(self.reads)),
            Reading::of(names::DB_BUSY, float(self.busy)),
            Reading::of(names::DB_RETRIES, float(self.retries)),
            Reading::of(names::DB_WAL_BYTES, float(self.wal_bytes)),
            Reading::of(names::DB_CHECKPOINTS, float(self.checkpoints)),
            Reading::of(names::DB_CORRUPT, f64::from(u8::from(self.corrupt))),
        ]
    }
}

impl Figures {
    /// Reads all figures.
    #[must_use]
    pub fn snapshot(&self) -> FigureSnapshot {
        FigureSnapshot {
            queued_writes: read(&self.queued),
            commits: read(&self.commits),
            committed_writes: read(&self.writes),
            failed_writes: read(&self.failed_writes),
            reads: read(&self.reads),
            busy: read(&self.busy),
            retries: read(&self.retries),
            wal_bytes: read(&self.wal_bytes),
            checkpoints: read(&self.checkpoints),
            commit_us: read(&self.commit_us),
            commit_buckets: std::array::from_fn(|index| self.commit_buckets.get(index).map_or(0, read)),
            corrupt: self.is_corrupt(),
        }
    }

    pub(super) fn write_queued(&self) {
        self.queued.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn write_ended(&self) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn committed(&self, callers: u64, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = COMMIT_BOUNDS_US.partition_point(|bound| *bound < took_us);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.writes.fetch_add(callers, Ordering::Relaxed);
        self.commit_us.fetch_add(took_us, Ordering::Relaxed);
        if let Some(count) = self.commit_buckets.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn undone(&self, callers: u64) {
        self.failed_writes.fetch_add(callers, Ordering::Relaxed);
    }

    pub(super) fn read_ran(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn was_busy(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn wal_is(&self, bytes: u64) {
        self.wal_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn checkpointed(&self) {
        self.checkpoints.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn found_corrupt(&self) {
        self.corrupt.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_corrupt(&self) -> bool {
        self.corrupt.load(Ordering::Relaxed)
    }
}

#[expect(clippy::cast_precision_loss, reason = "metrics are floats; counts past 2^53 lose their last digits")]
const fn float(count: u64) -> f64 {
    count as f64
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
