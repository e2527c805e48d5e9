//! Composition: settings become services, routers and listeners.
