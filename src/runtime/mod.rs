//! The clock, ids from it, and supervised tasks.
//!
//! Invariant: the only place that reads time, makes ids or randomness, or spawns.

pub mod backoff;
pub mod clock;
pub mod executor;
pub mod ids;
pub mod job;
pub mod lanes;
pub mod ownership;
pub mod readiness;
pub mod tasks;
