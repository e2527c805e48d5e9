//! The proof that a page which holds a session's cookie may also act with it.
//!
//! A browser sends a cookie whoever made the request. The proof is derived from the cookie, which no page can read, so
//! only a page that the server has told it to can send it, and the server keeps nothing for it.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::secrets::token::CookieToken;

const PURPOSE: &[u8] = b"caspervpn csrf 1";

impl CookieToken {
    /// The proof: 43 characters of base64url.
    pub fn csrf_token(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(hmac::sign(&self.key(), PURPOSE)))
    }

    /// Whether a text is the proof. It takes the same time whatever differs.
    pub fn is_proved_by(&self, text: &str) -> bool {
        let tag = URL_SAFE_NO_PAD.decode(text);
        tag.is_ok_and(|tag| hmac::verify(&self.key(), PURPOSE, &tag).is_ok())
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use crate::secrets::token::CookieToken;

    #[test]
    fn a_proof_is_good_for_its_own_cookie_alone() {
        let (one, other) = (CookieToken::generate().unwrap(), CookieToken::generate().unwrap());

        assert!(one.is_proved_by(&one.csrf_token()));
        assert!(!one.is_proved_by(&other.csrf_token()));
        for bad in ["", "x", &one.csrf_token()[..42], &one.reveal()] {
            assert!(!one.is_proved_by(bad), "{bad}");
        }
    }
}
