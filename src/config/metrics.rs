//! `[metrics]`: who may read the figures from elsewhere.

use crate::domain::secret_reference::SecretReference;

section! {
    /// Who may read the figures from elsewhere.
    pub struct Metrics("metrics") {
        /// The place of a token, 16 characters or more, that `/metrics` takes on `listen.api`, `listen.https` and `listen.public`, and
        /// then asks for on `listen.metrics` as well: `Authorization: Bearer TOKEN`. Without it there are no figures there, as they
        /// tell strangers how much a service is used.
        pub token: Option<SecretReference> = None;
    }
}
