//! Pure values and rules.
//!
//! Invariant: no async, clock, files, SQL or HTTP. Time and randomness are arguments.

pub mod access;
pub mod api_token;
pub mod audit;
pub mod desired;
pub mod device;
pub mod export;
pub mod firewall;
pub mod gate;
pub mod id;
pub mod key;
pub mod message;
pub mod name;
pub mod network;
pub mod node;
pub mod page;
pub mod pool;
pub mod ranges;
pub mod secret_reference;
pub mod session;
pub mod settings;
mod text;
pub mod time;
pub mod usage;
pub mod user;
