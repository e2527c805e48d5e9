//! Which account somebody at an identity provider is let into, and what the provider decides about it.
//!
//! Invariant: an account is found by the link to its person alone. A name or an address that is the same links nothing.

use serde_json::json;

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::sessions::is_able;
use crate::app::sign_in::passage::Stop;
use crate::app::sign_in::{CODE, NOT_LATELY, Refusal, SignIn, TRADE_FOR, note_sign_up, target};
use crate::app::users::facts;
use crate::directory::oidc::Proven;
use crate::domain::access::{Action, Role};
use crate::domain::audit::AuditEvent;
use crate::domain::external_identity::{ExternalIdentity, Person};
use crate::domain::id::{ExternalIdentityId, LinkId, SessionId, UserId};
use crate::domain::identity_provider::IdentityProvider;
use crate::domain::name::DisplayName;
use crate::domain::time::Timestamp;
use crate::domain::user::{NewUser, User};
use crate::store::backend::Tx;
use crate::store::links::{self, Link};
use crate::store::{audit, external_identities, identity_providers, peers, sessions, users};

/// How a transaction about an account ended.
pub(super) type Judged<T> = Result<Result<T, Refusal>>;

impl SignIn<'_> {
    /// Finds or makes the account, and keeps a code that is traded for its session.
    pub(super) async fn enter(
        &self,
        ctx: &Ctx,
        provider: &IdentityProvider,
        proven: Proven,
        code: [u8; 32],
    ) -> Result<(), Stop> {
        let app = self.0;
        let now = app.now();
        let proved_at = proven.at.unwrap_or(NOT_LATELY);
        let entry = Entry::new(app, ctx, provider, proven.person);
        let code_link = Link {
            id: LinkId::new(app.core.clock.new_id()),
            kind: CODE.to_owned(),
            target: None,
            user_epoch: None,
            expires_at: now + TRADE_FOR,
            used_at: None,
            created_at: now,
        };
        let entered = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let (user, is_changed) = match entry.account(tx).await? {
                    Ok(found) => found,
                    Err(why) => return Ok::<_, AppError>(Err(why)),
                };
                let link = Link { target: Some(target(&user, proved_at)), ..code_link.clone() };
                links::insert(tx, &link, &code).await?;
                Ok(Ok(is_changed))
            })
            .await?;
        if entered.map_err(Stop::from)? {
            app.user_changed();
        }
        Ok(())
    }

    /// Finds or makes the account of somebody whose password a directory has proven.
    pub(super) async fn enter_at_once(
        &self,
        ctx: &Ctx,
        provider: &IdentityProvider,
        person: Person,
    ) -> Judged<User> {
        let app = self.0;
        let entry = Entry::new(app, ctx, provider, person);
        let entered = app.core.store.write(async move |tx: &mut Tx| entry.account(tx).await).await?;
        Ok(entered.map(|(user, is_changed)| {
            if is_changed {
                app.user_changed();
            }
            user
        }))
    }

    /// Links the account of a session to somebody. The session must still be there: it is the proof of the account.
    pub(super) async fn link(
        &self,
        ctx: &Ctx,
        provider: &IdentityProvider,
        person: &Person,
        user: UserId,
        session: SessionId,
    ) -> Result<(), Stop> {
        if person.verified_email.is_none() {
            return Err(Refusal::EmailUnverified.into());
        }
        let app = self.0;
        let now = app.now();
        let identity = new_identity(app, provider, &person.subject, user, false, now);
        let action = Action::MeIdentityCreate.as_str();
        let mut event = app.event(ctx, action, ("external_identity", identity.id.to_string()));
        event.actor = Some(user);
        "user".clone_into(&mut event.actor_kind);
        let linked = app
            .core
            .store
            .write(async move |tx: &mut Tx| -> Judged<()> {
                let live =
                    sessions::find(tx, session).await?.is_some_and(|it| it.user == user && it.is_live(now));
                let owner = users::find(tx, user).await?.filter(|user| live && is_able(user, now));
                if owner.is_none() || !is_enabled(tx, &identity).await? {
                    return Ok(Err(Refusal::Disabled));
                }
                if external_identities::find_subject(tx, identity.provider, &identity.subject)
                    .await?
                    .is_some()
                    || external_identities::of_user(tx, user)
                        .await?
                        .iter()
                        .any(|it| it.provider == identity.provider)
                {
                    return Ok(Err(Refusal::Taken));
                }
                external_identities::insert(tx, &identity).await?;
                audit::insert(tx, &event.made(identity_facts(&identity))).await?;
                Ok(Ok(()))
            })
            .await?;
        linked.map_err(Stop::from)
    }
}

/// Somebody who has come from a provider, with what the audit is told of it.
struct Entry {
    app: App,
    provider: IdentityProvider,
    person: Person,
    now: Timestamp,
    user_event: AuditEvent,
    role_event: AuditEvent,
}

impl Entry {
    fn new(app: &App, ctx: &Ctx, provider: &IdentityProvider, person: Person) -> Self {
        Self {
            app: app.clone(),
            provider: provider.clone(),
            person,
            now: app.now(),
            user_event: app.event(ctx, Action::UserCreate.as_str(), ("user", String::new())),
            role_event: app.event(ctx, Action::UserUpdate.as_str(), ("user", String::new())),
        }
    }

    /// The account, and whether it changed or is new.
    async fn account(&self, tx: &mut Tx) -> Judged<(User, bool)> {
        let found = external_identities::find_subject(tx, self.provider.id, &self.person.subject).await?;
        let Some(identity) = found else { return self.sign_up(tx).await };
        let Some(user) = users::find(tx, identity.user).await?.filter(|user| is_able(user, self.now)) else {
            return Ok(Err(Refusal::Disabled));
        };
        external_identities::note_use(tx, identity.id, self.now).await?;
        if !identity.is_managed {
            return Ok(Ok((user, false)));
        }
        Ok(Ok(self.follow_groups(tx, user).await?))
    }

    /// Makes an account for somebody who is not known yet, where the provider's rules allow it.
    async fn sign_up(&self, tx: &mut Tx) -> Judged<(User, bool)> {
        let login = self.person.login();
        let taken = match &login {
            Some(login) => users::find_credentials(tx, login).await?.is_some(),
            None => false,
        };
        let Some(login) = login.filter(|_| self.provider.rules.allows_sign_up || taken) else {
            let why = if self.provider.rules.allows_sign_up { Refusal::NoLogin } else { Refusal::NoAccount };
            return Ok(Err(why));
        };
        if taken {
            return Ok(Err(Refusal::AccountExists));
        }
        let rules = &self.provider.rules;
        let shown = self.person.display_name.as_deref().and_then(|name| name.parse::<DisplayName>().ok());
        let new = NewUser {
            id: UserId::new(self.app.core.clock.new_id()),
            display_name: match shown {
                Some(name) => name,
                None => login.as_str().parse().map_err(AppError::broken("showing a login"))?,
            },
            login,
            role: self.provider.role_of(&self.person.groups),
            email: None,
            language: None,
            password_hash: None,
            expires_at: None,
            data_limit_bytes: None,
            device_limit: rules.device_limit,
        };
        let user = users::insert(tx, &new, self.now).await?;
        let identity = new_identity(&self.app, &self.provider, &self.person.subject, user.id, true, self.now);
        external_identities::insert(tx, &identity).await?;
        audit::insert(tx, &about(&self.user_event, &user).made(facts(&user))).await?;
        note_sign_up(self.provider.id, user.id);
        Ok(Ok((user, true)))
    }

    /// Gives a managed account the role of its groups as of now. The last owner who can always sign in stays one.
    async fn follow_groups(&self, tx: &mut Tx, user: User) -> Result<(User, bool)> {
        let role = self.provider.role_of(&self.person.groups);
        if !self.provider.connection.tells_groups() || role == user.role {
            return Ok((user, false));
        }
        let mut after = user.clone();
        after.role = role;
        // Access tokens carry the old role.
        after.epoch += 1;
        let before_owners = users::count_lasting(tx, Role::Owner).await?;
        let after = users::update(tx, &after, user.revision, self.now).await?;
        if user.role == Role::Owner && before_owners > 0 && users::count_lasting(tx, Role::Owner).await? == 0
        {
            return Ok((users::update(tx, &user, after.revision, self.now).await?, false));
        }
        peers::touch_user(tx, user.id).await?;
        audit::insert(tx, &about(&self.role_event, &user).changed(facts(&user), facts(&after))).await?;
        Ok((after, true))
    }
}

fn about(event: &AuditEvent, user: &User) -> AuditEvent {
    AuditEvent { target: Some(user.id.to_string()), ..event.clone() }
}

async fn is_enabled(tx: &mut Tx, identity: &ExternalIdentity) -> Result<bool> {
    Ok(identity_providers::find(tx, identity.provider).await?.is_some_and(|provider| provider.enabled))
}

fn new_identity(
    app: &App,
    provider: &IdentityProvider,
    subject: &str,
    user: UserId,
    is_managed: bool,
    now: Timestamp,
) -> ExternalIdentity {
    ExternalIdentity {
        id: ExternalIdentityId::new(app.core.clock.new_id()),
        provider: provider.id,
        subject: subject.to_owned(),
        user,
        is_managed,
        last_used_at: is_managed.then_some(now),
        created_at: now,
    }
}

/// What the audit keeps of a link: not who it is at the provider, which is personal.
pub(in crate::app) fn identity_facts(identity: &ExternalIdentity) -> serde_json::Value {
    json!({
        "identity_provider_id": identity.provider, "user_id": identity.user, "is_managed": identity.is_managed,
    })
}
