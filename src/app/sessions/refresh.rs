//! Refresh tokens: traded for the next pair, or given back to sign out.
//!
//! Invariant: a token that was traded before ends its session, however often it was traded since; only within some
//! seconds of the trade the same successor is given again.

use zeroize::Zeroizing;

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::second_factor::lacks_mfa;
use crate::app::sessions::{Sessions, Tokens, is_able};
use crate::domain::session::{IDLE_FOR, Presented, Session, judge};
use crate::domain::time::Timestamp;
use crate::secrets::seal::{Place, Sealed};
use crate::secrets::token::RefreshToken;
use crate::store::backend::{Conn, Tx};
use crate::store::sessions::{Presented as Found, Rotation};
use crate::store::{sessions, users};

const ENDED: AppError = AppError::Unauthenticated { why: "the session has ended; sign in again" };

/// SHA-256 of a refresh token.
type Digest = [u8; 32];

impl Sessions<'_> {
    /// Trades a refresh token for the next pair.
    pub async fn refresh(&self, ctx: &Ctx, token: &str) -> Result<Tokens> {
        let now = self.0.now();
        let token = RefreshToken::parse(token).map_err(|_| ENDED)?;
        let digest = *token.digest().as_bytes();
        let mut found = self.live(digest, now).await?;
        let mut presented = judge(found.is_current, found.rotated_at, now);
        if presented == Presented::Current {
            if let Some(tokens) = self.rotate(&found.session, digest, now).await? {
                return Ok(tokens);
            }
            // Another request with the same token was first, or the session or the account was ended meanwhile.
            found = self.live(digest, now).await?;
            presented = judge(found.is_current, found.rotated_at, now);
        }
        match presented {
            Presented::Current => Err(ENDED),
            Presented::JustReplaced => self.same_successor(found, now).await,
            Presented::Replayed => {
                self.end_session(ctx, found.session.id, "session_replay").await?;
                Err(ENDED)
            }
        }
    }

    /// Ends the session of a refresh token, also of one that was traded since. An unknown one has ended already.
    pub async fn end(&self, ctx: &Ctx, token: &str) -> Result<()> {
        let Ok(token) = RefreshToken::parse(token) else { return Ok(()) };
        match self.found(*token.digest().as_bytes()).await? {
            Some(found) => self.end_session(ctx, found.session.id, "session_end").await,
            None => Ok(()),
        }
    }

    async fn found(&self, digest: Digest) -> Result<Option<Found>> {
        let store = &self.0.core.store;
        Ok(store.read(async move |on: &mut Conn| sessions::find_by_refresh(on, &digest).await).await?)
    }

    async fn live(&self, digest: Digest, now: Timestamp) -> Result<Found> {
        self.found(digest).await?.filter(|found| found.session.is_live(now)).ok_or(ENDED)
    }

    /// Gives the session its next refresh token; nothing where the presented one is no longer the newest, or the user
    /// may not stay signed in.
    async fn rotate(&self, session: &Session, from: Digest, now: Timestamp) -> Result<Option<Tokens>> {
        let app = self.0;
        let next = RefreshToken::generate().map_err(AppError::broken("making a refresh token"))?;
        let to = *next.digest().as_bytes();
        let next = next.reveal();
        let (id, user) = (session.id, session.user);
        let sealed = app.seal(successor_place(&id.to_string()), next.as_bytes())?;
        let expires_at = now + IDLE_FOR;
        let rotated = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let Some(user) = users::find(tx, user).await?.filter(|user| is_able(user, now)) else {
                    return Ok::<_, AppError>(None);
                };
                let rotation = Rotation { old_hash: &from, new_hash: &to, successor: &sealed, expires_at };
                if !sessions::rotate(tx, id, &rotation, now).await? {
                    return Ok(None);
                }
                let lacks_mfa = lacks_mfa(tx, &user).await?;
                Ok(Some((user, lacks_mfa)))
            })
            .await?;
        let Some((user, lacks_mfa)) = rotated else { return Ok(None) };
        Ok(Some(Tokens { lacks_mfa, ..self.tokens(id, &user, next, expires_at)? }))
    }

    /// The answer that the first request with this token got.
    async fn same_successor(&self, found: Found, now: Timestamp) -> Result<Tokens> {
        let app = self.0;
        let Found { session, successor, .. } = found;
        let id = session.user;
        let read = async move |on: &mut Conn| {
            let Some(user) = users::find(on, id).await? else { return Ok(None) };
            let lacks_mfa = lacks_mfa(on, &user).await?;
            Ok::<_, AppError>(Some((user, lacks_mfa)))
        };
        let found = app.core.store.read(read).await?;
        let (user, lacks_mfa) = found.filter(|(user, _)| is_able(user, now)).ok_or(ENDED)?;
        let sealed = Sealed::parse(successor.ok_or(ENDED)?)
            .map_err(AppError::broken("reading a sealed refresh token"))?;
        let bytes = app
            .core
            .keyring
            .open(successor_place(&session.id.to_string()), &sealed)
            .map_err(AppError::broken("opening a sealed refresh token"))?;
        let text = String::from_utf8(bytes.to_vec()).map_err(AppError::broken("reading a refresh token"))?;
        let tokens = self.tokens(session.id, &user, Zeroizing::new(text), session.expires_at)?;
        Ok(Tokens { lacks_mfa, ..tokens })
    }
}

/// Where the next refresh token is sealed for, while the one before may still be repeated.
const fn successor_place(row: &str) -> Place<'_> {
    Place { table: "sessions", column: "successor", row }
}
