//! SQL, migrations and the two database drivers. Invariant: the only place that names a database crate.
//!
//! SQL is written once, in the subset SQLite and PostgreSQL both speak; [`backend`] is where the two meet. The other
//! public files are one noun each: functions over a [`backend::Conn`] to read and a [`backend::Tx`] to write.

pub mod acme;
pub mod addresses;
pub mod api_tokens;
pub mod audit;
pub mod audit_segments;
pub mod backend;
pub mod certificate_log;
pub mod certificates;
pub mod challenges;
pub mod devices;
pub mod error;
pub mod external_identities;
pub mod figures;
pub mod idempotency;
pub mod identity_providers;
pub mod inspect;
pub mod invites;
pub mod jobs;
pub mod leases;
pub mod links;
pub mod list;
pub mod live;
pub mod mfa;
pub mod networks;
pub mod node_networks;
pub mod nodes;
pub mod open;
pub mod outbox;
pub mod overview;
pub mod passkeys;
pub mod peers;
pub mod sealed;
pub mod sequences;
pub mod sessions;
pub mod settings;
pub mod states;
pub mod usage;
pub mod users;
pub mod value;
pub mod webhooks;

mod fields;
mod host;
mod job;
mod migrate;
mod postgres;
mod queue;
mod sqlite;
