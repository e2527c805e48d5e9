//! The node's firewall: one nftables table, replaced in one transaction, read back to find outside changes.
//!
//! Invariant: no chain hangs on the input hook, and no table but [`TABLE`] is ever written.

mod foreign;
mod read;
mod render;

use crate::domain::desired::ObservedFirewall;
use crate::domain::firewall::Firewall;
use crate::vpn::netlink::NetlinkError;
use crate::vpn::netlink::nft::transaction::Transaction;
use crate::vpn::netlink::nft::{Family, Nftables};

pub use foreign::ForeignChain;
pub use render::render;

/// The table's family: one for IPv4 and IPv6.
const FAMILY: Family = Family::Inet;

/// The table's name.
pub const TABLE: &str = "caspervpn";

/// Writes and reads the firewall of the network namespace in which it was opened.
pub struct NodeFirewall {
    nftables: Nftables,
}

impl NodeFirewall {
    /// Opens the socket in the network namespace of the calling thread.
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self { nftables: Nftables::open()? })
    }

    /// Makes the kernel's rules those of `firewall`, whatever they were, in one transaction: an error means
    /// that nothing changed.
    pub fn apply(&mut self, firewall: &Firewall) -> Result<(), NetlinkError> {
        let table = render(firewall);
        let mut transaction = Transaction::default();
        transaction.replace_table(&table);
        self.nftables.commit("load the firewall", transaction)
    }

    /// Like [`Self::apply`], for one who knows what is loaded: where only devices differ, only they are sent, so
    /// that one change among many devices takes no longer than among few. When the kernel has something else
    /// after all, the whole is loaded.
    pub fn update(&mut self, loaded: &Firewall, wanted: &Firewall) -> Result<(), NetlinkError> {
        let (gone, new) = loaded.apart(wanted);
        let (from, to) = (render(&gone), render(&new));
        if from.chains != to.chains {
            return self.apply(wanted);
        }
        let mut transaction = Transaction::default();
        transaction.change_elements(&from, &to);
        self.nftables
            .commit("change the devices of the firewall", transaction)
            .or_else(|_| self.apply(wanted))
    }

    /// The firewall that is loaded. One that is not exactly what [`Self::apply`] loads is altered, so that any
    /// outside change shows as a difference and is healed.
    pub fn observe(&mut self) -> Result<ObservedFirewall, NetlinkError> {
        const OPERATION: &str = "read the firewall";
        let loaded = self.nftables.consistent(OPERATION, |nftables| nftables.find_table(FAMILY, TABLE))?;
        let Some(loaded) = loaded else { return Ok(ObservedFirewall::Absent) };
        let intact = read::firewall(&loaded.table)
            .filter(|firewall| !loaded.has_more && render(firewall) == loaded.table);
        Ok(intact.map_or(ObservedFirewall::Altered, ObservedFirewall::Intact))
    }

    /// A number that changes with every change of anybody's rules: while it stands still, so does the firewall.
    pub fn generation(&mut self) -> Result<u32, NetlinkError> {
        self.nftables.generation()
    }

    /// Removes the firewall. One that is not there is fine.
    pub fn remove(&mut self) -> Result<(), NetlinkError> {
        let mut transaction = Transaction::default();
        transaction.remove_table(FAMILY, TABLE);
        self.nftables.commit("remove the firewall", transaction)
    }

    /// Chains of others that keep forwarded packets from passing whatever our table says.
    pub fn list_foreign_forward_drops(&mut self) -> Result<Vec<ForeignChain>, NetlinkError> {
        self.nftables.consistent("look for chains that drop forwarded packets", foreign::list)
    }
}
