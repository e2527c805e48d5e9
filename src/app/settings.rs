//! Policy that operators change at run time: one row, one revision.

use serde_json::{Value, json};

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::{App, Patch, Revision, noun};
use crate::domain::access::Action;
use crate::domain::name::Host;
use crate::domain::settings::Settings;
use crate::store::backend::{Conn, Tx};
use crate::store::{audit, networks, settings};

/// The row that holds them.
pub(in crate::app) const KEY: &str = "settings";

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
        let event = app.event(ctx, Action::SettingsUpdate.as_str(), ("settings", KEY.to_owned()));
        let updated = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let (before, _) = parse(settings::find(tx, KEY).await?)?;
                let mut after = before.clone();
                if let Some(host) = &request.endpoint_host {
                    after.endpoint_host.clone_from(host);
                }
                if let Some(show) = request.show_endpoints {
                    after.show_endpoints = show;
                }
                let revision = settings::put(tx, KEY, &value(&after)?, Some(revision), now).await?;
                if after.endpoint_host != before.endpoint_host {
                    for mut network in networks::all(tx).await? {
                        network.config_revision += 1;
                        networks::update(tx, &network, now).await?;
                    }
                }
                let mut event = event.clone();
                event.before = Some(value(&before)?);
                event.after = Some(value(&after)?);
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>((after, revision))
            })
            .await
            .map_err(noun("settings"))?;
        app.core.devices.forget_all();
        Ok(updated)
    }
}

impl App {
    /// The settings as they are, for use cases that follow them.
    pub(in crate::app) async fn current_settings(&self) -> Result<(Settings, Revision)> {
        let row = self.core.store.read(async |on: &mut Conn| settings::find(on, KEY).await).await?;
        parse(row)
    }
}

/// Reads the row; a service without one has the defaults at revision 0.
pub(in crate::app) fn parse(row: Option<(Value, i64)>) -> Result<(Settings, Revision)> {
    let Some((value, revision)) = row else { return Ok((Settings::default(), 0)) };
    let settings = serde_json::from_value(value).map_err(AppError::broken("reading the stored settings"))?;
    Ok((settings, revision))
}

/// The row's value.
pub(in crate::app) fn value(settings: &Settings) -> Result<Value> {
    serde_json::to_value(settings).map_err(AppError::broken("writing the settings"))
}

/// What the audit keeps where the settings are made by the setup.
pub(in crate::app) fn facts(settings: &Settings) -> Value {
    json!({ "endpoint_host": settings.endpoint_host, "show_endpoints": settings.show_endpoints })
}
