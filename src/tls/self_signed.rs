//! The certificate of last resort: nobody vouches for it but its fingerprint, which a person can compare.

use std::time::Duration;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::domain::time::Timestamp;
use crate::tls::certificate::PemPair;

/// Makes a certificate for these names and addresses, with a new ECDSA P-256 key. It counts from a day ago, as clocks
/// differ, and for ten years: whoever has compared its fingerprint once is not to be asked again.
///
/// # Errors
/// When a name is no name, or the system has no randomness.
pub fn make(names: Vec<String>, now: Timestamp) -> Result<PemPair, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "CasperVPN, self-signed");
    params.not_before = date(now.before(CLOCKS_DIFFER));
    params.not_after = date(now + LIFETIME);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(PemPair { chain: certificate.pem(), key: Zeroizing::new(key.serialize_pem()) })
}

fn date(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.as_seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

const CLOCKS_DIFFER: Duration = Duration::from_secs(86_400);

const LIFETIME: Duration = Duration::from_secs(3650 * 86_400);

#[cfg(test)]
mod tests {
    use super::make;
    use crate::domain::time::Timestamp;
    use crate::tls::certificate::ServedCertificate;
    use std::time::Duration;

    #[test]
    fn it_is_for_its_names_and_addresses_now_and_in_nine_years() {
        let now = Timestamp::from_millis(1_800_000_000_000);

        let pair = make(vec!["vpn.example.org".into(), "192.0.2.1".into()], now).unwrap();

        let facts = ServedCertificate::from_pem(pair.chain.as_bytes(), pair.key.as_bytes()).unwrap().facts;
        assert_eq!(facts.names, ["vpn.example.org"]);
        assert_eq!(facts.addresses, ["192.0.2.1".parse::<std::net::IpAddr>().unwrap()]);
        assert!(facts.is_self_signed);
        assert!(facts.is_valid_at(now) && facts.is_valid_at(now + Duration::from_secs(9 * 365 * 86_400)));
    }
}
