//! What the audit gives up with time: first where events came from, then the events themselves, whole segments of them.
//!
//! Invariant: the chain stays whole. A commitment takes the place of a source, a seal of the service that of events.

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::domain::audit_chain::Digest;
use crate::domain::time::Timestamp;
use crate::secrets::audit_key::EventHasher;
use crate::store::audit_segments;
use crate::store::backend::{Conn, Tx};

/// Segments that one transaction looks at, and how many events it may remove before it ends.
const SEGMENTS_AT_ONCE: u32 = 50;
const EVENTS_AT_ONCE: u64 = 500;

/// Transactions in one step: what is left waits for the next step, which comes within minutes.
const BATCHES: u32 = 200;

impl App {
    /// Removes the events of segments whose newest event happened before a time, oldest first; says how many.
    ///
    /// Each segment is judged by itself. A pruned one keeps its record, so the chain verifies whichever segments are pruned,
    /// and one that a wrong clock dated into the future keeps back nothing but itself. That one stays until its date: to judge
    /// it by its neighbours would let a clock that was set back remove what is young.
    pub(in crate::app) async fn prune_audit(&self, before: Timestamp) -> Result<u64> {
        let mut sum = 0;
        for _ in 0..BATCHES {
            let (key, now) = (self.core.sealing.key.clone(), self.now().as_millis());
            let pruned = self
                .core
                .store
                .write(async move |tx: &mut Tx| {
                    let mut pruned = 0;
                    for stored in
                        audit_segments::kept_before(tx, before.as_millis(), SEGMENTS_AT_ONCE).await?
                    {
                        if pruned >= EVENTS_AT_ONCE {
                            break;
                        }
                        let seal = key.seal_pruned(&stored.digest, now);
                        pruned += audit_segments::prune(tx, stored.segment.number, now, &seal).await?;
                    }
                    Ok::<_, AppError>(pruned)
                })
                .await?;
            sum += pruned;
            if pruned == 0 {
                break;
            }
        }
        Ok(sum)
    }

    /// Erases where events before a time came from; says how many segments gave theirs up.
    pub(in crate::app) async fn erase_audit_sources(&self, before: Timestamp) -> Result<u64> {
        let mut erased = 0;
        for _ in 0..BATCHES {
            let due = self
                .core
                .store
                .read(async move |on: &mut Conn| {
                    let before = before.as_millis();
                    Ok::<_, AppError>(
                        audit_segments::with_sources_before(on, before, SEGMENTS_AT_ONCE).await?,
                    )
                })
                .await?;
            if due.is_empty() {
                break;
            }
            for segment in due {
                self.erase_sources_of(segment).await?;
                erased += 1;
            }
        }
        Ok(erased)
    }

    async fn erase_sources_of(&self, segment: i64) -> Result<()> {
        let now = self.now().as_millis();
        let rows = self
            .core
            .store
            .read(async move |on: &mut Conn| {
                Ok::<_, AppError>(audit_segments::events_between(on, segment, segment, u32::MAX).await?)
            })
            .await?;
        let mut hasher = EventHasher::default();
        let mut commitments: Vec<(String, Digest)> = Vec::new();
        for row in rows {
            if let Some((source, salt)) = &row.source {
                let commitment = hasher.source(source, salt);
                commitments.push((row.id, commitment));
            }
        }
        self.core
            .store
            .write(async move |tx: &mut Tx| {
                Ok::<_, AppError>(audit_segments::erase_sources(tx, segment, &commitments, now).await?)
            })
            .await
    }
}
