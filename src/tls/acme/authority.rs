//! An authority, signed in to: orders and what becomes of them.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use instant_acme::{
    Account, AccountCredentials, CertificateIdentifier, Error, ExternalAccountKey, Identifier, NewAccount,
    NewOrder,
};
use rcgen::KeyPair;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::domain::certificate::{CertificateName, Method};
use crate::domain::outgoing::{AllowedNets, Target};
use crate::domain::time::Timestamp;
use crate::telemetry::chain::chain;
use crate::tls::acme::error::{problem_of, refused_with};
use crate::tls::acme::http::Guarded;
use crate::tls::acme::nonces::with_fresh_nonces;
use crate::tls::acme::progress;
use crate::tls::acme::{AcmeError, AcmeErrorKind, Credentials, Directory, RenewalWindow, Shows};
use crate::tls::certificate::PemPair;
use crate::tls::outgoing::{Client, Limits};

/// An authority, signed in to.
pub struct Authority {
    account: Account,
    http: Guarded,
}

/// A new private key for a certificate, ECDSA P-256, as PEM (PKCS #8).
///
/// # Errors
/// Where the system has no randomness.
pub fn new_key() -> Result<Zeroizing<String>, AcmeError> {
    let key = KeyPair::generate();
    let key =
        key.map_err(|cause| AcmeError::new(AcmeErrorKind::Temporary, format!("make a key: {cause}")))?;
    Ok(Zeroizing::new(key.serialize_pem()))
}

impl Authority {
    /// Signs in with the account that is kept, or makes one: where none is kept, or it is another directory's. The
    /// credentials are given back where they are new; keep them before anything else. To make one is to agree to the
    /// authority's terms.
    ///
    /// # Errors
    /// [`AcmeError`].
    pub async fn open(
        directory: &Directory,
        kept: Option<&Credentials>,
        allowed: &AllowedNets,
    ) -> Result<(Self, Option<Credentials>), AcmeError> {
        Self::open_within(LIMITS, directory, kept, allowed).await
    }

    async fn open_within(
        limits: Limits,
        directory: &Directory,
        kept: Option<&Credentials>,
        allowed: &AllowedNets,
    ) -> Result<(Self, Option<Credentials>), AcmeError> {
        let permanent = |text: String| AcmeError::new(AcmeErrorKind::Permanent, text);
        let wrong = |why: &dyn fmt::Display| permanent(format!("the address of the ACME directory {why}"));
        Target::http(&directory.url).map_err(|cause| wrong(&cause))?;
        directory.url.parse::<http::Uri>().map_err(|cause| wrong(&cause))?;
        let client = Client::new(directory.extra_roots.as_deref(), limits);
        let client =
            client.map_err(|cause| permanent(format!("trust the ACME directory: {}", chain(&cause))))?;
        let http = Guarded::new(client, allowed.clone(), directory.url.clone());
        if let Some(credentials) = kept.and_then(|kept| of_directory(kept, &directory.url)) {
            let account =
                Account::builder_with_http(Box::new(http.clone())).from_credentials(credentials).await;
            let account = account.map_err(|cause| AcmeError::during("ask the ACME directory", &cause))?;
            return Ok((Self { account, http }, None));
        }
        let (account, credentials) = sign_up(&http, directory).await?;
        Ok((Self { account, http }, Some(credentials)))
    }

    /// By which names CAA records (RFC 8659) know the authority. Nothing where it does not say.
    pub fn caa_identities(&self) -> Vec<String> {
        self.http.caa_identities()
    }

    /// Makes an order for one name and gives its address, which the caller keeps before anything else. `replaces` is the
    /// chain (PEM) that the new certificate follows; some authorities count such orders less.
    ///
    /// # Errors
    /// [`AcmeError`].
    pub async fn order(
        &self,
        name: &CertificateName,
        profile: Option<&str>,
        replaces: Option<&[u8]>,
    ) -> Result<String, AcmeError> {
        let identifier = match name.address() {
            Some(address) => Identifier::Ip(address),
            None => Identifier::Dns(name.as_str().to_owned()),
        };
        let identifiers = [identifier];
        let plain = || {
            let order = NewOrder::new(&identifiers);
            if let Some(profile) = profile { order.profile(profile) } else { order }
        };
        if let Some(replaced) = replaces.and_then(certificate_id) {
            match with_fresh_nonces!(self.account.new_order(&plain().replaces(replaced.clone()))) {
                Err(error) if is_about_the_one_before(&error) => {}
                made => return address_of(made),
            }
        }
        address_of(with_fresh_nonces!(self.account.new_order(&plain())))
    }

    /// Brings an order to its end: shows proofs, sends the request for `key` (from [`new_key`]), and loads the chain. An order
    /// that was brought some way before is continued; where it was for another key, it is lost. An authority that answers
    /// is waited for up to five minutes. Where this is dropped before its end, proofs stay shown: who shows them forgets
    /// them in time.
    ///
    /// # Errors
    /// [`AcmeError`].
    pub async fn finish(
        &self,
        order_url: &str,
        key: &Zeroizing<String>,
        method: Method,
        shows: &impl Shows,
    ) -> Result<PemPair, AcmeError> {
        let order = with_fresh_nonces!(self.account.order(order_url.to_owned())).map_err(|cause| {
            let error = AcmeError::during("look at the order", &cause);
            // An order of another account is as gone as one that was deleted.
            if matches!(
                refused_with(&cause),
                Some(StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED)
            ) {
                return error.of_kind(AcmeErrorKind::OrderLost);
            }
            error
        })?;
        progress::finish(order, key, method, shows).await
    }

    /// When the authority wants this chain (PEM) to be renewed. Nothing where it has no opinion.
    ///
    /// # Errors
    /// [`AcmeError`].
    pub async fn renewal_window(&self, chain: &[u8]) -> Result<Option<RenewalWindow>, AcmeError> {
        let Some(certificate) = certificate_id(chain) else {
            return Ok(None);
        };
        match self.account.renewal_info(&certificate).await {
            Ok((wanted, wait)) => Ok(Some(RenewalWindow {
                start: timestamp(wanted.suggested_window.start),
                end: timestamp(wanted.suggested_window.end),
                // Whole seconds were asked for, and a moment of them is over.
                ask_again_after: Duration::from_secs(wait.as_secs() + 1).clamp(SOONEST_ASKED, LATEST_ASKED),
            })),
            Err(Error::Unsupported(_)) => Ok(None),
            // The certificate of another authority.
            Err(error) if refused_with(&error) == Some(StatusCode::NOT_FOUND) => Ok(None),
            Err(error) => Err(AcmeError::during("ask when to renew", &error)),
        }
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("account", &self.account.id()).finish()
    }
}

/// The account, where it is one of this directory.
fn of_directory(kept: &Credentials, url: &str) -> Option<AccountCredentials> {
    #[derive(Deserialize)]
    struct Of {
        directory: String,
    }
    let of: Of = serde_json::from_str(kept.as_text()).ok()?;
    if of.directory == url { serde_json::from_str(kept.as_text()).ok() } else { None }
}

async fn sign_up(http: &Guarded, directory: &Directory) -> Result<(Account, Credentials), AcmeError> {
    let contact = directory.contact.as_ref().map(|address| format!("mailto:{address}"));
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    let asked = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let bound = directory.external_account.as_ref();
    let bound = bound.map(|account| ExternalAccountKey::new(account.key_id.clone(), &account.hmac_key));
    let builder = || Account::builder_with_http(Box::new(http.clone()));
    let made = with_fresh_nonces!(builder().create(&asked, directory.url.clone(), bound.as_ref()));
    let (account, credentials) = made.map_err(|cause| {
        let error = AcmeError::during("make an account at the ACME directory", &cause);
        let kind = problem_of(&cause).and_then(|problem| problem.r#type.as_deref());
        // Nothing is shown here that could be seen at a second look.
        if kind.is_some_and(|kind| kind.ends_with(":unauthorized")) {
            return error.of_kind(AcmeErrorKind::Permanent);
        }
        error
    })?;
    let text = serde_json::to_string(&credentials).map(Zeroizing::new);
    let text =
        text.map_err(|cause| AcmeError::new(AcmeErrorKind::Temporary, format!("keep the account: {cause}")))?;
    Ok((account, Credentials::from_text(text)))
}

fn certificate_id(chain: &[u8]) -> Option<CertificateIdentifier<'static>> {
    let own = CertificateDer::pem_slice_iter(chain).next()?.ok()?;
    CertificateIdentifier::try_from(&own).ok().map(CertificateIdentifier::into_owned)
}

/// Whether an order may go better without naming the certificate that it follows: to name it is a courtesy only.
fn is_about_the_one_before(error: &Error) -> bool {
    match refused_with(error) {
        Some(status) => status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS,
        // Not supported, or not repeated by the authority as RFC 9773 §5 asks.
        None => {
            matches!(error, Error::Unsupported(_)) || error.to_string().starts_with("replaces field mismatch")
        }
    }
}

fn address_of(made: Result<instant_acme::Order, Error>) -> Result<String, AcmeError> {
    let order = made.map_err(|cause| AcmeError::during("make the order", &cause))?;
    Ok(order.into_parts().0)
}

fn timestamp(at: OffsetDateTime) -> Timestamp {
    Timestamp::from_millis(at.unix_timestamp().saturating_mul(1000))
}

/// Authorities look at the names of an order before they answer, some at length.
const LIMITS: Limits =
    Limits { connect: Duration::from_secs(10), total: Duration::from_secs(30), response_bytes: 1024 * 1024 };

/// RFC 9773 §4.3.2.
const SOONEST_ASKED: Duration = Duration::from_secs(60);

/// RFC 9773 §4.3.2.
const LATEST_ASKED: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::Authority;
    use crate::domain::outgoing::AllowedNets;
    use crate::tls::acme::{AcmeErrorKind, Directory};
    use crate::tls::outgoing::Limits;
    use std::time::Duration;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_directory_that_says_nothing_is_given_up_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/directory", listener.local_addr().unwrap());
        let directory = Directory { url, extra_roots: None, contact: None, external_account: None };
        let allowed = AllowedNets::try_from(vec!["127.0.0.0/8".parse().unwrap()]).unwrap();
        let limits = Limits { total: Duration::from_millis(200), ..super::LIMITS };

        let refused = Authority::open_within(limits, &directory, None, &allowed).await.err().unwrap();

        assert_eq!(refused.kind, AcmeErrorKind::Temporary);
        assert!(refused.to_string().contains("127.0.0.1 did not answer"), "{refused}");
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_refused_before_any_call() {
        for url in
            ["", "acme-v02.api.letsencrypt.org", "ftp://a.example/", "https://a b/", "https://u:p@a.example/"]
        {
            let directory =
                Directory { url: url.to_owned(), extra_roots: None, contact: None, external_account: None };

            let refused = Authority::open(&directory, None, &AllowedNets::default()).await.err().unwrap();

            assert_eq!(refused.kind, AcmeErrorKind::Permanent, "{url}");
        }
    }
}
