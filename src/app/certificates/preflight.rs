//! What is looked at before an order is spent: orders for names that do not exist count against the limits of whoever asks.
//!
//! CAA records are not looked up here: the authority does that itself, and says so in its own words.

use std::net::IpAddr;

use tokio::net::lookup_host;

use crate::domain::acme::Acme;
use crate::domain::certificate::{CertificateName, Method};
use crate::domain::outgoing::not_public;
use crate::domain::settings::Settings;

/// Looks where a name leads. What speaks against an order is an error; what only looks wrong, and may be right for the
/// authority, is told with the failure where it comes to one.
pub(super) async fn look(
    acme: &Acme,
    name: &CertificateName,
    settings: &Settings,
) -> Result<Option<String>, String> {
    // A TXT record needs no address, an address is one, and an authority of one's own may know names that we do not.
    if acme.method == Method::Dns01 || name.address().is_some() || acme.ca_certificate.is_some() {
        return Ok(None);
    }
    let found = addresses(name.as_str()).await;
    let found =
        found.map_err(|cause| format!("{name} cannot be looked up ({cause}); set its A or AAAA record"))?;
    if found.is_empty() {
        return Err(format!("{name} has no address; set its A or AAAA record"));
    }
    let shown = found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if found.iter().all(|address| not_public(*address).is_some()) {
        return Ok(Some(format!("seen from here, {name} leads to {shown}, which is not public")));
    }
    let Some(endpoint) = &settings.endpoint_host else { return Ok(None) };
    // Where it cannot be looked up there is nothing to compare.
    let own = addresses(endpoint.as_str()).await.unwrap_or_default();
    let is_elsewhere = !own.is_empty() && !found.iter().any(|address| own.contains(address));
    Ok(is_elsewhere.then(|| format!("{name} leads to {shown}, and the public endpoint {endpoint} does not")))
}

async fn addresses(host: &str) -> std::io::Result<Vec<IpAddr>> {
    Ok(lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
}

#[cfg(test)]
mod tests {
    use super::look;
    use crate::domain::acme::{Acme, DirectoryUrl};
    use crate::domain::certificate::Method;
    use crate::domain::settings::Settings;

    fn acme(method: Method) -> Acme {
        Acme {
            directory: DirectoryUrl::default(),
            contact: None,
            terms_agreed: true,
            method,
            profile: None,
            eab_key_id: None,
            ca_certificate: None,
            dns: None,
        }
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_costs_no_order() {
        let settings = Settings::default();
        let look = async |name: &str, method| look(&acme(method), &name.parse().unwrap(), &settings).await;

        let gone = look("nowhere.invalid", Method::Http01).await.unwrap_err();
        assert!(gone.starts_with("nowhere.invalid cannot be looked up"), "{gone}");
        assert_eq!(look("nowhere.invalid", Method::Dns01).await, Ok(None));
        assert_eq!(look("192.0.2.1", Method::Http01).await, Ok(None));
        let here = look("localhost", Method::Http01).await.unwrap().unwrap();
        assert!(here.contains("127.0.0.1") && here.contains("not public"), "{here}");
    }
}
