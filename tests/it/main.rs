//! One binary for every integration test: each module is one subject.

mod namespaces;
mod netlink;
mod tunnel;
mod secrets;
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first surprise"
)]

mod config;
mod databases;
mod store_conformance;
