//! A cache in this process, emptied entry by entry as rows change.

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Rows by key, at most a number of them, each for a while.
pub struct Memory<K, V> {
    entries: moka::sync::Cache<K, V>,
    /// Counts the invalidations. A value that was being read while one happened may be older than the change.
    changes: AtomicU64,
}

/// The moment a read began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(u64);

impl<K, V> Memory<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A cache of at most `capacity` values, each kept for `keep` at most.
    pub fn new(capacity: u64, keep: Duration) -> Self {
        let entries = moka::sync::Cache::builder().max_capacity(capacity).time_to_live(keep).build();
        Self { entries, changes: AtomicU64::new(0) }
    }

    /// The value of a key, where it is known.
    pub fn find(&self, key: &K) -> Option<V> {
        self.entries.get(key)
    }

    /// To be taken before reading what will be kept.
    pub fn moment(&self) -> Moment {
        Moment(self.changes.load(Ordering::SeqCst))
    }

    /// Keeps a value, unless something changed since the moment its reading began.
    pub fn keep(&self, since: Moment, key: K, value: V) {
        self.entries.insert(key.clone(), value);
        // A change between a look and the insert would be missed, so the look comes after.
        if self.moment() != since {
            self.entries.invalidate(&key);
        }
    }

    /// The value of a key: the one that is known, or what `read` finds, which is kept for the next time.
    ///
    /// # Errors
    /// Those of `read`.
    pub async fn find_or<E>(
        &self,
        key: K,
        read: impl Future<Output = Result<Option<V>, E>>,
    ) -> Result<Option<V>, E> {
        if let Some(known) = self.find(&key) {
            return Ok(Some(known));
        }
        let since = self.moment();
        let found = read.await?;
        if let Some(value) = &found {
            self.keep(since, key, value.clone());
        }
        Ok(found)
    }

    /// Forgets one key, after its row has changed.
    pub fn forget(&self, key: &K) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.entries.invalidate(key);
    }

    /// Forgets everything.
    pub fn forget_all(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.entries.invalidate_all();
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;
    use std::hash::{Hash, Hasher};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    #[test]
    fn a_value_read_before_a_change_is_not_kept_after_it() {
        let cache = Memory::new(10, Duration::from_secs(60));
        let before = cache.moment();
        cache.forget(&1);

        cache.keep(before, 1, "old");
        let stale = cache.find(&1);
        cache.keep(cache.moment(), 1, "new");

        assert_eq!(stale, None);
        assert_eq!(cache.find(&1), Some("new"));
    }

    /// A key that does something when it is first looked at.
    #[derive(Clone)]
    struct Watched(Arc<Mutex<Option<Act>>>);

    type Act = Box<dyn FnOnce() + Send>;

    impl Hash for Watched {
        fn hash<H: Hasher>(&self, state: &mut H) {
            let act = self.0.lock().unwrap().take();
            if let Some(act) = act {
                act();
            }
            state.write_u8(1);
        }
    }

    impl PartialEq for Watched {
        fn eq(&self, _: &Self) -> bool {
            true
        }
    }

    impl Eq for Watched {}

    #[test]
    fn a_change_in_the_middle_of_keeping_is_not_missed() {
        let cache = Arc::new(Memory::new(10, Duration::from_secs(60)));
        let key = Watched(Arc::default());
        let (changed, same) = (Arc::clone(&cache), key.clone());
        *key.0.lock().unwrap() = Some(Box::new(move || changed.forget(&same)));

        cache.keep(cache.moment(), key.clone(), "old");

        assert_eq!(cache.find(&key), None);
    }

    #[test]
    fn forgetting_all_leaves_nothing() {
        let cache = Memory::new(10, Duration::from_secs(60));
        cache.keep(cache.moment(), 1, "a");

        cache.forget_all();

        assert_eq!(cache.find(&1), None);
    }
}
