//! Policy that operators change at run time: one row, one revision.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value, json};

use crate::app::acme::AcmeSecrets;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::mail::{self, MailPassword};
use crate::app::networks::all_live;
use crate::app::policy::gate;
use crate::app::{App, Patch, Revision, noun};
use crate::domain::access::{Action, Role};
use crate::domain::acme::{Acme, TlsNames};
use crate::domain::language::Language;
use crate::domain::mail::MailServer;
use crate::domain::name::Host;
use crate::domain::outgoing::AllowedNets;
use crate::domain::panel_url::PanelUrl;
use crate::domain::ranges::Ranges;
use crate::domain::settings::{RetentionDays, Settings};
use crate::store::backend::{Conn, Tx};
use crate::store::{audit, networks, settings};

/// The use cases of the settings.
#[derive(Debug, Clone, Copy)]
pub struct SettingsAct<'a>(pub(in crate::app) &'a App);

/// Changes of the settings.
#[derive(Debug, Clone, Default)]
pub struct UpdateSettings {
    /// Where clients reach the node inside this appliance.
    pub endpoint_host: Patch<Host>,
    /// Whether a device's last network address may be kept and shown.
    pub show_endpoints: Option<bool>,
    /// Days that events of the audit are kept.
    pub audit_retention_days: Option<RetentionDays>,
    /// Days that the audit tells from which address something was done.
    pub audit_source_days: Option<RetentionDays>,
    /// Days that devices' usage by day is kept.
    pub usage_retention_days: Option<RetentionDays>,
    /// From where the panel and the API may be reached.
    pub api_allowed_from: Option<Ranges>,
    /// Whether only from inside the VPN, and from those ranges.
    pub api_only_from_vpn: Option<bool>,
    /// From where sign-ins are never limited.
    pub login_unlimited_from: Option<Ranges>,
    /// Change it even where the caller's own address could then no longer reach the API.
    pub force: bool,
    /// Roles whose users must have a second factor.
    pub mfa_required_roles: Option<BTreeSet<Role>>,
    /// Networks that are not public and may be called all the same.
    pub outgoing_allowed: Option<AllowedNets>,
    /// Where browsers find this service.
    pub panel_url: Patch<PanelUrl>,
    /// The server that takes our mail.
    pub smtp: Patch<MailServer>,
    /// The password for that server.
    pub smtp_password: Option<MailPassword>,
    /// The language of letters to users who chose none.
    pub language: Option<Language>,
    /// What certificates are ordered for.
    pub tls_names: Option<TlsNames>,
    /// From which authority.
    pub acme: Patch<Acme>,
    /// What that authority, and the name server, are shown.
    pub acme_secrets: AcmeSecrets,
}

impl SettingsAct<'_> {
    /// The settings with their revision.
    pub async fn get(&self, ctx: &Ctx) -> Result<(Settings, Revision)> {
        ctx.require(Action::SettingsGet)?;
        self.0.current_settings().await
    }

    /// Changes the settings. Another endpoint makes every configuration given so far outdated.
    pub async fn update(
        &self,
        ctx: &Ctx,
        revision: Revision,
        request: UpdateSettings,
    ) -> Result<(Settings, Revision)> {
        ctx.require(Action::SettingsUpdate)?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, Action::SettingsUpdate.as_str(), ("settings", "service".to_owned()));
        let address = ctx.address.filter(|_| !request.force);
        let keeper = app.clone();
        let updated = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let before = settings::service(tx).await?.value;
                let after = changed(&before, &request);
                keep_the_caller(tx, &before, &after, address).await?;
                if request.panel_url.is_some() || request.smtp.is_some() || request.outgoing_allowed.is_some()
                {
                    mail::check(&after)?;
                    keeper.keep_mail_password(tx, &before, &after, request.smtp_password.as_ref()).await?;
                }
                if request.tls_names.is_some() || request.acme.is_some() {
                    keeper
                        .follow_acme(tx, &before, &after, &request.acme_secrets, request.acme.is_some())
                        .await?;
                }
                let revision = settings::set_service(tx, &after, revision, now).await?;
                if after.endpoint_host != before.endpoint_host {
                    for mut network in all_live(tx).await? {
                        network.config_revision += 1;
                        networks::update(tx, &network, network.revision, now).await?;
                    }
                }
                audit::insert(tx, &event.changed(facts(&before), facts(&after))).await?;
                Ok::<_, AppError>((after, revision))
            })
            .await
            .map_err(noun("settings"))?;
        app.core.devices.forget_all();
        app.reload_policy().await?;
        // Who must have a second factor is part of what is known of a session.
        app.core.authorities.forget_all();
        Ok(updated)
    }
}

impl App {
    /// The settings as they are, for use cases that follow them.
    pub(in crate::app) async fn current_settings(&self) -> Result<(Settings, Revision)> {
        let found = self
            .core
            .store
            .read(async |on: &mut Conn| Ok::<_, AppError>(settings::service(on).await?))
            .await?;
        Ok((found.value, found.revision))
    }
}

fn changed(before: &Settings, request: &UpdateSettings) -> Settings {
    let mut after = before.clone();
    if let Some(host) = &request.endpoint_host {
        after.endpoint_host.clone_from(host);
    }
    if let Some(show) = request.show_endpoints {
        after.show_endpoints = show;
    }
    if let Some(days) = request.audit_retention_days {
        after.audit_retention_days = days;
    }
    if let Some(days) = request.audit_source_days {
        after.audit_source_days = days;
    }
    if let Some(days) = request.usage_retention_days {
        after.usage_retention_days = days;
    }
    if let Some(ranges) = &request.api_allowed_from {
        after.api_allowed_from = ranges.clone();
    }
    if let Some(only) = request.api_only_from_vpn {
        after.api_only_from_vpn = only;
    }
    if let Some(ranges) = &request.login_unlimited_from {
        after.login_unlimited_from = ranges.clone();
    }
    if let Some(roles) = &request.mfa_required_roles {
        after.mfa_required_roles.clone_from(roles);
    }
    if let Some(url) = &request.panel_url {
        after.panel_url.clone_from(url);
    }
    if let Some(server) = &request.smtp {
        after.smtp.clone_from(server);
    }
    if let Some(language) = request.language {
        after.language = language;
    }
    if let Some(names) = &request.tls_names {
        after.tls_names = names.clone();
    }
    if let Some(acme) = &request.acme {
        after.acme.clone_from(acme);
    }
    if let Some(nets) = &request.outgoing_allowed {
        after.outgoing_allowed.clone_from(nets);
    }
    after
}

/// Refuses a change after which its own caller could not undo it.
async fn keep_the_caller(
    on: &mut Conn,
    before: &Settings,
    after: &Settings,
    address: Option<IpAddr>,
) -> Result<()> {
    let is_same = before.api_allowed_from == after.api_allowed_from
        && before.api_only_from_vpn == after.api_only_from_vpn;
    if is_same || gate(on, after).await?.admits(address) {
        return Ok(());
    }
    Err(AppError::conflict(
        "would_shut_you_out",
        "with these settings your own address could no longer reach the panel and the API; add it to \
         api_allowed_from, or say force if that is what you want. On the host, `caspervpn access open` undoes it",
    ))
}

/// What the audit keeps where the settings are made by the setup.
pub(in crate::app) fn facts(settings: &Settings) -> Value {
    json!({
        "endpoint_host": settings.endpoint_host, "show_endpoints": settings.show_endpoints,
        "audit_retention_days": settings.audit_retention_days, "audit_source_days": settings.audit_source_days,
        "usage_retention_days": settings.usage_retention_days,
        "api_allowed_from": settings.api_allowed_from, "api_only_from_vpn": settings.api_only_from_vpn,
        "login_unlimited_from": settings.login_unlimited_from,
        "mfa_required_roles": settings.mfa_required_roles, "panel_url": settings.panel_url,
        "smtp": settings.smtp, "language": settings.language,
        "outgoing_allowed": settings.outgoing_allowed, "tls_names": settings.tls_names, "acme": settings.acme,
    })
}
