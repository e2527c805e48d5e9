//! Bounded in-memory caches.
