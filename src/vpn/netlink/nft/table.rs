//! What a table is: chains of rules, and sets.

use std::collections::BTreeMap;

use crate::vpn::netlink::nft::Family;
use crate::vpn::netlink::nft::expr::Expr;
use crate::vpn::netlink::nft::set::Set;

/// A table with all that it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The packets it sees.
    pub family: Family,
    /// Its name.
    pub name: String,
    /// Its chains by name.
    pub chains: BTreeMap<String, Chain>,
    /// Its sets by name.
    pub sets: BTreeMap<String, Set>,
}

/// A list of rules.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    /// Where packets enter it by themselves; `None` for a chain that others jump to.
    pub hook: Option<Hook>,
    /// Its rules in order.
    pub rules: Vec<Rule>,
}

/// Where a chain hangs in the path of packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// `filter`, `nat` or `route`.
    pub kind: String,
    /// The place in the path.
    pub place: Place,
    /// Chains of the same place run from the lowest to the highest.
    pub priority: i32,
    /// What becomes of a packet that reaches the end.
    pub policy: Policy,
}

/// Places in the path of packets (`enum nf_inet_hooks`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Packets from one link to another.
    Forward,
    /// Packets about to leave.
    Postrouting,
    /// Any other, by its number.
    Other(u32),
}

impl Place {
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Forward => 2,
            Self::Postrouting => 4,
            Self::Other(number) => number,
        }
    }

    pub(super) fn of(number: u32) -> Self {
        match number {
            2 => Self::Forward,
            4 => Self::Postrouting,
            other => Self::Other(other),
        }
    }
}

/// What becomes of a packet that no rule decided about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// It passes.
    Accept,
    /// It ends here.
    Drop,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// A remark that `nft list ruleset` shows; up to 128 bytes.
    pub comment: Option<String>,
    /// Its steps.
    pub steps: Vec<Expr>,
}

/// `NFTNL_UDATA_RULE_COMMENT`: the type under which `nft` keeps a rule's comment in the user data.
const COMMENT: u8 = 0;

impl Rule {
    /// The comment in the form `nft` keeps it: type, length, text with its closing zero.
    pub(super) fn user_data(&self) -> Option<Vec<u8>> {
        let comment = self.comment.as_deref()?;
        let length = u8::try_from(comment.len() + 1).ok()?;
        let mut bytes = vec![COMMENT, length];
        bytes.extend_from_slice(comment.as_bytes());
        bytes.push(0);
        Some(bytes)
    }

    /// The comment of a rule's user data; `None` when it is something else.
    pub(super) fn comment_of(user_data: &[u8]) -> Option<String> {
        let (&[COMMENT, length], text) = user_data.split_first_chunk::<2>()? else { return None };
        let text = text.strip_suffix(&[0])?;
        (text.len() + 1 == usize::from(length)).then(|| String::from_utf8(text.to_vec()).ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::Rule;

    #[test]
    fn a_comment_is_kept_as_nft_keeps_it() {
        let rule = Rule { comment: Some("casper0".into()), steps: Vec::new() };

        let user_data = rule.user_data().unwrap();

        assert_eq!(user_data, b"\x00\x08casper0\x00");
        assert_eq!(Rule::comment_of(&user_data).as_deref(), Some("casper0"));
        assert_eq!(Rule::comment_of(b"\x00\x09casper0\x00"), None);
        assert_eq!(Rule::comment_of(b"\x01\x08casper0\x00"), None);
    }
}
