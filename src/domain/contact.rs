//! Where people are reached: their e-mail address.

use std::fmt;
use std::str::FromStr;

use crate::domain::name::{NameError, is_dns_name};
use crate::domain::text::serde_text;

/// An e-mail address, kept in lower case: a dot-atom of RFC 5322 §3.2.3, `@`, and a DNS name of two labels or more.
///
/// Quoted local parts, comments and addresses in brackets are not taken: nobody has one, and each is a way to put
/// something else into a letter's head.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

impl Email {
    /// Longest address (RFC 5321 §4.5.3.1.3, less the angle brackets).
    pub const MAX_CHARS: usize = 254;

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for Email {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim().to_ascii_lowercase();
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > Self::MAX_CHARS {
            return Err(NameError::TooLong { max: Self::MAX_CHARS, found: text.chars().count() });
        }
        let atom = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
        };
        let parts = text.rsplit_once('@');
        let good = parts.is_some_and(|(local, domain)| {
            local.len() <= 64 && local.split('.').all(atom) && domain.contains('.') && is_dns_name(domain)
        });
        if good { Ok(Self(text)) } else { Err(NameError::Email) }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    /// Says nothing: an address is personal, and debug output ends up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(***)")
    }
}

serde_text!(Email);

#[cfg(test)]
mod tests {
    use super::Email;
    use crate::domain::name::NameError;

    #[test]
    fn an_address_holds_nothing_that_a_letters_head_could_be_widened_by() {
        assert_eq!("Ada.L+vpn@Example.ORG ".parse::<Email>().unwrap().as_str(), "ada.l+vpn@example.org");
        for bad in [
            "ada",
            "@example.org",
            "ada@",
            "ada@localhost",
            "ada@example.org\r\nBcc: eve@example.org",
            "a b@example.org",
            "ada@example.org, eve@example.org",
            "<ada@example.org>",
            "\"a\"@example.org",
            "ada@[192.0.2.1]",
            "a..b@example.org",
            "ada@192.0.2.1",
            "\u{e4}da@example.org",
        ] {
            assert_eq!(bad.parse::<Email>(), Err(NameError::Email), "{bad}");
        }
        assert!(matches!(
            format!("{}@example.org", "a".repeat(300)).parse::<Email>(),
            Err(NameError::TooLong { .. })
        ));
        assert_eq!(format!("{:?}", "ada@example.org".parse::<Email>().unwrap()), "Email(***)");
    }
}
