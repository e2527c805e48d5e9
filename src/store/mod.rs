//! SQL, migrations and the two database drivers. Invariant: the only place that names a database crate.
//!
//! SQL is written once, in the subset SQLite and PostgreSQL both speak; [`backend`] is where the two meet.

pub mod backend;
pub mod error;
pub mod figures;
pub mod list;
pub mod networks;
pub mod node_networks;
pub mod nodes;
pub mod outbox;
pub mod sequences;
pub mod settings;
pub mod users;
pub mod value;

mod fields;
pub mod host;
mod job;
mod migrate;
mod postgres;
mod queue;
mod sqlite;
