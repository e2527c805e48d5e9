//! When API tokens were last used: noted in memory by the requests, written down by a job and at a stop.
//!
//! Invariant: a token's uses within one minute cost one note, and no request waits for a write.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::domain::api_token::USE_KNOWN_TO;
use crate::domain::id::ApiTokenId;
use crate::domain::time::Timestamp;
use crate::store::api_tokens;
use crate::store::backend::Tx;

/// Notes that one transaction writes.
const AT_ONCE: usize = 500;

/// The minute in which a token was last used.
#[derive(Debug)]
pub(in crate::app) struct LastUse(AtomicI64);

impl LastUse {
    /// What the database knows of it.
    pub(in crate::app) fn at(known: Option<Timestamp>) -> Self {
        Self(AtomicI64::new(known.map_or(i64::MIN, Timestamp::as_millis)))
    }

    /// The minute of a use, where it is a later one than that of the use before.
    pub(in crate::app) fn moves_on(&self, now: Timestamp) -> Option<Timestamp> {
        let minute = minute(now);
        let before = self.0.fetch_max(minute.as_millis(), Ordering::Relaxed);
        (before < minute.as_millis()).then_some(minute)
    }
}

/// Uses that are not written down yet.
#[derive(Debug, Default)]
pub(in crate::app) struct TokenUses(Mutex<HashMap<ApiTokenId, Timestamp>>);

impl TokenUses {
    /// Notes a use.
    pub(in crate::app) fn note(&self, id: ApiTokenId, minute: Timestamp) {
        let mut waiting = self.waiting();
        let last = waiting.entry(id).or_insert(minute);
        *last = minute.max(*last);
    }

    /// The last use of a token, where it is not written down yet.
    pub(in crate::app) fn of(&self, id: ApiTokenId) -> Option<Timestamp> {
        self.waiting().get(&id).copied()
    }

    fn some(&self) -> Vec<(ApiTokenId, Timestamp)> {
        self.waiting().iter().take(AT_ONCE).map(|(id, at)| (*id, *at)).collect()
    }

    fn written(&self, uses: &[(ApiTokenId, Timestamp)]) {
        let mut waiting = self.waiting();
        for (id, at) in uses {
            if waiting.get(id) == Some(at) {
                waiting.remove(id);
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<ApiTokenId, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// Writes down when tokens were last used.
    pub async fn token_use_step(&self) -> Result<()> {
        let noted = &self.core.token_uses;
        loop {
            let uses = noted.some();
            if uses.is_empty() {
                return Ok(());
            }
            let batch = uses.clone();
            self.core
                .store
                .write(async move |tx: &mut Tx| {
                    for (id, at) in &batch {
                        api_tokens::note_use(tx, *id, *at).await?;
                    }
                    Ok::<_, AppError>(())
                })
                .await?;
            noted.written(&uses);
            if uses.len() < AT_ONCE {
                return Ok(());
            }
        }
    }
}

/// The beginning of an instant's minute.
fn minute(at: Timestamp) -> Timestamp {
    let span = i64::try_from(USE_KNOWN_TO.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(at.as_millis() / span * span)
}

#[cfg(test)]
mod tests {
    use super::{LastUse, TokenUses};
    use crate::domain::id::ApiTokenId;
    use crate::domain::time::Timestamp;
    use uuid::Uuid;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn a_minute_is_noted_once() {
        let last = LastUse::at(None);

        assert_eq!(last.moves_on(at(61_000)), Some(at(60_000)));
        assert_eq!(last.moves_on(at(119_999)), None);
        assert_eq!(last.moves_on(at(120_000)), Some(at(120_000)));
        assert_eq!(last.moves_on(at(61_000)), None);
        assert_eq!(LastUse::at(Some(at(60_000))).moves_on(at(61_000)), None);
    }

    #[test]
    fn a_use_during_the_write_of_another_is_not_lost() {
        let (uses, id) = (TokenUses::default(), ApiTokenId::new(Uuid::nil()));
        uses.note(id, at(60_000));
        let under_way = uses.some();
        uses.note(id, at(120_000));

        uses.written(&under_way);
        let left = uses.of(id);
        uses.written(&[(id, at(120_000))]);

        assert_eq!((left, uses.of(id)), (Some(at(120_000)), None));
    }
}
