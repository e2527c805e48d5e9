//! TLS: the crypto provider of the whole process, what is trusted, and the client for calls to others.

pub mod outgoing;
pub mod trust;

/// Makes aws-lc-rs the provider of every TLS connection that names none. Call it once, first thing.
pub fn install_provider() {
    // A second call finds the same provider there already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}
