//! Passwords that are set: judged and hashed.

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::app::sessions::work_error;
use crate::domain::name::{DisplayName, Login};
use crate::secrets::password::Password;

impl App {
    /// Hashes a password that is to be set, unless it is one that guessers try first. `own` are the account's names,
    /// `pointer` is the password's place in the request.
    pub(in crate::app) async fn hash_new(
        &self,
        pointer: &str,
        password: &Password,
        own: &[&str],
    ) -> Result<String> {
        if let Some(weakness) = password.weakness(own) {
            return Err(AppError::invalid(pointer, weakness));
        }
        self.hash(password).await
    }

    /// Hashes a password, or says that there is too much of that work now.
    pub(in crate::app) async fn hash(&self, password: &Password) -> Result<String> {
        let hash = self.core.passwords.hash(password).await.map_err(work_error)?;
        Ok(hash.as_str().to_owned())
    }
}

/// What an account goes by, which makes no password.
pub(in crate::app) fn names<'a>(login: &'a Login, display_name: Option<&'a DisplayName>) -> Vec<&'a str> {
    [Some(login.as_str()), display_name.map(DisplayName::as_str)].into_iter().flatten().collect()
}
