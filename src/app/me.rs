//! One's own account.

mod leave;
mod overview;

pub use crate::app::me::overview::OwnUsage;

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::guessing::Wrong;
use crate::app::login_limit::Account;
use crate::app::passwords::names;
use crate::app::sessions::cookie::{BrowserSession, new_cookie, write_cookie};
use crate::app::sessions::work_error;
use crate::app::users::{UserItem, facts, forget_resets, item, live};
use crate::app::{App, Patch, Revision, expect_revision, noun};
use crate::domain::access::{Action, Actor};
use crate::domain::contact::Email;
use crate::domain::id::UserId;
use crate::domain::language::Language;
use crate::domain::name::DisplayName;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::secrets::password::{Password, PasswordHash, Verdict};
use crate::store::backend::{Conn, Tx};
use crate::store::{audit, sessions, users};

/// The use cases of one's own account.
#[derive(Debug, Clone, Copy)]
pub struct Me<'a>(pub(in crate::app) &'a App);

/// Changes of one's own account.
#[derive(Debug, Clone, Default)]
pub struct UpdateMe {
    /// How one is shown.
    pub display_name: Option<DisplayName>,
    /// Where letters go.
    pub email: Patch<Email>,
    /// The language of those letters.
    pub language: Patch<Language>,
}

impl UpdateMe {
    fn applied(&self, before: &User) -> User {
        let mut after = before.clone();
        if let Some(name) = &self.display_name {
            after.display_name = name.clone();
        }
        if let Some(email) = &self.email {
            after.email.clone_from(email);
        }
        if let Some(language) = self.language {
            after.language = language;
        }
        after
    }
}

impl Me<'_> {
    /// One's own account.
    pub async fn get(&self, ctx: &Ctx) -> Result<UserItem> {
        let id = ctx.user(Action::MeGet)?;
        let now = self.0.now();
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| {
                let user = live(on, id).await?;
                item(on, user, now).await
            })
            .await
    }

    /// Changes one's own name, address and language. Another address wants the password, because a new one is sent there.
    pub async fn update(
        &self,
        ctx: &Ctx,
        revision: Revision,
        request: UpdateMe,
        current: Option<&str>,
    ) -> Result<UserItem> {
        let id = ctx.user(Action::MeUpdate)?;
        let app = self.0;
        let now = app.now();
        let before = app
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(users::get_credentials(on, id).await?))
            .await?;
        if request.email.as_ref().is_some_and(|email| *email != before.user.email) {
            self.require_password(ctx, id, current, before.password_hash.as_deref()).await?;
        }
        let event = app.event(ctx, Action::MeUpdate.as_str(), ("user", id.to_string()));
        let actor = ctx.actor;
        let user = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                require_session(tx, &actor, now).await?;
                let before = live(tx, id).await?;
                expect_revision("user", before.revision, revision)?;
                let after = request.applied(&before);
                if after.email != before.email {
                    forget_resets(tx, id).await?;
                }
                let after = users::update(tx, &after, revision, now).await?;
                audit::insert(tx, &event.changed(facts(&before), facts(&after))).await?;
                item(tx, after, now).await
            })
            .await
            .map_err(noun("user"))?;
        app.core.authorities.forget_all();
        Ok(user)
    }

    async fn require_password(
        &self,
        ctx: &Ctx,
        id: UserId,
        current: Option<&str>,
        hash: Option<&str>,
    ) -> Result<()> {
        let hash = hash.ok_or_else(|| {
            AppError::conflict(
                "no_password",
                "this account has no password; ask an operator to change the address",
            )
        })?;
        let current = current.ok_or_else(|| {
            AppError::invalid(
                "/current_password",
                "is needed to change the address, as a new password is sent there",
            )
        })?;
        let right = self.is_own_password(ctx, Action::MeUpdate, id, current, hash).await?;
        if right { Ok(()) } else { Err(wrong("/current_password")) }
    }

    /// Changes one's own password and ends one's sessions. That of a `browser` goes on with another cookie, given in the same breath,
    /// so that whoever has the old one is out; tokens carry the epoch of the old password, and whoever holds them signs in again.
    pub async fn set_password(
        &self,
        ctx: &Ctx,
        current: &str,
        new: Password,
        browser: bool,
    ) -> Result<Option<BrowserSession>> {
        let id = ctx.user(Action::MeSetPassword)?;
        let app = self.0;
        let old = self.prove(ctx, Action::MeSetPassword, "/current_password", current).await?;
        let user = app.core.store.read(async move |on: &mut Conn| live(on, id).await).await?;
        let own = names(&user.login, Some(&user.display_name));
        let hash = app.hash_new("/new_password", &new, &own).await?;
        let now = app.now();
        let event = app.event(ctx, Action::MeSetPassword.as_str(), ("user", id.to_string()));
        let actor = ctx.actor;
        let kept = if browser { actor.session() } else { None };
        let (token, digest) = new_cookie()?;
        let expires_at = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                // Judging and hashing took long enough for an operator to have come in between.
                require_session(tx, &actor, now).await?;
                users::replace_password(tx, id, &old, &hash, now)
                    .await?
                    .ok_or_else(|| wrong("/current_password"))?;
                sessions::revoke_of_user(tx, id, kept, now).await?;
                audit::insert(tx, &event).await?;
                match kept {
                    Some(session) => write_cookie(tx, session, &digest, now).await.map(Some),
                    None => Ok::<_, AppError>(None),
                }
            })
            .await?;
        app.core.authorities.forget_all();
        Ok(kept.zip(expires_at).map(|(session, until)| app.sessions().given(session, &token, until)))
    }

    /// Requires the account's password and gives its hash. A stolen session must not be a way to guess it.
    async fn prove(&self, ctx: &Ctx, action: Action, pointer: &'static str, shown: &str) -> Result<String> {
        let id = ctx.user(action)?;
        let read = async move |on: &mut Conn| Ok::<_, AppError>(users::get_credentials(on, id).await?);
        let account = self.0.core.store.read(read).await?;
        let hash = account.password_hash;
        let hash = hash.ok_or_else(|| AppError::conflict("no_password", "this account has no password"))?;
        if self.is_own_password(ctx, action, id, shown, &hash).await? {
            Ok(hash)
        } else {
            Err(wrong(pointer))
        }
    }

    /// Whether this is the account's password. A stolen session must not be a way to guess it.
    pub(in crate::app) async fn is_own_password(
        &self,
        ctx: &Ctx,
        action: Action,
        id: UserId,
        current: &str,
        hash: &str,
    ) -> Result<bool> {
        let Ok(current) = Password::presented(current) else { return Ok(false) };
        let app = self.0;
        let now = app.now();
        let hash = PasswordHash::parse(hash).map_err(AppError::broken("reading a stored password hash"))?;
        let limit = &app.core.login_limit;
        app.admit(ctx, limit.check(ctx.address, Account::Own(id), now)).await?;
        match app.core.passwords.verify(&current, Some(&hash)).await.map_err(work_error)? {
            Verdict::Right { .. } => {
                limit.record_success(ctx.address, Account::Own(id), now);
                Ok(true)
            }
            Verdict::Wrong => {
                let tried = Some(Account::Own(id));
                app.wrong_password(
                    ctx,
                    Wrong { action: action.as_str(), tried, password: None, user: Some(id) },
                )
                .await?;
                Ok(false)
            }
        }
    }
}

fn wrong(pointer: &str) -> AppError {
    AppError::invalid(pointer, "is not your password")
}

/// Requires that the session which asks has not been ended meanwhile.
pub(in crate::app) async fn require_session(on: &mut Conn, actor: &Actor, now: Timestamp) -> Result<()> {
    let Some(session) = actor.session() else { return Ok(()) };
    match sessions::find(on, session).await? {
        Some(session) if session.is_live(now) => Ok(()),
        Some(_) | None => Err(AppError::Unauthenticated { why: "the session has ended; sign in again" }),
    }
}
