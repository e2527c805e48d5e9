//! SQL, migrations and the two database drivers. Invariant: the only place that names a database crate.
//!
//! SQL is written once, in the subset SQLite and PostgreSQL both speak; [`backend`] is where the two meet.

pub mod backend;
pub mod error;
pub mod figures;
pub mod settings;
pub mod value;

pub mod host;
mod job;
mod migrate;
mod postgres;
mod queue;
mod sqlite;
