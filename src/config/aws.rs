//! `[aws]`: how AWS Secrets Manager is asked for the secrets that `aws-sm:NAME#FIELD` names.

use crate::config::setting::{PlainText, WebAddress};
use crate::domain::secret_reference::SecretReference;

section! {
    /// How AWS Secrets Manager is asked for secrets.
    pub struct Aws("aws") {
        /// The region; `$AWS_REGION` where it is off.
        pub region: Option<PlainText> = None;
        /// The place of the access key's id; `$AWS_ACCESS_KEY_ID` where it is off.
        pub access_key_id: Option<SecretReference> = None;
        /// The place of the access key itself; `$AWS_SECRET_ACCESS_KEY` where it is off.
        pub secret_access_key: Option<SecretReference> = None;
        /// The place of a temporary key's session token; `$AWS_SESSION_TOKEN` where it is off, if that is set.
        pub session_token: Option<SecretReference> = None;
        /// Where the service is, where that is not the region's public address: a VPC endpoint.
        pub endpoint: Option<WebAddress> = None;
    }
}
