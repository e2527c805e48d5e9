//! What is looked at before an order is spent: orders that come to nothing count against the limits of whoever asks.

use std::net::IpAddr;
use std::time::Duration;

use tokio::net::lookup_host;

use super::proofs::kept_sign;
use crate::app::App;
use crate::app::error::{AppError, Result as AppResult};
use crate::domain::acme::Acme;
use crate::domain::caa::{self, Ruling};
use crate::domain::certificate::{CertificateName, Method};
use crate::domain::certificate_log::{Step, StepKind, place_of_port};
use crate::domain::outgoing::not_public;
use crate::domain::settings::Settings;
use crate::runtime::clock::random;
use crate::store::acme;
use crate::store::backend::Tx;
use crate::telemetry::chain::chain;
use crate::tls::caa::{host_servers, nearest};
use crate::tls::reach::{Sign, Way, http_way, https_way};

/// What speaks against an order, or is only in doubt, as it may look otherwise from where the authority is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Look {
    against: Option<String>,
    doubt: Option<String>,
    /// What was found where all is well.
    found: Option<String>,
}

impl Look {
    fn good(found: String) -> Self {
        Self { found: Some(found), ..Self::default() }
    }

    fn doubtful(why: String) -> Self {
        Self { doubt: Some(why), ..Self::default() }
    }

    fn bad(why: String) -> Self {
        Self { against: Some(why), ..Self::default() }
    }

    fn step(&self, kind: StepKind, about: &str) -> Step {
        match (&self.against, &self.doubt, &self.found) {
            (Some(why), _, _) => Step::failed(kind, about, why),
            (None, Some(why), _) => Step::doubtful(kind, about, why),
            (None, None, Some(found)) => Step::new(kind, about).with_detail(found),
            (None, None, None) => Step::new(kind, about),
        }
    }
}

impl App {
    /// Looks where a name leads, who answers there, and whom its CAA records let issue. `identities` are what the authority calls
    /// itself in those. What speaks against an order is an error; what is only in doubt is told.
    pub(super) async fn look_before_order(
        &self,
        acme: &Acme,
        name: &CertificateName,
        settings: &Settings,
        identities: &[String],
    ) -> Result<Option<String>, String> {
        let records = ruled(name, identities, acme.method);
        let (way, records) = tokio::join!(self.look_at_way(acme, name, settings), records);
        if let Some(records) = &records {
            self.note_step(name, records.step(StepKind::CaaChecked, name.as_str())).await;
        }
        let records = records.unwrap_or_default();
        match way.against.or(records.against) {
            Some(against) => Err(against),
            None => {
                let doubts: Vec<_> = way.doubt.into_iter().chain(records.doubt).collect();
                Ok((!doubts.is_empty()).then(|| doubts.join("; ")))
            }
        }
    }

    async fn look_at_way(&self, acme: &Acme, name: &CertificateName, settings: &Settings) -> Look {
        // A TXT record needs no address.
        if acme.method == Method::Dns01 {
            return Look::default();
        }
        let mut leads = Look::default();
        if name.address().is_none() {
            leads = look_where(name, settings).await;
            let is_lost = leads.against.is_some();
            if acme.ca_certificate.is_some() {
                // An authority of one's own may know names that we do not, and be where they lead.
                leads = Look { doubt: leads.against.take(), ..leads };
            }
            self.note_step(name, leads.step(StepKind::DnsChecked, name.as_str())).await;
            if is_lost {
                return leads;
            }
        }
        let way = self.look_at_port(acme.method, name, settings).await;
        // Who answers is seen more closely than where a name leads.
        Look { doubt: way.or(leads.doubt), ..Look::default() }
    }

    /// What is wrong with the port that the authority will look at, as far as it is seen from here.
    async fn look_at_port(
        &self,
        method: Method,
        name: &CertificateName,
        settings: &Settings,
    ) -> Option<String> {
        let (port, way) = match method {
            Method::TlsAlpn01 => (443, https_way(name.as_str(), &settings.outgoing_allowed).await),
            Method::Http01 | Method::Dns01 => (80, self.http_way(name, settings).await),
        };
        let look = match way {
            Way::Unseen => return None,
            Way::Good => Look::default(),
            Way::Troubled(why) => Look::doubtful(why),
        };
        self.note_step(name, look.step(StepKind::PortChecked, &place_of_port(name.as_str(), port))).await;
        look.doubt
    }

    async fn http_way(&self, name: &CertificateName, settings: &Settings) -> Way {
        let token = format!("{:032x}", u128::from_be_bytes(random(self.core.clock.as_ref())));
        let sign = Sign { body: format!("{token}.preflight"), token };
        if let Err(cause) = self.put_up(name, &sign, true).await {
            return Way::Troubled(format!("whether {name} leads here was not looked at: {}", chain(&cause)));
        }
        let way = http_way(name.as_str(), &sign, &settings.outgoing_allowed).await;
        // One that stays up says nothing, and is forgotten in an hour.
        drop(self.put_up(name, &sign, false).await);
        way
    }

    async fn put_up(&self, name: &CertificateName, sign: &Sign, is_up: bool) -> AppResult<()> {
        let (kept, until) = (kept_sign(name, sign), self.now() + SIGN_FOR);
        let write = async move |tx: &mut Tx| {
            let written =
                if is_up { acme::show(tx, &kept, until).await } else { acme::hide(tx, &kept).await };
            Ok::<_, AppError>(written?)
        };
        self.core.store.write(write).await
    }
}

/// What the CAA records of a name say, where they have a say. Where they cannot be found out, authorities do not issue either:
/// RFC 8659 §3.
async fn ruled(name: &CertificateName, identities: &[String], method: Method) -> Option<Look> {
    if name.address().is_some() || identities.is_empty() {
        return None;
    }
    Some(match nearest(name.identifier(), &host_servers()).await {
        Ok(None) => Look::default(),
        Ok(Some((at, records))) => match caa::judge(name, &at, &records, identities, method) {
            Ruling::Free => Look::good(format!("{at} CAA")),
            Ruling::Doubtful(why) => Look::doubtful(why),
            Ruling::Forbidden(why) => Look::bad(why),
        },
        Err(cause) => Look::doubtful(chain(&cause).to_string()),
    })
}

/// Where a name leads.
async fn look_where(name: &CertificateName, settings: &Settings) -> Look {
    let found = match addresses(name.as_str()).await {
        Ok(found) if found.is_empty() => {
            return Look::bad(format!("{name} has no address; set its A or AAAA record"));
        }
        Ok(found) => found,
        Err(cause) => {
            return Look::bad(format!("{name} cannot be looked up ({cause}); set its A or AAAA record"));
        }
    };
    let shown = found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let doubtful = |why: String| Look { doubt: Some(why), ..Look::good(shown.clone()) };
    if found.iter().all(|address| not_public(*address).is_some()) {
        return doubtful(format!("seen from here, {name} leads to {shown}, which is not public"));
    }
    let Some(endpoint) = &settings.endpoint_host else { return Look::good(shown) };
    // Where it cannot be looked up there is nothing to compare.
    let own = addresses(endpoint.as_str()).await.unwrap_or_default();
    if own.is_empty() || found.iter().any(|address| own.contains(address)) {
        return Look::good(shown);
    }
    doubtful(format!("{name} leads to {shown}, and the public endpoint {endpoint} does not"))
}

async fn addresses(host: &str) -> std::io::Result<Vec<IpAddr>> {
    let found = tokio::time::timeout(PATIENCE, lookup_host((host, 0))).await;
    Ok(found.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))?.map(|found| found.ip()).collect())
}

/// As long as a resolver of the system takes to give two name servers up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longer than the looking takes.
const SIGN_FOR: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::{look_where, ruled};
    use crate::domain::certificate::Method;
    use crate::domain::settings::Settings;

    #[tokio::test]
    async fn a_name_that_does_not_exist_costs_no_order() {
        let settings = Settings::default();

        let gone = look_where(&"nowhere.invalid".parse().unwrap(), &settings).await.against.unwrap();
        let here = look_where(&"localhost".parse().unwrap(), &settings).await.doubt.unwrap();

        assert!(gone.starts_with("nowhere.invalid cannot be looked up"), "{gone}");
        assert!(here.contains("127.0.0.1") && here.contains("not public"), "{here}");
    }

    #[tokio::test]
    async fn an_address_has_no_records_and_an_authority_without_a_name_none_to_be_found_in() {
        let identities = ["ca.example".to_owned()];

        for (name, identities) in [("192.0.2.1", &identities[..]), ("nowhere.invalid", &[])] {
            let look = ruled(&name.parse().unwrap(), identities, Method::Http01).await;
            assert_eq!(look, None, "{name}");
        }
    }
}
