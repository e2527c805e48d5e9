//! Identity providers: set up by owners and admins, asked by sign-in.
//!
//! Invariant: nobody gives by a provider's rules a role that they may not give by hand, and a secret never leaves.

mod asked;

pub(in crate::app) use asked::Asked;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::{App, Created, Patch, Revision, expect_revision, idempotency, noun};
use crate::domain::access::{Action, Role};
use crate::domain::authority::AuthorityPem;
use crate::domain::id::IdentityProviderId;
use crate::domain::identity_provider::{
    Connection, GroupRoles, IdentityProvider, MOST_PROVIDERS, SignUpRules,
};
use crate::domain::name::ProviderName;
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
pub use crate::store::identity_providers::IdentityProviderSort;
use crate::store::{audit, external_identities, identity_providers};
use crate::telemetry::chain::chain;
use crate::tls::outgoing::{Client, Limits};

/// The use cases of identity providers.
#[derive(Debug, Clone, Copy)]
pub struct IdentityProviders<'a>(pub(in crate::app) &'a App);

/// A provider to be made.
#[derive(Debug, Clone)]
pub struct CreateIdentityProvider {
    /// What people read on its button.
    pub name: ProviderName,
    /// How it is asked.
    pub connection: Connection,
    /// A private authority that has signed its certificate.
    pub ca: Option<AuthorityPem>,
    /// How this service proves itself to the provider.
    pub secret: Option<Zeroizing<String>>,
    /// What people may do here when they come from there.
    pub rules: SignUpRules,
    /// Whether people may sign in by it.
    pub enabled: bool,
}

/// Changes of a provider.
#[derive(Debug, Clone, Default)]
pub struct UpdateIdentityProvider {
    /// What people read on its button.
    pub name: Option<ProviderName>,
    /// How it is asked. The issuer, or the directory's URL, stays.
    pub connection: Option<Connection>,
    /// A private authority that has signed its certificate.
    pub ca: Patch<AuthorityPem>,
    /// How this service proves itself to the provider.
    pub secret: Patch<Zeroizing<String>>,
    /// Whether somebody who is not known yet gets an account.
    pub allows_sign_up: Option<bool>,
    /// The role of a new account, and of a managed one without a group of the list.
    pub default_role: Option<Role>,
    /// What members of a group may do.
    pub group_roles: Option<GroupRoles>,
    /// Devices that a new account may have.
    pub device_limit: Patch<u32>,
    /// Whether people may sign in by it.
    pub enabled: Option<bool>,
}

/// What a provider answered when it was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// Whether people could be sent there.
    pub ok: bool,
    /// What was found, in words for whoever set it up.
    pub detail: String,
}

impl IdentityProviders<'_> {
    /// A page of providers.
    pub async fn list(
        &self,
        ctx: &Ctx,
        page: PageRequest<IdentityProviderSort>,
    ) -> Result<Page<IdentityProvider>> {
        ctx.require(Action::IdentityProviderList)?;
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(identity_providers::list(on, &page).await?))
            .await
    }

    /// One provider.
    pub async fn get(&self, ctx: &Ctx, id: IdentityProviderId) -> Result<IdentityProvider> {
        ctx.require(Action::IdentityProviderGet)?;
        self.0.core.store.read(async move |on: &mut Conn| existing(on, id).await).await
    }

    /// Makes a provider.
    pub async fn create(
        &self,
        ctx: &Ctx,
        request: CreateIdentityProvider,
    ) -> Result<Created<IdentityProvider>> {
        const ACTION: Action = Action::IdentityProviderCreate;
        ctx.require(ACTION)?;
        require_roles(ctx, ACTION, request.rules.roles())?;
        check_ca(request.ca.as_ref())?;
        let app = self.0;
        let now = app.now();
        let new = new_provider(app, &request, now);
        let secret = app.seal_secret(new.id, request.secret.as_ref())?;
        let event = app.event(ctx, ACTION.as_str(), ("identity_provider", new.id.to_string()));
        let ctx = ctx.clone();
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                if let Some(before) = idempotency::seen(tx, &ctx, ACTION, now).await? {
                    let id = before.parse().map_err(AppError::broken("reading the idempotency key"))?;
                    return Ok::<_, AppError>(Created::Replayed(existing(tx, id).await?));
                }
                if identity_providers::count(tx).await? >= MOST_PROVIDERS {
                    let detail =
                        format!("there are {MOST_PROVIDERS} identity providers already; delete one first");
                    return Err(AppError::conflict("identity_provider_limit", detail));
                }
                let made = identity_providers::insert(tx, &new, secret.clone(), now).await?;
                audit::insert(tx, &event.made(facts(&made))).await?;
                idempotency::keep(tx, &ctx, ACTION, &made.id.to_string(), now).await?;
                Ok(Created::New(made))
            })
            .await
    }

    /// Changes a provider.
    pub async fn update(
        &self,
        ctx: &Ctx,
        id: IdentityProviderId,
        revision: Revision,
        request: UpdateIdentityProvider,
    ) -> Result<IdentityProvider> {
        const ACTION: Action = Action::IdentityProviderUpdate;
        ctx.require(ACTION)?;
        check_ca(request.ca.as_ref().and_then(Option::as_ref))?;
        let app = self.0;
        let now = app.now();
        let secret = match &request.secret {
            Some(secret) => Some(app.seal_secret(id, secret.as_ref())?),
            None => None,
        };
        let event = app.event(ctx, ACTION.as_str(), ("identity_provider", id.to_string()));
        let ctx = ctx.clone();
        let updated = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let before = existing(tx, id).await?;
                expect_revision("identity provider", before.revision, revision)?;
                let after = changed(&before, &request)?;
                // Whoever may not give a role must not touch the rules by which it is given either.
                require_roles(&ctx, ACTION, before.rules.roles().chain(after.rules.roles()))?;
                // Another way of asking may give others the same subjects.
                require_roles(&ctx, ACTION, external_identities::roles_at(tx, id).await?.into_iter())?;
                if let Some(secret) = &secret {
                    identity_providers::set_secret(tx, id, secret.clone()).await?;
                }
                let after = identity_providers::update(tx, &after, revision, now).await?;
                audit::insert(tx, &event.changed(facts(&before), facts(&after))).await?;
                Ok::<_, AppError>(after)
            })
            .await
            .map_err(noun("identity provider"))?;
        app.core.providers.forget(&id);
        Ok(updated)
    }

    /// Removes a provider, and with it every account's link to it. Accounts stay.
    pub async fn delete(&self, ctx: &Ctx, id: IdentityProviderId, revision: Revision) -> Result<()> {
        const ACTION: Action = Action::IdentityProviderDelete;
        ctx.require(ACTION)?;
        let app = self.0;
        let event = app.event(ctx, ACTION.as_str(), ("identity_provider", id.to_string()));
        let ctx = ctx.clone();
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let before = existing(tx, id).await?;
                expect_revision("identity provider", before.revision, revision)?;
                require_roles(&ctx, ACTION, before.rules.roles())?;
                // Its links may be somebody's only way in.
                require_roles(&ctx, ACTION, external_identities::roles_at(tx, id).await?.into_iter())?;
                identity_providers::delete(tx, id).await?;
                audit::insert(tx, &event.removed(facts(&before))).await?;
                Ok::<_, AppError>(())
            })
            .await?;
        app.core.providers.forget(&id);
        Ok(())
    }

    /// Tries whether the provider answers as it should. It changes nothing.
    pub async fn test(&self, ctx: &Ctx, id: IdentityProviderId) -> Result<Trial> {
        ctx.require(Action::IdentityProviderTest)?;
        let asked = self.0.asked(id).await?.ok_or(AppError::not_found("identity provider"))?;
        self.0.core.providers.forget(&id);
        let good = |detail: &str| Trial { ok: true, detail: detail.to_owned() };
        Ok(match &asked.provider.connection {
            Connection::Oidc(oidc) => match self.0.metadata(id, &asked, oidc).await {
                Ok(_) => good("it answers, and names its pages and keys"),
                Err(error) => Trial { ok: false, detail: chain(&error).to_string() },
            },
            Connection::Ldap(ldap) => match asked.directory(ldap).test().await {
                Ok(()) => good("it answers, and lets the bind DN search"),
                Err(error) => Trial { ok: false, detail: chain(&error).to_string() },
            },
        })
    }
}

fn check_ca(ca: Option<&AuthorityPem>) -> Result<()> {
    let client = ca.map(|ca| Client::new(Some(ca.as_str().as_bytes()), Limits::default())).transpose();
    client.map(drop).map_err(|error| AppError::invalid("/ca", chain(&error)))
}

fn require_roles(ctx: &Ctx, action: Action, mut roles: impl Iterator<Item = Role>) -> Result<()> {
    if roles.all(|role| ctx.actor.manages(role)) {
        return Ok(());
    }
    Err(AppError::Forbidden {
        action,
        why: "this provider gives a role that you may not give, or lets somebody in who has one; ask an owner",
    })
}

fn new_provider(app: &App, request: &CreateIdentityProvider, now: Timestamp) -> IdentityProvider {
    IdentityProvider {
        id: IdentityProviderId::new(app.core.clock.new_id()),
        name: request.name.clone(),
        connection: request.connection.clone(),
        ca: request.ca.clone(),
        has_secret: request.secret.is_some(),
        rules: request.rules.clone(),
        enabled: request.enabled,
        revision: 1,
        created_at: now,
        updated_at: now,
    }
}

fn changed(before: &IdentityProvider, request: &UpdateIdentityProvider) -> Result<IdentityProvider> {
    let mut after = before.clone();
    let rules = &mut after.rules;
    if let Some(connection) = &request.connection {
        if before.connection.home() != connection.home() {
            let pointer = match connection {
                Connection::Oidc(_) => "/oidc/issuer",
                Connection::Ldap(_) => "/ldap/url",
            };
            return Err(AppError::invalid(
                pointer,
                "never changes, because accounts are linked to people of it; make another provider",
            ));
        }
        after.connection = connection.clone();
    }
    if let Some(name) = &request.name {
        after.name = name.clone();
    }
    if let Some(ca) = &request.ca {
        after.ca.clone_from(ca);
    }
    if let Some(allows) = request.allows_sign_up {
        rules.allows_sign_up = allows;
    }
    if let Some(role) = request.default_role {
        rules.default_role = role;
    }
    if let Some(roles) = &request.group_roles {
        rules.group_roles.clone_from(roles);
    }
    if let Some(limit) = request.device_limit {
        rules.device_limit = limit;
    }
    if let Some(enabled) = request.enabled {
        after.enabled = enabled;
    }
    Ok(after)
}

async fn existing(on: &mut Conn, id: IdentityProviderId) -> Result<IdentityProvider> {
    identity_providers::find(on, id).await?.ok_or(AppError::not_found("identity provider"))
}

/// What the audit keeps of a provider.
fn facts(provider: &IdentityProvider) -> Value {
    let rules = &provider.rules;
    json!({
        "name": provider.name, "connection": provider.connection, "ca": provider.ca, "has_secret": provider.has_secret,
        "allows_sign_up": rules.allows_sign_up, "default_role": rules.default_role,
        "group_roles": rules.group_roles, "device_limit": rules.device_limit, "enabled": provider.enabled,
    })
}
