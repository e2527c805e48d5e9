//! Sessions: signing in, staying signed in, and being signed out.
//!
//! Invariant: a wrong login and a wrong password get the same answer for the same work.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::domain::access::{Action, Actor};
use crate::domain::id::{SessionId, UserId};
use crate::domain::session::{IDLE_FOR, Presented, Session, judge};
use crate::domain::time::Timestamp;
use crate::domain::user::{User, UserState};
use crate::secrets::jwt::{ACCESS_TTL, Grant};
use crate::secrets::password::{Password, PasswordHash, Verdict, WorkError};
use crate::secrets::seal::{Place, Sealed};
use crate::secrets::token::RefreshToken;
use crate::store::backend::{Conn, Tx};
use crate::store::sessions::Rotation;
use crate::store::users::Credentials;
use crate::store::{audit, sessions, users};

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
}

/// A session with the account behind it, as long as neither changes.
#[derive(Debug)]
pub(in crate::app) struct Authority {
    user: User,
    session: Session,
}

/// Longest user agent that is kept.
const USER_AGENT_CHARS: usize = 200;

/// A user whose hash no password has, so that an unknown login costs the same.
const WRONG: AppError = AppError::Unauthenticated { why: "the login or the password is wrong" };

impl Sessions<'_> {
    /// Signs in.
    pub async fn login(&self, ctx: &Ctx, login: &str, password: &str, user_agent: &str) -> Result<Tokens> {
        let app = self.0;
        let now = app.now();
        // A caller on the local socket has no address; all of them share one.
        let address = ctx.address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let limit = &app.core.login_limit;
        limit.check(address, login, now).map_err(|wait| AppError::TooMany {
            retry_after: std::time::Duration::from_secs(wait.seconds()),
        })?;
        let account = self.account(login).await?;
        match (self.judge_password(password, account.as_ref()).await?, account) {
            (Some(needs_rehash), Some(account)) if account.user.state(now) == UserState::Active => {
                limit.record_success(address, login, now);
                if needs_rehash {
                    self.rehash(&account, password).await?;
                }
                self.begin(ctx, &account.user, user_agent).await
            }
            (_, known) => {
                limit.record_failure(address, login, now);
                let target = known.map(|account| account.user.id.to_string()).unwrap_or_default();
                app.refused(ctx, "session_create", ("user", target)).await?;
                Err(WRONG)
            }
        }
    }

    /// Trades a refresh token for the next pair.
    pub async fn refresh(&self, ctx: &Ctx, token: &str) -> Result<Tokens> {
        const ENDED: AppError = AppError::Unauthenticated { why: "the session has ended; sign in again" };
        let app = self.0;
        let now = app.now();
        let presented = RefreshToken::parse(token).map_err(|_| ENDED)?;
        let next = RefreshToken::generate().map_err(AppError::broken("making a refresh token"))?;
        let from = *presented.digest().as_bytes();
        let to = *next.digest().as_bytes();
        let next = next.reveal();
        let found = app
            .core
            .store
            .read(async move |on: &mut Conn| sessions::find_by_refresh(on, &from).await)
            .await?;
        let Some(found) = found.filter(|found| found.session.is_live(now)) else { return Err(ENDED) };
        let user = self.active_user(found.session.user, now).await?.ok_or(ENDED)?;
        let session = found.session.id;
        let row = session.to_string();
        match judge(found.is_current, found.rotated_at, now) {
            Presented::Current => {}
            Presented::JustReplaced => {
                return self.same_successor(&found.session, &user, found.successor, &row);
            }
            Presented::Replayed => {
                self.end_session(ctx, session, "session_replay").await?;
                return Err(ENDED);
            }
        }
        let sealed = app.seal(successor_place(&row), next.as_bytes())?;
        let expires_at = now + IDLE_FOR;
        let rotated = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let rotation = Rotation { old_hash: &from, new_hash: &to, successor: &sealed, expires_at };
                Ok::<_, AppError>(sessions::rotate(tx, session, &rotation, now).await?)
            })
            .await?;
        if rotated {
            return self.tokens(session, &user, next, expires_at);
        }
        // Another request with the same token was first: this one gets that one's answer.
        let again = app
            .core
            .store
            .read(async move |on: &mut Conn| sessions::find_by_refresh(on, &from).await)
            .await?;
        match again {
            Some(again) => self.same_successor(&again.session, &user, again.successor, &row),
            None => Err(ENDED),
        }
    }

    /// Ends the session of a refresh token. An unknown one has ended already.
    pub async fn end(&self, ctx: &Ctx, token: &str) -> Result<()> {
        let Ok(token) = RefreshToken::parse(token) else { return Ok(()) };
        let digest = *token.digest().as_bytes();
        let found = self
            .0
            .core
            .store
            .read(async move |on: &mut Conn| sessions::find_by_refresh(on, &digest).await)
            .await?;
        match found {
            Some(found) => self.end_session(ctx, found.session.id, "session_end").await,
            None => Ok(()),
        }
    }

    /// Who an access token speaks for, as of now: a changed role or an ended session counts at once.
    pub async fn authenticate(&self, access_token: &str) -> Result<Actor> {
        const REFUSED: AppError = AppError::Unauthenticated {
            why: "the access token is not good, or no longer; refresh it or sign in",
        };
        let app = self.0;
        let now = app.now();
        let claims = app.core.tokens.verify(access_token, now).map_err(|_| REFUSED)?;
        let grant = claims.grant;
        let authority = self.authority(grant.session).await?.ok_or(REFUSED)?;
        let Authority { user, session } = authority.as_ref();
        let good = user.id == grant.user
            && user.epoch == grant.epoch
            && user.state(now) == UserState::Active
            && session.is_live(now);
        if good {
            Ok(Actor::User { id: user.id, role: user.role, session: session.id })
        } else {
            Err(REFUSED)
        }
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
        let owner = ctx.scope(Action::SessionDelete)?.owner();
        let found = self.0.core.store.read(async move |on: &mut Conn| sessions::find(on, id).await).await?;
        match found {
            Some(session) if owner.is_none_or(|owner| owner == session.user) => {
                self.end_session(ctx, id, Action::SessionDelete.as_str()).await
            }
            Some(_) | None => Err(AppError::not_found("session")),
        }
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
        let (Ok(password), Some(old)) = (Password::parse(password), account.password_hash.clone()) else {
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

    async fn begin(&self, ctx: &Ctx, user: &User, user_agent: &str) -> Result<Tokens> {
        let app = self.0;
        let now = app.now();
        let refresh = RefreshToken::generate().map_err(AppError::broken("making a refresh token"))?;
        let digest = *refresh.digest().as_bytes();
        let session = Session {
            id: SessionId::new(app.core.clock.new_id()),
            user: user.id,
            user_agent: user_agent.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS).collect(),
            created_at: now,
            last_used_at: now,
            expires_at: now + IDLE_FOR,
            revoked_at: None,
        };
        let (id, expires_at) = (session.id, session.expires_at);
        let mut event = app.event(ctx, "session_create", ("user", user.id.to_string()));
        event.actor = Some(user.id);
        "user".clone_into(&mut event.actor_kind);
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                sessions::insert(tx, &session, &digest).await?;
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(())
            })
            .await?;
        self.tokens(id, user, refresh.reveal(), expires_at)
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
        })
    }

    fn same_successor(
        &self,
        session: &Session,
        user: &User,
        successor: Option<Vec<u8>>,
        row: &str,
    ) -> Result<Tokens> {
        let missing = || AppError::Unauthenticated { why: "the session has ended; sign in again" };
        let sealed = Sealed::parse(successor.ok_or_else(missing)?)
            .map_err(AppError::broken("reading a sealed refresh token"))?;
        let bytes = self
            .0
            .core
            .keyring
            .open(successor_place(row), &sealed)
            .map_err(AppError::broken("opening a sealed refresh token"))?;
        let text = String::from_utf8(bytes.to_vec()).map_err(AppError::broken("reading a refresh token"))?;
        self.tokens(session.id, user, Zeroizing::new(text), session.expires_at)
    }

    async fn active_user(&self, id: UserId, now: Timestamp) -> Result<Option<User>> {
        let user = self.0.core.store.read(async move |on: &mut Conn| users::find(on, id).await).await?;
        Ok(user.filter(|user| user.deleted_at.is_none() && user.state(now) == UserState::Active))
    }

    async fn authority(&self, id: SessionId) -> Result<Option<Arc<Authority>>> {
        let known = &self.0.core.authorities;
        if let Some(found) = known.find(&id) {
            return Ok(Some(found));
        }
        let since = known.moment();
        let found = self
            .0
            .core
            .store
            .read(async move |on: &mut Conn| {
                let Some(session) = sessions::find(on, id).await? else { return Ok(None) };
                let user = users::find(on, session.user).await?.filter(|user| user.deleted_at.is_none());
                Ok::<_, AppError>(user.map(|user| Authority { user, session }))
            })
            .await?
            .map(Arc::new);
        if let Some(authority) = &found {
            known.keep(since, id, Arc::clone(authority));
        }
        Ok(found)
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

/// Where the next refresh token is sealed for, while the one before may still be repeated.
const fn successor_place(row: &str) -> Place<'_> {
    Place { table: "sessions", column: "successor", row }
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
