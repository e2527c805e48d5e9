//! Fresh proofs: who is signed in shows again to be there, for acts that ask for it.
//!
//! Invariants: an account with a second factor proves that, any other its password; a proof is of one session; what can
//! be guessed is limited as at a sign-in.

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::guessing::Wrong;
use crate::app::login_limit::Account;
use crate::app::me::require_session;
use crate::app::second_factor::{self, Proven};
use crate::app::sessions::Question;
use crate::directory::passkey::Shown;
use crate::domain::access::Action;
use crate::domain::id::{ChallengeId, SessionId, UserId};
use crate::domain::mfa::{Challenge, ChallengeKind, Method};
use crate::secrets::token::ChallengeToken;
use crate::store::backend::{Conn, Tx};
use crate::store::{audit, challenges, passkeys, sessions, users};

/// The use cases of fresh proofs.
#[derive(Debug, Clone, Copy)]
pub struct StepUp<'a>(pub(in crate::app) &'a App);

impl StepUp<'_> {
    /// Proves by a code of the second factor, or by the password where there is no second factor.
    pub async fn prove(&self, ctx: &Ctx, proof: &str) -> Result<()> {
        let id = ctx.user(Action::MeStepUp)?;
        let session = session(ctx)?;
        let app = self.0;
        let account = app
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(users::get_credentials(on, id).await?))
            .await?;
        if account.user.has_mfa {
            self.limited(ctx, id).await?;
            let proven = app.judge_code(id, proof).await?;
            return self.finish(ctx, (id, session), Action::MeStepUp, proven, None, "/proof").await;
        }
        let Some(hash) = account.password_hash else {
            return Err(AppError::conflict(
                "no_password",
                "this account has neither a password nor a second factor here: sign out and in again, which is a fresh proof; where \
                 your identity provider does not say when you signed in there, ask an operator for a link that sets a password",
            ));
        };
        if !app.me().is_own_password(ctx, Action::MeStepUp, id, proof, &hash).await? {
            return Err(AppError::invalid("/proof", "is not your password"));
        }
        self.write(ctx, (id, session), Action::MeStepUp, None, None).await.map(drop)
    }

    /// Asks for one of the user's passkeys.
    pub async fn begin_passkey(&self, ctx: &Ctx) -> Result<Question> {
        let user = ctx.user(Action::MeStepUpPasskeyBegin)?;
        let session = session(ctx)?;
        let app = self.0;
        let party = app.relying_party().await?;
        let read = async move |on: &mut Conn| {
            Ok::<_, AppError>((users::get(on, user).await?, passkeys::of_user(on, user).await?))
        };
        let (user, keys) = app.core.store.read(read).await?;
        let known: Vec<String> = keys.into_iter().map(|key| key.credential).collect();
        if known.is_empty() {
            return Err(AppError::conflict("no_passkey", "you have no passkey; prove it by a code instead"));
        }
        let passkey = party.begin_proof(&known).map_err(AppError::broken("asking for a passkey"))?;
        app.ask_browser(ChallengeKind::StepUp, (&user, session), passkey, vec![Method::Passkey]).await
    }

    /// Proves by a passkey's answer.
    pub async fn passkey(&self, ctx: &Ctx, token: &str, shown: Shown) -> Result<()> {
        const ACTION: Action = Action::MeStepUpPasskey;
        let id = ctx.user(ACTION)?;
        let session = session(ctx)?;
        let asked = self.0.own_question(ChallengeKind::StepUp, (id, session), token).await?;
        self.limited(ctx, id).await?;
        self.0.take_question(asked.id).await?;
        let judged = self.0.judge_passkey(ctx, &asked, shown).await?;
        let proven = judged.map(|(_, proven)| proven);
        self.finish(ctx, (id, session), ACTION, proven, Some(asked.id), "/credential").await
    }

    async fn limited(&self, ctx: &Ctx, id: UserId) -> Result<()> {
        let now = self.0.now();
        let checked = self.0.core.login_limit.check(ctx.address, Account::SecondFactor(id), now);
        self.0.admit(ctx, checked).await
    }

    async fn finish(
        &self,
        ctx: &Ctx,
        who: (UserId, SessionId),
        action: Action,
        proven: Option<Proven>,
        question: Option<ChallengeId>,
        pointer: &str,
    ) -> Result<()> {
        let (app, account) = (self.0, Account::SecondFactor(who.0));
        let is_right = match proven {
            Some(proven) => self.write(ctx, who, action, Some(proven), question).await?,
            None => false,
        };
        let now = app.now();
        if is_right {
            app.core.login_limit.record_success(ctx.address, account, now);
            return Ok(());
        }
        let (tried, user) = (Some(account), Some(who.0));
        app.wrong_password(ctx, Wrong { action: action.as_str(), tried, password: None, user }).await?;
        Err(AppError::invalid(pointer, "is wrong, or was used before"))
    }

    async fn write(
        &self,
        ctx: &Ctx,
        (user, session): (UserId, SessionId),
        action: Action,
        proven: Option<Proven>,
        question: Option<ChallengeId>,
    ) -> Result<bool> {
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, action.as_str(), ("session", session.to_string()));
        let actor = ctx.actor;
        let is_right = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                require_session(tx, &actor, now).await?;
                if let Some(proven) = &proven
                    && !second_factor::spend(tx, user, proven, now).await?
                {
                    return Ok::<_, AppError>(false);
                }
                if let Some(question) = question {
                    challenges::spend(tx, question).await?;
                }
                sessions::prove(tx, session, now).await?;
                audit::insert(tx, &event).await?;
                Ok(true)
            })
            .await?;
        app.core.authorities.forget(&session);
        Ok(is_right)
    }
}

impl App {
    /// The question that this session asked, while it may be answered.
    pub(in crate::app) async fn own_question(
        &self,
        kind: ChallengeKind,
        (user, session): (UserId, SessionId),
        token: &str,
    ) -> Result<Challenge> {
        let token = ChallengeToken::parse(token).map_err(|_| over())?;
        let (digest, now) = (*token.digest().as_bytes(), self.now());
        let read = async move |on: &mut Conn| challenges::find(on, &digest, now).await;
        let found = self.core.store.read(read).await?.ok_or_else(over)?;
        let is_own = found.kind == kind && found.user == Some(user) && found.session == Some(session);
        if is_own { Ok(found) } else { Err(over()) }
    }

    /// Takes the one try of a question.
    pub(in crate::app) async fn take_question(&self, id: ChallengeId) -> Result<()> {
        let now = self.now();
        let take = async move |tx: &mut Tx| Ok::<_, AppError>(challenges::take_try(tx, id, now).await?);
        if self.core.store.write(take).await? { Ok(()) } else { Err(over()) }
    }
}

/// The session that asks. The table lets nobody else come this far.
pub(in crate::app) fn session(ctx: &Ctx) -> Result<SessionId> {
    ctx.actor.session().ok_or(AppError::Unauthenticated { why: "sign in first" })
}

fn over() -> AppError {
    AppError::conflict(
        "challenge_over",
        "the challenge is not one of this session, was answered, or is over after five minutes: begin anew",
    )
}
