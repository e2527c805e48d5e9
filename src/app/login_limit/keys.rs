//! Under what keys addresses and accounts are counted, and which of them are.

use std::net::IpAddr;
use std::sync::PoisonError;

use aws_lc_rs::hmac;

use crate::app::login_limit::table::{Key, SETS, Subject, UNKNOWN};
use crate::app::login_limit::{Account, LoginLimit};

impl LoginLimit {
    /// Whether nothing is counted. Second factors are, from everywhere: an office's password that was read off a note
    /// must not be enough to try all codes from its own range.
    pub(super) fn is_exempt(&self, address: Option<IpAddr>, account: Account<'_>) -> bool {
        let always = matches!(account, Account::SecondFactor(_));
        !always && self.is_unlimited(address)
    }

    /// Whether an address is in a range that is never limited.
    pub(in crate::app) fn is_unlimited(&self, address: Option<IpAddr>) -> bool {
        let Some(address) = address.map(|address| address.to_canonical()) else { return false };
        let ranges = self.unlimited.read().unwrap_or_else(PoisonError::into_inner);
        ranges.iter().any(|range| range.contains(&address))
    }

    /// The key of an address that is limited.
    pub(super) fn limited_key(&self, address: Option<IpAddr>) -> Option<Key> {
        if self.is_unlimited(address) { None } else { self.address_key(address) }
    }

    /// IPv4 by address, IPv6 by /64: that much every customer of a provider has to himself. None where many may
    /// stand behind it.
    pub(super) fn address_key(&self, address: Option<IpAddr>) -> Option<Key> {
        match address?.to_canonical() {
            IpAddr::V4(ip) if ip.is_loopback() => None,
            IpAddr::V6(ip) if ip.is_loopback() => None,
            IpAddr::V4(ip) => Some(self.hashed(b"4", &ip.octets(), ip.to_ipv6_mapped().octets())),
            IpAddr::V6(ip) => {
                let mut net = ip.octets();
                net[8..].fill(0);
                Some(self.hashed(b"6", &net[..8], net))
            }
        }
    }

    /// Logins differ neither by case nor by the spaces around them.
    pub(super) fn account_key(&self, account: Account<'_>) -> Key {
        let name =
            |kind: &[u8], name: &str| self.hashed(kind, name.trim().to_ascii_lowercase().as_bytes(), UNKNOWN);
        match account {
            Account::Login(login) => name(b"a", login),
            Account::Forgotten(login) => name(b"f", login),
            Account::Own(id) => self.hashed(b"m", id.to_string().as_bytes(), *id.as_uuid().as_bytes()),
            Account::SecondFactor(id) => {
                self.hashed(b"s", id.to_string().as_bytes(), *id.as_uuid().as_bytes())
            }
        }
    }

    pub(super) fn hashed(&self, kind: &[u8], bytes: &[u8], subject: Subject) -> Key {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(kind);
        context.update(bytes);
        let tag = context.sign();
        let (set, rest) = tag.as_ref().split_at(4);
        let word = |bytes: &[u8]| bytes.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        Key { set: usize::try_from(word(set)).unwrap_or(0) % SETS, tag: word(&rest[..8]), subject }
    }
}

/// One of 64 groups of logins.
pub(super) const fn login_bit(account: Key) -> u64 {
    1 << (account.tag % 64)
}
