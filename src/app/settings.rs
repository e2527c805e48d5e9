//! Policy that operators change at run time: one row, one revision.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::mail::{self, MailPassword};
use crate::app::networks::all_live;
use crate::app::{App, Patch, Revision, noun};
use crate::domain::access::{Action, Role};
use crate::domain::language::Language;
use crate::domain::mail::MailServer;
use crate::domain::name::Host;
use crate::domain::outgoing::AllowedNets;
use crate::domain::panel_url::PanelUrl;
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
        let keeper = app.clone();
        let updated = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let before = settings::service(tx).await?.value;
                let after = changed(&before, &request);
                if request.panel_url.is_some() || request.smtp.is_some() {
                    mail::check(&after)?;
                    keeper.keep_mail_password(tx, &before, &after, request.smtp_password.as_ref()).await?;
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
    if let Some(nets) = &request.outgoing_allowed {
        after.outgoing_allowed.clone_from(nets);
    }
    after
}

/// What the audit keeps where the settings are made by the setup.
pub(in crate::app) fn facts(settings: &Settings) -> Value {
    json!({
        "endpoint_host": settings.endpoint_host, "show_endpoints": settings.show_endpoints,
        "audit_retention_days": settings.audit_retention_days, "audit_source_days": settings.audit_source_days,
        "usage_retention_days": settings.usage_retention_days,
        "mfa_required_roles": settings.mfa_required_roles, "panel_url": settings.panel_url,
        "smtp": settings.smtp, "language": settings.language,
        "outgoing_allowed": settings.outgoing_allowed,
    })
}
