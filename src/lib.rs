//! The CasperVPN appliance: a whole VPN service in one binary.

pub mod agent;
pub mod api;
pub mod app;
pub mod cache;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod directory;
pub mod domain;
pub mod edge;
pub mod notify;
pub mod panel;
pub mod runtime;
pub mod secrets;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod vpn;
