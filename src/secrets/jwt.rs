//! Access tokens: JSON Web Tokens (RFC 7519) signed with HS256, good for ten minutes, for API clients.
//!
//! Invariants: expiry is judged by the time passed in, never by the library's clock. The algorithm is this file's
//! choice and never the token's. What a token grants is checked again against the user's epoch by the caller.

mod keys;

use std::fmt;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use keys::{SigningKey, SigningKeys};

use crate::domain::access::Role;
use crate::domain::id::{SessionId, UserId};
use crate::domain::session;
use crate::domain::time::Timestamp;

/// How long an access token is good.
pub const ACCESS_TTL: Duration = session::ACCESS_FOR;

/// Whom a token speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The user (`sub`).
    pub user: UserId,
    /// The session it was issued in (`sid`).
    pub session: SessionId,
    /// The user's epoch at that time; an older one than the user's now is revoked.
    pub epoch: i64,
    /// The user's role at that time.
    pub role: Role,
}

/// What a verified token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessClaims {
    /// Whom it speaks for.
    pub grant: Grant,
    /// When it was issued, to the second.
    pub issued_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

impl AccessClaims {
    /// Whether the time `now` is within the token's; for claims that were verified before.
    ///
    /// # Errors
    /// [`AccessTokenError::Expired`] or [`AccessTokenError::FromTheFuture`].
    pub fn judge(&self, now: Timestamp) -> Result<(), AccessTokenError> {
        let Self { issued_at, expires_at, .. } = *self;
        if expires_at <= now {
            return Err(AccessTokenError::Expired { at: expires_at });
        }
        if issued_at > now + CLOCK_SKEW {
            return Err(AccessTokenError::FromTheFuture { issued_at });
        }
        Ok(())
    }
}

/// SHA-256 of a token, to know one that was verified before without keeping it.
pub fn fingerprint(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

/// Issues and verifies access tokens of one installation.
pub struct AccessTokens {
    keys: SigningKeys,
    issuer: String,
    validation: Validation,
}

impl AccessTokens {
    /// Tokens named after this installation, so that one of another with the same key is refused.
    pub fn new(keys: SigningKeys, issuer: impl Into<String>) -> Self {
        let mut validation = Validation::new(ALGORITHM);
        // What the library would check with its own clock or word without a type is checked in `claims`.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Self { keys, issuer: issuer.into(), validation }
    }

    /// Issues a token good for [`ACCESS_TTL`] from `now`.
    ///
    /// # Errors
    /// [`IssueError`] when the library could not sign.
    pub fn issue(&self, grant: &Grant, now: Timestamp) -> Result<Zeroizing<String>, IssueError> {
        let header = Header {
            kid: Some(self.keys.current.kid().to_owned()),
            typ: Some(TYPE.to_owned()),
            ..Header::new(ALGORITHM)
        };
        let claims = Claims {
            sub: grant.user,
            sid: grant.session,
            epoch: grant.epoch,
            role: grant.role,
            iat: now.as_seconds(),
            exp: (now + ACCESS_TTL).as_seconds(),
            iss: self.issuer.as_str().into(),
            aud: AUDIENCE.into(),
        };
        let token = jsonwebtoken::encode(&header, &claims, self.keys.current.sign());
        token.map(Zeroizing::new).map_err(|_| IssueError)
    }

    /// Verifies a token by its signature, issuer, audience and the time `now`.
    ///
    /// # Errors
    /// [`AccessTokenError`]; all of them are a 401.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<AccessClaims, AccessTokenError> {
        use AccessTokenError as E;
        if token.len() > LONGEST_TOKEN_BYTES {
            return Err(E::Malformed);
        }
        let header = Self::header(token)?;
        if header.alg != ALGORITHM_NAME {
            return Err(E::Algorithm);
        }
        if header.typ.as_deref() != Some(TYPE) {
            return Err(E::Type);
        }
        let key = header.kid.and_then(|kid| self.keys.find(&kid)).ok_or(E::UnknownKey)?;
        let decoded = jsonwebtoken::decode::<Claims<'static>>(token, key.verify(), &self.validation);
        let claims = decoded.map_err(|err| {
            if matches!(err.kind(), ErrorKind::InvalidSignature) { E::Signature } else { E::Malformed }
        })?;
        self.claims(&claims.claims, now)
    }

    fn claims(&self, claims: &Claims<'_>, now: Timestamp) -> Result<AccessClaims, AccessTokenError> {
        use AccessTokenError as E;
        if claims.iss != self.issuer {
            return Err(E::Issuer);
        }
        if claims.aud != AUDIENCE {
            return Err(E::Audience);
        }
        let grant = Grant { user: claims.sub, session: claims.sid, epoch: claims.epoch, role: claims.role };
        let claims =
            AccessClaims { grant, issued_at: seconds(claims.iat)?, expires_at: seconds(claims.exp)? };
        claims.judge(now)?;
        Ok(claims)
    }

    /// Reads the header with its algorithm as text, because the library knows no `none` to name in an error.
    fn header(token: &str) -> Result<RawHeader, AccessTokenError> {
        let encoded = token.split('.').next().unwrap_or_default();
        let json = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| AccessTokenError::Malformed)?;
        serde_json::from_slice(&json).map_err(|_| AccessTokenError::Malformed)
    }
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessTokens({:?})", self.keys)
    }
}

/// A token that was not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sign an access token")]
pub struct IssueError;

/// A token that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessTokenError {
    /// Not a token of this shape.
    #[error("the access token is malformed")]
    Malformed,
    /// `none`, or any other than HS256.
    #[error("the access token is not signed with HS256")]
    Algorithm,
    /// A token for something else.
    #[error("the token is not an access token")]
    Type,
    /// No `kid`, or one of a key that is gone.
    #[error("the access token is signed with a key that is not in use; sign in again")]
    UnknownKey,
    /// Changed since it was signed.
    #[error("the access token's signature is wrong")]
    Signature,
    /// Of another installation.
    #[error("the access token was issued by another service")]
    Issuer,
    /// For another use.
    #[error("the access token is meant for another service")]
    Audience,
    /// Too old.
    #[error("the access token expired at {at}; refresh it")]
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// Issued by a clock far ahead of this one.
    #[error("the access token was issued at {issued_at}, which is in the future; check the clocks")]
    FromTheFuture {
        /// When it says it was issued.
        issued_at: Timestamp,
    },
}

#[derive(Deserialize)]
struct RawHeader {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Claims<'a> {
    sub: UserId,
    sid: SessionId,
    epoch: i64,
    role: Role,
    iat: i64,
    exp: i64,
    iss: std::borrow::Cow<'a, str>,
    aud: std::borrow::Cow<'a, str>,
}

fn seconds(seconds: i64) -> Result<Timestamp, AccessTokenError> {
    seconds.checked_mul(1000).map(Timestamp::from_millis).ok_or(AccessTokenError::Malformed)
}

const ALGORITHM: Algorithm = Algorithm::HS256;
const ALGORITHM_NAME: &str = "HS256";
/// Media type of access tokens (RFC 9068 §2.1), so that no other token of this key passes as one.
const TYPE: &str = "at+jwt";
const AUDIENCE: &str = "caspervpn-api";
/// A token of ours has about 500 characters.
const LONGEST_TOKEN_BYTES: usize = 4096;
/// What clocks of replicas may differ by; more is a broken clock.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::EncodingKey;
    use proptest::prelude::*;
    use uuid::Uuid;

    #[test]
    fn token_says_what_was_granted() {
        let tokens = tokens();

        let token = tokens.issue(&grant(), NOW).unwrap();

        let claims = tokens.verify(&token, NOW).unwrap();
        assert_eq!(claims.grant, grant());
        assert_eq!((claims.issued_at, claims.expires_at), (NOW, NOW + ACCESS_TTL));
    }

    #[test]
    fn token_ends_after_ten_minutes_of_our_clock() {
        let tokens = tokens();
        let token = tokens.issue(&grant(), NOW).unwrap();

        assert!(tokens.verify(&token, NOW + Duration::from_millis(599_999)).is_ok());
        assert_eq!(
            tokens.verify(&token, NOW + ACCESS_TTL),
            Err(AccessTokenError::Expired { at: NOW + ACCESS_TTL })
        );
    }

    #[test]
    fn token_from_the_future_is_refused() {
        let tokens = tokens();
        let token = tokens.issue(&grant(), NOW + Duration::from_secs(61)).unwrap();

        assert!(matches!(tokens.verify(&token, NOW), Err(AccessTokenError::FromTheFuture { .. })));
    }

    #[test]
    fn token_of_the_previous_key_is_good_until_that_key_is_dropped() {
        let token = tokens().issue(&grant(), NOW).unwrap();
        let rotated = SigningKeys { current: key(2), previous: Some(key(1)) };
        let dropped = SigningKeys { current: key(2), previous: None };

        assert!(AccessTokens::new(rotated, "casper").verify(&token, NOW).is_ok());
        assert_eq!(
            AccessTokens::new(dropped, "casper").verify(&token, NOW),
            Err(AccessTokenError::UnknownKey)
        );
    }

    #[test]
    fn token_without_signature_or_of_another_algorithm_is_refused() {
        let tokens = tokens();
        let token = tokens.issue(&grant(), NOW).unwrap();
        let (_, rest) = token.split_once('.').unwrap();
        let claims = rest.split_once('.').unwrap().0;
        let none =
            URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"none","typ":"at+jwt","kid":"{}"}}"#, key(1).kid()));
        let header = Header {
            kid: Some(key(1).kid().to_owned()),
            typ: Some(TYPE.to_owned()),
            ..Header::new(Algorithm::HS384)
        };
        let other = jsonwebtoken::encode(&header, &(), &EncodingKey::from_secret(&[1; 32])).unwrap();

        assert_eq!(tokens.verify(&format!("{none}.{claims}."), NOW), Err(AccessTokenError::Algorithm));
        assert_eq!(tokens.verify(&format!("{none}.{rest}"), NOW), Err(AccessTokenError::Algorithm));
        assert_eq!(tokens.verify(&other, NOW), Err(AccessTokenError::Algorithm));
    }

    #[test]
    fn token_of_another_use_issuer_or_key_is_refused() {
        let issue = |keys, issuer| AccessTokens::new(keys, issuer).issue(&grant(), NOW).unwrap();
        let plain = Header { kid: Some(key(1).kid().to_owned()), ..Header::new(ALGORITHM) };
        let plain = jsonwebtoken::encode(&plain, &(), &EncodingKey::from_secret(&[1; 32])).unwrap();

        for (token, expected) in [
            (issue(keys(1), "other").as_str(), AccessTokenError::Issuer),
            (issue(keys(9), "casper").as_str(), AccessTokenError::UnknownKey),
            (plain.as_str(), AccessTokenError::Type),
            ("", AccessTokenError::Malformed),
            ("a.b.c", AccessTokenError::Malformed),
            (&"x".repeat(5000), AccessTokenError::Malformed),
        ] {
            assert_eq!(tokens().verify(token, NOW), Err(expected), "{token}");
        }
    }

    #[test]
    fn audience_is_checked() {
        let header = Header {
            kid: Some(key(1).kid().to_owned()),
            typ: Some(TYPE.to_owned()),
            ..Header::new(ALGORITHM)
        };
        let claims = Claims { aud: "elsewhere".into(), ..claims() };
        let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&[1; 32])).unwrap();

        assert_eq!(tokens().verify(&token, NOW), Err(AccessTokenError::Audience));
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", tokens());

        assert_eq!(
            shown,
            format!(
                "AccessTokens(SigningKeys {{ current: SigningKey({}, ***), previous: None }})",
                key(1).kid()
            )
        );
    }

    proptest! {
        #[test]
        fn changed_token_is_refused(at in any::<prop::sample::Index>(), letter in "[A-Za-z0-9_-]") {
            let token = tokens().issue(&grant(), NOW).unwrap();
            let mut changed = token.to_string();
            let at = at.index(changed.len());
            changed.replace_range(at..=at, &letter);
            prop_assume!(changed != *token);

            prop_assert!(tokens().verify(&changed, NOW).is_err());
        }
    }

    fn claims() -> Claims<'static> {
        let Grant { user, session, epoch, role } = grant();
        let iat = NOW.as_seconds();
        Claims {
            sub: user,
            sid: session,
            epoch,
            role,
            iat,
            exp: iat + 600,
            iss: "casper".into(),
            aud: AUDIENCE.into(),
        }
    }

    fn grant() -> Grant {
        let (user, session) = (UserId::new(Uuid::from_u128(1)), SessionId::new(Uuid::from_u128(2)));
        Grant { user, session, epoch: 3, role: Role::Operator }
    }

    fn tokens() -> AccessTokens {
        AccessTokens::new(keys(1), "casper")
    }

    fn keys(fill: u8) -> SigningKeys {
        SigningKeys { current: key(fill), previous: None }
    }

    fn key(fill: u8) -> SigningKey {
        SigningKey::from_secret(Zeroizing::new([fill; 32]))
    }

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
}
