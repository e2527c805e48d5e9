//! TLS: the crypto provider of the whole process, what is trusted, the client for calls to others, and the certificates
//! that are shown to the world.

pub mod acme;
pub mod caa;
pub mod certificate;
pub mod dns_hook;
pub mod dns_update;
pub mod files;
pub mod name_server;
pub mod outgoing;
pub mod reach;
pub mod self_signed;
pub mod served;
pub mod server;
pub mod trust;

/// Makes aws-lc-rs the provider of every TLS connection that names none. Call it once, first thing.
pub fn install_provider() {
    // A second call finds the same provider there already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}
