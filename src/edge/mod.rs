//! Serves routers on listeners: accepting, limiting, draining and observing connections.
//!
//! Invariant: a listener serves whatever router it is given and decides nothing about what is in it.

pub mod access_log;
pub mod activity;
pub mod address_caps;
mod answer;
mod api_path;
mod connection;
pub mod cors;
mod exchange;
pub mod files;
mod gather;
pub mod holder;
mod http3;
pub mod listener;
pub mod live_limits;
pub mod observe;
pub mod peer;
pub mod probes;
mod problem;
pub mod proxies;
pub mod proxy;
mod proxy_protocol;
pub mod quic;
pub mod rate_limit;
pub mod redirect;
pub mod secure;
pub mod server;
mod strict;

/// What a listener serves.
pub type Routes = axum::Router;
