//! Pure values and rules.
//!
//! Invariant: no async, clock, files, SQL or HTTP. Time and randomness are arguments.

pub mod access;
pub mod api_token;
pub mod audit;
pub mod authority;
pub mod desired;
pub mod device;
pub mod export;
pub mod external_identity;
pub mod firewall;
pub mod id;
pub mod identity_provider;
pub mod key;
pub mod ldap;
pub mod message;
pub mod name;
pub mod network;
pub mod node;
pub mod outgoing;
pub mod page;
pub mod panel_url;
pub mod pool;
pub mod secret_reference;
pub mod session;
pub mod settings;
mod text;
pub mod time;
pub mod usage;
pub mod user;
