//! One binary for every integration test: each module is one subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first surprise"
)]

mod access_log;
mod acme;
mod activation;
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
mod api_roles;
mod api_sessions;
mod api_tokens;
mod appliance;
mod audit_chain;
mod audit_coverage;
mod certificates;
mod cli;
mod config;
mod databases;
mod directory;
mod e2e;
mod edge;
mod edge_abuse;
mod edge_proxy;
mod end_to_end;
mod events;
mod figures;
mod http3;
mod identity_providers;
mod invites;
mod lifecycle;
mod mail;
mod mail_server;
mod master_key;
mod mfa;
mod name_server;
mod namespaces;
mod netlink;
mod origins;
mod overview;
mod panel;
mod panel_lists;
mod password_resets;
mod pgbouncer;
mod retention;
mod secrets;
mod service;
mod sign_in;
mod store_certificates;
mod store_conformance;
mod store_crash;
mod store_devices;
mod store_fixtures;
mod store_jobs;
mod store_open;
mod store_people;
mod strangers;
mod tls;
mod tunnel;
mod webhooks;
mod wireguard_go;
