//! `[vault]`: how HashiCorp Vault is asked for the secrets that `vault:PATH#FIELD` names.

use std::path::PathBuf;

use crate::config::setting::{PlainText, WebAddress};
use crate::domain::secret_reference::SecretReference;

section! {
    /// How HashiCorp Vault is asked for secrets.
    pub struct Vault("vault") {
        /// Where it is, as `https://vault.internal:8200`. A private address is fine: it is written here by the operator.
        pub address: Option<WebAddress> = None;
        /// The namespace, for Vault Enterprise and HCP.
        pub namespace: Option<PlainText> = None;
        /// The place of the token: `env:NAME`, `file:/path` or `credential:name`. Or give a role.
        pub token: Option<SecretReference> = None;
        /// The role's id, for a login by AppRole.
        pub role_id: Option<PlainText> = None;
        /// The place of the role's secret id: `env:NAME`, `file:/path` or `credential:name`.
        pub secret_id: Option<SecretReference> = None;
        /// Where the AppRole method is mounted.
        pub approle_mount: PlainText = PlainText::of("approle");
        /// A PEM file with the authority that signed Vault's certificate, where that is a private one.
        pub ca_file: Option<PathBuf> = None;
    }
}
