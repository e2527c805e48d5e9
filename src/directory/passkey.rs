//! The ceremonies of passkeys (WebAuthn level 2): what a browser is asked, and whether its answer is right.
//!
//! The user has to be verified by the authenticator in every ceremony, by a PIN, a finger or a face, so that a passkey
//! is two factors by itself. Nothing is asked about who made the authenticator.
//!
//! Invariants: no database, no clock. State goes out as text and comes back as the same text, from a place that no
//! client can write to; the caller sees to it that each state is used once and in time.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use crate::domain::id::UserId;
use crate::domain::panel_url::PanelUrl;

/// This service, as authenticators know it: a domain and the origin of its pages.
pub struct RelyingParty(Webauthn);

/// A JSON object that a browser made.
pub type Shown = Map<String, Value>;

/// What a browser is asked, and what its answer is compared with.
pub struct Asked {
    /// For `navigator.credentials`.
    pub options: Value,
    /// To be kept until the answer comes.
    pub state: String,
}

/// A passkey that a browser made.
pub struct Made {
    /// By what its authenticator knows it.
    pub credential_id: Vec<u8>,
    /// The public key and its properties.
    pub credential: String,
}

/// A passkey that was used.
#[derive(Clone)]
pub struct Used {
    /// By what its authenticator knows it.
    pub credential_id: Vec<u8>,
    /// The public key and its properties, as they are now.
    pub credential: String,
    /// How often it has signed; 0 where its authenticator does not count.
    pub counter: u32,
}

/// Why a ceremony did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyError {
    /// Passkeys cannot be bound to this origin.
    #[error("passkeys need a domain, and {origin} has none")]
    NoDomain {
        /// The origin.
        origin: String,
    },
    /// What came is not what a browser makes.
    #[error("this is not what a browser's navigator.credentials gives")]
    Malformed(#[source] serde_json::Error),
    /// The answer is wrong.
    #[error("the passkey's answer is not right")]
    Wrong(#[source] WebauthnError),
    /// The authenticator has counted back: there may be two of it.
    #[error("the passkey has counted back, so there may be a copy of it")]
    Copied,
    /// What was kept cannot be read.
    #[error("what was kept of a passkey cannot be read")]
    Kept(#[source] serde_json::Error),
}

impl PasskeyError {
    /// Whether the caller's answer is to blame, rather than what we kept.
    pub const fn is_wrong_answer(&self) -> bool {
        matches!(self, Self::Malformed(_) | Self::Wrong(_) | Self::Copied)
    }
}

impl RelyingParty {
    /// The service at this origin.
    ///
    /// # Errors
    /// [`PasskeyError::NoDomain`] where its host is an address.
    pub fn at(origin: &PanelUrl) -> Result<Self, PasskeyError> {
        let no_domain = || PasskeyError::NoDomain { origin: origin.to_string() };
        let domain = origin.domain().ok_or_else(no_domain)?;
        let url = Url::parse(origin.as_str()).map_err(|_| no_domain())?;
        let builder = WebauthnBuilder::new(domain, &url).map_err(|_| no_domain())?;
        builder.rp_name(NAME).build().map(Self).map_err(|_| no_domain())
    }

    /// Asks a browser for a new passkey of a user, by any authenticator that holds none of those that are known.
    ///
    /// # Errors
    /// [`PasskeyError`], where what is known cannot be read.
    pub fn begin_registration(
        &self,
        user: UserId,
        login: &str,
        display_name: &str,
        known: &[String],
    ) -> Result<Asked, PasskeyError> {
        let known = read_all(known)?.iter().map(|key: &Passkey| key.cred_id().clone()).collect();
        let (options, state) = self
            .0
            .start_passkey_registration(user.as_uuid(), login, display_name, Some(known))
            .map_err(PasskeyError::Wrong)?;
        // Only a passkey that its authenticator can find by itself signs in without a login. One that cannot still is a
        // second factor, so it is not refused.
        let mut asked = asked(&options, &state)?;
        asked.options["publicKey"]["authenticatorSelection"]["residentKey"] = json!("preferred");
        Ok(asked)
    }

    /// Judges the passkey that a browser made.
    ///
    /// # Errors
    /// [`PasskeyError`].
    pub fn finish_registration(&self, shown: Shown, state: &str) -> Result<Made, PasskeyError> {
        let shown: RegisterPublicKeyCredential = read_shown(shown)?;
        let state: PasskeyRegistration = read(state)?;
        let made = self.0.finish_passkey_registration(&shown, &state).map_err(wrong)?;
        Ok(Made { credential_id: made.cred_id().to_vec(), credential: write(&made)? })
    }

    /// Asks for an answer by one of these passkeys.
    ///
    /// # Errors
    /// [`PasskeyError`], where what is known cannot be read.
    pub fn begin_proof(&self, known: &[String]) -> Result<Asked, PasskeyError> {
        let known: Vec<Passkey> = read_all(known)?;
        let (options, state) = self.0.start_passkey_authentication(&known).map_err(PasskeyError::Wrong)?;
        asked(&options, &state)
    }

    /// Judges an answer to [`RelyingParty::begin_proof`] by the passkey as it is known now.
    ///
    /// # Errors
    /// [`PasskeyError`].
    pub fn finish_proof(&self, shown: Shown, state: &str, known: &str) -> Result<Used, PasskeyError> {
        let shown: PublicKeyCredential = read_shown(shown)?;
        let state: PasskeyAuthentication = read(state)?;
        let mut known: Passkey = read(known)?;
        let result = self.0.finish_passkey_authentication(&shown, &state).map_err(wrong)?;
        used(&mut known, &result)
    }

    /// Asks for an answer by whatever passkey of this service the browser has.
    ///
    /// # Errors
    /// [`PasskeyError`].
    pub fn begin_sign_in(&self) -> Result<Asked, PasskeyError> {
        let (mut options, state) = self.0.start_discoverable_authentication().map_err(PasskeyError::Wrong)?;
        // A page chooses for itself whether it asks at a button's press or while a field is filled.
        options.mediation = None;
        asked(&options, &state)
    }

    /// Judges an answer to [`RelyingParty::begin_sign_in`] by the passkey that it names.
    ///
    /// # Errors
    /// [`PasskeyError`].
    pub fn finish_sign_in(&self, shown: Shown, state: &str, known: &str) -> Result<Used, PasskeyError> {
        let shown: PublicKeyCredential = read_shown(shown)?;
        let state: DiscoverableAuthentication = read(state)?;
        let mut known: Passkey = read(known)?;
        let result = self.0.finish_discoverable_authentication_v2(&shown, state, &known).map_err(wrong)?;
        used(&mut known, &result)
    }
}

impl fmt::Debug for RelyingParty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelyingParty")
    }
}

/// By what the authenticator knows the passkey of an answer, and whose it says it is.
pub fn named_by(shown: &Shown) -> Option<(Vec<u8>, Option<UserId>)> {
    let shown: PublicKeyCredential = read_shown(shown.clone()).ok()?;
    let user = shown.get_user_unique_id().and_then(|bytes| Uuid::from_slice(bytes).ok());
    Some((shown.get_credential_id().to_vec(), user.map(UserId::new)))
}

fn used(
    known: &mut Passkey,
    result: &webauthn_rs::prelude::AuthenticationResult,
) -> Result<Used, PasskeyError> {
    // Nothing where the answer is another passkey's than the one that was looked up.
    known.update_credential(result).ok_or(PasskeyError::Wrong(WebauthnError::CredentialNotFound))?;
    Ok(Used { credential_id: known.cred_id().to_vec(), credential: write(known)?, counter: result.counter() })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the ceremonies have eighty ways to fail and one that is told"
)]
fn wrong(error: WebauthnError) -> PasskeyError {
    match error {
        WebauthnError::CredentialPossibleCompromise => PasskeyError::Copied,
        other => PasskeyError::Wrong(other),
    }
}

fn asked(options: &impl Serialize, state: &impl Serialize) -> Result<Asked, PasskeyError> {
    let options = serde_json::to_value(options).map_err(PasskeyError::Kept)?;
    Ok(Asked { options, state: write(state)? })
}

fn read_shown<T: DeserializeOwned>(shown: Shown) -> Result<T, PasskeyError> {
    serde_json::from_value(Value::Object(shown)).map_err(PasskeyError::Malformed)
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, PasskeyError> {
    serde_json::from_str(text).map_err(PasskeyError::Kept)
}

fn read_all<T: DeserializeOwned>(texts: &[String]) -> Result<Vec<T>, PasskeyError> {
    texts.iter().map(|text| read(text)).collect()
}

fn write(it: &impl Serialize) -> Result<String, PasskeyError> {
    serde_json::to_string(it).map_err(PasskeyError::Kept)
}

/// What authenticators show.
const NAME: &str = "CasperVPN";
