//! One-time links: a page with a button that shows a device's configuration once.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::app::App;
use crate::app::ctx::{Ctx, Scope};
use crate::app::device_rows::touch;
use crate::app::devices::Devices;
use crate::app::error::{AppError, Result};
use crate::app::export::{Revealed, take};
use crate::domain::access::Action;
use crate::domain::id::{DeviceId, LinkId};
use crate::domain::time::Timestamp;
use crate::secrets::token::OneTimeToken;
use crate::store::audit;
use crate::store::backend::{Conn, Tx};
use crate::store::links::{self, Link};

/// The use cases of one-time links.
#[derive(Debug, Clone, Copy)]
pub struct Links<'a>(pub(in crate::app) &'a App);

/// A link that was just made. The token is in no other place.
#[derive(Debug, Clone)]
pub struct OneTimeLink {
    /// What the link carries behind its `#`.
    pub token: Zeroizing<String>,
    /// When it is no longer good.
    pub expires_at: Timestamp,
}

/// The kind of a link to a device's configuration.
const KIND: &str = "device";

/// How long a link is good: long enough to be opened the next day, short enough to be forgotten.
const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);

impl Devices<'_> {
    /// Makes a link that reveals the device's configuration once to whoever opens it.
    pub async fn link(&self, ctx: &Ctx, id: DeviceId) -> Result<OneTimeLink> {
        let scope = ctx.scope(Action::DeviceLinkCreate)?;
        let app = self.0;
        let now = app.now();
        let token = OneTimeToken::generate().map_err(AppError::broken("making a one-time link"))?;
        let digest = *token.digest().as_bytes();
        let expires_at = now + GOOD_FOR;
        let link = Link {
            id: LinkId::new(app.core.clock.new_id()),
            kind: KIND.to_owned(),
            target: Some(id.to_string()),
            user_epoch: None,
            expires_at,
            used_at: None,
            created_at: now,
        };
        let event = app.event(ctx, Action::DeviceLinkCreate.as_str(), ("device", id.to_string()));
        let actor = ctx.actor;
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                touch(tx, actor, Action::DeviceLinkCreate, scope, id).await?;
                links::insert(tx, &link, &digest).await?;
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(())
            })
            .await?;
        Ok(OneTimeLink { token: token.reveal(), expires_at })
    }
}

impl Links<'_> {
    /// Spends a link. The link, the reveal and the audit stand or fall together.
    pub async fn redeem(&self, ctx: &Ctx, token: &str) -> Result<Revealed> {
        let app = self.0;
        let now = app.now();
        let Ok(token) = OneTimeToken::parse(token) else { return Err(spent()) };
        let digest = *token.digest().as_bytes();
        let known = app
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(links::find(on, KIND, &digest, now).await?))
            .await?;
        // Anybody may ask: a guess costs a read, and the one writer hears only of links that are there.
        if known.is_none() {
            return Err(spent());
        }
        let event = app.event(ctx, "link_redeem", ("device", String::new()));
        let opener = app.clone();
        let (id, source, keys) = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let link = links::spend(tx, KIND, &digest, now).await?.ok_or_else(spent)?;
                let id = link.target.as_deref().and_then(|id| id.parse().ok()).ok_or_else(spent)?;
                let source = take(tx, Scope::All, id).await?;
                let keys = opener.open_keys(&source)?;
                let mut event = event.clone();
                event.target = link.target;
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>((id, source, keys))
            })
            .await?;
        app.device_changed(id);
        Ok(source.draw(&keys))
    }
}

fn spent() -> AppError {
    AppError::conflict("link_spent", "this link was used, is too old, or was never made; ask for a new one")
}
