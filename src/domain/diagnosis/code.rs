//! Everything a check can find, with what to say of it and what to do.
//!
//! The panel has the same sentences in its languages: a test there holds its English ones to these.

use serde::{Deserialize, Serialize};

use crate::domain::diagnosis::{CheckName, CheckOutcome};

/// What is said of a finding. `{name}` stands where the value of that name goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// The check that finds it.
    pub check: CheckName,
    /// What came of the check.
    pub outcome: CheckOutcome,
    /// What was found.
    pub found: &'static str,
    /// What somebody can do.
    pub fix: Option<&'static str>,
}

macro_rules! codes {
    ($($code:ident: $check:ident $outcome:ident, $found:literal $(=> $fix:literal)?;)*) => {
        /// What a check found, as a word for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum CheckCode {
            $(#[doc = $found] $code,)*
        }

        impl CheckCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$code),*];

            /// What is said of it.
            pub const fn words(self) -> Words {
                match self {
                    $(Self::$code => Words { check: CheckName::$check, outcome: CheckOutcome::$outcome, found: $found, fix: codes!(@fix $($fix)?) },)*
                }
            }
        }
    };
    (@fix $fix:literal) => { Some($fix) };
    (@fix) => { None };
}

codes! {
    DeviceActive: State Ok, "The device may connect.";
    DeviceOnHold: State Ok, "The device may connect; its time begins with the first connection.";
    AccountDataUsed: State Fail, "The account has used up its traffic." => "Raise the account's data limit.";
    DeviceDataUsed: State Fail, "The device has used up its traffic." => "Raise the device's data limit.";
    AccountExpired: State Fail, "The account's time is over." => "Extend the account's expiry.";
    DeviceExpired: State Fail, "The device's time is over." => "Extend the device's expiry or duration.";
    AccountDisabled: State Fail, "The account is disabled." => "Enable the account.";
    AccountDeleted: State Fail, "The account was deleted." => "Restore the account.";
    DeviceDisabled: State Fail, "The device is disabled." => "Enable the device.";

    NodeReports: Node Ok, "The server {node} reports.";
    NodeMissing: Node Fail, "No server carries this network." => "Put a node into the network.";
    NodeNeverReported: Node Fail, "The server {node} has never reported." => "Start the service with the role agent there.";
    NodeSilent: Node Fail, "The server {node} has stopped reporting; the last word of it came at {seen_at}."
        => "See whether the service runs there, and read its log.";

    InterfaceUp: Interface Ok, "The server's interface is up and listens on its UDP port.";
    TunnelOff: Interface Fail, "The server carries no tunnel."
        => "Give the service what it needs to carry a tunnel; `caspervpn doctor` says what.";
    TunnelUnwell: Interface Fail, "The server's tunnel is not as it has to be."
        => "Do what the message says; the server tries again by itself.";
    InterfaceUnknown: Interface Unknown, "The server does not report, so nobody can tell." => "Bring the server back first.";

    EndpointMissing: Endpoint Fail, "No public endpoint is set." => "Set the public endpoint in the settings.";
    EndpointUnresolved: Endpoint Fail, "Clients send their packets to {endpoint} over UDP, and that name leads nowhere: the server looked it up and found no address."
        => "Set the name's A or AAAA record, or set the public endpoint to another name or an address.";
    EndpointLoopback: Endpoint Warn, "Clients send their packets to {endpoint} over UDP. That leads every client to itself."
        => "Set the public endpoint to an address that clients reach.";
    EndpointPrivate: Endpoint Warn, "Clients send their packets to {endpoint} over UDP. That leads to an address that is reached from its own network only."
        => "Set the public endpoint to the address that the internet sees, and forward the UDP port to the server.";
    EndpointOwn: Endpoint Ok, "Clients send their packets to {endpoint} over UDP. That leads to {addresses}, which the server has itself.";
    EndpointElsewhere: Endpoint Warn, "Clients send their packets to {endpoint} over UDP. That leads to {addresses}, while the server itself has {own}."
        => "If nothing there forwards UDP port {port} to the server, let the name lead to the server's own address.";
    EndpointNamed: Endpoint Unknown, "Clients send their packets to {endpoint} over UDP. That leads to {addresses}; whether packets arrive shows in the handshake."
        => "If no handshake comes, let UDP port {port} through every router and cloud firewall before the server.";
    EndpointUntried: Endpoint Unknown, "Clients send their packets to {endpoint} over UDP. Whether they arrive shows in the handshake."
        => "If no handshake comes, let UDP port {port} through every router and cloud firewall before the server.";

    ConfigurationNotGiven: Configuration Warn, "No configuration was handed out yet."
        => "Show the configuration or its code, and import it on the device.";
    ConfigurationOutdated: Configuration Warn, "The network has changed since the configuration was handed out."
        => "Hand the configuration out again and import it on the device.";
    ConfigurationCurrent: Configuration Ok, "The configuration that was handed out is what the network gives now.";

    AddressBound: Address Ok, "The server takes packets from {addresses} alone; a configuration with another address connects and carries nothing.";

    HandshakeRecent: Handshake Ok, "The last handshake was at {last_handshake_at}.";
    HandshakeOld: Handshake Warn, "The device was last there at {last_handshake_at}."
        => "Turn the tunnel off and on again on the device; if nothing comes, look at its network and the endpoint.";
    HandshakeNever: Handshake Fail, "No handshake of this device has ever come."
        => "See that the device has this configuration with the same keys, and that its network lets UDP out.";
    HandshakeNothingComes: Handshake Fail, "Nobody has begun a handshake at UDP port {port} of the server since {since_at}: packets of clients do not get there."
        => "Turn the tunnel on at the device. If nothing comes then, let UDP port {port} through every firewall and router before the server, see that the endpoint leads to it, and that the device's network lets UDP out.";
    HandshakeOthersOnly: Handshake Fail, "Handshakes come to UDP port {port} of the server and are answered, the last at {answered_at}, but none of this device."
        => "The way to the server is open. Turn the tunnel on at the device, see that it has this configuration, and that its network lets UDP out.";
    HandshakeForAnotherServer: Handshake Fail, "A handshake for the key of another server came to UDP port {port} at {misdirected_at}. Whose it is cannot be told; if it is of this device, its configuration is old or of another server."
        => "Hand the configuration out again and import it on the device.";
    HandshakeUnanswered: Handshake Fail, "A handshake that nobody here answers came to UDP port {port} at {unanswered_at}. Whose it is cannot be told; if it is of this device, the server does not know its key: the device was given new keys, or was deleted or disabled."
        => "Hand the configuration out again and import it on the device; see also to the device's clock.";
    HandshakeBegun: Handshake Unknown, "A handshake came to UDP port {port} of the server at {begun_at}, and whether it is answered is not known yet. Whose it is cannot be told."
        => "Look again in some seconds. If nothing changes, the server has more handshakes to do than it can.";

    TrafficFlows: Traffic Ok, "So far {rx_bytes} came from the device and {tx_bytes} went to it.";
    TrafficHandshakesOnly: Traffic Warn, "So far {rx_bytes} came from the device and {tx_bytes} went to it. That is little more than handshakes."
        => "See that the tunnel is the device's way out: its routes, and another VPN or firewall beside it.";
    TrafficNothingBack: Traffic Warn, "So far {rx_bytes} came from the device and {tx_bytes} went to it. Nothing comes back from beyond the server."
        => "See to forwarding and firewalls of the server below.";

    NatKeptOpen: Nat Ok, "The device sends something every {keepalive_s} s, which keeps its way through a NAT open.";
    NatNone: Nat Ok, "The device's packets come from an address of a local network, so no NAT of the internet is between.";
    NatMoved: Nat Ok, "The address from which the device's packets come last changed at {moved_at}: it went to another network, or a NAT gave it another port. The tunnel follows by itself.";
    NatClosesInSilence: Nat Warn, "Clients of this network send nothing while they have nothing to say. Behind a NAT, the server cannot reach such a device after some minutes of silence."
        => "Set the network's keepalive to 25 s and hand the configuration out again.";

    ForwardingOn: Forwarding Ok, "The server forwards packets and translates addresses.";
    ForwardingOff: Forwarding Fail, "The server does not forward packets."
        => "Turn forwarding on: `sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1`.";
    ForwardingUnknown: Forwarding Unknown, "The server does not report, so nobody can tell." => "Bring the server back first.";

    FirewallOpen: Firewall Ok, "No firewall of another program on the server drops forwarded packets.";
    FirewallDrops: Firewall Fail, "A firewall on the server drops forwarded packets."
        => "Let packets of the interfaces `cvpn*` pass in that firewall.";
    FirewallUnknown: Firewall Unknown, "The server does not report, so nobody can tell." => "Bring the server back first.";

    MtuFits: Mtu Ok, "Packets in the tunnel may have {mtu} bytes; if large pages hang, try 1280.";
    MtuLarge: Mtu Warn, "Packets in the tunnel may have {mtu} bytes, more than most lines carry."
        => "Set the network's MTU to 1420, or to 1280 for bad lines.";

    DnsAnswers: Dns Ok, "The device asks {servers} for names; the server asked, too, and each answered.";
    DnsSilent: Dns Warn, "The device asks {servers} for names. The server asked, too, and got no good answer from {silent}."
        => "Choose other DNS servers in the network, or see that those answer and are reached from the server.";
    DnsUntried: Dns Unknown, "The device asks {servers} for names. Whether they answer was not tried: that is done only where the network's server runs in this service and reports."
        => "If addresses work and names do not, choose other DNS servers in the network.";

    ClockFine: Clock Ok, "The device's clock does not go back: its handshakes are taken.";
    ClockNotYet: Clock Ok, "There was no handshake yet, so its clock cannot be in the way.";
    ClockUnknown: Clock Unknown, "A handshake is taken only if the device's clock stands later than at the last one."
        => "Set the device's clock right; after it was set back far, give the device new keys.";
    ClockDoubtful: Clock Warn, "A handshake that nobody here answers came at {unanswered_at}. If it is of this device, its clock may stand before {last_handshake_at}, when its last one was taken."
        => "Set the device's clock right; after it was set back far, give the device new keys.";
}

#[cfg(test)]
mod tests {
    use super::{CheckCode, CheckOutcome};
    use serde_json::{Value, json};

    /// The panel's tests read this: what they say in English has to be the same.
    #[test]
    fn the_words_of_every_finding_are_known() {
        let words: Vec<Value> = CheckCode::ALL
            .iter()
            .map(|code| {
                let words = code.words();
                json!({
                    "code": code, "check": words.check, "outcome": words.outcome, "found": words.found, "fix": words.fix,
                })
            })
            .collect();

        insta::assert_json_snapshot!("findings", words);
    }

    #[test]
    fn whatever_is_not_well_says_what_to_do() {
        for code in CheckCode::ALL {
            let words = code.words();
            assert_eq!(words.outcome == CheckOutcome::Ok, words.fix.is_none(), "{code:?}");
        }
    }
}
