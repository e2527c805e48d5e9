//! Passwords that directories know: asked where no account here has a password of its own.
//!
//! Invariant: an account with a password here is let in by that alone, also while every directory is down.

use std::time::Duration;

use tracing::{debug, warn};

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::sign_in::SignIn;
use crate::domain::identity_provider::Connection;
use crate::domain::name::Login;
use crate::domain::user::User;
use crate::telemetry::chain::chain;

/// One of the directories may know the password, and cannot be asked.
const AWAY: AppError = AppError::Busy {
    why: "the directory that knows your password does not answer; try again in a while",
    retry_after: Duration::from_secs(10),
};

impl SignIn<'_> {
    /// The account of somebody whose password one of the directories knows; none where none does. They are asked in the
    /// order of their names. One that is away counts only where no other knows the person.
    pub(in crate::app) async fn by_directory(
        &self,
        ctx: &Ctx,
        login: &str,
        password: &str,
    ) -> Result<Option<User>> {
        // What is no login here is nobody's there either: nothing else reaches a directory.
        let Ok(login) = login.parse::<Login>() else { return Ok(None) };
        let mut is_away = false;
        for provider in self.enabled().await? {
            let Connection::Ldap(ldap) = &provider.connection else { continue };
            let Some(asked) = self.0.asked(provider.id).await? else { continue };
            match asked.directory(ldap).prove(&login, password).await {
                Ok(Some(person)) => {
                    return Ok(match self.enter_at_once(ctx, &asked.provider, person).await? {
                        Ok(user) => Some(user),
                        Err(why) => {
                            debug!(provider.id = %provider.id, reason = why.as_str(), "a person of a directory is not let in");
                            None
                        }
                    });
                }
                Ok(None) => {}
                Err(error) => {
                    warn!(provider.id = %provider.id, error = %chain(&error), "directory {} cannot be asked", provider.id);
                    is_away = true;
                }
            }
        }
        if is_away { Err(AWAY) } else { Ok(None) }
    }
}
