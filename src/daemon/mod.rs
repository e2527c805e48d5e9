//! Composition: settings become services, routers and listeners.

pub mod certificates;
pub mod demo;
pub mod disk;
pub mod exit;
pub mod figures;
pub mod lifecycle;
pub mod link;
mod listeners;
pub mod local_api;
pub mod notify;
mod ordering;
mod proxy;
pub mod routes;
pub mod serve;
pub mod services;
pub mod signals;
