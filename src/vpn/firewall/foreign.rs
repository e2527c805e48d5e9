//! Finds chains of others that drop forwarded packets: "connected, but no traffic".
//!
//! A packet passes only if every base chain on the forward hook lets it. ufw and Docker set the policy of
//! `ip filter FORWARD` to drop; firewalld ends its chain with a reject. Rules of the old `iptables-legacy` are
//! not part of nftables and not seen here.

use std::fmt;

use crate::vpn::firewall::{FAMILY, TABLE};
use crate::vpn::netlink::NetlinkError;
use crate::vpn::netlink::nft::expr::{Expr, Verdict};
use crate::vpn::netlink::nft::table::{Place, Policy, Rule};
use crate::vpn::netlink::nft::{Family, Nftables};

/// A chain that drops what no other rule of it accepts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ForeignChain {
    /// The family of its table: which packets it sees.
    pub family: Family,
    /// Its table.
    pub table: String,
    /// Its name.
    pub chain: String,
}

impl fmt::Display for ForeignChain {
    /// As `nft list chain` takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.family, self.table, self.chain)
    }
}

/// All of them but ours.
pub(super) fn list(nftables: &mut Nftables) -> Result<Vec<ForeignChain>, NetlinkError> {
    let mut found = Vec::new();
    for chain in nftables.list_base_chains()? {
        let sees_ip = matches!(chain.family, Family::Inet | Family::Ip | Family::Ip6);
        let ours = chain.family == FAMILY && chain.table == TABLE;
        if ours || !sees_ip || chain.hook.place != Place::Forward {
            continue;
        }
        let drops = match chain.hook.policy {
            Policy::Drop => true,
            Policy::Accept => nftables
                .list_rules(chain.family, &chain.table, &chain.name)?
                .last()
                .is_some_and(stops_everything),
        };
        if drops {
            found.push(ForeignChain { family: chain.family, table: chain.table, chain: chain.name });
        }
    }
    Ok(found)
}

/// Whether a rule has no condition and ends the packet. Counting and logging are no conditions.
fn stops_everything(rule: &Rule) -> bool {
    let is_name =
        |step: &Expr, names: &[&str]| matches!(step, Expr::Foreign(name) if names.contains(&name.as_str()));
    let Some((last, before)) = rule.steps.split_last() else { return false };
    let ends = matches!(last, Expr::Verdict(Verdict::Drop)) || is_name(last, &["reject"]);
    ends && before.iter().all(|step| matches!(step, Expr::Counter) || is_name(step, &["log"]))
}
