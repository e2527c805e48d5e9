//! One binary for every integration test: each module is one subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first surprise"
)]

mod agent;
mod api;
mod api_cookies;
mod api_devices;
mod api_doors;
mod api_fuzz;
mod api_house;
mod api_http;
mod api_me;
mod api_nouns;
mod api_passwords;
mod api_sessions;
mod api_tokens;
mod appliance;
mod cli;
mod config;
mod databases;
mod e2e;
mod edge;
mod end_to_end;
mod lifecycle;
mod namespaces;
mod netlink;
mod pgbouncer;
mod retention;
mod secrets;
mod service;
mod store_conformance;
mod store_crash;
mod store_devices;
mod store_fixtures;
mod store_open;
mod store_people;
mod tunnel;
mod wireguard_go;
