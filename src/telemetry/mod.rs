//! What the service says about itself: logs, and metrics by a list of names.
//!
//! Invariant: spawns nothing and reads no clock; the periodic upkeep is a job of the daemon.

pub mod chain;
pub mod logging;
pub mod metrics;
pub mod names;
pub mod process;
pub mod reading;
