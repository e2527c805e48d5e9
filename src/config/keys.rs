//! `[keys]`: where the master key is.

use crate::config::setting::{Raw, Setting};
use crate::domain::secret_reference::SecretReference;

section! {
    /// Where the master key is, which seals the private keys in the database.
    pub struct Keys("keys") {
        /// `auto` is the systemd credential `caspervpn.master-key` where it is given, else `master.key` in the data
        /// directory, made at the first start. Or a secret reference: `env:NAME`, `file:/path`,
        /// `credential:name`, `vault:PATH#FIELD`, `aws-sm:NAME#FIELD`.
        pub master: MasterKeyPlace = MasterKeyPlace::Auto;
        /// Keys that open and never seal: those before the master key, until everything is sealed anew, or the next one
        /// while other processes do not have it yet.
        pub previous: Vec<SecretReference> = Vec::new();
    }
}

/// Where the master key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MasterKeyPlace {
    /// The credential [`CREDENTIAL`] where it is given, else [`FILE`] in the data directory.
    Auto,
    /// At this place, and an error when it is not there.
    At(SecretReference),
}

impl Setting for MasterKeyPlace {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw.text("auto, or the place of a secret such as file:/path")? {
            "auto" => Ok(Self::Auto),
            text => SecretReference::parse(text).map(Self::At).map_err(|error| error.to_string()),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Auto => "auto".to_owned(),
            Self::At(place) => place.to_string(),
        }
    }
}

/// The name of the systemd credential that `auto` looks for.
pub const CREDENTIAL: &str = "caspervpn.master-key";

/// The name of the file in the data directory that `auto` falls back to.
pub const FILE: &str = "master.key";
