//! The PostgreSQL driver: a pool, and threads on which callers' closures run.

pub(super) mod connect;
pub(super) mod connection;
pub(super) mod engine;

mod placeholders;
mod worker;
