//! One's own passkeys.

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::mfa::Codes;
use crate::app::second_factor::malformed;
use crate::app::sessions::Question;
use crate::app::step_up::session;
use crate::app::users::live;
use crate::app::{App, Revision, noun};
use crate::directory::passkey::{PasskeyError, Shown};
use crate::domain::access::Action;
use crate::domain::id::PasskeyId;
use crate::domain::mfa::{ChallengeKind, PASSKEYS_PER_USER};
use crate::domain::name::PasskeyName;
use crate::domain::passkey::Passkey;
use crate::store::backend::{Conn, Tx};
use crate::store::{audit, passkeys};

/// The use cases of passkeys.
#[derive(Debug, Clone, Copy)]
pub struct Passkeys<'a>(pub(in crate::app) &'a App);

/// A passkey that was added.
#[derive(Debug)]
pub struct Added {
    /// The passkey.
    pub passkey: Passkey,
    /// Recovery codes, where it is the first factor.
    pub codes: Option<Codes>,
}

impl Passkeys<'_> {
    /// One's passkeys, oldest first.
    pub async fn list(&self, ctx: &Ctx) -> Result<Vec<Passkey>> {
        let id = ctx.user(Action::MePasskeyList)?;
        let read = async move |on: &mut Conn| Ok::<_, AppError>(passkeys::of_user(on, id).await?);
        self.0.core.store.read(read).await
    }

    /// Asks a browser for a new passkey.
    pub async fn begin(&self, ctx: &Ctx) -> Result<Question> {
        let id = ctx.user(Action::MePasskeyBegin)?;
        let session = session(ctx)?;
        let app = self.0;
        let party = app.relying_party().await?;
        let read = async move |on: &mut Conn| {
            Ok::<_, AppError>((live(on, id).await?, passkeys::of_user(on, id).await?))
        };
        let (user, keys) = app.core.store.read(read).await?;
        refuse_over_limit(&keys)?;
        let known: Vec<String> = keys.into_iter().map(|key| key.credential).collect();
        let passkey = party
            .begin_registration(id, user.login.as_str(), user.display_name.as_str(), &known)
            .map_err(AppError::broken("asking for a new passkey"))?;
        app.ask_browser(ChallengeKind::Register, (&user, session), passkey, Vec::new()).await
    }

    /// Adds the passkey that the browser made.
    pub async fn create(&self, ctx: &Ctx, token: &str, name: PasskeyName, shown: Shown) -> Result<Added> {
        const ACTION: Action = Action::MePasskeyCreate;
        let user = ctx.user(ACTION)?;
        let app = self.0;
        let asked = app.own_question(ChallengeKind::Register, (user, session(ctx)?), token).await?;
        app.take_question(asked.id).await?;
        let party = app.relying_party().await?;
        let state = asked.state.unwrap_or_default();
        let made = party.finish_registration(shown, &state).map_err(|error| match error {
            PasskeyError::Malformed(_) => malformed(),
            PasskeyError::Wrong(_) | PasskeyError::Copied => {
                AppError::invalid("/credential", "is not a passkey that this service asked for; begin anew")
            }
            error @ (PasskeyError::Kept(_) | PasskeyError::NoDomain { .. }) => {
                AppError::broken("judging a new passkey")(error)
            }
        })?;
        let passkey = Passkey {
            id: PasskeyId::new(app.core.clock.new_id()),
            user,
            name,
            credential_id: made.credential_id,
            credential: made.credential,
            counter: 0,
            revision: 1,
            created_at: app.now(),
            last_used_at: None,
        };
        let added = passkey.clone();
        let add = async move |tx: &mut Tx, _| {
            refuse_over_limit(&passkeys::of_user(tx, user).await?)?;
            Ok(passkeys::insert(tx, &added).await?)
        };
        let codes = app.change_factors(ctx, ACTION, add).await?;
        Ok(Added { passkey, codes })
    }

    /// Renames a passkey.
    pub async fn rename(
        &self,
        ctx: &Ctx,
        id: PasskeyId,
        revision: Revision,
        name: PasskeyName,
    ) -> Result<Passkey> {
        const ACTION: Action = Action::MePasskeyUpdate;
        let user = ctx.user(ACTION)?;
        let app = self.0;
        let event = app.event(ctx, ACTION.as_str(), ("passkey", id.to_string()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let renamed = passkeys::rename(tx, user, id, &name, revision).await?;
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(renamed)
            })
            .await
            .map_err(noun("passkey"))
    }

    /// Deletes a passkey.
    pub async fn delete(&self, ctx: &Ctx, id: PasskeyId) -> Result<()> {
        const ACTION: Action = Action::MePasskeyDelete;
        let user = ctx.user(ACTION)?;
        let delete = async move |tx: &mut Tx, _| {
            passkeys::get(tx, user, id).await.map_err(AppError::from).map_err(noun("passkey"))?;
            Ok(passkeys::delete(tx, user, id).await?)
        };
        self.0.change_factors(ctx, ACTION, delete).await.map(drop)
    }
}

fn refuse_over_limit(keys: &[Passkey]) -> Result<()> {
    if keys.len() < PASSKEYS_PER_USER as usize {
        return Ok(());
    }
    Err(AppError::conflict(
        "passkey_limit",
        format!(
            "a user may have {PASSKEYS_PER_USER} passkeys, and you have them; delete one that is not used"
        ),
    ))
}
