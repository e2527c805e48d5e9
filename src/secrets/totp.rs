//! Codes of authenticator apps (RFC 6238): SHA-1, six digits, steps of 30 s, which is what every app knows.
//!
//! Invariants: the time is an argument, and a code says of which step it is, so that the caller can see to it that it
//! works once.

use std::fmt;

use totp_rs::{Algorithm, Builder, Secret, Totp, TotpError};
use zeroize::Zeroizing;

use crate::domain::time::Timestamp;
use crate::secrets::random::{self, RandomError};

/// What an app and the service share.
pub struct TotpSecret(Zeroizing<[u8; TotpSecret::BYTES]>);

impl TotpSecret {
    /// As long as what SHA-1 gives, which RFC 4226 §4 recommends.
    pub const BYTES: usize = 20;

    /// A new secret.
    ///
    /// # Errors
    /// [`RandomError`] when the operating system gives no randomness.
    pub fn generate() -> Result<Self, RandomError> {
        random::bytes().map(Self)
    }

    /// Reads a stored secret.
    ///
    /// # Errors
    /// [`MalformedSecret`] when it is not [`TotpSecret::BYTES`] long.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedSecret> {
        let bytes = bytes.try_into().map_err(|_| MalformedSecret { size_bytes: bytes.len() })?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// The bytes, to be sealed.
    pub fn expose_secret(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The text that a person types into an app that reads no picture: base 32 of RFC 4648.
    pub fn to_base32(&self) -> Zeroizing<String> {
        Zeroizing::new(Secret::from(*self.0).to_base32())
    }

    /// The address that an app reads from a QR code. `issuer` and `account` are what it shows.
    ///
    /// # Errors
    /// [`TotpError`] when one of the two holds a colon, which stands between them.
    pub fn to_url(&self, issuer: &str, account: &str) -> Result<Zeroizing<String>, TotpError> {
        let totp = self.builder().with_issuer(Some(issuer)).with_account_name(account).build()?;
        totp.to_url().map(Zeroizing::new)
    }

    /// The step of a code: that of now, the one before or the one after. None where it is of no such step.
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<i64> {
        let seconds = u64::try_from(now.as_seconds()).ok()?;
        i64::try_from(self.totp().check(code, seconds)?).ok()
    }

    fn totp(&self) -> Totp {
        self.builder().build_noncompliant()
    }

    fn builder(&self) -> Builder {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_skew(SKEW_STEPS)
            .with_step_duration(STEP_S)
            .with_secret(*self.0)
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(***)")
    }
}

/// A stored secret of another length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret has {size_bytes} bytes, not {}", TotpSecret::BYTES)]
pub struct MalformedSecret {
    size_bytes: usize,
}

/// Digits of a code.
const DIGITS: u8 = 6;
/// Seconds of a step.
const STEP_S: u64 = 30;
/// Steps before and after this one whose codes are good: telephones' clocks differ, and typing takes time.
const SKEW_STEPS: u16 = 1;

#[cfg(test)]
mod tests {
    use super::TotpSecret;
    use crate::domain::time::Timestamp;

    /// The secret of RFC 6238's appendix B, whose eight-digit codes end in ours.
    fn secret() -> TotpSecret {
        TotpSecret::from_bytes(b"12345678901234567890").unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn the_codes_of_the_rfc_are_those_of_their_steps() {
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037"), (20_000_000_000, "353130")]
        {
            assert_eq!(secret().step_of(code, at(seconds)), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_is_good_a_step_early_and_late_and_no_more() {
        let of = |seconds| secret().step_of("081804", at(seconds));
        let (step, first) = (1_111_111_109 / 30, 1_111_111_109 / 30 * 30);

        assert_eq!(of(first - 31), None);
        assert_eq!(of(first - 30), Some(step));
        assert_eq!(of(first + 59), Some(step));
        assert_eq!(of(first + 60), None);
    }

    #[test]
    fn what_is_no_code_is_of_no_step() {
        for bad in ["", "81804", "0081804", "08180a", "081 804", "٠٨١٨٠٤"] {
            assert_eq!(secret().step_of(bad, at(1_111_111_109)), None, "{bad}");
        }
    }

    #[test]
    fn an_app_is_told_what_it_needs() {
        let url = secret().to_url("CasperVPN", "ada@example.org").unwrap();

        assert!(url.starts_with("otpauth://totp/CasperVPN:ada%40example.org?"), "{}", *url);
        assert!(url.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ") && url.contains("issuer=CasperVPN"));
        assert_eq!(format!("{:?}", secret()), "TotpSecret(***)");
    }
}
