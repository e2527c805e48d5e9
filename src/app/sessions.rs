//! Sessions: signing in, staying signed in, and being signed out.
//!
//! Invariant: a wrong login and a wrong password get the same answer for the same work.

mod answer;
mod begin;
pub(in crate::app) mod cookie;
mod refresh;

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::guessing::Wrong;
use crate::app::login_limit::{Account as LimitedAccount, RetryAfter};
use crate::app::second_factor::lacks_mfa;
pub use crate::app::sessions::begin::{Question, SignIn};
use crate::app::users::require_rank_over;
use crate::domain::access::{Action, Actor, Means, Proof};
use crate::domain::id::{SessionId, UserId};
use crate::domain::mfa::is_fresh;
use crate::domain::session::Session;
use crate::domain::time::Timestamp;
use crate::domain::user::{User, UserState};
use crate::secrets::jwt::{ACCESS_TTL, Grant, fingerprint};
use crate::secrets::password::{Password, PasswordHash, Verdict, WorkError};
use crate::store::backend::{Conn, Tx};
use crate::store::users::Credentials;
use crate::store::{audit, sessions, users};

pub use crate::app::sessions::cookie::{BrowserSession, CookieHolder};

/// The use cases of sessions.
#[derive(Debug, Clone, Copy)]
pub struct Sessions<'a>(pub(in crate::app) &'a App);

/// What a client gets on signing in.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The session they belong to.
    pub session: SessionId,
    /// Proves who the caller is, for ten minutes.
    pub access_token: Zeroizing<String>,
    /// When the access token is no longer good.
    pub access_expires_at: Timestamp,
    /// Gets the next pair, once.
    pub refresh_token: Zeroizing<String>,
    /// When the session ends if nobody comes.
    pub refresh_expires_at: Timestamp,
    /// Whether a second factor must be enrolled before the session is good for anything else.
    pub lacks_mfa: bool,
}

/// A session with the account behind it, as long as neither changes.
#[derive(Debug)]
pub(in crate::app) struct Authority {
    user: User,
    session: Session,
    lacks_mfa: bool,
}

impl Authority {
    /// Who acts by this session.
    fn actor(&self, now: Timestamp) -> Actor {
        let proof = Proof {
            is_fresh: is_fresh(self.session.proved_at, now),
            lacks_mfa: self.lacks_mfa,
            epoch: self.user.epoch,
        };
        let by = Means::Session(self.session.id, proof);
        Actor::User { id: self.user.id, role: self.user.role, by }
    }
}

/// The one answer to every sign-in that fails: it says nothing about the account.
const WRONG: AppError = AppError::Unauthenticated { why: "the login or the password is wrong" };

/// The one answer to every access token that is not good.
const REFUSED: AppError =
    AppError::Unauthenticated { why: "the access token is not good, or no longer; refresh it or sign in" };

impl Sessions<'_> {
    /// Signs in, or asks for the second factor. What that costs is the same until the password is known to be right.
    pub async fn login(&self, ctx: &Ctx, login: &str, password: &str, user_agent: &str) -> Result<SignIn> {
        let app = self.0;
        let now = app.now();
        let (limit, tried) = (&app.core.login_limit, LimitedAccount::Login(login));
        app.admit(ctx, limit.check(ctx.address, tried, now)).await?;
        let account = self.account(login).await?;
        if let (Some(needs_rehash), Some(account)) =
            (self.judge_password(password, account.as_ref()).await?, &account)
            && is_able(&account.user, now)
        {
            if needs_rehash {
                self.rehash(account, password).await?;
            }
            if let Some(begun) = self.begin(ctx, (&account.user, now), user_agent).await? {
                limit.record_success(ctx.address, tried, now);
                return Ok(begun);
            }
        }
        // The work of hashing was done for an unknown login too, so all that a directory's answer adds is its own time.
        if account.as_ref().is_none_or(|account| account.password_hash.is_none())
            && let Some(user) = app.sign_in().by_directory(ctx, login, password).await?
            && let Some(tokens) = self.begin(ctx, (&user, now), user_agent).await?
        {
            limit.record_success(ctx.address, tried, now);
            return Ok(tokens);
        }
        let user = account.map(|account| account.user.id);
        let wrong = Wrong { action: "session_create", tried: Some(tried), password: Some(password), user };
        app.wrong_password(ctx, wrong).await?;
        Err(WRONG)
    }

    /// Who an access token speaks for, as of now: a changed role or an ended session counts at once.
    pub async fn authenticate(&self, access_token: &str) -> Result<Actor> {
        let app = self.0;
        let now = app.now();
        let grant = self.verify(access_token, now).ok_or(REFUSED)?;
        let authority = self.authority(grant.session).await?.ok_or(REFUSED)?;
        let Authority { user, session, .. } = authority.as_ref();
        let good =
            user.id == grant.user && user.epoch == grant.epoch && is_able(user, now) && session.is_live(now);
        if good { Ok(authority.actor(now)) } else { Err(REFUSED) }
    }

    /// Refuses who was let in before and would not be now, also because the password is another by now.
    pub(in crate::app) async fn confirm(&self, actor: Actor, session: SessionId) -> Result<()> {
        let now = self.0.now();
        let authority = self.authority(session).await?.ok_or(REFUSED)?;
        let Authority { user, session, .. } = authority.as_ref();
        // A proof may have aged while the body came, and it was fresh when the request did.
        let same = match (actor, authority.actor(now)) {
            (
                Actor::User { id, role, by: Means::Session(_, proof) },
                Actor::User { id: same_id, role: same_role, by: Means::Session(_, proof_now) },
            ) => {
                (id, role, proof.lacks_mfa, proof.epoch)
                    == (same_id, same_role, proof_now.lacks_mfa, proof_now.epoch)
            }
            (Actor::User { .. } | Actor::Host | Actor::System | Actor::Anonymous, _) => false,
        };
        let good = same && is_able(user, now) && session.is_live(now);
        if good { Ok(()) } else { Err(REFUSED) }
    }

    /// The live sessions of a user, newest first; the actor's own where nobody is named.
    pub async fn list(&self, ctx: &Ctx, user: Option<UserId>) -> Result<Vec<Session>> {
        let owner = ctx.scope(Action::SessionList)?.owner();
        let now = self.0.now();
        let Some(user) = user.or(ctx.actor.user()) else {
            return Err(AppError::invalid("/user_id", "say whose sessions"));
        };
        if owner.is_some_and(|owner| owner != user) {
            return Err(AppError::not_found("user"));
        }
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(sessions::live_of_user(on, user, now).await?))
            .await
    }

    /// Ends a session.
    pub async fn delete(&self, ctx: &Ctx, id: SessionId) -> Result<()> {
        let (owner, actor) = (ctx.scope(Action::SessionDelete)?.owner(), ctx.actor);
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| {
                let found = sessions::find(on, id).await?;
                let session = found.filter(|session| owner.is_none_or(|owner| owner == session.user));
                let session = session.ok_or(AppError::not_found("session"))?;
                require_rank_over(on, actor, Action::SessionDelete, session.user).await
            })
            .await?;
        self.end_session(ctx, id, Action::SessionDelete.as_str()).await
    }

    async fn account(&self, login: &str) -> Result<Option<Credentials>> {
        let Ok(login) = login.parse() else { return Ok(None) };
        let found = self
            .0
            .core
            .store
            .read(async move |on: &mut Conn| users::find_credentials(on, &login).await)
            .await?;
        Ok(found)
    }

    /// The account, where the password is its own. An unknown one costs the same work.
    async fn judge_password(&self, password: &str, account: Option<&Credentials>) -> Result<Option<bool>> {
        let Ok(password) = Password::presented(password) else { return Ok(None) };
        let hash = match account.and_then(|account| account.password_hash.as_deref()) {
            Some(text) => {
                Some(PasswordHash::parse(text).map_err(AppError::broken("reading a stored password hash"))?)
            }
            None => None,
        };
        let verdict = self.0.core.passwords.verify(&password, hash.as_ref()).await.map_err(work_error)?;
        Ok(match (verdict, account) {
            (Verdict::Right { needs_rehash }, Some(_)) => Some(needs_rehash),
            (Verdict::Right { .. }, None) | (Verdict::Wrong, _) => None,
        })
    }

    /// Stores the password under today's cost while it is at hand. Not a change of password: sessions stay.
    async fn rehash(&self, account: &Credentials, password: &str) -> Result<()> {
        let (Ok(password), Some(old)) = (Password::presented(password), account.password_hash.clone()) else {
            return Ok(());
        };
        let hash = self.0.hash(&password).await?;
        let id = account.user.id;
        self.0
            .core
            .store
            .write(async move |tx: &mut Tx| Ok::<_, AppError>(users::rehash(tx, id, &old, &hash).await?))
            .await
    }

    fn tokens(
        &self,
        session: SessionId,
        user: &User,
        refresh_token: Zeroizing<String>,
        refresh_expires_at: Timestamp,
    ) -> Result<Tokens> {
        let now = self.0.now();
        let grant = Grant { user: user.id, session, epoch: user.epoch, role: user.role };
        let access_token =
            self.0.core.tokens.issue(&grant, now).map_err(AppError::broken("signing an access token"))?;
        Ok(Tokens {
            session,
            access_token,
            access_expires_at: now + ACCESS_TTL,
            refresh_token,
            refresh_expires_at,
            lacks_mfa: false,
        })
    }

    /// What a token grants. One that was verified lately is known by its hash; its time is looked at each time.
    fn verify(&self, access_token: &str, now: Timestamp) -> Option<Grant> {
        let known = &self.0.core.verified;
        let hash = fingerprint(access_token);
        if let Some(claims) = known.find(&hash) {
            return claims.judge(now).ok().map(|()| claims.grant);
        }
        let claims = self.0.core.tokens.verify(access_token, now).ok()?;
        known.keep(known.moment(), hash, claims);
        Some(claims.grant)
    }

    async fn authority(&self, id: SessionId) -> Result<Option<Arc<Authority>>> {
        let core = &self.0.core;
        let read = core.store.read(async move |on: &mut Conn| {
            let Some(session) = sessions::find(on, id).await? else { return Ok(None) };
            let user = users::find(on, session.user).await?.filter(|user| user.deleted_at.is_none());
            let Some(user) = user else { return Ok(None) };
            let lacks_mfa = lacks_mfa(on, &user).await?;
            Ok::<_, AppError>(Some(Arc::new(Authority { user, session, lacks_mfa })))
        });
        core.authorities.find_or(id, read).await
    }

    async fn end_session(&self, ctx: &Ctx, id: SessionId, action: &str) -> Result<()> {
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, action, ("session", id.to_string()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                if sessions::revoke(tx, id, now).await? {
                    audit::insert(tx, &event).await?;
                }
                Ok::<_, AppError>(())
            })
            .await?;
        app.core.authorities.forget(&id);
        Ok(())
    }
}

/// Whether the account may sign in and stay signed in.
pub(in crate::app) fn is_able(user: &User, now: Timestamp) -> bool {
    user.deleted_at.is_none() && user.state(now) == UserState::Active
}

/// A sign-in that came too soon.
pub(in crate::app) fn too_many(wait: RetryAfter) -> AppError {
    AppError::TooMany { retry_after: Duration::from_secs(wait.seconds()) }
}

/// Password work that could not be done now.
pub(in crate::app) fn work_error(error: WorkError) -> AppError {
    match error {
        WorkError::Busy => AppError::Busy {
            why: "too many sign-ins at once; try again",
            retry_after: WorkError::RETRY_AFTER,
        },
        WorkError::Stopped(_) | WorkError::Hash | WorkError::Stored(_) => {
            AppError::Internal { operation: "the password work", cause: Box::new(error) }
        }
    }
}
