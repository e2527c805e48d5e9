//! Checks the audit's chain and names the first thing that is wrong.
//!
//! Invariant: nothing is believed for being in the database; every digest is made again from what it stands for.

use std::collections::HashMap;
use std::time::Duration;

use tokio::task::yield_now;

use crate::app::audit::Audit;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::domain::access::Action;
use crate::domain::audit_chain::{Digest, Entry, Head, NOTHING_BEFORE, SealedRow};
use crate::domain::audit_fault::ChainFault;
use crate::secrets::audit_key::{AuditKey, EventHasher, segment_digest, sha256};
use crate::store::audit_segments::{self, StoredSegment};
use crate::store::backend::Conn;
use crate::store::error::{ErrorKind, StoreError};

/// What a check found.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// Segments that were checked.
    pub segments: u64,
    /// How many of them hold digests alone, as retention has removed their events.
    pub pruned_segments: u64,
    /// Events that were checked.
    pub events: u64,
    /// Events that wait to be sealed, which nothing protects yet.
    pub unsealed: u64,
    /// The last segment that was checked.
    pub head: Option<Head>,
    /// Whether there are more segments: the check goes on after `head`.
    pub more: bool,
    /// The first thing that is wrong.
    pub fault: Option<ChainFault>,
}

/// Segments that are read at once, and the events that they may have together.
const SEGMENTS_AT_ONCE: u32 = 500;
const EVENTS_AT_ONCE: i64 = 4000;

/// How long one call checks before it says how far it came.
const CHECK_FOR: Duration = Duration::from_secs(10);

impl Audit<'_> {
    /// Checks the chain after a segment, from its start where that is 0, for some seconds.
    /// `expected` is the digest of some segment that was kept elsewhere.
    pub async fn verify(&self, ctx: &Ctx, after: i64, expected: Option<Digest>) -> Result<Verification> {
        ctx.require(Action::AuditVerify)?;
        let began = self.0.core.clock.instant();
        let mut walk = Walk::new(self.0.core.sealing.key.clone());
        if after > 0 {
            let at = self.batch(after - 1, 1).await?.segments.into_iter().next();
            match at.filter(|at| at.segment.number == after) {
                Some(at) => walk.start_at(&at),
                None => walk.found.fault = Some(ChainFault::SegmentMissing { segment: after }),
            }
            if walk.found.fault.is_some() {
                return Ok(walk.found);
            }
        }
        loop {
            let batch = self.batch(walk.number, SEGMENTS_AT_ONCE).await?;
            if batch.segments.is_empty() && batch.fault.is_none() {
                break;
            }
            walk.step(batch).await;
            if walk.found.fault.is_some() {
                return Ok(walk.found);
            }
            if self.0.core.clock.instant().duration_since(began) > CHECK_FOR {
                walk.found.more = true;
                return Ok(walk.found);
            }
        }
        self.finish(walk, expected).await
    }

    /// What can only be told once the whole chain is known.
    async fn finish(&self, mut walk: Walk, expected: Option<Digest>) -> Result<Verification> {
        let newest = walk.number;
        let (unsealed, stray, known) = self
            .0
            .core
            .store
            .read(async move |on: &mut Conn| {
                let known = match &expected {
                    Some(digest) => audit_segments::find_digest(on, digest).await?,
                    None => Some(0),
                };
                // Sealed after the walk: of no concern to it.
                let tip = audit_segments::tip(on).await?.map_or(newest, |tip| tip.head.number.max(newest));
                let stray = audit_segments::stray(on, tip).await?;
                Ok::<_, AppError>((audit_segments::count_unsealed(on).await?, stray, known))
            })
            .await?;
        walk.found.unsealed = unsealed;
        if let Some((event, segment)) = stray {
            // Events of a segment past the newest are what somebody left who cut the chain's end off.
            let is_cut = segment > newest;
            walk.found.fault = Some(if is_cut {
                ChainFault::SegmentMissing { segment: newest + 1 }
            } else {
                ChainFault::EventInserted { segment, event }
            });
        } else if known.is_none() {
            walk.found.fault = Some(ChainFault::ExpectedMissing);
        }
        Ok(walk.found)
    }

    /// Reads the next segments with their events, on one snapshot.
    async fn batch(&self, after: i64, limit: u32) -> Result<Batch> {
        let read = async move |on: &mut Conn| {
            let counts = audit_segments::counts_after(on, after, limit).await?;
            let Some((last, events)) = few_enough(&counts) else { return Ok(Batch::default()) };
            let segments = match audit_segments::between(on, after + 1, last).await {
                Err(error) if error.kind() == ErrorKind::Unreadable => {
                    let segment = unreadable_segment(on, &counts).await?;
                    return Ok(Batch::broken(ChainFault::SegmentChanged { segment }));
                }
                other => other?,
            };
            // One row more than there should be gives an inserted event away.
            let rows = u32::try_from(events).unwrap_or(u32::MAX).saturating_add(1);
            match audit_segments::events_between(on, after + 1, last, rows).await {
                Err(error) if error.kind() == ErrorKind::Unreadable => {
                    Ok(Batch { fault: unreadable_event(on, &segments).await?, segments, ..Batch::default() })
                }
                other => Ok::<_, StoreError>(Batch { segments, events: other?, fault: None }),
            }
        };
        Ok(self.0.core.store.read(read).await?)
    }
}

/// Segments, the events that say they are theirs, and what made those unreadable.
#[derive(Default)]
struct Batch {
    segments: Vec<StoredSegment>,
    events: Vec<SealedRow>,
    fault: Option<ChainFault>,
}

impl Batch {
    fn broken(fault: ChainFault) -> Self {
        Self { fault: Some(fault), ..Self::default() }
    }
}

/// The last of the first segments that together have few enough events, and how many that are.
fn few_enough(counts: &[(i64, i64)]) -> Option<(i64, i64)> {
    let mut sum = 0_i64;
    let mut last = None;
    for (number, events) in counts {
        sum = sum.saturating_add((*events).clamp(0, EVENTS_AT_ONCE));
        if last.is_some() && sum > EVENTS_AT_ONCE {
            break;
        }
        last = Some((*number, sum));
    }
    last
}

async fn unreadable_segment(on: &mut Conn, counts: &[(i64, i64)]) -> Result<i64, StoreError> {
    for (number, _) in counts {
        match audit_segments::between(on, *number, *number).await {
            Err(error) if error.kind() == ErrorKind::Unreadable => return Ok(*number),
            other => drop(other?),
        }
    }
    Ok(0)
}

/// The first event of these segments that is no event any more, such as one with a text that is not UTF-8.
async fn unreadable_event(
    on: &mut Conn,
    segments: &[StoredSegment],
) -> Result<Option<ChainFault>, StoreError> {
    for stored in segments {
        let entries = stored.entries.as_deref().and_then(Entry::read).unwrap_or_default();
        for (index, entry) in (0..).zip(entries) {
            let position = stored.segment.first_position.saturating_add(index);
            match audit_segments::event(on, &entry.id.to_string()).await {
                Err(error) if error.kind() == ErrorKind::Unreadable => {
                    let segment = stored.segment.number;
                    return Ok(Some(ChainFault::EventChanged { segment, position, event: entry.id }));
                }
                other => drop(other?),
            }
        }
    }
    let segment = segments.first().map_or(0, |stored| stored.segment.number);
    Ok(Some(ChainFault::EventInserted { segment, event: "(unreadable)".to_owned() }))
}

/// A walk along the chain.
struct Walk {
    key: AuditKey,
    hasher: EventHasher,
    /// The last segment that was checked.
    number: i64,
    digest: Digest,
    next_position: i64,
    found: Verification,
}

impl Walk {
    fn new(key: AuditKey) -> Self {
        let found = Verification::default();
        Self {
            key,
            hasher: EventHasher::default(),
            number: 0,
            digest: NOTHING_BEFORE,
            next_position: 1,
            found,
        }
    }

    /// Goes on after a segment that an earlier call has checked.
    fn start_at(&mut self, at: &StoredSegment) {
        self.found.fault = self.record_fault(at, at.segment.previous, at.segment.first_position);
        self.number = at.segment.number;
        self.digest = at.digest;
        self.next_position = at.segment.next_position();
        self.found.head = Some(Head { number: self.number, digest: self.digest });
    }

    async fn step(&mut self, batch: Batch) {
        let mut events: HashMap<i64, Vec<SealedRow>> = HashMap::new();
        for event in batch.events {
            events.entry(event.segment.unwrap_or(0)).or_default().push(event);
        }
        for stored in &batch.segments {
            let mine = events.remove(&stored.segment.number).unwrap_or_default();
            // A batch with an unreadable event has none at all: only the records before it can be judged.
            let judged = if batch.fault.is_some() {
                self.record_fault(stored, self.digest, self.next_position)
            } else {
                self.judge(stored, mine)
            };
            if let Some(fault) = judged {
                self.found.fault = Some(fault);
                return;
            }
            self.number = stored.segment.number;
            self.digest = stored.digest;
            self.next_position = stored.segment.next_position();
            self.found.head = Some(Head { number: self.number, digest: self.digest });
            self.found.segments += 1;
            // Thousands of digests at one go would hold up whoever else is served by this thread.
            yield_now().await;
        }
        self.found.fault = batch.fault;
    }

    fn judge(&mut self, stored: &StoredSegment, events: Vec<SealedRow>) -> Option<ChainFault> {
        let number = stored.segment.number;
        if number != self.number + 1 {
            return Some(ChainFault::SegmentMissing { segment: self.number + 1 });
        }
        if let Some(fault) = self.record_fault(stored, self.digest, self.next_position) {
            return Some(fault);
        }
        if stored.pruned.is_some() {
            self.found.pruned_segments += 1;
            let event = events.into_iter().next()?.id;
            return Some(ChainFault::EventInserted { segment: number, event });
        }
        let Some(entries) = stored.entries.as_deref().and_then(Entry::read) else {
            return Some(ChainFault::SegmentChanged { segment: number });
        };
        self.found.events += entries.len() as u64;
        self.compare(stored, &entries, events)
    }

    /// Compares a segment's list with the events that are there.
    fn compare(
        &mut self,
        stored: &StoredSegment,
        entries: &[Entry],
        events: Vec<SealedRow>,
    ) -> Option<ChainFault> {
        let segment = stored.segment.number;
        let mut there: HashMap<String, SealedRow> =
            events.into_iter().map(|event| (event.id.clone(), event)).collect();
        for (index, entry) in (0..).zip(entries) {
            let position = stored.segment.first_position.saturating_add(index);
            let event = entry.id;
            match there.remove(&event.to_string()) {
                None => return Some(ChainFault::EventMissing { segment, position, event }),
                Some(row) if self.hasher.event(&row) != entry.digest => {
                    return Some(ChainFault::EventChanged { segment, position, event });
                }
                Some(_) => {}
            }
        }
        let event = there.into_keys().min()?;
        Some(ChainFault::EventInserted { segment, event })
    }

    /// What is wrong with the record alone: with its place, its digests or its seal.
    fn record_fault(&self, stored: &StoredSegment, previous: Digest, first: i64) -> Option<ChainFault> {
        let it = &stored.segment;
        let listed = match &stored.entries {
            Some(entries) => {
                let has_all =
                    usize::try_from(it.count).is_ok_and(|count| entries.len() / Entry::BYTES == count);
                has_all && sha256(entries) == it.entries_digest
            }
            None => stored.pruned.is_some(),
        };
        let agrees = listed
            && it.previous == previous
            && it.first_position == first
            && it.count > 0
            && segment_digest(it) == stored.digest;
        if !agrees {
            return Some(ChainFault::SegmentChanged { segment: it.number });
        }
        let pruned_well = match &stored.pruned {
            Some((at, seal)) => {
                stored.entries.is_none() && self.key.is_pruned_seal(&stored.digest, *at, seal)
            }
            None => true,
        };
        let good = pruned_well && self.key.is_seal(&stored.digest, &stored.mac);
        if good { None } else { Some(ChainFault::SegmentForged { segment: it.number }) }
    }
}
