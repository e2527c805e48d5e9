//! Random tokens: what a person or a program holds, and the digest the database keeps of it.
//!
//! A token has 32 random bytes, so a plain SHA-256 is enough at rest: there is nothing to guess.
//! Invariant: a token itself is never stored, printed by `Debug`, or compared other than by its digest.

use std::fmt;
use std::marker::PhantomData;

use aws_lc_rs::{constant_time, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::secrets::random::{self, RandomError};

/// What a token is for. The prefix tells a person (and a scanner of leaked secrets) what was found.
pub trait Kind {
    /// What stands before the random part.
    const PREFIX: &'static str;
}

/// The link that makes the first owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup;
/// A link that reveals one device's configuration once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneTime;
/// A link that sets a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reset;
/// A link that makes an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invite;
/// What signs the calls of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Webhook;
/// Renews a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refresh;
/// Stands for a session in a browser's cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookie;
/// A question that a sign-in has to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge;
/// The secret inside a [`JoinToken`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Join;

impl Kind for Setup {
    const PREFIX: &'static str = "cvs_";
}
impl Kind for OneTime {
    const PREFIX: &'static str = "cvo_";
}
impl Kind for Reset {
    const PREFIX: &'static str = "cvw_";
}
impl Kind for Invite {
    const PREFIX: &'static str = "cvi_";
}
impl Kind for Webhook {
    const PREFIX: &'static str = "cvh_";
}
impl Kind for Refresh {
    const PREFIX: &'static str = "cvr_";
}
impl Kind for Cookie {
    const PREFIX: &'static str = "cvb_";
}
impl Kind for Challenge {
    const PREFIX: &'static str = "cvc_";
}
impl Kind for Join {
    const PREFIX: &'static str = "cvj_";
}

/// A random token of one kind.
#[derive(ZeroizeOnDrop)]
pub struct Token<K> {
    bytes: [u8; TOKEN_BYTES],
    #[zeroize(skip)]
    kind: PhantomData<K>,
}

/// The token of the setup link.
pub type SetupToken = Token<Setup>;
/// The token of a one-time link.
pub type OneTimeToken = Token<OneTime>;
/// The token of a link that sets a new password.
pub type ResetToken = Token<Reset>;
/// The token of an invite.
pub type InviteToken = Token<Invite>;
/// What signs the calls of a webhook.
pub type WebhookSecret = Token<Webhook>;
/// A refresh token.
pub type RefreshToken = Token<Refresh>;
/// What a browser's cookie holds.
pub type CookieToken = Token<Cookie>;
/// The token of a question.
pub type ChallengeToken = Token<Challenge>;
/// The secret a joining node shows.
pub type JoinSecret = Token<Join>;

impl<K: Kind> Token<K> {
    /// A new token.
    ///
    /// # Errors
    /// [`RandomError`] when the operating system gives no randomness.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self::from_bytes(*random::bytes()?))
    }

    /// Reads a token somebody shows.
    ///
    /// # Errors
    /// [`MalformedToken`], which does not repeat it.
    pub fn parse(text: &str) -> Result<Self, MalformedToken> {
        let random = text.strip_prefix(K::PREFIX).ok_or(MalformedToken { expected: K::PREFIX })?;
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        let size = URL_SAFE_NO_PAD.decode_slice(random, bytes.as_mut_slice());
        if size != Ok(TOKEN_BYTES) {
            return Err(MalformedToken { expected: K::PREFIX });
        }
        Ok(Self::from_bytes(*bytes))
    }

    /// The text to hand out: prefix and 43 characters of base64url. The only way a token leaves.
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(K::PREFIX.len() + TOKEN_BYTES.div_ceil(3) * 4));
        text.push_str(K::PREFIX);
        URL_SAFE_NO_PAD.encode_string(self.bytes, &mut text);
        text
    }

    /// What the database keeps. The prefix is part of it, so a token of one kind never passes as another.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(K::PREFIX, &self.bytes)
    }

    /// The random part, for what is derived from it.
    pub(in crate::secrets) const fn bytes(&self) -> &[u8; TOKEN_BYTES] {
        &self.bytes
    }

    fn from_bytes(bytes: [u8; TOKEN_BYTES]) -> Self {
        Self { bytes, kind: PhantomData }
    }
}

impl<K: Kind> fmt::Debug for Token<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}***)", K::PREFIX)
    }
}

/// SHA-256 of a token. Comparing takes the same time whatever differs.
#[derive(Clone, Copy)]
pub struct TokenDigest([u8; digest::SHA256_OUTPUT_LEN]);

impl TokenDigest {
    /// The digest of a token's random part, told apart from those of other kinds by its prefix.
    pub(in crate::secrets) fn of(prefix: &str, random: &[u8; TOKEN_BYTES]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(prefix.as_bytes());
        context.update(random);
        let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(context.finish().as_ref());
        Self(bytes)
    }

    /// The digest of a secret of somebody else's making, such as one of the settings.
    pub fn of_secret(secret: &[u8]) -> Self {
        let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, secret).as_ref());
        Self(bytes)
    }

    /// Reads a stored digest.
    ///
    /// # Errors
    /// [`MalformedDigest`] when it is not 32 bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedDigest> {
        bytes.try_into().map(Self).map_err(|_| MalformedDigest { size_bytes: bytes.len() })
    }

    /// The bytes to store, or to look a row up by.
    pub fn as_bytes(&self) -> &[u8; digest::SHA256_OUTPUT_LEN] {
        &self.0
    }
}

impl PartialEq for TokenDigest {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for TokenDigest {}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(***)")
    }
}

/// What a node needs to join: whom to call, whom to trust, and the secret to show.
///
/// Its text is `cvpn1.` and the base64url of a JSON object, so that a person copies one word.
#[derive(Debug)]
pub struct JoinToken {
    /// URL of the controller, `https://host[:port]`.
    pub controller: String,
    /// SHA-256 of the controller's CA or certificate. The node checks it before it says anything.
    pub pin: [u8; 32],
    /// Single use; the controller keeps its digest.
    pub secret: JoinSecret,
}

impl JoinToken {
    /// The text to hand out.
    pub fn reveal(&self) -> Zeroizing<String> {
        let fields = JoinFields {
            url: self.controller.clone(),
            pin: URL_SAFE_NO_PAD.encode(self.pin),
            secret: self.secret.reveal(),
        };
        #[expect(clippy::expect_used, reason = "three strings always make a JSON object")]
        let json = Zeroizing::new(serde_json::to_vec(&fields).expect("three strings"));
        let mut text = Zeroizing::new(String::with_capacity(JOIN_PREFIX.len() + json.len().div_ceil(3) * 4));
        text.push_str(JOIN_PREFIX);
        URL_SAFE_NO_PAD.encode_string(json.as_slice(), &mut text);
        text
    }

    /// Reads a token a person pasted; white space around it is ignored.
    ///
    /// # Errors
    /// [`MalformedJoinToken`], which does not repeat it.
    pub fn parse(text: &str) -> Result<Self, MalformedJoinToken> {
        use MalformedJoinToken as E;
        let text = text.trim_ascii();
        if text.len() > LONGEST_JOIN_TOKEN_BYTES {
            return Err(E::TooLong);
        }
        let encoded = text.strip_prefix(JOIN_PREFIX).ok_or(E::Prefix)?;
        let json = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).map_err(|_| E::Damaged)?);
        let fields: JoinFields = serde_json::from_slice(&json).map_err(|_| E::Damaged)?;
        let pin = URL_SAFE_NO_PAD.decode(&fields.pin).map_err(|_| E::Damaged)?;
        let controller_ok = fields.url.strip_prefix("https://").is_some_and(|host| !host.is_empty())
            && !fields.url.chars().any(|c| c.is_control() || c.is_whitespace());
        if !controller_ok {
            return Err(E::Controller);
        }
        Ok(Self {
            controller: fields.url,
            pin: pin.try_into().map_err(|_| E::Damaged)?,
            secret: JoinSecret::parse(&fields.secret).map_err(|_| E::Damaged)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct JoinFields {
    url: String,
    pin: String,
    #[serde(with = "zeroizing_text")]
    secret: Zeroizing<String>,
}

mod zeroizing_text {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(text: &Zeroizing<String>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
        String::deserialize(from).map(Zeroizing::new)
    }
}

/// Text that is no token of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token: it should be {expected} and 43 letters, digits, - or _")]
pub struct MalformedToken {
    expected: &'static str,
}

/// A stored digest of the wrong size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stored token digest has {size_bytes} bytes instead of 32")]
pub struct MalformedDigest {
    size_bytes: usize,
}

/// Text that is no join token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedJoinToken {
    /// It starts otherwise.
    #[error("a join token starts with {JOIN_PREFIX}; copy all of what `caspervpn node token` printed")]
    Prefix,
    /// Cut or changed.
    #[error("the join token is damaged, perhaps cut while copying; copy it again or make a new one")]
    Damaged,
    /// The controller is no https URL.
    #[error("the join token names no https:// controller; make a new one")]
    Controller,
    /// Longer than any.
    #[error("a join token has at most {LONGEST_JOIN_TOKEN_BYTES} characters")]
    TooLong,
}

const TOKEN_BYTES: usize = 32;
const JOIN_PREFIX: &str = "cvpn1.";
/// A URL of 2048 characters, the longest that works everywhere, with the pin and the secret, in base64.
const LONGEST_JOIN_TOKEN_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn token_reads_back_with_the_same_digest() {
        let token = RefreshToken::generate().unwrap();

        let shown = RefreshToken::parse(&token.reveal()).unwrap();

        assert_eq!(shown.digest(), token.digest());
        assert_eq!(TokenDigest::parse(token.digest().as_bytes()), Ok(token.digest()));
        assert!(token.reveal().starts_with("cvr_"));
        assert_eq!(token.reveal().len(), 47);
    }

    #[test]
    fn token_of_one_kind_is_not_of_another() {
        let refresh = RefreshToken::from_bytes([1; TOKEN_BYTES]);
        let setup = SetupToken::from_bytes([1; TOKEN_BYTES]);

        assert_ne!(refresh.digest(), setup.digest());
        assert!(SetupToken::parse(&refresh.reveal()).is_err());
    }

    #[test]
    fn digest_has_not_drifted() {
        let digest = RefreshToken::from_bytes([1; TOKEN_BYTES]).digest();

        assert_eq!(URL_SAFE_NO_PAD.encode(digest.as_bytes()), GOLDEN_DIGEST);
    }

    #[test]
    fn debug_shows_no_token() {
        let token = RefreshToken::generate().unwrap();

        assert_eq!(format!("{token:?} {:?}", token.digest()), "Token(cvr_***) TokenDigest(***)");
    }

    #[test]
    fn join_token_reads_back() {
        let token = join("https://vpn.example.com:8443");

        let read = JoinToken::parse(&format!(" {}\n", *token.reveal())).unwrap();

        assert_eq!((read.controller.as_str(), read.pin), ("https://vpn.example.com:8443", [7; 32]));
        assert_eq!(read.secret.digest(), token.secret.digest());
        assert!(!format!("{token:?}").contains(token.secret.reveal().as_str()));
    }

    #[test]
    fn bad_join_tokens_say_what_is_wrong() {
        use MalformedJoinToken as E;
        let good = join("https://vpn.example.com").reveal();

        for (text, expected) in [
            ("cvr_abc".to_owned(), E::Prefix),
            (good[..good.len() - 9].to_owned(), E::Damaged),
            ("cvpn1.e30".to_owned(), E::Damaged),
            (join("http://vpn.example.com").reveal().to_string(), E::Controller),
            (join("https://a b").reveal().to_string(), E::Controller),
            ("cvpn1.".repeat(1000), E::TooLong),
        ] {
            assert_eq!(JoinToken::parse(&text).unwrap_err(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsers_never_panic(text in "(cvr_|cvpn1\\.)?.{0,80}") {
            let _ = RefreshToken::parse(&text);
            let _ = JoinToken::parse(&text);
        }
    }

    fn join(controller: &str) -> JoinToken {
        JoinToken { controller: controller.to_owned(), pin: [7; 32], secret: JoinSecret::generate().unwrap() }
    }

    const GOLDEN_DIGEST: &str = "-C2vNUg-tfgn9MXzVnWtQZWh8fG_H_FUNhsmRJY7hC4";
}
