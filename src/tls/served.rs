//! Which certificate a handshake gets.
//!
//! Invariant: where there is any certificate at all, every handshake gets one. A visitor who sees a wrong name learns more
//! than one whose connection is cut.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::domain::time::Timestamp;
use crate::tls::certificate::{CertificateFacts, ServedCertificate};
use crate::tls::trust;

/// The certificates in force. Cloning it gives another handle to the same ones.
#[derive(Clone, Default)]
pub struct ServedCertificates(Arc<ArcSwap<Table>>);

#[derive(Default)]
struct Table {
    by_name: HashMap<String, Arc<CertifiedKey>>,
    otherwise: Option<Arc<CertifiedKey>>,
    public: HashSet<String>,
    facts: Vec<CertificateFacts>,
}

impl ServedCertificates {
    /// Takes these instead of those before; connections that are open keep theirs. Of two for one name the first counts
    /// that is valid at `now`, and where none is, the first. The first of all is for whoever asks for no name, or for one
    /// that none of them has.
    pub fn set(&self, certificates: &[ServedCertificate], now: Timestamp) {
        let (valid, other): (Vec<_>, Vec<_>) =
            certificates.iter().partition(|certificate| certificate.facts.is_valid_at(now));
        let mut table = Table::default();
        for certificate in valid.into_iter().chain(other) {
            for name in &certificate.facts.names {
                if let Entry::Vacant(empty) = table.by_name.entry(name.clone()) {
                    empty.insert(Arc::clone(&certificate.key));
                    if trust::is_public(&certificate.key.cert, name, now) {
                        table.public.insert(name.clone());
                    }
                }
            }
            table.otherwise.get_or_insert_with(|| Arc::clone(&certificate.key));
            table.facts.push(certificate.facts.clone());
        }
        self.0.store(Arc::new(table));
    }

    /// Whether browsers take the certificate that is served for this name without a question.
    pub fn is_public(&self, name: &str) -> bool {
        let table = self.0.load();
        // Most often there is none, and nothing to look for.
        !table.public.is_empty()
            && keys_of(&name.to_ascii_lowercase()).any(|key| table.public.contains(key.as_ref()))
    }

    /// What the certificates say, the likeliest first.
    pub fn facts(&self) -> Vec<CertificateFacts> {
        self.0.load().facts.clone()
    }
}

impl Table {
    fn find(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let name = name.map(str::to_ascii_lowercase);
        let named = name.iter().flat_map(|name| keys_of(name)).find_map(|key| self.by_name.get(key.as_ref()));
        named.or(self.otherwise.as_ref()).cloned()
    }
}

/// Under what a name in small letters may be found: itself, or with a star for one whole label, the first (RFC 6125 §6.4.3).
fn keys_of(name: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let wild = name.split_once('.').map(|(_, rest)| Cow::Owned(format!("*.{rest}")));
    std::iter::once(Cow::Borrowed(name)).chain(wild)
}

impl ResolvesServerCert for ServedCertificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().find(hello.server_name())
    }
}

impl fmt::Debug for ServedCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.load().facts.iter().map(|facts| &facts.names)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::ServedCertificates;
    use crate::domain::time::Timestamp;
    use crate::tls::certificate::ServedCertificate;
    use crate::tls::self_signed;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    const TWENTY_YEARS: Duration = Duration::from_secs(20 * 365 * 86_400);

    fn certificate(names: &[&str], made: Timestamp) -> ServedCertificate {
        let pair = self_signed::make(names.iter().map(ToString::to_string).collect(), made).unwrap();
        ServedCertificate::from_pem(pair.chain.as_bytes(), pair.key.as_bytes()).unwrap()
    }

    fn serving(certificates: &[ServedCertificate]) -> impl Fn(Option<&str>) -> Option<usize> {
        let served = ServedCertificates::default();
        served.set(certificates, NOW);
        move |name| {
            let found = served.0.load().find(name)?;
            certificates.iter().position(|one| std::sync::Arc::ptr_eq(&one.key, &found))
        }
    }

    #[test]
    fn each_name_gets_its_own_and_a_stranger_the_first() {
        let certificates =
            [certificate(&["a.example"], NOW), certificate(&["*.b.example", "b.example"], NOW)];
        let found = serving(&certificates);

        assert_eq!(found(Some("A.example")), Some(0));
        assert_eq!(found(Some("b.example")), Some(1));
        assert_eq!(found(Some("x.b.example")), Some(1));
        assert_eq!(found(Some("y.x.b.example")), Some(0), "a star is one label");
        assert_eq!(found(Some("elsewhere.example")), Some(0));
        assert_eq!(found(None), Some(0));
    }

    #[test]
    fn an_expired_one_is_served_only_where_nothing_better_is() {
        let expired = certificate(&["a.example", "old.example"], NOW.before(TWENTY_YEARS));
        let certificates = [expired, certificate(&["a.example"], NOW)];
        let found = serving(&certificates);

        assert_eq!(found(Some("a.example")), Some(1));
        assert_eq!(found(None), Some(1));
        assert_eq!(found(Some("old.example")), Some(0));
    }

    #[test]
    fn without_any_there_is_none() {
        assert_eq!(serving(&[])(Some("a.example")), None);
    }
}
