//! Why a device cannot connect: what is known of it and of the way to it, one check after the other.
//!
//! Invariant: pure, and honest: what nobody looked at is unknown, never well.

mod client;
mod code;
mod server;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::domain::device::{Device, DeviceReason, DeviceState, is_online};
use crate::domain::handshake::Handshakes;
use crate::domain::network::Network;
use crate::domain::node::{Endpoint, Node, NodeState, Port};
use crate::domain::time::Timestamp;
use crate::domain::usage::Traffic;

pub use code::{CheckCode, Words};

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: CheckName,
    /// What came of it.
    pub outcome: CheckOutcome,
    /// What was found, as a word for programs.
    pub code: CheckCode,
    /// What the finding is about, by the names that its sentences have gaps for. Times are named `…_at`, bytes `…_bytes`; `said`
    /// is what a server says itself, and `address` where the device's packets come from.
    pub values: BTreeMap<&'static str, String>,
    /// What was found, in a sentence.
    pub detail: String,
    /// What somebody can do, in a sentence; none where all is well.
    pub fix: Option<String>,
}

/// What is looked at, in the order in which it is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    /// Whether the device may connect at all.
    State,
    /// Whether a node of its network reports.
    Node,
    /// Whether the node carries the interface and listens on its port.
    Interface,
    /// Where clients are told to send their packets.
    Endpoint,
    /// Whether the owner has the configuration that the network gives now.
    Configuration,
    /// Its addresses in the tunnel.
    Address,
    /// Whether it has shaken hands, and what else the port hears.
    Handshake,
    /// Whether packets come and go.
    Traffic,
    /// Whether a translated address stays open for it.
    Nat,
    /// Whether the node forwards what comes out of the tunnel.
    Forwarding,
    /// Whether a firewall of another program drops that.
    Firewall,
    /// Bytes a packet may have.
    Mtu,
    /// Name servers that the client is told.
    Dns,
    /// The client's clock.
    Clock,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// Nothing is in the way.
    Ok,
    /// It may be in the way.
    Warn,
    /// It is in the way.
    Fail,
    /// Nobody can tell from here.
    Unknown,
}

/// What is known of a device and the way to it.
#[derive(Debug, Clone)]
pub struct Known {
    /// The device.
    pub device: Device,
    /// Whether it may connect, and why not.
    pub state: (DeviceState, Option<DeviceReason>),
    /// Its network.
    pub network: Network,
    /// The node that carries it, or would.
    pub node: Option<Node>,
    /// The UDP port at which the node listens for the network, and what is heard there of handshakes; nothing where nobody tells.
    pub port: Option<(Port, Option<Handshakes>)>,
    /// Where clients are told to send their packets.
    pub endpoint: Option<Endpoint>,
    /// Where that leads.
    pub resolved: Resolved,
    /// Which of the network's name servers answer. Nothing where nobody asked them.
    pub name_servers: Option<BTreeMap<IpAddr, NameServer>>,
    /// When it last shook hands.
    pub last_handshake_at: Option<Timestamp>,
    /// Where its packets come from, where that is known.
    pub whereabouts: Option<Whereabouts>,
    /// Whether that address may be shown.
    pub shows_address: bool,
    /// Its bytes so far.
    pub traffic: Traffic,
    /// Whether the reader runs the service, and may know what is wrong with its machines.
    pub is_operator: bool,
}

/// Where a host leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// Nobody has looked.
    Untried,
    /// To these, at least one.
    To(BTreeSet<IpAddr>),
    /// Nowhere, with what the resolver said.
    Nowhere(String),
}

/// What came of asking a name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameServer {
    /// It answers.
    Answers,
    /// It does not, or badly: what happened.
    Fails(String),
}

/// Where a device was last heard from. Kept in memory alone, never logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whereabouts {
    /// The address and port that its packets come from.
    pub address: SocketAddr,
    /// When those were last others.
    pub moved_at: Option<Timestamp>,
}

impl Whereabouts {
    /// What is known once the device is heard from an address.
    pub fn heard(known: Option<Self>, address: SocketAddr, now: Timestamp) -> Self {
        match known {
            Some(known) if known.address == address => known,
            Some(_) => Self { address, moved_at: Some(now) },
            None => Self { address, moved_at: None },
        }
    }
}

/// Looks at everything, in the order in which it is in the way.
pub fn diagnose(known: &Known, now: Timestamp) -> Vec<Check> {
    let online = is_online(known.last_handshake_at, now);
    let heard = known.port.filter(|_| known.reporting(now).is_some());
    vec![
        client::state(known),
        server::node(known, now),
        server::interface(known, now),
        server::endpoint(known),
        client::configuration(known),
        client::address(known),
        client::handshake(known, heard, now),
        client::traffic(known, online),
        client::nat(known, now),
        server::forwarding(known),
        server::firewall(known),
        server::mtu(known),
        server::dns(known),
        client::clock(known, heard, now),
    ]
}

impl Known {
    /// The node, if it reports.
    pub fn reporting(&self, now: Timestamp) -> Option<&Node> {
        self.node.as_ref().filter(|node| matches!(node.state(now), NodeState::Online | NodeState::Draining))
    }
}

/// A finding without anything to fill in.
fn found(code: CheckCode) -> Check {
    let Words { check, outcome, found, fix } = code.words();
    let (detail, fix) = (found.to_owned(), fix.map(str::to_owned));
    Check { name: check, outcome, code, values: BTreeMap::new(), detail, fix }
}

impl Check {
    /// Fills a gap of the sentences.
    fn with(mut self, name: &'static str, value: impl Display) -> Self {
        let (gap, value) = (format!("{{{name}}}"), value.to_string());
        let shown = if name.ends_with("_bytes") { format!("{value} bytes") } else { value.clone() };
        self.detail = self.detail.replace(&gap, &shown);
        self.fix = self.fix.map(|fix| fix.replace(&gap, &shown));
        self.values.insert(name, value);
        self
    }

    /// The same, several at once.
    fn with_all(self, name: &'static str, values: impl IntoIterator<Item = impl Display>) -> Self {
        let values: Vec<_> = values.into_iter().map(|value| value.to_string()).collect();
        self.with(name, values.join(", "))
    }

    /// What a server says of itself is for those who run it, and better than our own sentence.
    fn said(mut self, known: &Known, said: &[&str]) -> Self {
        if known.is_operator && !said.is_empty() {
            let said = said.join("; ");
            self.detail.clone_from(&said);
            self.values.insert("said", said);
        }
        self
    }

    /// Why, for those who run the service.
    fn because(mut self, known: &Known, why: &str) -> Self {
        if known.is_operator {
            self.detail = format!("{} ({why})", self.detail);
            self.values.insert("said", why.to_owned());
        }
        self
    }

    /// It may be in the way where it was thought to be.
    fn doubtful(mut self) -> Self {
        if self.outcome == CheckOutcome::Fail {
            self.outcome = CheckOutcome::Warn;
        }
        self
    }
}
