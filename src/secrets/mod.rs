//! Password hashing, tokens and sealing at rest.
//!
//! Invariant: no SQL, no HTTP, no clock, no environment. Time and lookups are arguments, and no type here prints
//! what it holds.

pub mod api_token;
pub mod canary;
pub mod csrf;
pub mod jwt;
pub mod keypair;
pub mod master_key;
pub mod password;
pub mod random;
pub mod reference;
pub mod seal;
pub mod token;
