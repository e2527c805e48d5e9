//! How an LDAP directory is asked: where it is, and which entry is the person of a login.
//!
//! Invariant: a filter is whole before a login is put into it, so that a login can only ever be a value in it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::name::{DirectoryName, fold};
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

/// Whether two texts name the same entry of a directory, such as a group. They may be written in any case, with or without
/// blanks around what separates their parts, and with either kind of escape (RFC 4514 §2.4): the attributes that entries
/// are usually named by are compared like that (RFC 4519). A text that is no such name is one part.
pub fn is_same_name(one: &str, other: &str) -> bool {
    parts(one) == parts(other)
}

/// The attributes of each part of a name, by type and value. Escapes are read after the parts were told from each other, so
/// that an escaped separator is never taken for one.
fn parts(name: &str) -> Vec<Vec<(Option<String>, Vec<u8>)>> {
    let attribute = |text: &str| match text.split_once('=') {
        Some((kind, value)) => (Some(fold(kind.trim())), value_of(value)),
        None => (None, value_of(text)),
    };
    let part = |text: &str| {
        let mut attributes: Vec<_> = unescaped_split(text, '+').map(attribute).collect();
        attributes.sort();
        attributes
    };
    unescaped_split(name, ',').map(part).collect()
}

fn unescaped_split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_escaped = false;
    text.split(move |c: char| {
        let ends = c == separator && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    })
}

/// A value without its escapes and the blanks around it, in lower case.
fn value_of(text: &str) -> Vec<u8> {
    let mut value = Vec::with_capacity(text.len());
    let mut rest = trimmed(text).as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = if first == b'\\' { escaped(after) } else { (first, after) };
        value.push(byte);
        rest = after;
    }
    // What is no text is compared as it is.
    String::from_utf8(value).map_or_else(|error| error.into_bytes(), |text| fold(&text).into_bytes())
}

/// What stands behind a backslash: two hexadecimal digits, or a character for itself.
fn escaped(after: &[u8]) -> (u8, &[u8]) {
    let hex = after.split_at_checked(2).and_then(|(digits, after)| {
        let value = |digit: &u8| char::from(*digit).to_digit(16).and_then(|it| u8::try_from(it).ok());
        let [high, low] = digits else { return None };
        Some((value(high)? << 4 | value(low)?, after))
    });
    hex.or_else(|| after.split_first().map(|(&byte, after)| (byte, after))).unwrap_or((b'\\', after))
}

/// Without the blanks around, but with one at the end that is escaped.
fn trimmed(text: &str) -> &str {
    let text = text.trim_start();
    let short = text.trim_end();
    let backslashes = short.len() - short.trim_end_matches('\\').len();
    let keeps = backslashes % 2 == 1 && short.len() < text.len();
    if keeps { text.get(..=short.len()).unwrap_or(text) } else { short }
}

serde_text!(LdapUrl, LdapFilter, AttributeName);

#[cfg(test)]
mod tests {
    use super::{AttributeName, LdapFilter, LdapUrl, is_same_name};

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
    fn a_name_may_be_written_in_any_case_and_with_blanks_between_its_parts() {
        let group = "cn=vpn-admins,ou=Groups,dc=example,dc=org";

        for same in [
            group,
            "CN=VPN-Admins,OU=groups,DC=Example,DC=Org",
            " cn = vpn-admins , ou=groups ,dc=example, dc= org ",
            "cn=\\76pn\\2dadmins,ou=groups,dc=example,dc=org",
        ] {
            assert!(is_same_name(group, same) && is_same_name(same, group), "{same}");
        }
        for other in [
            "",
            "vpn-admins",
            "cn=vpn-admins",
            "cn=vpn admins,ou=groups,dc=example,dc=org",
            "ou=groups,cn=vpn-admins,dc=example,dc=org",
            "cn=vpn-admins,ou=groups,dc=example,dc=org,dc=evil",
            "cn=vpn-admins\\,ou=groups,dc=example,dc=org",
            "cn=vpn-admins\\2cou=groups\\2cdc=example\\2cdc=org",
        ] {
            assert!(!is_same_name(group, other) && !is_same_name(other, group), "{other}");
        }
    }

    #[test]
    fn an_escaped_character_is_itself_and_separates_nothing() {
        assert!(is_same_name("cn=Smith\\, Jane,dc=org", "CN=smith\\2C jane, DC=ORG"));
        assert!(
            is_same_name("cn=Köln,dc=org", "cn=k\\c3\\b6ln,dc=org") && is_same_name("cn=KÖLN", "cn=köln")
        );
        assert!(is_same_name("cn=a+sn=b", "SN=b + CN=a") && !is_same_name("cn=a\\+sn=b", "cn=a+sn=b"));
        // An escaped plus before a digit is no number of sixteen.
        assert!(is_same_name("cn=a\\+f", "cn=a\\2Bf") && !is_same_name("cn=a\\+f", "cn=a\\0f"));
        assert!(is_same_name("cn=a\\ ", "cn=a\\20") && !is_same_name("cn=a\\ ", "cn=a "));
        assert!(is_same_name("cn=a\\\\ ,dc=b", "cn=a\\5c,dc=b") && !is_same_name("cn=\\ff", "cn=\\fe"));
        assert!(is_same_name("VPN-Admins", "vpn-admins") && !is_same_name("=a", "a"));
        assert!(!is_same_name("cn=a\\", "cn=a"));
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
