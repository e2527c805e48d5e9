//! TLS: the crypto provider of the whole process.

/// Makes aws-lc-rs the provider of every TLS connection that names none. Call it once, first thing.
pub fn install_provider() {
    // A second call finds the same provider there already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}
