//! tls-alpn-01 (RFC 8737): a certificate in a handshake shows who holds a name.
//!
//! Invariant: the certificate that is shown here is good for nothing else. Its key is made for one handshake, and browsers
//! stumble over its critical extension.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, NoServerSessionStorage};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

/// What a handshake is answered with cannot be made: a fault of the program, or no randomness.
#[derive(Debug, thiserror::Error)]
pub enum AlpnError {
    /// No certificate.
    #[error("make the certificate of a tls-alpn-01 proof")]
    Certificate(#[from] rcgen::Error),
    /// No TLS.
    #[error("set up TLS for a tls-alpn-01 proof")]
    Tls(#[from] rustls::Error),
}

/// The identifier (a DNS name in lower case, or an IP address) that a handshake wants to be proven, if it is of that kind:
/// it has a name, and `acme-tls/1` as its one protocol.
pub fn wanted(hello: &ClientHello<'_>) -> Option<String> {
    let mut protocols = hello.alpn()?;
    let is_alone = protocols.next() == Some(PROTOCOL) && protocols.next().is_none();
    if is_alone { hello.server_name().map(identifier) } else { None }
}

/// Answers one handshake with the proof for `identifier`.
///
/// # Errors
/// [`AlpnError`].
pub fn config(identifier: &str, digest: &[u8; 32]) -> Result<Arc<ServerConfig>, AlpnError> {
    let resolver = SingleCertAndKey::from(certificate(identifier, digest)?);
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    // Nobody comes back.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

fn certificate(identifier: &str, digest: &[u8; 32]) -> Result<CertifiedKey, AlpnError> {
    let mut params = CertificateParams::new(vec![identifier.to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate()?;
    let chain = vec![params.self_signed(&key)?.der().clone()];
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(key)?;
    // Not `from_der`: it reads the certificate as a browser would, and stumbles as well.
    Ok(CertifiedKey::new(chain, key))
}

/// RFC 8738 §6: a handshake has no names that are addresses, so an authority asks for the name of its reverse record.
fn identifier(server_name: &str) -> String {
    let name = server_name.to_ascii_lowercase();
    reverse_v4(&name).or_else(|| reverse_v6(&name)).map_or(name, |address| address.to_string())
}

fn reverse_v4(name: &str) -> Option<IpAddr> {
    let bytes: Vec<u8> =
        name.strip_suffix(".in-addr.arpa")?.rsplit('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from)
}

fn reverse_v6(name: &str) -> Option<IpAddr> {
    let nibbles: String = name.strip_suffix(".ip6.arpa")?.rsplit('.').collect();
    let is_whole = nibbles.len() == 32 && name.len() == "0.".len() * 32 + "ip6.arpa".len();
    if is_whole {
        u128::from_str_radix(&nibbles, 16).ok().map(|bits| IpAddr::from(bits.to_be_bytes()))
    } else {
        None
    }
}

const PROTOCOL: &[u8] = b"acme-tls/1";

#[cfg(test)]
mod tests {
    use super::identifier;

    #[test]
    fn an_address_is_asked_for_by_its_reverse_name() {
        let v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        for (name, expected) in [
            ("4.3.2.1.in-addr.arpa", "1.2.3.4"),
            (v6, "2001:db8::1"),
            ("VPN.Example.org", "vpn.example.org"),
            ("3.2.1.in-addr.arpa", "3.2.1.in-addr.arpa"),
            ("256.3.2.1.in-addr.arpa", "256.3.2.1.in-addr.arpa"),
            ("1.0.ip6.arpa", "1.0.ip6.arpa"),
        ] {
            assert_eq!(identifier(name), expected);
        }
    }
}
