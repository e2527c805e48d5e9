//! API tokens: what a program may do for a user, from where, and until when.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

use crate::domain::access::Action;
use crate::domain::id::{ApiTokenId, UserId};
use crate::domain::name::ApiTokenName;
use crate::domain::text::serde_text;
use crate::domain::time::Timestamp;

/// Tokens a user can have, expired ones among them until they are purged: enough for a program each, few enough to look through.
pub const PER_USER: u64 = 100;

/// How closely the last use of a token is known.
pub const USE_KNOWN_TO: Duration = Duration::from_secs(60);

/// A token's row, as facts. It is never changed, only deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Names the token; not the token itself.
    pub id: ApiTokenId,
    /// For whom it speaks.
    pub user: UserId,
    /// What it is called.
    pub name: ApiTokenName,
    /// What it may do, as far as its user may.
    pub scopes: Scopes,
    /// From where it may be used.
    pub allowed_from: AllowList,
    /// When it is no longer good.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl ApiToken {
    /// Whether its time is not over.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// One word of a token's scopes: an action of the access table, or `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Whatever the user's role allows and a token may do.
    All,
    /// This action.
    Only(Action),
}

/// A word that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// There is no such action.
    #[error("is no scope: give the id of an operation, such as device_list, or all")]
    Unknown,
    /// Only a person who has signed in may do it, or only the host.
    #[error(
        "is no scope: acts on tokens, passwords, second factors, sessions and setup links are for those who sign in"
    )]
    NotForTokens,
}

impl Scope {
    /// The word for everything.
    const ALL: &str = "all";

    /// Every scope there is.
    pub fn every() -> impl Iterator<Item = Self> {
        let actions = Action::ALL.iter().copied().filter(|action| action.is_for_tokens());
        std::iter::once(Self::All).chain(actions.map(Self::Only))
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        if text == Self::ALL {
            return Ok(Self::All);
        }
        let action = Action::parse(text).ok_or(ScopeError::Unknown)?;
        if action.is_for_tokens() { Ok(Self::Only(action)) } else { Err(ScopeError::NotForTokens) }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => Self::ALL,
            Self::Only(action) => action.as_str(),
        })
    }
}

serde_text!(Scope);

/// What a token may do, as far as its user may. Its text is its words with blanks between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes(Extent);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    All,
    /// A bit for each action, by its place in the table.
    Only(u128),
}

const _: () = assert!(Action::ALL.len() <= 128, "the set of actions needs more bits");

/// Words that make no scopes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopesError {
    /// None at all.
    #[error("names no scope: give at least one, or all")]
    Empty,
    /// `all` with others.
    #[error("names all and others too: all stands alone")]
    AllAndMore,
    /// One of them is none.
    #[error(transparent)]
    Word(#[from] ScopeError),
}

impl Scopes {
    /// Whatever the user's role allows and a token may do.
    pub const ALL: Self = Self(Extent::All);

    /// These, in any order.
    pub fn new(words: &[Scope]) -> Result<Self, ScopesError> {
        match words {
            [] => Err(ScopesError::Empty),
            [Scope::All] => Ok(Self::ALL),
            _ => words
                .iter()
                .try_fold(0, |set, word| match word {
                    Scope::Only(action) => Ok(set | bit(*action)),
                    Scope::All => Err(ScopesError::AllAndMore),
                })
                .map(|set| Self(Extent::Only(set))),
        }
    }

    /// Whether an action is among them. Some acts are not for tokens at all.
    pub fn allow(self, action: Action) -> bool {
        action.is_for_tokens()
            && match self.0 {
                Extent::All => true,
                Extent::Only(set) => set & bit(action) != 0,
            }
    }

    /// Its words, in the order of the access table.
    pub fn words(self) -> Vec<Scope> {
        match self.0 {
            Extent::All => vec![Scope::All],
            Extent::Only(_) => {
                Action::ALL.iter().copied().filter(|it| self.allow(*it)).map(Scope::Only).collect()
            }
        }
    }
}

const fn bit(action: Action) -> u128 {
    1 << action as u32
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.words().iter().map(Scope::to_string).collect();
        f.write_str(&words.join(" "))
    }
}

impl FromStr for Scopes {
    type Err = ScopesError;

    fn from_str(text: &str) -> Result<Self, ScopesError> {
        let words: Result<Vec<_>, _> = text.split_whitespace().map(str::parse).collect();
        Self::new(&words?)
    }
}

/// The addresses a token may be used from. Empty where it does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList(Vec<IpNet>);

/// Ranges that make no allow-list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowListError {
    /// None, or too many.
    #[error("give 1 to {} ranges, or leave it out to allow every address", AllowList::MOST)]
    Count,
    /// An IPv4 range in IPv6's clothes, which no address would ever match.
    #[error("write {0} as a range of IPv4 addresses")]
    Mapped(IpNet),
}

impl AllowList {
    /// Ranges it may have.
    pub const MOST: usize = 64;

    /// Every address, and none.
    pub const fn anywhere() -> Self {
        Self(Vec::new())
    }

    /// These ranges. Bits behind a prefix say nothing and are dropped.
    pub fn new(ranges: &[IpNet]) -> Result<Self, AllowListError> {
        if !(1..=Self::MOST).contains(&ranges.len()) {
            return Err(AllowListError::Count);
        }
        let is_mapped = |range: &&IpNet| match range {
            IpNet::V6(range) => range.prefix_len() >= 96 && range.addr().to_ipv4_mapped().is_some(),
            IpNet::V4(_) => false,
        };
        match ranges.iter().find(is_mapped) {
            Some(mapped) => Err(AllowListError::Mapped(*mapped)),
            None => Ok(Self(ranges.iter().map(IpNet::trunc).collect())),
        }
    }

    /// The ranges; none where every address is allowed.
    pub fn ranges(&self) -> &[IpNet] {
        &self.0
    }

    /// Whether a caller at this address may use the token. Who comes over a unix socket has none, and is in no range.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        let within = |address: IpAddr| self.0.iter().any(|range| range.contains(&address.to_canonical()));
        self.0.is_empty() || address.is_some_and(within)
    }
}

#[cfg(test)]
mod tests {
    use super::{AllowList, AllowListError, Scope, ScopeError, Scopes, ScopesError};
    use crate::domain::access::Action;
    use ipnet::IpNet;
    use std::net::IpAddr;

    fn scopes(text: &str) -> Result<Scopes, ScopesError> {
        text.parse()
    }

    fn list(ranges: &[&str]) -> Result<AllowList, AllowListError> {
        let ranges: Vec<IpNet> = ranges.iter().map(|range| range.parse().unwrap()).collect();
        AllowList::new(&ranges)
    }

    fn at(address: &str) -> Option<IpAddr> {
        Some(address.parse().unwrap())
    }

    #[test]
    fn scopes_allow_what_they_name_and_survive_their_text() {
        let some = scopes("device_list user_get device_list").unwrap();

        assert!(some.allow(Action::DeviceList) && some.allow(Action::UserGet));
        assert!(!some.allow(Action::DeviceGet));
        assert_eq!(some.to_string(), "user_get device_list");
        assert_eq!(scopes(&some.to_string()), Ok(some));
        assert_eq!(scopes("all").unwrap().to_string(), "all");
        for scope in Scope::every() {
            assert_eq!(scopes(&scope.to_string()).unwrap().words(), [scope]);
        }
    }

    #[test]
    fn all_is_all_but_what_needs_a_session() {
        for action in Action::ALL {
            assert_eq!(Scopes::ALL.allow(*action), action.is_for_tokens(), "{action:?}");
        }
    }

    #[test]
    fn words_that_are_no_scopes_are_refused() {
        assert_eq!(scopes(""), Err(ScopesError::Empty));
        assert_eq!(scopes("all device_list"), Err(ScopesError::AllAndMore));
        assert_eq!(scopes("device_lst"), Err(ScopesError::Word(ScopeError::Unknown)));
        for word in ["api_token_create", "me_set_password", "session_delete", "setup_link_create"] {
            assert_eq!(scopes(word), Err(ScopesError::Word(ScopeError::NotForTokens)), "{word}");
        }
    }

    #[test]
    fn an_allow_list_holds_addresses_of_both_versions() {
        let office = list(&["192.0.2.9/24", "2001:db8::/32"]).unwrap();

        assert_eq!(office.ranges()[0].to_string(), "192.0.2.0/24");
        assert!(office.admits(at("192.0.2.255")) && office.admits(at("2001:db8:ffff::1")));
        assert!(office.admits(at("::ffff:192.0.2.7")));
        assert!(!office.admits(at("192.0.3.0")) && !office.admits(at("2001:db9::1")));
        assert!(!list(&["::/0"]).unwrap().admits(at("192.0.2.7")));
        assert!(!office.admits(None));
        assert!(AllowList::anywhere().admits(None) && AllowList::anywhere().admits(at("::1")));
    }

    #[test]
    fn an_allow_list_that_says_nothing_or_cannot_match_is_refused() {
        assert_eq!(AllowList::new(&[]), Err(AllowListError::Count));
        assert_eq!(list(&["192.0.2.0/24"; 65]), Err(AllowListError::Count));
        assert!(matches!(list(&["::ffff:192.0.2.0/120"]), Err(AllowListError::Mapped(_))));
    }
}
