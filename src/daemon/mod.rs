//! Composition: settings become services, routers and listeners.

pub mod exit;
pub mod figures;
pub mod lifecycle;
pub mod notify;
pub mod signals;
