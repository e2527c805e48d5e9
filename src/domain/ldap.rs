//! How an LDAP directory is asked: where it is, and which entry is the person of a login.
//!
//! Invariant: a filter is whole before a login is put into it, so that a login can only ever be a value in it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::name::DirectoryName;
use crate::domain::outgoing::{Target, TargetError};
use crate::domain::text::serde_text;

/// How an LDAP directory is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ldap {
    /// Where it is. It never changes: other people may have the same subjects elsewhere.
    pub url: LdapUrl,
    /// Whether an `ldap://` connection turns to TLS before anything is said.
    pub start_tls: bool,
    /// Who searches; nobody in particular where it is left out. The password is the provider's secret.
    pub bind_dn: Option<DirectoryName>,
    /// Below which entry people are.
    pub base: DirectoryName,
    /// Which entry is the person of a login.
    pub filter: LdapFilter,
    /// The attribute that a new account's login is taken from.
    pub login_attribute: AttributeName,
    /// The attribute that tells an entry from all others for good.
    pub subject_attribute: AttributeName,
    /// The attribute that lists a person's groups.
    pub group_attribute: Option<AttributeName>,
}

/// The URL of a directory server: a scheme, a host, a port where it is not the usual one, nothing behind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LdapUrl(String);

/// A text that is no URL of a directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LdapUrlError {
    /// Not a URL that is called.
    #[error(transparent)]
    Target(TargetError),
    /// More than where it is.
    #[error("has something behind the host and port; the base and the filter have fields of their own")]
    Path,
    /// Longer than any is.
    #[error("has more than {} characters", LdapUrl::MAX_CHARS)]
    TooLong,
}

impl LdapUrl {
    /// Longest URL, in characters.
    pub const MAX_CHARS: usize = 300;

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LdapUrl {
    type Err = LdapUrlError;

    fn from_str(text: &str) -> Result<Self, LdapUrlError> {
        let text = text.trim().to_ascii_lowercase();
        if text.chars().count() > Self::MAX_CHARS {
            return Err(LdapUrlError::TooLong);
        }
        let target = Target::ldap(&text).map_err(LdapUrlError::Target)?;
        if !["", "/"].contains(&target.url().path()) || target.url().query().is_some() {
            return Err(LdapUrlError::Path);
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for LdapUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which entry is the person of a login: a filter of RFC 4515 with `{login}` where the login stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapFilter(String);

/// A text that is no such filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a filter such as (&(objectClass=person)(uid={{login}})): in brackets that fit, with {{login}} in it, {} characters at most",
    LdapFilter::MAX_CHARS
)]
pub struct LdapFilterError;

impl LdapFilter {
    /// Longest filter, in characters.
    pub const MAX_CHARS: usize = 500;
    const PLACE: &str = "{login}";

    /// The filter for a login, which must be escaped.
    pub fn of(&self, escaped: &str) -> String {
        self.0.replace(Self::PLACE, escaped)
    }
}

impl FromStr for LdapFilter {
    type Err = LdapFilterError;

    fn from_str(text: &str) -> Result<Self, LdapFilterError> {
        let text = text.trim();
        let mut open = 0_i32;
        let mut closes_early = false;
        for (at, c) in text.char_indices() {
            open += i32::from(c == '(') - i32::from(c == ')');
            closes_early |= open <= 0 && at + 1 < text.len();
        }
        let fits = text.starts_with('(') && open == 0 && !closes_early;
        let is_plain = text.chars().count() <= Self::MAX_CHARS && !text.chars().any(char::is_control);
        if fits && is_plain && text.contains(Self::PLACE) {
            Ok(Self(text.to_owned()))
        } else {
            Err(LdapFilterError)
        }
    }
}

impl fmt::Display for LdapFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an attribute in a directory: a letter, then letters, digits and hyphens (RFC 4512 §2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeName(String);

/// A text that is no attribute's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not the name of an attribute: a letter, then letters, digits and hyphens, {} at most",
    AttributeName::MAX_CHARS
)]
pub struct AttributeNameError;

impl AttributeName {
    /// Longest name, in characters.
    pub const MAX_CHARS: usize = 64;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AttributeName {
    type Err = AttributeNameError;

    fn from_str(text: &str) -> Result<Self, AttributeNameError> {
        let text = text.trim();
        let fits = text.len() <= Self::MAX_CHARS && text.starts_with(|c: char| c.is_ascii_alphabetic());
        if fits && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(AttributeNameError)
        }
    }
}

impl fmt::Display for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_text!(LdapUrl, LdapFilter, AttributeName);

#[cfg(test)]
mod tests {
    use super::{AttributeName, LdapFilter, LdapUrl};

    #[test]
    fn a_filter_is_whole_and_has_a_place_for_the_login() {
        let filter: LdapFilter = "(&(objectClass=person)(|(uid={login})(mail={login})))".parse().unwrap();
        assert_eq!(filter.of("ada"), "(&(objectClass=person)(|(uid=ada)(mail=ada)))");

        for bad in [
            "uid={login}",
            "(uid=ada)",
            "(uid={login}",
            "(uid={login}))",
            "(a={login})(b=c)",
            "",
            ")uid={login}(",
        ] {
            assert!(bad.parse::<LdapFilter>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_directory_is_named_by_where_it_is_alone() {
        assert_eq!(
            "LDAPS://Dir.example.org/".parse::<LdapUrl>().unwrap().as_str(),
            "ldaps://dir.example.org"
        );
        for bad in [
            "https://dir.example.org",
            "ldap://",
            "ldap://a@dir.example.org",
            "ldaps://dir.example.org/dc=org",
            "ldap:///",
        ] {
            assert!(bad.parse::<LdapUrl>().is_err(), "{bad}");
        }
        assert!(
            "entryUUID".parse::<AttributeName>().is_ok() && "uid)(cn=*".parse::<AttributeName>().is_err()
        );
    }
}
