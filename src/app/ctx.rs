//! Who asks, from where, under which request: the first argument of every use case.

use std::net::IpAddr;

use crate::app::error::{AppError, Result};
use crate::domain::access::{Action, Actor, Means, NEEDS_FRESH_PROOF, Reach};
use crate::domain::id::{RequestId, UserId};

/// The context of one request or one job.
#[derive(Debug, Clone)]
pub struct Ctx {
    /// Who acts.
    pub actor: Actor,
    /// The request, for the audit.
    pub request: Option<RequestId>,
    /// The address it came from, for limits and the audit.
    pub address: Option<IpAddr>,
    /// The digest of the cookie by which a browser's session asks.
    pub cookie: Option<[u8; 32]>,
    /// The caller's proof that a repeated request is the same one.
    pub idempotency: Option<Idempotency>,
}

/// A caller's `Idempotency-Key` with what it was sent for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// SHA-256 of the key.
    pub key_hash: [u8; 32],
    /// SHA-256 of the request's body, so that a key used for another request is found out.
    pub request_hash: [u8; 32],
}

/// Whose things a use case may touch. Every query of a noun with an owner takes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's.
    All,
    /// One user's.
    Own(UserId),
}

impl Scope {
    /// The owner that queries are narrowed to.
    pub const fn owner(self) -> Option<UserId> {
        match self {
            Self::All => None,
            Self::Own(user) => Some(user),
        }
    }
}

impl Ctx {
    /// The service acting by itself.
    pub const fn system() -> Self {
        Self { actor: Actor::System, request: None, address: None, cookie: None, idempotency: None }
    }

    /// The machine's administrator.
    pub const fn host(request: Option<RequestId>) -> Self {
        Self { actor: Actor::Host, request, address: None, cookie: None, idempotency: None }
    }

    /// How far this actor may go with an action.
    pub fn scope(&self, action: Action) -> Result<Scope> {
        let scope = match (self.actor.reach(action), self.actor.user()) {
            (Reach::All, _) => Scope::All,
            (Reach::Own, Some(user)) => Scope::Own(user),
            (Reach::None | Reach::Own, _) => return Err(self.refuse(action)),
        };
        if NEEDS_FRESH_PROOF.contains(&action) {
            self.require_fresh_proof()?;
        }
        Ok(scope)
    }

    /// Requires that the user has proved within minutes to be there, where a session acts.
    pub fn require_fresh_proof(&self) -> Result<()> {
        if self.actor.is_fresh() {
            return Ok(());
        }
        Err(AppError::Unproven {
            code: "step_up_required",
            why: "this needs a fresh proof that it is you: POST /api/v1/me/step-up with a code of your second factor, \
                  or with your password where you have none, then repeat this within 15 minutes",
        })
    }

    /// Requires that an action reaches everything.
    pub fn require(&self, action: Action) -> Result<()> {
        match self.scope(action)? {
            Scope::All => Ok(()),
            Scope::Own(_) => Err(self.refuse(action)),
        }
    }

    /// The user who acts, for acts on oneself.
    pub fn user(&self, action: Action) -> Result<UserId> {
        match self.actor {
            Actor::Host | Actor::System => Err(AppError::Forbidden {
                action,
                why: "this is about one's own account, and the machine's administrator has none; sign in as a user",
            }),
            Actor::User { id, .. } => self.scope(action).map(|_| id),
            Actor::Anonymous => Err(self.refuse(action)),
        }
    }

    /// Requires that whoever acts has signed in, or is the host: this is not for a program with a token.
    pub fn require_no_token(&self, action: Action, why: &'static str) -> Result<()> {
        if self.actor.api_token().is_none() { Ok(()) } else { Err(AppError::Forbidden { action, why }) }
    }

    fn refuse(&self, action: Action) -> AppError {
        match self.actor {
            Actor::Anonymous => AppError::Unauthenticated { why: "sign in first" },
            Actor::User { .. } if self.actor.lacks_mfa() => AppError::Unproven {
                code: "mfa_enrolment_required",
                why: "your role must have a second factor, and you have none yet: enrol an authenticator app \
                      (POST /api/v1/me/mfa/totp) or a passkey (POST /api/v1/me/passkeys/begin) before anything else",
            },
            Actor::User { by: Means::Token(..), .. } if !action.is_for_tokens() => AppError::Forbidden {
                action,
                why: "no API token may act on tokens, passwords, second factors or sessions; sign in for that",
            },
            Actor::User { by: Means::Token(_, scopes), .. } if !scopes.allow(action) => AppError::Forbidden {
                action,
                why: "this is not among the API token's scopes; make a token that has it",
            },
            Actor::User { .. } | Actor::Host | Actor::System => {
                AppError::Forbidden { action, why: "your role does not allow this; ask an owner or admin" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ctx, Scope};
    use crate::app::error::AppError;
    use crate::domain::access::{Action, Actor, Means, Proof, Role};
    use crate::domain::id::{SessionId, UserId};
    use uuid::Uuid;

    fn member() -> Ctx {
        let id = UserId::new(Uuid::from_u128(7));
        let by = Means::Session(SessionId::new(Uuid::from_u128(8)), Proof::WHOLE);
        Ctx { actor: Actor::User { id, role: Role::Member, by }, ..Ctx::system() }
    }

    #[test]
    fn a_member_reaches_only_what_is_the_members() {
        let scope = member().scope(Action::DeviceList).unwrap();

        assert_eq!(scope, Scope::Own(UserId::new(Uuid::from_u128(7))));
        assert!(matches!(member().require(Action::DeviceList), Err(AppError::Forbidden { .. })));
    }

    #[test]
    fn nobody_is_told_to_sign_in() {
        let nobody = Ctx { actor: Actor::Anonymous, ..Ctx::system() };

        assert!(matches!(nobody.scope(Action::MeGet), Err(AppError::Unauthenticated { .. })));
    }
}
