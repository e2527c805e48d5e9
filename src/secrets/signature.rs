//! Signs what is sent to receivers, so that they know who sent it and when.

use aws_lc_rs::hmac;

use crate::domain::time::Timestamp;

/// The value of the header `Caspervpn-Signature`: `t=SECONDS,v1=HEX`, an HMAC-SHA-256 under the secret's text of the seconds,
/// a full stop and the body. The time is signed with it, so that an old request cannot be sent again as a new one.
pub fn sign(secret: &str, at: Timestamp, body: &str) -> String {
    let seconds = at.as_seconds();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(seconds.to_string().as_bytes());
    context.update(b".");
    context.update(body.as_bytes());
    let hex: String = context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::sign;
    use crate::domain::time::Timestamp;

    /// `printf '1767225600.{}' | openssl dgst -sha256 -hmac cvh_secret`
    #[test]
    fn a_signature_is_what_openssl_makes_of_it() {
        let signature = sign("cvh_secret", Timestamp::from_millis(1_767_225_600_999), "{}");

        assert_eq!(signature, format!("t=1767225600,v1={}", OPENSSL));
    }

    const OPENSSL: &str = "7f01cb3e4fbe88efeeb836ef3d092dd21df2200c1d8f3b844f453c08f6d78140";
}
