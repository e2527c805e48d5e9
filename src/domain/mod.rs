//! Pure values and rules.
//!
//! Invariant: no async, clock, files, SQL or HTTP. Time and randomness are arguments.

pub mod access;
pub mod acme;
pub mod actor;
pub mod api_token;
pub mod audit;
pub mod audit_chain;
pub mod audit_fault;
pub mod authority;
pub mod caa;
pub mod certificate;
pub mod contact;
pub mod desired;
pub mod device;
pub mod export;
pub mod external_identity;
pub mod firewall;
pub mod gate;
pub mod id;
pub mod identity_provider;
pub mod invite;
pub mod job;
pub mod key;
pub mod language;
pub mod ldap;
pub mod mail;
pub mod message;
pub mod mfa;
pub mod name;
pub mod network;
pub mod node;
pub mod outgoing;
pub mod page;
pub mod panel_url;
pub mod passkey;
pub mod pool;
pub mod ranges;
pub mod renewal;
pub mod secret_reference;
pub mod session;
pub mod settings;
mod text;
pub mod time;
pub mod usage;
pub mod user;
pub mod webhook;
