//! What it takes to ask an identity provider: its secret, its authority, the networks that may be called.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::directory::ldap;
use crate::directory::oidc::{Asker, Metadata, OidcError};
use crate::domain::authority::AuthorityPem;
use crate::domain::id::IdentityProviderId;
use crate::domain::identity_provider::{IdentityProvider, Oidc};
use crate::domain::ldap::Ldap;
use crate::domain::outgoing::AllowedNets;
use crate::secrets::seal::{Place, Sealed};
use crate::store::backend::Conn;
use crate::store::identity_providers::{self, Whole};
use crate::tls::outgoing::{Client, Limits};

/// A provider with what it takes to ask it.
#[derive(Debug)]
pub(in crate::app) struct Asked {
    pub(in crate::app) provider: IdentityProvider,
    pub(in crate::app) secret: Option<Zeroizing<String>>,
    pub(in crate::app) allowed: AllowedNets,
    pub(in crate::app) callback: String,
    http: Client,
}

impl Asked {
    /// What asks the provider as a directory.
    pub(in crate::app) fn directory<'a>(&'a self, ldap: &'a Ldap) -> ldap::Asker<'a> {
        ldap::Asker {
            directory: ldap,
            secret: self.secret.as_ref().map(|secret| secret.as_str()),
            allowed: &self.allowed,
            ca_pem: self.provider.ca.as_ref().map(|ca| ca.as_str().as_bytes()),
        }
    }
}

impl App {
    /// A provider with what it takes to ask it. Without a place that browsers find, nothing can be asked but who it is.
    pub(in crate::app) async fn asked(&self, id: IdentityProviderId) -> Result<Option<Asked>> {
        let found = self
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(identity_providers::find_whole(on, id).await?))
            .await?;
        let Some(Whole { provider, secret }) = found else { return Ok(None) };
        let (settings, _) = self.current_settings().await?;
        let http = match &provider.ca {
            Some(ca) => way_out(ca)?,
            None => self.core.outgoing.clone(),
        };
        let origin = settings.panel_url.as_ref().map_or("", |url| url.as_str());
        Ok(Some(Asked {
            callback: format!("{origin}/api/v1/sign-in/providers/{id}/callback"),
            secret: self.open_secret(id, secret)?,
            allowed: settings.outgoing_allowed,
            http,
            provider,
        }))
    }

    /// What a provider says of itself, at most some minutes old.
    pub(in crate::app) async fn metadata(
        &self,
        id: IdentityProviderId,
        asked: &Asked,
        oidc: &Oidc,
    ) -> Result<Arc<Metadata>, OidcError> {
        let asker = self.asker(asked, oidc);
        let found = self
            .core
            .providers
            .find_or(id, async { asker.discover().await.map(|found| Some(Arc::new(found))) })
            .await?;
        found.ok_or_else(|| OidcError::Answer("it says nothing of itself".to_owned()))
    }

    pub(in crate::app) fn asker<'a>(&self, asked: &'a Asked, oidc: &'a Oidc) -> Asker<'a> {
        Asker {
            http: &asked.http,
            allowed: &asked.allowed,
            provider: oidc,
            secret: asked.secret.as_ref().map(|secret| secret.as_str()),
            callback: &asked.callback,
        }
    }

    pub(super) fn seal_secret(
        &self,
        id: IdentityProviderId,
        secret: Option<&Zeroizing<String>>,
    ) -> Result<Option<Vec<u8>>> {
        secret.map(|secret| self.seal(secret_place(&id.to_string()), secret.as_bytes())).transpose()
    }

    fn open_secret(
        &self,
        id: IdentityProviderId,
        sealed: Option<Vec<u8>>,
    ) -> Result<Option<Zeroizing<String>>> {
        const OPENING: &str = "opening an identity provider's secret";
        let Some(sealed) = sealed else { return Ok(None) };
        let sealed = Sealed::parse(sealed).map_err(AppError::broken(OPENING))?;
        let bytes = self
            .core
            .keyring
            .open(secret_place(&id.to_string()), &sealed)
            .map_err(AppError::broken(OPENING))?;
        let text = std::str::from_utf8(&bytes).map_err(AppError::broken(OPENING))?;
        Ok(Some(Zeroizing::new(text.to_owned())))
    }
}

/// Where a provider's secret is sealed for.
const fn secret_place(row: &str) -> Place<'_> {
    Place { table: "identity_providers", column: "secret", row }
}

fn way_out(ca: &AuthorityPem) -> Result<Client> {
    Client::new(Some(ca.as_str().as_bytes()), Limits::default())
        .map_err(AppError::broken("reading an identity provider's authority"))
}
