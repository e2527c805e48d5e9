//! The one door behind a first factor, whatever that was: a session, or a question for the second factor.
//!
//! Invariant: no session begins for an account with a second factor but with a proof of it, used up in the same
//! transaction.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::second_factor::{self, Proven, lacks_mfa, passkeys_off};
use crate::app::sessions::{Sessions, Tokens, is_able};
use crate::directory::passkey::{Asked, RelyingParty};
use crate::domain::id::{ChallengeId, SessionId, UserId};
use crate::domain::mfa::{
    CHALLENGE_FOR, CHALLENGE_TRIES, CHALLENGES_PER_USER, Challenge, ChallengeKind, Method,
};
use crate::domain::session::{IDLE_FOR, LIVE_PER_USER, Session};
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::secrets::token::{ChallengeToken, RefreshToken};
use crate::store::backend::{Conn, Tx};
use crate::store::{audit, challenges, mfa, passkeys, sessions, settings, users};

/// What a sign-in comes to when its first factor was right.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// A session.
    Session(Tokens),
    /// A question that has to be answered first.
    SecondFactor(Question),
}

/// A question that was asked. Its token is in no other place.
#[derive(Debug, Clone)]
pub struct Question {
    /// What the asker gives back with the answer.
    pub token: Zeroizing<String>,
    /// Until when it may be answered.
    pub expires_at: Timestamp,
    /// By what it may be answered.
    pub methods: Vec<Method>,
    /// For `navigator.credentials.get`, where a passkey may answer.
    pub passkey_options: Option<Value>,
}

/// A second factor that was proved, with the question it answers.
pub(super) struct Answered {
    pub(super) question: Challenge,
    pub(super) proven: Proven,
}

impl Answered {
    /// Uses both up; false where one was used before.
    async fn spend(&self, tx: &mut Tx, user: UserId, now: Timestamp) -> Result<bool> {
        let is_first = match self.question.user {
            Some(_) => challenges::spend(tx, self.question.id).await?,
            // Its asker held all of it, so what is kept is that it was answered.
            None => challenges::note_answered(tx, &self.question).await?,
        };
        Ok(is_first && second_factor::spend(tx, user, &self.proven, now).await?)
    }
}

/// Longest user agent that is kept.
const USER_AGENT_CHARS: usize = 200;

/// The one answer to every second factor that fails: it says nothing about which part was wrong.
pub(super) const WRONG_ANSWER: AppError = AppError::Unauthenticated {
    why: "the second factor is wrong or was used before, or the challenge is over; try again, or sign in anew",
};

impl Sessions<'_> {
    /// Lets in whoever has proved a first factor of this account, as it was judged, at that time; nobody where the account
    /// has changed since.
    pub(in crate::app) async fn begin(
        &self,
        ctx: &Ctx,
        (judged, proved_at): (&User, Timestamp),
        user_agent: &str,
    ) -> Result<Option<SignIn>> {
        if judged.has_mfa {
            return Ok(self.ask(ctx, judged).await?.map(SignIn::SecondFactor));
        }
        let proven = (judged.id, judged.epoch, proved_at);
        let tokens = self.open(ctx, proven, user_agent, None).await?;
        Ok(tokens.map(SignIn::Session))
    }

    /// Begins a session, unless the account is no longer as it was when its proof was looked at: that takes long enough
    /// for it to be disabled or to get another password, both of which raise the epoch, or a second factor. The hash is
    /// not compared, because another sign-in may have made a stronger one of the same password.
    pub(super) async fn open(
        &self,
        ctx: &Ctx,
        (user, epoch, proved_at): (UserId, i64, Timestamp),
        user_agent: &str,
        answered: Option<Answered>,
    ) -> Result<Option<Tokens>> {
        let app = self.0;
        let now = app.now();
        let refresh = RefreshToken::generate().map_err(AppError::broken("making a refresh token"))?;
        let digest = *refresh.digest().as_bytes();
        let session = Session { proved_at, ..new_session(app, user, user_agent, now) };
        let (id, expires_at) = (session.id, session.expires_at);
        let mut event = app.event(ctx, "session_create", ("user", user.to_string()));
        event.actor = Some(user);
        "user".clone_into(&mut event.actor_kind);
        if let Some(answered) = &answered {
            event = event.made(json!({ "second_factor": answered.proven.method() }));
        }
        let begun = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let found = users::find(tx, user).await?;
                let Some(user) = found.filter(|user| is_able(user, now) && user.epoch == epoch) else {
                    return Ok::<_, AppError>(None);
                };
                match &answered {
                    Some(answered) if !answered.spend(tx, user.id, now).await? => return Err(WRONG_ANSWER),
                    None if user.has_mfa => return Ok(None),
                    Some(_) | None => {}
                }
                sessions::insert(tx, &session, &digest).await?;
                let ended = sessions::revoke_all_but_latest(tx, user.id, LIVE_PER_USER, now).await?;
                audit::insert(tx, &event).await?;
                let lacks_mfa = lacks_mfa(tx, &user).await?;
                Ok(Some((user, lacks_mfa, ended)))
            })
            .await?;
        let Some((user, lacks_mfa, ended)) = begun else { return Ok(None) };
        for session in ended {
            app.core.authorities.forget(&session.id);
        }
        Ok(Some(Tokens { lacks_mfa, ..self.tokens(id, &user, refresh.reveal(), expires_at)? }))
    }

    /// Asks for the second factor.
    async fn ask(&self, ctx: &Ctx, judged: &User) -> Result<Option<Question>> {
        let app = self.0;
        let now = app.now();
        let (methods, passkey) = self.answers(judged.id).await?;
        let (passkey_options, state) = passkey.unzip();
        let (token, digest) = new_token()?;
        let (user, epoch) = (judged.id, judged.epoch);
        let asked = Challenge {
            id: ChallengeId::new(app.core.clock.new_id()),
            kind: ChallengeKind::SignIn,
            user: Some(user),
            epoch,
            session: None,
            state,
            expires_at: now + CHALLENGE_FOR,
            created_at: now,
        };
        let expires_at = asked.expires_at;
        let event = app.event(ctx, "session_challenge", ("user", user.to_string()));
        let is_asked = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let found = users::find(tx, user).await?;
                if found.is_none_or(|user| !is_able(&user, now) || user.epoch != epoch) {
                    return Ok::<_, AppError>(false);
                }
                challenges::insert(tx, &asked, &digest, CHALLENGE_TRIES, CHALLENGES_PER_USER).await?;
                audit::insert(tx, &event).await?;
                Ok(true)
            })
            .await?;
        Ok(is_asked.then_some(Question { token, expires_at, methods, passkey_options }))
    }

    /// By what a user may answer, and what is asked of a passkey where that is among it.
    async fn answers(&self, user: UserId) -> Result<(Vec<Method>, Option<(Value, String)>)> {
        let read = async move |on: &mut Conn| {
            let factors = mfa::factors(on, user).await?;
            let keys = passkeys::of_user(on, user).await?;
            Ok::<_, AppError>((factors, keys, settings::service(on).await?.value))
        };
        let (factors, keys, settings) = self.0.core.store.read(read).await?;
        let known: Vec<String> = keys.into_iter().map(|key| key.credential).collect();
        let url = settings.panel_url.as_ref();
        let passkey = match url.filter(|_| passkeys_off(&settings).is_none() && !known.is_empty()) {
            Some(url) => {
                let party = RelyingParty::at(url).map_err(AppError::broken("preparing for passkeys"))?;
                let asked = party.begin_proof(&known).map_err(AppError::broken("asking for a passkey"))?;
                Some((asked.options, asked.state))
            }
            None => None,
        };
        let possible = [
            (Method::Totp, factors.totp_since.is_some()),
            (Method::Passkey, passkey.is_some()),
            (Method::RecoveryCode, factors.recovery_codes_left > 0),
        ];
        let methods = possible.into_iter().filter(|(_, is_there)| *is_there).map(|(method, _)| method);
        Ok((methods.collect(), passkey))
    }
}

impl App {
    /// Puts a question for a passkey to the browser of a session. It takes one answer, as browsers make no mistakes.
    pub(in crate::app) async fn ask_browser(
        &self,
        kind: ChallengeKind,
        (user, session): (&User, SessionId),
        passkey: Asked,
        methods: Vec<Method>,
    ) -> Result<Question> {
        let now = self.now();
        let (token, digest) = new_token()?;
        let asked = Challenge {
            id: ChallengeId::new(self.core.clock.new_id()),
            kind,
            user: Some(user.id),
            epoch: user.epoch,
            session: Some(session),
            state: Some(passkey.state),
            expires_at: now + CHALLENGE_FOR,
            created_at: now,
        };
        let expires_at = asked.expires_at;
        self.core
            .store
            .write(async move |tx: &mut Tx| {
                Ok::<_, AppError>(challenges::insert(tx, &asked, &digest, 1, CHALLENGES_PER_USER).await?)
            })
            .await?;
        Ok(Question { token, expires_at, methods, passkey_options: Some(passkey.options) })
    }
}

/// A text for a question, and what the database keeps of it.
fn new_token() -> Result<(Zeroizing<String>, [u8; 32])> {
    let token = ChallengeToken::generate().map_err(AppError::broken("making a challenge"))?;
    Ok((token.reveal(), *token.digest().as_bytes()))
}

fn new_session(app: &App, user: UserId, user_agent: &str, now: Timestamp) -> Session {
    Session {
        id: SessionId::new(app.core.clock.new_id()),
        user,
        user_agent: user_agent.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS).collect(),
        created_at: now,
        last_used_at: now,
        expires_at: now + IDLE_FOR,
        revoked_at: None,
        proved_at: now,
    }
}
