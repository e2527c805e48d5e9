//! Passwords that directories know: asked where no account here has a password of its own.
//!
//! Invariants: an account with a password here is let in by that alone, also while every directory is down; that a directory
//! is down changes no answer to who is not let in.

use tracing::{debug, warn};

use crate::app::ctx::Ctx;
use crate::app::error::Result;
use crate::app::sign_in::SignIn;
use crate::domain::identity_provider::Connection;
use crate::domain::name::Login;
use crate::domain::user::User;
use crate::telemetry::chain::chain;
use crate::telemetry::names;

impl SignIn<'_> {
    /// The account of somebody whose password one of the directories knows; none where none does, as far as they can be
    /// asked. They are asked in the order of their names, and one that is away stops nobody whom another knows.
    ///
    /// A directory that is away is told to the operator, not to the caller. A 503 would say that no account here has a
    /// password of its own for that login, as those get their 401 without any directory; and while it lasts guesses at the
    /// other directories would be free. So the attempt is as wrong as any, and is counted: the price is that people of
    /// the directory read that their password is wrong until it is back, and may have to wait a minute then.
    pub(in crate::app) async fn by_directory(
        &self,
        ctx: &Ctx,
        login: &str,
        password: &str,
    ) -> Result<Option<User>> {
        // What is no login here is nobody's there either: nothing else reaches a directory.
        let Ok(login) = login.parse::<Login>() else { return Ok(None) };
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
                    metrics::counter!(names::DIRECTORY_AWAY.name).increment(1);
                    warn!(provider.id = %provider.id, error = %chain(&error),
                        "directory {} cannot be asked: its people cannot sign in", provider.id);
                }
            }
        }
        Ok(None)
    }
}
