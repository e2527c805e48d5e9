//! Sessions that a browser holds by a cookie: opaque, ended by idleness, by age, or wherever else sessions end.
//!
//! Invariant: a session that was given to a browser has no refresh token any more, and what its cookie holds is good for
//! nothing else.

use tracing::warn;
use zeroize::Zeroizing;

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::sessions::{Sessions, is_able};
use crate::domain::access::{Action, Actor};
use crate::domain::id::SessionId;
use crate::domain::session::{COOKIE_NOTED_EVERY, Session};
use crate::domain::time::Timestamp;
use crate::secrets::token::CookieToken;
use crate::store::backend::{Conn, Tx};
use crate::store::{audit, sessions};
use crate::telemetry::chain::chain;

/// What a browser gets.
#[derive(Debug, Clone)]
pub struct BrowserSession {
    /// The session.
    pub session: SessionId,
    /// What the cookie holds.
    pub cookie: Zeroizing<String>,
    /// What a page sends along with each change.
    pub csrf_token: Zeroizing<String>,
    /// When it ends if nobody comes.
    pub expires_at: Timestamp,
}

/// Who a cookie speaks for, and the cookie itself to hold a proof against.
#[derive(Debug)]
pub struct CookieHolder {
    /// Who.
    pub actor: Actor,
    /// The session.
    pub session: SessionId,
    /// What the cookie holds.
    pub token: CookieToken,
}

const ENDED: AppError = AppError::Unauthenticated { why: "the session has ended; sign in again" };

/// A cookie that nobody has yet, and what the database keeps of it.
pub(in crate::app) fn new_cookie() -> Result<(CookieToken, [u8; 32])> {
    let token = CookieToken::generate().map_err(AppError::broken("making a cookie"))?;
    let digest = *token.digest().as_bytes();
    Ok((token, digest))
}

/// Gives a session the cookie of this digest in place of what it had, and says until when.
pub(in crate::app) async fn write_cookie(
    tx: &mut Tx,
    id: SessionId,
    digest: &[u8; 32],
    now: Timestamp,
) -> Result<Timestamp> {
    let session = sessions::find(tx, id).await?.ok_or(ENDED)?;
    let expires_at = session.cookie_expires_at(now);
    // One that is older than a cookie may grow keeps what it has.
    if expires_at <= now || !sessions::give_cookie(tx, id, digest, expires_at, now).await? {
        return Err(ENDED);
    }
    Ok(expires_at)
}

impl Sessions<'_> {
    /// Gives the session that asks to its browser, in place of its refresh token.
    pub async fn give_cookie(&self, ctx: &Ctx) -> Result<BrowserSession> {
        ctx.user(Action::SessionCookie)?;
        let id = ctx.actor.session().ok_or(ENDED)?;
        let app = self.0;
        let now = app.now();
        let (token, digest) = new_cookie()?;
        let event = app.event(ctx, Action::SessionCookie.as_str(), ("session", id.to_string()));
        let expires_at = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let expires_at = write_cookie(tx, id, &digest, now).await?;
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(expires_at)
            })
            .await?;
        Ok(self.given(id, &token, expires_at))
    }

    /// What a browser gets whose session has this cookie now.
    pub(in crate::app) fn given(
        &self,
        session: SessionId,
        token: &CookieToken,
        expires_at: Timestamp,
    ) -> BrowserSession {
        let core = &self.0.core;
        // A cookie that the session had before is not known any more.
        core.cookies.forget_all();
        core.authorities.forget(&session);
        BrowserSession { session, cookie: token.reveal(), csrf_token: token.csrf_token(), expires_at }
    }

    /// Who a cookie speaks for, as of now.
    pub async fn authenticate_cookie(&self, cookie: &str) -> Result<CookieHolder> {
        let app = self.0;
        let now = app.now();
        let token = CookieToken::parse(cookie).map_err(|_| ENDED)?;
        let id = self.of_cookie(*token.digest().as_bytes()).await?.ok_or(ENDED)?;
        let authority = self.authority(id).await?.ok_or(ENDED)?;
        let (user, session) = (&authority.user, &authority.session);
        if !(is_able(user, now) && session.is_live(now)) {
            return Err(ENDED);
        }
        if now.since(session.last_used_at) >= COOKIE_NOTED_EVERY
            && let Err(error) = self.note_use(session, now).await
        {
            // Reading goes on while nothing can be written; the session then ends the sooner.
            warn!(session.id = %id, error = %chain(&error), "cannot note the use of session {id}");
        }
        Ok(CookieHolder { actor: authority.actor(now), session: id, token })
    }

    /// Writes down that somebody tried to act through a browser that is signed in.
    pub async fn unproved(&self, ctx: &Ctx, session: SessionId) -> Result<()> {
        self.0.refused(ctx, "session_unproved", ("session", session.to_string())).await
    }

    /// Refuses a cookie in whose place its session has been given another.
    pub(in crate::app) async fn confirm_cookie(&self, digest: [u8; 32]) -> Result<()> {
        self.of_cookie(digest).await?.map(drop).ok_or(ENDED)
    }

    async fn of_cookie(&self, digest: [u8; 32]) -> Result<Option<SessionId>> {
        let core = &self.0.core;
        let read = core.store.read(async move |on: &mut Conn| {
            let found = sessions::find_by_refresh(on, &digest).await?;
            Ok::<_, AppError>(found.filter(|found| found.is_current).map(|found| found.session.id))
        });
        core.cookies.find_or(digest, read).await
    }

    async fn note_use(&self, session: &Session, now: Timestamp) -> Result<()> {
        let (id, expires_at) = (session.id, session.cookie_expires_at(now));
        let core = &self.0.core;
        core.store
            .write(async move |tx: &mut Tx| {
                Ok::<_, AppError>(sessions::note_use(tx, id, expires_at, now).await?)
            })
            .await?;
        core.authorities.forget(&id);
        Ok(())
    }
}
