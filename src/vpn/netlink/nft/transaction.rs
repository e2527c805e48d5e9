//! Writes to nftables: all of it or nothing.

use crate::vpn::netlink::NetlinkError;
use crate::vpn::netlink::buf::Buf;
use crate::vpn::netlink::message::flag;
use crate::vpn::netlink::nft::set::{Element, Set};
use crate::vpn::netlink::nft::table::{Chain, Hook, Policy, Rule, Table};
use crate::vpn::netlink::nft::{Family, LIST_ELEM, Nftables, SUBSYSTEM, header, message};

/// The ends of a batch belong to nfnetlink itself.
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
/// `NFNL_SUBSYS_NFTABLES`, which the ends carry as their resource id.
const BATCH_SUBSYSTEM: u16 = 10;
/// `NFNL_BATCH_GENID`.
const BATCH_GENERATION: u16 = 1;

/// Flags of a set (`enum nft_set_flags`).
pub(super) const SET_INTERVAL: u32 = 0x4;
/// Flags of an element: it is the end of a range.
pub(super) const ELEMENT_RANGE_END: u32 = 0x1;

/// Elements of one message stay below this, so that their list fits a 64 KiB attribute.
const ELEMENT_LIST_BYTES: usize = 48 << 10;
/// Bytes of the four attribute headers and the flag around an element's key.
const ELEMENT_FRAME_BYTES: usize = 20;

type Fill<'a> = Box<dyn FnOnce(&mut Buf) + 'a>;

/// Changes that the kernel makes together or not at all.
#[derive(Default)]
pub struct Transaction<'a> {
    steps: Vec<Step<'a>>,
    generation: Option<u32>,
}

struct Step<'a> {
    what: String,
    kind: u16,
    flags: u16,
    family: Family,
    fill: Fill<'a>,
}

impl<'a> Transaction<'a> {
    /// Makes the kernel refuse (ERESTART) when the ruleset is no longer of this generation.
    pub fn at_generation(&mut self, generation: u32) -> &mut Self {
        self.generation = Some(generation);
        self
    }

    /// Removes a table with all that it holds, if it is there. (Making it first lets the removal succeed.)
    pub fn remove_table(&mut self, family: Family, name: &'a str) -> &mut Self {
        self.table(message::NEW_TABLE, flag::CREATE, format!("make the table {name}"), family, name);
        self.table(message::DEL_TABLE, 0, format!("delete the table {name}"), family, name)
    }

    /// Makes a table what it should be, whatever it was.
    pub fn replace_table(&mut self, table: &'a Table) -> &mut Self {
        let Table { family, name, chains, sets } = table;
        self.remove_table(*family, name);
        self.table(message::NEW_TABLE, flag::CREATE, format!("make the table {name}"), *family, name);
        // Rules name sets and chains, so they come last.
        for (place, (set_name, set)) in sets.iter().enumerate() {
            self.set(table, set_name, set, u32::try_from(place).unwrap_or(u32::MAX));
        }
        for (chain_name, chain) in chains {
            self.chain(table, chain_name, chain);
        }
        for (chain_name, chain) in chains {
            for (place, rule) in chain.rules.iter().enumerate() {
                self.rule(table, chain_name, place, rule);
            }
        }
        self
    }

    /// Makes the sets of a loaded table those of another, where all else is the same: counters go on, and the
    /// work is that of the difference.
    pub fn change_elements(&mut self, loaded: &'a Table, wanted: &'a Table) -> &mut Self {
        for (name, before) in &loaded.sets {
            let Some(after) = wanted.sets.get(name) else { continue };
            let gone = before.elements.difference(&after.elements);
            self.elements(message::DEL_SET_ELEM, 0, loaded, name, gone);
            let new = after.elements.difference(&before.elements);
            self.elements(message::NEW_SET_ELEM, flag::CREATE, wanted, name, new);
        }
        self
    }

    fn step(
        &mut self,
        kind: u16,
        flags: u16,
        what: String,
        family: Family,
        fill: impl FnOnce(&mut Buf) + 'a,
    ) {
        self.steps.push(Step { what, kind, flags, family, fill: Box::new(fill) });
    }

    fn table(&mut self, kind: u16, flags: u16, what: String, family: Family, name: &'a str) -> &mut Self {
        self.step(kind, flags, what, family, |b| {
            b.text(1, name);
        });
        self
    }

    fn chain(&mut self, table: &'a Table, name: &'a str, chain: &'a Chain) {
        let what = format!("make the chain {name}");
        self.step(message::NEW_CHAIN, flag::CREATE, what, table.family, |b| {
            b.text(1, &table.name).text(3, name);
            if let Some(hook) = &chain.hook {
                encode_hook(b, hook);
            }
        });
    }

    fn rule(&mut self, table: &'a Table, chain: &'a str, place: usize, rule: &'a Rule) {
        let what = format!("make rule {place} of the chain {chain}");
        self.step(message::NEW_RULE, flag::CREATE | flag::APPEND, what, table.family, |b| {
            b.text(1, &table.name).text(2, chain);
            encode_rule(b, rule);
        });
    }

    fn set(&mut self, table: &'a Table, name: &'a str, set: &'a Set, id: u32) {
        self.step(message::NEW_SET, flag::CREATE, format!("make the set {name}"), table.family, move |b| {
            b.text(1, &table.name).text(2, name).be32(3, if set.interval { SET_INTERVAL } else { 0 });
            b.be32(4, set.key_number()).be32(5, set.key_bytes()).be32(10, id);
            if let Some(user_data) = set.user_data() {
                b.attr(13, &user_data);
            }
        });
        self.elements(message::NEW_SET_ELEM, flag::CREATE, table, name, set.elements.iter());
    }

    /// Adds elements to a set or deletes them, in messages that fit.
    fn elements(
        &mut self,
        kind: u16,
        flags: u16,
        table: &'a Table,
        set: &'a str,
        elements: impl Iterator<Item = &'a Element>,
    ) {
        let key_bytes = table.sets.get(set).map_or(0, Set::key_bytes) as usize;
        let count = (ELEMENT_LIST_BYTES / (ELEMENT_FRAME_BYTES + key_bytes)).max(1);
        let mut elements = elements.peekable();
        while elements.peek().is_some() {
            let part: Vec<&Element> = elements.by_ref().take(count).collect();
            let what = format!("change the elements of the set {set}");
            self.step(kind, flags, what, table.family, move |b| {
                b.text(1, &table.name).text(2, set).nest(3, |list| {
                    part.into_iter().for_each(|element| encode_element(list, element));
                });
            });
        }
    }

    /// The batch from `first` on, and what each message after the opening one does.
    pub(super) fn encode(self, first: u32) -> (Buf, Vec<String>) {
        let mut batch = Buf::default();
        batch.message(BATCH_BEGIN, flag::REQUEST, first, |b| {
            header(b, 0, BATCH_SUBSYSTEM);
            if let Some(generation) = self.generation {
                b.be32(BATCH_GENERATION, generation);
            }
        });
        let mut names = Vec::with_capacity(self.steps.len());
        let mut sequence = first;
        for step in self.steps {
            sequence = sequence.wrapping_add(1);
            batch.message(SUBSYSTEM | step.kind, flag::REQUEST | step.flags, sequence, |b| {
                header(b, step.family.number(), 0);
                (step.fill)(b);
            });
            names.push(step.what);
        }
        batch.message(BATCH_END, flag::REQUEST, sequence.wrapping_add(1), |b| header(b, 0, BATCH_SUBSYSTEM));
        (batch, names)
    }
}

impl Nftables {
    /// Makes all changes of the transaction, or none: an error means that nothing changed. It names the change
    /// that the kernel refused.
    pub fn commit(&mut self, operation: &str, transaction: Transaction<'_>) -> Result<(), NetlinkError> {
        let count = u32::try_from(transaction.steps.len()).unwrap_or(u32::MAX).saturating_add(2);
        let first = self.socket.reserve(count);
        let (batch, names) = transaction.encode(first);
        match self.socket.transact(operation, &batch, first)? {
            None => Ok(()),
            Some(refusal) => {
                let place = refusal.sequence.wrapping_sub(first).wrapping_sub(1) as usize;
                // The opening message answers for the commit as a whole.
                let what = names.get(place).map_or("commit", String::as_str);
                Err(refusal.during(&format!("{operation}: {what}")))
            }
        }
    }
}

fn encode_hook(b: &mut Buf, hook: &Hook) {
    b.nest(4, |h| {
        h.be32(1, hook.place.number()).be32(2, hook.priority.cast_unsigned());
    });
    let policy = match hook.policy {
        Policy::Drop => 0,
        Policy::Accept => 1,
    };
    b.be32(5, policy).text(7, &hook.kind);
}

fn encode_rule(b: &mut Buf, rule: &Rule) {
    b.nest(4, |list| {
        for step in &rule.steps {
            list.nest(LIST_ELEM, |e| step.encode(e));
        }
    });
    if let Some(user_data) = rule.user_data() {
        b.attr(7, &user_data);
    }
}

fn encode_element(list: &mut Buf, element: &Element) {
    list.nest(LIST_ELEM, |e| {
        if element.range_end {
            e.be32(3, ELEMENT_RANGE_END);
        }
        e.nest(1, |key| {
            key.attr(1, &element.key);
        });
    });
}
