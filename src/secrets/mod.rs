//! Password hashing, tokens and sealing at rest.
//!
//! Invariant: no SQL, no clock, no environment. Time and lookups are arguments, and no type here prints
//! what it holds.

pub mod api_token;
pub mod audit_key;
mod aws_sm;
pub mod canary;
pub mod csrf;
pub mod jwt;
pub mod keypair;
pub mod master_key;
pub mod password;
pub mod random;
pub mod recovery_code;
pub mod reference;
pub mod seal;
pub mod secret_store;
pub mod signature;
pub mod token;
pub mod totp;
mod vault;
