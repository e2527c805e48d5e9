//! Reads from nftables: a table with all that it holds, and the base chains of everybody.

use std::collections::{BTreeMap, BTreeSet};

use crate::vpn::netlink::NetlinkError;
use crate::vpn::netlink::attrs::{attributes, find, find_be32, find_text};
use crate::vpn::netlink::message::Message;
use crate::vpn::netlink::nft::expr::Expr;
use crate::vpn::netlink::nft::set::{Element, KeyPart, Set};
use crate::vpn::netlink::nft::table::{Chain, Hook, Place, Policy, Rule, Table};
use crate::vpn::netlink::nft::transaction::{ELEMENT_RANGE_END, SET_INTERVAL};
use crate::vpn::netlink::nft::{Family, HEADER_BYTES, LIST_ELEM, Nftables, SUBSYSTEM, header, message};

/// How often a reading is begun again because the ruleset changed under it.
const ATTEMPTS: u32 = 20;

/// The one flag of a chain that says nothing new: it hangs on a hook.
const CHAIN_BASE: u32 = 0x1;

/// A table as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Its chains, rules and sets.
    pub table: Table,
    /// Whether it also holds something this codec does not speak of: a flag, a timeout, a map, a flow table.
    pub has_more: bool,
}

/// A chain on a hook, of any table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseChain {
    /// The family of its table.
    pub family: Family,
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Where it hangs.
    pub hook: Hook,
}

impl Nftables {
    /// The number of the ruleset's present state: it changes with every transaction of anybody.
    pub fn generation(&mut self) -> Result<u32, NetlinkError> {
        const OPERATION: &str = "read the generation of the ruleset";
        let answers = self.socket.request(OPERATION, SUBSYSTEM | message::GET_GEN, 0, |b| header(b, 0, 0))?;
        answers.first().and_then(|answer| find_be32(answer.attributes(HEADER_BYTES), 1)).ok_or_else(|| {
            NetlinkError::Malformed { operation: OPERATION.to_owned(), problem: "no generation in it" }
        })
    }

    /// Reads something that takes several listings, again until the ruleset stood still meanwhile. (Listings
    /// of set elements never say that they were interrupted.)
    pub fn consistent<T>(
        &mut self,
        operation: &str,
        read: impl Fn(&mut Self) -> Result<T, NetlinkError>,
    ) -> Result<T, NetlinkError> {
        for _ in 0..ATTEMPTS {
            let before = self.generation()?;
            let found = read(self);
            if self.generation()? == before {
                return found;
            }
        }
        Err(NetlinkError::Interrupted { operation: operation.to_owned(), attempts: ATTEMPTS })
    }

    /// The table of that name, if there is one. Wrap it in [`Self::consistent`].
    pub fn find_table(&mut self, family: Family, name: &str) -> Result<Option<Loaded>, NetlinkError> {
        let listed = self.list("list the tables", message::GET_TABLE, family, None, None)?;
        let Some(found) = listed.iter().find(|t| find_text(body(t), 1).as_deref() == Some(name)) else {
            return Ok(None);
        };
        let flags = find_be32(body(found), 2).unwrap_or(0);
        let holds = find_be32(body(found), 3).unwrap_or(0) as usize;

        let mut has_more = flags != 0;
        let mut chains = BTreeMap::new();
        for chain in self.list("list the chains", message::GET_CHAIN, family, None, None)? {
            if find_text(body(&chain), 1).as_deref() == Some(name) {
                let hook = parse_hook(body(&chain));
                has_more |= hook.is_none() && find(body(&chain), 4).is_some();
                has_more |= find_be32(body(&chain), 10).unwrap_or(0) & !CHAIN_BASE != 0;
                chains.insert(
                    find_text(body(&chain), 3).unwrap_or_default(),
                    Chain { hook, rules: Vec::new() },
                );
            }
        }
        for rule in self.list("list the rules", message::GET_RULE, family, Some(name), None)? {
            let chain = find_text(body(&rule), 2).unwrap_or_default();
            let (rule, more) = parse_rule(body(&rule));
            has_more |= more;
            chains.entry(chain).or_default().rules.push(rule);
        }
        let mut sets = BTreeMap::new();
        for listed in self.list("list the sets", message::GET_SET, family, Some(name), None)? {
            let set_name = find_text(body(&listed), 2).unwrap_or_default();
            let (mut set, more) = parse_set(body(&listed));
            has_more |= more;
            for part in self.list("list a set", message::GET_SET_ELEM, family, Some(name), Some(&set_name))? {
                has_more |= parse_elements(body(&part), &mut set.elements);
            }
            sets.insert(set_name, set);
        }
        has_more |= holds != chains.len() + sets.len();
        Ok(Some(Loaded { table: Table { family, name: name.to_owned(), chains, sets }, has_more }))
    }

    /// The chains on hooks, of all tables and families.
    pub fn list_base_chains(&mut self) -> Result<Vec<BaseChain>, NetlinkError> {
        let listed = self.list("list the chains", message::GET_CHAIN, Family::Other(0), None, None)?;
        let parse = |chain: &Message| {
            Some(BaseChain {
                family: Family::of(*chain.body.first()?),
                table: find_text(body(chain), 1)?,
                name: find_text(body(chain), 3)?,
                hook: parse_hook(body(chain))?,
            })
        };
        Ok(listed.iter().filter_map(parse).collect())
    }

    /// The rules of one chain.
    pub fn list_rules(
        &mut self,
        family: Family,
        table: &str,
        chain: &str,
    ) -> Result<Vec<Rule>, NetlinkError> {
        let listed = self.list("list the rules", message::GET_RULE, family, Some(table), None)?;
        let own = listed.iter().filter(|rule| find_text(body(rule), 2).as_deref() == Some(chain));
        Ok(own.map(|rule| parse_rule(body(rule)).0).collect())
    }

    /// The kernel takes the names of a table and a set under types 1 and 2 in all these listings.
    fn list(
        &mut self,
        operation: &str,
        kind: u16,
        family: Family,
        table: Option<&str>,
        set: Option<&str>,
    ) -> Result<Vec<Message>, NetlinkError> {
        self.socket.dump(operation, SUBSYSTEM | kind, |b| {
            header(b, family.number(), 0);
            for (attribute, name) in [(1, table), (2, set)] {
                if let Some(name) = name {
                    b.text(attribute, name);
                }
            }
        })
    }
}

fn body(message: &Message) -> &[u8] {
    message.attributes(HEADER_BYTES)
}

fn parse_hook(chain: &[u8]) -> Option<Hook> {
    let hook = find(chain, 4)?;
    let policy = match find_be32(chain, 5)? {
        0 => Policy::Drop,
        1 => Policy::Accept,
        _ => return None,
    };
    Some(Hook {
        kind: find_text(chain, 7)?,
        place: Place::of(find_be32(hook, 1)?),
        priority: find_be32(hook, 2)?.cast_signed(),
        policy,
    })
}

/// The rule, and whether its user data holds more than a comment.
fn parse_rule(rule: &[u8]) -> (Rule, bool) {
    let list = find(rule, 4).unwrap_or_default();
    let steps = attributes(list).map(|(_, step)| Expr::decode(step)).collect();
    let user_data = find(rule, 7);
    let comment = user_data.and_then(Rule::comment_of);
    let more = user_data.is_some() && comment.is_none();
    (Rule { comment, steps }, more)
}

/// The set without its elements, and whether it has properties that ours never have.
fn parse_set(set: &[u8]) -> (Set, bool) {
    let flags = find_be32(set, 3).unwrap_or(0);
    let key = Set::key_of(find_be32(set, 4).unwrap_or(0));
    let known = Set { key, interval: flags & SET_INTERVAL != 0, elements: BTreeSet::new() };
    let foreign = known.key.iter().any(|part| matches!(part, KeyPart::Foreign(_)))
        || flags & !SET_INTERVAL != 0
        || find_be32(set, 5) != Some(known.key_bytes());
    (known, foreign)
}

/// Adds the elements of one message; gives whether one of them is more than a key (a timeout, a counter).
fn parse_elements(message: &[u8], elements: &mut BTreeSet<Element>) -> bool {
    const KEY: u16 = 1;
    const FLAGS: u16 = 3;
    const PAD: u16 = 8;
    let mut more = false;
    for (_, element) in
        attributes(find(message, 3).unwrap_or_default()).filter(|(kind, _)| *kind == LIST_ELEM)
    {
        let flags = find_be32(element, FLAGS).unwrap_or(0);
        more |= flags & !ELEMENT_RANGE_END != 0;
        more |= attributes(element).any(|(kind, _)| ![KEY, FLAGS, PAD].contains(&kind));
        let key = find(element, KEY).and_then(|key| find(key, 1)).unwrap_or_default().to_vec();
        elements.insert(Element { key, range_end: flags & ELEMENT_RANGE_END != 0 });
    }
    more
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::{any, prop, proptest};

    use super::{parse_elements, parse_hook, parse_rule, parse_set};
    use crate::vpn::netlink::buf::Buf;
    use crate::vpn::netlink::nft::expr::Expr;

    const STEPS: [&str; 13] = [
        "meta",
        "payload",
        "ct",
        "bitwise",
        "cmp",
        "lookup",
        "rt",
        "byteorder",
        "exthdr",
        "counter",
        "masq",
        "immediate",
        "else",
    ];

    proptest! {
        #[test]
        fn hostile_objects_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0_u16..14) {
            let mut buf = Buf::default();
            buf.nest(kind, |inner| {
                inner.nest(1, |inner| {
                    inner.raw(&bytes);
                });
            });
            for object in [bytes.as_slice(), buf.finish().unwrap()] {
                let _ = (parse_set(object), parse_rule(object), parse_hook(object));
                let _ = parse_elements(object, &mut BTreeSet::new());
            }
        }

        #[test]
        fn a_hostile_step_is_foreign_or_says_the_same_when_written(step in 0..STEPS.len(), a in prop::collection::vec((0_u16..9, any::<[u8; 4]>()), 0..6)) {
            let mut buf = Buf::default();
            buf.text(1, STEPS[step]).nest(2, |d| {
                for (kind, value) in &a {
                    d.attr(*kind, value).nest(*kind, |nested| {
                        nested.attr(1, value);
                    });
                }
            });

            let decoded = Expr::decode(buf.finish().unwrap());

            let mut again = Buf::default();
            decoded.encode(&mut again);
            let same = Expr::decode(again.finish().unwrap()) == decoded;
            assert!(same || matches!(decoded, Expr::Foreign(_)), "{decoded:?}");
        }
    }
}
