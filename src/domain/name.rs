//! Texts that people give: each type has a bound and cannot hold a bad value.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use crate::domain::text::serde_text;

/// A text that breaks the rule of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty where a text is needed.
    #[error("may not be empty")]
    Empty,
    /// More characters than the type holds.
    #[error("may have at most {max} characters, this has {found}")]
    TooLong {
        /// Characters allowed.
        max: usize,
        /// Characters given.
        found: usize,
    },
    /// A character the type does not hold.
    #[error("may not contain {found:?}; {rule}")]
    Character {
        /// The first character that is not allowed.
        found: char,
        /// What is allowed.
        rule: &'static str,
    },
    /// Not an e-mail address.
    #[error("is not an e-mail address such as ada@example.org")]
    Email,
    /// Not a DNS name and not an address.
    #[error("is not a host: give a DNS name such as vpn.example.org, or an IP address without brackets")]
    Host,
    /// An address that is nobody's: unspecified, multicast or broadcast.
    #[error(
        "is an address that no client can send to; give the name or address by which clients reach the server"
    )]
    Nobodys,
}

/// Checks a free text: trimmed by the caller, no control characters, at most `max` characters.
fn free_text(text: &str, max: usize) -> Result<(), NameError> {
    let found = text.chars().count();
    if found > max {
        return Err(NameError::TooLong { max, found });
    }
    match text.chars().find(|c| c.is_control() || is_invisible(*c)) {
        Some(found) => {
            Err(NameError::Character { found, rule: "control and invisible characters are not allowed" })
        }
        None => Ok(()),
    }
}

/// Characters that show nothing or turn the reading direction, and so could make one name pass for another.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident, may be empty $empty:literal, max $max:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Longest text, in characters.
            pub const MAX_CHARS: usize = $max;

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let text = text.trim();
                if text.is_empty() && !$empty {
                    return Err(NameError::Empty);
                }
                free_text(text, $max)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        serde_text!($name);
    )*};
}

texts! {
    /// How a user is shown, 1 to 100 characters.
    DisplayName, may be empty false, max 100;
    /// What a device is called, 1 to 64 characters, one of its kind for each user.
    DeviceName, may be empty false, max 64;
    /// What a network is called, 1 to 64 characters.
    NetworkName, may be empty false, max 64;
    /// What a node is called, 1 to 64 characters.
    NodeName, may be empty false, max 64;
    /// What an API token is called, 1 to 64 characters.
    ApiTokenName, may be empty false, max 64;
    /// What a passkey is called by its owner.
    PasskeyName, may be empty false, max 64;
    /// What an identity provider is called on its button, 1 to 64 characters.
    ProviderName, may be empty false, max 64;
    /// Who we are to an identity provider, 1 to 255 characters.
    ClientId, may be empty false, max 255;
    /// The claim that lists somebody's groups, 1 to 200 characters.
    ClaimName, may be empty false, max 200;
    /// A group at an identity provider, 1 to 256 characters.
    GroupName, may be empty false, max 256;
    /// A name in a directory, such as `ou=people,dc=example,dc=org`, 1 to 500 characters.
    DirectoryName, may be empty false, max 500;
    /// Where a node stands, in the operator's words, up to 64 characters.
    Location, may be empty true, max 64;
    /// An operator's remark, up to 500 characters.
    Note, may be empty true, max 500;
    /// Words to look for, 1 to 100 characters.
    SearchText, may be empty false, max 100;
}

impl Default for Note {
    /// Nothing to remark.
    fn default() -> Self {
        Self(String::new())
    }
}

/// The folded form in which names are searched: the same on every database.
pub fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// What a user signs in with: 2 to 64 of `a-z 0-9 . _ - @ +`, kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Login(String);

impl Login {
    /// Longest login, in characters.
    pub const MAX_CHARS: usize = 64;

    /// The login in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Login {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        const RULE: &str =
            "a login has 2 to 64 of the letters a-z, digits and . _ - @ +, and starts with a letter or digit";
        let text = text.trim().to_ascii_lowercase();
        let found = text.chars().count();
        if found < 2 {
            return Err(NameError::Empty);
        }
        if found > Self::MAX_CHARS {
            return Err(NameError::TooLong { max: Self::MAX_CHARS, found });
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-@+".contains(c);
        if let Some(found) = text.chars().find(|c| !allowed(*c)) {
            return Err(NameError::Character { found, rule: RULE });
        }
        match text.chars().next() {
            Some(first) if !first.is_ascii_alphanumeric() => {
                Err(NameError::Character { found: first, rule: RULE })
            }
            _ => Ok(Self(text)),
        }
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A DNS name or an IP address, as clients are told to reach a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host(String);

impl Host {
    /// The text, without brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it leads every client to itself. That is no mistake where the clients are on the server, as in a
    /// demonstration.
    pub fn is_this_machine(&self) -> bool {
        let name = self.0.strip_suffix('.').unwrap_or(&self.0);
        match self.0.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => name == "localhost" || name.ends_with(".localhost"),
        }
    }

    /// The text as it stands before `:port`: an IPv6 address in brackets.
    pub fn bracketed(&self) -> String {
        if self.0.contains(':') { format!("[{}]", self.0) } else { self.0.clone() }
    }
}

impl FromStr for Host {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim().to_ascii_lowercase();
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            let plain = address.to_canonical();
            if plain.is_unspecified() || plain.is_multicast() || plain == Ipv4Addr::BROADCAST {
                return Err(NameError::Nobodys);
            }
            return Ok(Self(address.to_string()));
        }
        if is_dns_name(&text) { Ok(Self(text)) } else { Err(NameError::Host) }
    }
}

/// RFC 1123 §2.1: labels of 1 to 63 letters, digits and inner hyphens, 253 characters in all.
pub fn is_dns_name(text: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    // A last label of digits only is a mistyped address, never a name.
    let numeric_end = text.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
    text.len() <= 253 && text.split('.').all(label) && !numeric_end
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_text!(Login, Host);

#[cfg(test)]
mod tests {
    use super::{DeviceName, Host, Login, NameError, Note};

    #[test]
    fn a_login_is_kept_in_lower_case() {
        assert_eq!("Ada.L@Example.org".parse::<Login>().unwrap().as_str(), "ada.l@example.org");
        assert!(matches!("ada l".parse::<Login>(), Err(NameError::Character { found: ' ', .. })));
        assert!(matches!("_ada".parse::<Login>(), Err(NameError::Character { found: '_', .. })));
        assert_eq!("a".parse::<Login>(), Err(NameError::Empty));
    }

    #[test]
    fn a_name_cannot_carry_a_line_break_or_a_direction_mark() {
        assert!(matches!("lap\ntop".parse::<DeviceName>(), Err(NameError::Character { found: '\n', .. })));
        assert!(matches!("lap\u{202e}top".parse::<DeviceName>(), Err(NameError::Character { .. })));
        assert_eq!("x".repeat(65).parse::<DeviceName>(), Err(NameError::TooLong { max: 64, found: 65 }));
        assert_eq!("   ".parse::<DeviceName>(), Err(NameError::Empty));
        assert_eq!("".parse::<Note>().unwrap().as_str(), "");
    }

    #[test]
    fn a_host_is_a_dns_name_or_an_address() {
        assert_eq!("2001:DB8::1".parse::<Host>().unwrap().bracketed(), "[2001:db8::1]");
        assert_eq!("vpn.example.org".parse::<Host>().unwrap().bracketed(), "vpn.example.org");
        for bad in ["vpn.example.org:51820", "http://vpn", "-a.org", "a..b", "1.2.3", "1.2.3.256", "[::1]"] {
            assert_eq!(bad.parse::<Host>(), Err(NameError::Host), "{bad}");
        }
    }

    #[test]
    fn a_host_is_somebodys() {
        for bad in ["0.0.0.0", "::", "255.255.255.255", "224.0.0.1", "ff02::1", "::ffff:0.0.0.0"] {
            assert_eq!(bad.parse::<Host>(), Err(NameError::Nobodys), "{bad}");
        }
        for own in ["127.0.0.1", "::1", "localhost", "::ffff:127.0.0.1"] {
            assert!(own.parse::<Host>().unwrap().is_this_machine(), "{own}");
        }
        assert!(!"192.0.2.1".parse::<Host>().unwrap().is_this_machine());
    }
}
