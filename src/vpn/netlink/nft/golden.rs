//! Compares what we send with what `nft` sends.
//!
//! `two_networks.hex` is what `strace -e trace=sendmsg -e write=all nft -f tests/it/netlink/two_networks.nft`
//! (nftables 1.0.6) wrote to its socket.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::firewall::{Firewall, InterfaceRules};
use crate::domain::node::InterfaceName;
use crate::vpn::firewall::render;
use crate::vpn::netlink::attrs::{attributes, find, find_be32, find_text};
use crate::vpn::netlink::buf::Buf;
use crate::vpn::netlink::message::{Message, messages};
use crate::vpn::netlink::nft::expr::Expr;
use crate::vpn::netlink::nft::table::{Chain, Rule};
use crate::vpn::netlink::nft::transaction::Transaction;
use crate::vpn::netlink::nft::{HEADER_BYTES, SUBSYSTEM, message};

/// `NFTA_LOOKUP_SET_ID`, by which `nft` also names a set of the same batch. The name is enough.
const LOOKUP_SET_ID: u16 = 4;

fn firewall() -> Firewall {
    let rules = |pools: &[&str], isolated: bool, devices: &[&str]| InterfaceRules {
        pools: pools.iter().map(|p| p.parse().unwrap()).collect(),
        isolated,
        devices: devices.iter().map(|d| d.parse().unwrap()).collect(),
    };
    let first = rules(&["10.8.0.0/20", "fd00:8::/64"], true, &["10.8.0.2", "10.8.0.3", "fd00:8::2"]);
    let second = rules(&["10.9.0.0/24"], false, &["10.9.0.2"]);
    Firewall {
        interfaces: BTreeMap::from([
            (InterfaceName::numbered(0), first),
            (InterfaceName::numbered(1), second),
        ]),
    }
}

fn sent_by_nft() -> Vec<Message> {
    let digits: String = include_str!("two_networks.hex").split_whitespace().collect();
    let bytes = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap());
    messages(&bytes.collect::<Vec<u8>>()).unwrap()
}

fn sent_by_us() -> Vec<Message> {
    let table = render(&firewall());
    let mut transaction = Transaction::default();
    transaction.replace_table(&table);
    let (batch, _) = transaction.encode(0);
    messages(batch.finish().unwrap()).unwrap()
}

/// The attributes of all messages of a kind.
fn of_kind(sent: &[Message], kind: u16) -> impl Iterator<Item = &[u8]> {
    sent.iter().filter(move |m| m.kind == SUBSYSTEM | kind).map(|m| m.attributes(HEADER_BYTES))
}

/// A step without `nft`'s second name of a set.
fn without_set_id(step: &[u8]) -> Vec<u8> {
    let mut buf = Buf::default();
    if find_text(step, 1).as_deref() != Some("lookup") {
        return step.to_vec();
    }
    buf.text(1, "lookup").nest(2, |d| {
        for (kind, value) in attributes(find(step, 2).unwrap()).filter(|(kind, _)| *kind != LOOKUP_SET_ID) {
            d.attr(kind, value);
        }
    });
    buf.finish().unwrap().to_vec()
}

fn encoded(step: &Expr) -> Vec<u8> {
    let mut buf = Buf::default();
    step.encode(&mut buf);
    buf.finish().unwrap().to_vec()
}

#[test]
fn every_step_is_byte_for_byte_what_nft_sends() {
    let mut kinds = BTreeSet::new();

    for rule in of_kind(&sent_by_nft(), message::NEW_RULE) {
        for (_, step) in attributes(find(rule, 4).unwrap()) {
            kinds.insert(find_text(step, 1).unwrap());
            assert_eq!(encoded(&Expr::decode(step)), without_set_id(step), "{:?}", Expr::decode(step));
        }
    }

    let all = [
        "bitwise",
        "byteorder",
        "cmp",
        "counter",
        "ct",
        "exthdr",
        "immediate",
        "lookup",
        "masq",
        "meta",
        "payload",
        "rt",
    ];
    assert_eq!(kinds, all.map(str::to_owned).into());
}

#[test]
fn every_rule_is_the_one_nft_makes_of_the_text() {
    let mut chains: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    for rule in of_kind(&sent_by_nft(), message::NEW_RULE) {
        let steps = attributes(find(rule, 4).unwrap()).map(|(_, step)| Expr::decode(step)).collect();
        let comment = find(rule, 7).and_then(Rule::comment_of);
        chains.entry(find_text(rule, 2).unwrap()).or_default().push(Rule { comment, steps });
    }

    let rendered = render(&firewall()).chains.into_iter();
    assert_eq!(chains, rendered.map(|(name, Chain { rules, .. })| (name, rules)).collect());
}

#[test]
fn chains_sets_and_elements_are_those_nft_sends() {
    let chain = |c: &[u8]| {
        let hook = find(c, 4).map(|hook| (find_be32(hook, 1), find_be32(hook, 2)));
        (find_text(c, 3), hook, find_be32(c, 5), find_text(c, 7))
    };
    let set = |s: &[u8]| {
        // Of a set with one part in its key, the number at the beginning tells the byte order.
        let order = find(s, 13).and_then(|data| data.get(2..6)).filter(|order| order != &[0; 4]);
        (find_text(s, 2), find_be32(s, 3), find_be32(s, 4), find_be32(s, 5), order.map(<[u8]>::to_vec))
    };
    let elements = |e: &[u8]| {
        let key = |element| find(find(element, 1).unwrap(), 1).unwrap().to_vec();
        let keys: BTreeSet<Vec<u8>> =
            attributes(find(e, 3).unwrap()).map(|(_, element)| key(element)).collect();
        (find_text(e, 2), keys)
    };
    let (nft, ours) = (sent_by_nft(), sent_by_us());

    let sorted = |sent: &[Message]| {
        let chains: BTreeSet<_> = of_kind(sent, message::NEW_CHAIN).map(chain).collect();
        let elements: BTreeSet<_> = of_kind(sent, message::NEW_SET_ELEM).map(elements).collect();
        (chains, elements)
    };
    assert_eq!(sorted(&nft), sorted(&ours));
    let sets = |sent: &[Message]| of_kind(sent, message::NEW_SET).map(set).collect::<BTreeSet<_>>();
    assert_eq!(sets(&nft), sets(&ours));
}
