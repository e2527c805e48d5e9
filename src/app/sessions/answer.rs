//! Answers to the questions of a sign-in: a code, a recovery code, or a passkey, also without a login before it.
//!
//! Invariants: an answer is limited by address and account before it is judged, takes one of the question's tries, and
//! every wrong one is told alike.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::guessing::Wrong;
use crate::app::login_limit::Account;
use crate::app::second_factor::Proven;
use crate::app::sessions::begin::{Answered, Question, WRONG_ANSWER};
use crate::app::sessions::{Sessions, Tokens};
use crate::directory::passkey::Shown;
use crate::domain::id::{ChallengeId, UserId};
use crate::domain::mfa::{CHALLENGE_FOR, Challenge, ChallengeKind, Method};
use crate::domain::time::Timestamp;
use crate::secrets::seal::{Place, Sealed};
use crate::secrets::token::ChallengeToken;
use crate::store::backend::{Conn, Tx};
use crate::store::{challenges, users};

/// A question of nobody yet, as its asker carries it, sealed: nobody else can read or change it.
#[derive(Serialize, Deserialize)]
struct Carried {
    id: ChallengeId,
    state: String,
    expires_at: Timestamp,
}

/// Tells a question that is carried from one that is kept.
const CARRIED_PREFIX: &str = "cvk_";
/// What a carried question is sealed for. It is of no row.
const CARRIED_PLACE: Place<'static> = Place { table: "challenges", column: "state", row: "" };

impl Sessions<'_> {
    /// Finishes a sign-in by a code of an app, or a recovery code.
    pub async fn second_factor(
        &self,
        ctx: &Ctx,
        token: &str,
        code: &str,
        user_agent: &str,
    ) -> Result<Tokens> {
        let asked = self.asked(token).await?;
        let (ChallengeKind::SignIn, Some(user)) = (asked.kind, asked.user) else { return Err(WRONG_ANSWER) };
        self.try_once(ctx, &asked).await?;
        let proven = self.0.judge_code(user, code).await?;
        let found = proven.map(|proven| (user, asked.epoch, proven));
        self.finish(ctx, "session_second_factor", &asked, found, user_agent).await
    }

    /// Asks for any passkey of this service: whoever has one signs in without a login and a password.
    pub async fn begin_passkey(&self, ctx: &Ctx) -> Result<Question> {
        let app = self.0;
        let now = app.now();
        // Everybody may ask, so the asker carries the question, sealed, and no row is made of it.
        app.admit(ctx, app.core.login_limit.check_address(ctx.address, now)).await?;
        let party = app.relying_party().await?;
        let passkey = party.begin_sign_in().map_err(AppError::broken("asking for a passkey"))?;
        let carried = Carried {
            id: ChallengeId::new(app.core.clock.new_id()),
            state: passkey.state,
            expires_at: now + CHALLENGE_FOR,
        };
        let expires_at = carried.expires_at;
        let text = serde_json::to_vec(&carried).map_err(AppError::broken("writing a challenge"))?;
        let mut token = Zeroizing::new(CARRIED_PREFIX.to_owned());
        URL_SAFE_NO_PAD.encode_string(app.seal(CARRIED_PLACE, &text)?, &mut token);
        let passkey_options = Some(passkey.options);
        Ok(Question { token, expires_at, methods: vec![Method::Passkey], passkey_options })
    }

    /// Signs in by a passkey: as the second factor where a password was right before, else as both.
    pub async fn passkey(&self, ctx: &Ctx, token: &str, shown: Shown, user_agent: &str) -> Result<Tokens> {
        let asked = self.asked(token).await?;
        if !matches!(asked.kind, ChallengeKind::SignIn | ChallengeKind::Passkey) {
            return Err(WRONG_ANSWER);
        }
        self.try_once(ctx, &asked).await?;
        let found = match self.0.judge_passkey(ctx, &asked, shown).await? {
            Some((user, proven)) if asked.user.is_some() => Some((user, asked.epoch, proven)),
            Some((user, proven)) => {
                let read = async move |on: &mut Conn| users::find(on, user).await;
                let now = self.0.core.store.read(read).await?;
                now.map(|now| (user, now.epoch, proven))
            }
            None => None,
        };
        self.finish(ctx, "session_passkey", &asked, found, user_agent).await
    }

    /// The question of a text, while it may be answered.
    async fn asked(&self, token: &str) -> Result<Challenge> {
        if let Some(sealed) = token.strip_prefix(CARRIED_PREFIX) {
            let carried = self.carried(sealed).ok_or(WRONG_ANSWER)?;
            // An answer that is shown again is no sign of a copied passkey, so it is not judged at all.
            let id = carried.id;
            let read = async move |on: &mut Conn| challenges::was_answered(on, id).await;
            let is_spent = self.0.core.store.read(read).await?;
            return if is_spent { Err(WRONG_ANSWER) } else { Ok(carried) };
        }
        let token = ChallengeToken::parse(token).map_err(|_| WRONG_ANSWER)?;
        let (digest, now) = (*token.digest().as_bytes(), self.0.now());
        let read = async move |on: &mut Conn| challenges::find(on, &digest, now).await;
        self.0.core.store.read(read).await?.ok_or(WRONG_ANSWER)
    }

    /// The question that its asker carries.
    fn carried(&self, sealed: &str) -> Option<Challenge> {
        let now = self.0.now();
        let sealed = Sealed::parse(URL_SAFE_NO_PAD.decode(sealed).ok()?).ok()?;
        let text = self.0.core.keyring.open(CARRIED_PLACE, &sealed).ok()?;
        let Carried { id, state, expires_at } = serde_json::from_slice(&text).ok()?;
        (now < expires_at).then_some(Challenge {
            id,
            kind: ChallengeKind::Passkey,
            user: None,
            epoch: 0,
            session: None,
            state: Some(state),
            expires_at,
            created_at: now,
        })
    }

    /// Takes one try, of the limits and of the question where it counts them.
    async fn try_once(&self, ctx: &Ctx, asked: &Challenge) -> Result<()> {
        let (limit, now, id) = (&self.0.core.login_limit, self.0.now(), asked.id);
        let Some(user) = asked.user else {
            return self.0.admit(ctx, limit.check_address(ctx.address, now)).await;
        };
        self.0.admit(ctx, limit.check(ctx.address, Account::SecondFactor(user), now)).await?;
        let take = async move |tx: &mut Tx| Ok::<_, AppError>(challenges::take_try(tx, id, now).await?);
        if self.0.core.store.write(take).await? { Ok(()) } else { Err(WRONG_ANSWER) }
    }

    async fn finish(
        &self,
        ctx: &Ctx,
        action: &'static str,
        asked: &Challenge,
        found: Option<(UserId, i64, Proven)>,
        user_agent: &str,
    ) -> Result<Tokens> {
        let (app, question) = (self.0, asked.clone());
        let user = asked.user.or(found.as_ref().map(|(user, ..)| *user));
        let opened = match found {
            Some((user, epoch, proven)) => {
                let answered = Some(Answered { question, proven });
                self.open(ctx, (user, epoch, app.now()), user_agent, answered).await
            }
            None => Ok(None),
        };
        let (limit, now) = (&app.core.login_limit, app.now());
        match opened {
            Ok(Some(tokens)) => {
                match asked.user {
                    Some(user) => limit.record_success(ctx.address, Account::SecondFactor(user), now),
                    None => limit.refund_address(ctx.address, now),
                }
                Ok(tokens)
            }
            Ok(None) | Err(AppError::Unauthenticated { .. }) => {
                let tried = asked.user.map(Account::SecondFactor);
                app.wrong_password(ctx, Wrong { action, tried, password: None, user }).await?;
                Err(WRONG_ANSWER)
            }
            Err(error) => Err(error),
        }
    }
}
