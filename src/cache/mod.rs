//! Bounded caches of what the store knows.
//!
//! Invariant: a value read before a change can never be kept after it.

pub mod memory;
