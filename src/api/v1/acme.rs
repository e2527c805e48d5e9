//! The authority that certificates are ordered from: its part of the settings.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::api::number::{Shown, TcpPort};
use crate::app::acme::AcmeSecrets;
use crate::domain::acme::{Acme, AcmeWord, DirectoryUrl, DnsName, DnsServer, TsigAlgorithm};
use crate::domain::authority::AuthorityPem;
use crate::domain::certificate::Method;
use crate::domain::contact::Email;
use crate::domain::name::Host;

/// The authority that certificates are ordered from.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcmeView {
    /// Its directory.
    directory: DirectoryUrl,
    /// Whom it may write to.
    contact: Option<Email>,
    /// Whether its terms of service were agreed to.
    terms_agreed: bool,
    /// How names are proven.
    method: Method,
    /// Which of its kinds of certificates; its usual one where there is none.
    profile: Option<AcmeWord>,
    /// What it calls the key by which it knows us already. The key's secret is never shown.
    eab_key_id: Option<AcmeWord>,
    /// Certificates by which the directory is trusted, besides those that browsers know.
    ca_certificate: Option<AuthorityPem>,
    /// The name server that takes the records of dns-01. The key's secret is never shown.
    dns: Option<DnsServerView>,
}

/// A name server that takes changes, signed by a key.
#[derive(Debug, Serialize, ToSchema)]
pub struct DnsServerView {
    /// Name or address.
    host: Host,
    /// TCP port.
    #[schema(minimum = 1, maximum = 65535, example = 53)]
    port: u16,
    /// The zone that is changed; found by asking where there is none.
    zone: Option<DnsName>,
    /// What the server calls the key.
    key_name: DnsName,
    /// How it signs.
    algorithm: TsigAlgorithm,
}

impl From<Acme> for AcmeView {
    fn from(acme: Acme) -> Self {
        let dns = acme.dns.map(|dns| DnsServerView {
            host: dns.host,
            port: dns.port,
            zone: dns.zone,
            key_name: dns.key_name,
            algorithm: dns.algorithm,
        });
        Self {
            directory: acme.directory,
            contact: acme.contact,
            terms_agreed: acme.terms_agreed,
            method: acme.method,
            profile: acme.profile,
            eab_key_id: acme.eab_key_id,
            ca_certificate: acme.ca_certificate,
            dns,
        }
    }
}

/// The authority that certificates are to be ordered from.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetAcme {
    /// Its directory: Let's Encrypt's where it is left out. Like everything that is called, it has to be at a public address,
    /// or at one that the setting `outgoing_allowed` lets in.
    directory: Option<DirectoryUrl>,
    /// Whom it may write to.
    contact: Option<Email>,
    /// Whether you have read its terms of service and agree to them; nothing is ordered without.
    #[schema(example = true)]
    terms_agreed: bool,
    /// How names are proven: `http-01` where it is left out. Names with a star need `dns-01`.
    method: Option<Method>,
    /// Which of its kinds of certificates. Let's Encrypt gives certificates of IP addresses as `shortlived` only.
    profile: Option<AcmeWord>,
    /// The key by which it knows us already, where it wants one.
    eab: Option<SetExternalAccount>,
    /// Certificates by which the directory is trusted, besides those that browsers know.
    ca_certificate: Option<AuthorityPem>,
    /// The name server that takes the records of `dns-01`.
    dns: Option<SetDnsServer>,
}

/// A key by which an authority knows us already (external account binding).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetExternalAccount {
    /// What the authority calls the key.
    key_id: AcmeWord,
    /// The key's secret, in base64url. It may be left out where the directory and the key stay as they were.
    hmac_key: Option<Shown>,
}

/// A name server that takes changes (RFC 2136), signed by a key (TSIG).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetDnsServer {
    /// Name or address: a public one, or what the setting `outgoing_allowed` lets in.
    host: Host,
    /// TCP port: 53 where it is left out.
    port: Option<TcpPort>,
    /// The zone to change; found by asking where it is left out.
    zone: Option<DnsName>,
    /// What the server calls the key.
    key_name: DnsName,
    /// How it signs: `hmac-sha256` where it is left out.
    algorithm: Option<TsigAlgorithm>,
    /// The key's secret, in base64. It may be left out where the server and the key stay as they were.
    secret: Option<Shown>,
}

impl SetAcme {
    /// What may be shown, and what may not.
    pub(super) fn parts(self) -> (Acme, AcmeSecrets) {
        let secret = |shown: Option<Shown>| shown.map(|shown| Zeroizing::new(shown.reveal().to_owned()));
        let (eab_key_id, eab_hmac_key) = self.eab.map(|eab| (eab.key_id, eab.hmac_key)).unzip();
        let (dns, dns_secret) = self.dns.map(SetDnsServer::parts).unzip();
        let acme = Acme {
            directory: self.directory.unwrap_or_default(),
            contact: self.contact,
            terms_agreed: self.terms_agreed,
            method: self.method.unwrap_or_default(),
            profile: self.profile,
            eab_key_id,
            ca_certificate: self.ca_certificate,
            dns,
        };
        let secrets = AcmeSecrets {
            eab_hmac_key: secret(eab_hmac_key.flatten()),
            dns_secret: secret(dns_secret.flatten()),
        };
        (acme, secrets)
    }
}

impl SetDnsServer {
    fn parts(self) -> (DnsServer, Option<Shown>) {
        let server = DnsServer {
            host: self.host,
            port: self.port.map_or(DnsServer::PORT, TcpPort::get),
            zone: self.zone,
            key_name: self.key_name,
            algorithm: self.algorithm.unwrap_or_default(),
        };
        (server, self.secret)
    }
}
