//! Seals the audit: each second the events that were written since become one segment of a chain.
//!
//! Invariant: an event's place in the chain is given when it is sealed, so one that is committed late only comes later.
//! Digests are made outside of the transaction, which holds nothing but writes: a segment stands there whole or not at all.

use std::time::Duration;

use uuid::Uuid;

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::domain::audit_chain::{Entry, Head, NOTHING_BEFORE, SealedRow, Segment};
use crate::secrets::audit_key::{AuditKey, EventHasher, segment_digest, sha256};
use crate::store::audit_segments::{self, StoredSegment, Tip};
use crate::store::backend::{Conn, Tx};
use crate::store::error::{Constraint, ErrorKind, StoreError};
use crate::store::leases;

/// Events of one segment at most: what a check holds in memory at once.
const SEGMENT_EVENTS: u32 = 2000;

/// Segments of one step at most. After a flood, or an upgrade, the next step goes on.
const SEGMENTS: u32 = 20;

/// How long a process that fell silent keeps others from sealing.
const LEASE: Duration = Duration::from_secs(15);

/// What the chain is sealed with.
#[derive(Debug, Clone)]
pub(in crate::app) struct Sealing {
    /// Signs segments.
    pub(in crate::app) key: AuditKey,
    /// Names this process among those of one database.
    pub(in crate::app) holder: Uuid,
}

impl App {
    /// Seals what is not sealed yet, unless another process does.
    pub async fn seal_audit_step(&self) -> Result<()> {
        for _ in 0..SEGMENTS {
            if self.seal_segment().await? < SEGMENT_EVENTS as usize {
                break;
            }
        }
        Ok(())
    }

    /// Seals one segment; says how many events it has.
    async fn seal_segment(&self) -> Result<usize> {
        let holder = self.core.sealing.holder.to_string();
        let asked = holder.clone();
        let (tip, events) = self
            .core
            .store
            .read(async move |on: &mut Conn| {
                let events = audit_segments::unsealed(on, SEGMENT_EVENTS).await?;
                if events.is_empty() || leases::is_held_by_another(on, leases::AUDIT, &asked).await? {
                    return Ok::<_, AppError>((None, Vec::new()));
                }
                Ok((audit_segments::tip(on).await?, events))
            })
            .await?;
        if events.is_empty() {
            return Ok(0);
        }
        let sealed = seal(&self.core.sealing.key, tip, &events, self.now().as_millis())?;
        let ids: Vec<String> = events.into_iter().map(|event| event.id).collect();
        let count = ids.len();
        let appended = self
            .core
            .store
            .write(async move |tx: &mut Tx| {
                if leases::take(tx, leases::AUDIT, &holder, LEASE).await?.is_none() {
                    return Ok(0);
                }
                audit_segments::append(tx, &sealed, &ids).await?;
                Ok::<_, StoreError>(count)
            })
            .await;
        match appended {
            // Another process was faster. What it left is for the next step.
            Err(error) if is_overtaken(&error) => Ok(0),
            other => Ok(other?),
        }
    }
}

fn is_overtaken(error: &StoreError) -> bool {
    error.conflict() == Some(Constraint::Id) || error.kind() == ErrorKind::Stale
}

/// Makes the segment that comes after the tip out of events.
fn seal(key: &AuditKey, tip: Option<Tip>, events: &[SealedRow], now_ms: i64) -> Result<StoredSegment> {
    let start = Tip { head: Head { number: 0, digest: NOTHING_BEFORE }, next_position: 1 };
    let tip = tip.unwrap_or(start);
    let mut hasher = EventHasher::default();
    let mut entries = Vec::with_capacity(events.len());
    for event in events {
        let id = event.id.parse().map_err(AppError::broken("reading the id of an audit event"))?;
        entries.push(Entry { id, digest: hasher.event(event) });
    }
    let entries = Entry::write(&entries);
    let segment = Segment {
        number: tip.head.number + 1,
        first_position: tip.next_position,
        count: i64::try_from(events.len()).unwrap_or(i64::MAX),
        sealed_at: now_ms,
        newest_at: events.iter().map(|event| event.at).max().unwrap_or(now_ms),
        previous: tip.head.digest,
        entries_digest: sha256(&entries),
    };
    let digest = segment_digest(&segment);
    let mac = key.seal(&digest).to_vec();
    Ok(StoredSegment { segment, entries: Some(entries), digest, mac, pruned: None })
}
