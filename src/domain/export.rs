//! The client's configuration as `wg-quick` and every WireGuard app read it.
//!
//! Invariant: one value, one line. No text of a person can add a line of its own, whatever it holds.

use std::fmt::{Display, Write as _};
use std::net::IpAddr;

use zeroize::Zeroizing;

use crate::domain::key::{PresharedKey, PrivateKey, PublicKey};
use crate::domain::network::ClientSettings;
use crate::domain::node::Endpoint;
use crate::domain::time::Timestamp;

/// Everything a client's configuration says.
#[derive(Debug, Clone, Copy)]
pub struct ClientConfig<'a> {
    /// What the device is called.
    pub device_name: &'a str,
    /// When the configuration was made.
    pub created_at: Timestamp,
    /// The device's key, where the server made it.
    pub private_key: Option<&'a PrivateKey>,
    /// The device's addresses in the tunnel.
    pub addresses: &'a [IpAddr],
    /// What the network tells its clients.
    pub settings: &'a ClientSettings,
    /// The node's key.
    pub node_key: PublicKey,
    /// The secret both share, where there is one.
    pub preshared_key: Option<&'a PresharedKey>,
    /// Where the node is reached.
    pub endpoint: &'a Endpoint,
}

impl ClientConfig<'_> {
    /// The file's text, which begins with a comment about what it is.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Lines::new();
        text.comment("CasperVPN client configuration");
        text.comment(format_args!("friendly_name = {}", one_line(self.device_name)));
        text.comment(format_args!("created = {}", self.created_at));
        text.blank();
        self.sections(&mut text);
        text.0
    }

    /// The same without the comments, for a QR code: each byte less makes its squares larger.
    pub fn to_qr_text(&self) -> Zeroizing<String> {
        let mut text = Lines::new();
        self.sections(&mut text);
        text.0
    }

    fn sections(&self, text: &mut Lines) {
        text.section("Interface");
        match self.private_key {
            Some(key) => text.entry("PrivateKey", key.expose_base64().as_str()),
            None => {
                text.comment("Only your device knows its private key: write it after the equals sign.");
                text.entry("PrivateKey", "");
            }
        }
        text.entry("Address", list(self.addresses.iter().map(|ip| format!("{ip}/{}", bits(*ip)))));
        if !self.settings.dns.is_empty() {
            text.entry("DNS", list(&self.settings.dns));
        }
        text.entry("MTU", self.settings.mtu.bytes());
        text.blank();
        text.section("Peer");
        text.entry("PublicKey", self.node_key);
        if let Some(key) = self.preshared_key {
            text.entry("PresharedKey", key.expose_base64().as_str());
        }
        text.entry("AllowedIPs", list(&self.settings.routes));
        text.entry("Endpoint", self.endpoint);
        if self.settings.keepalive_s > 0 {
            text.entry("PersistentKeepalive", self.settings.keepalive_s);
        }
    }
}

/// The file's name without `.conf`: it becomes the interface's, of 1 to 15 of `a-z A-Z 0-9 _ = + . -`
/// (wg-quick's own rule, and the kernel's length).
pub fn file_stem(device_name: &str) -> String {
    let mut stem = String::with_capacity(STEM_MAX_BYTES);
    for c in device_name.chars() {
        if c.is_ascii_alphanumeric() || "_=+.-".contains(c) {
            stem.push(c);
        } else if !stem.ends_with('-') {
            stem.push('-');
        }
    }
    let stem = stem.trim_matches(['-', '.']);
    let stem = stem[..stem.len().min(STEM_MAX_BYTES)].trim_end_matches(['-', '.']);
    if stem.is_empty() {
        return "caspervpn".to_owned();
    }
    let lower = stem.to_ascii_lowercase();
    let first_part = lower.split('.').next().unwrap_or_default();
    if RESERVED.contains(&first_part) {
        format!("vpn-{}", &stem[..stem.len().min(STEM_MAX_BYTES - 4)])
    } else {
        stem.to_owned()
    }
}

/// Lines of a configuration, in a buffer that is wiped and large enough not to move.
struct Lines(Zeroizing<String>);

impl Lines {
    fn new() -> Self {
        Self(Zeroizing::new(String::with_capacity(CONFIG_BYTES)))
    }

    fn comment(&mut self, text: impl Display) {
        self.line(format_args!("# {text}"));
    }

    fn section(&mut self, name: &str) {
        self.line(format_args!("[{name}]"));
    }

    fn entry(&mut self, key: &str, value: impl Display) {
        self.line(format_args!("{key} = {value}"));
    }

    fn blank(&mut self) {
        self.0.push('\n');
    }

    fn line(&mut self, text: impl Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{text}");
    }
}

fn list(items: impl IntoIterator<Item = impl Display>) -> String {
    let mut text = String::new();
    for item in items {
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{separator}{item}");
    }
    text
}

/// Control characters and Unicode's own line ends become spaces.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect()
}

const fn bits(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// IFNAMSIZ of linux/if.h without its end.
const STEM_MAX_BYTES: usize = 15;
/// Names that an interface, or a file on Windows, cannot have.
const RESERVED: [&str; 25] = [
    "lo", "all", "default", "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6",
    "com7", "com8", "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];
/// A configuration with four name servers and 64 routes fits, so that its key is never left in a smaller buffer.
const CONFIG_BYTES: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::network::Mtu;
    use crate::domain::node::Port;
    use proptest::prelude::*;

    #[test]
    fn server_made_key_gives_a_whole_file() {
        let settings = settings();
        let endpoint = endpoint("vpn.example.org");

        let text = config(&settings, &endpoint).to_text();

        insta::assert_snapshot!(text.as_str());
    }

    #[test]
    fn client_made_key_leaves_a_marked_place() {
        let settings = ClientSettings { keepalive_s: 0, ..settings() };
        let endpoint = endpoint("2001:db8::1");
        let config = ClientConfig { private_key: None, preshared_key: None, ..config(&settings, &endpoint) };

        let text = config.to_text();

        insta::assert_snapshot!(text.as_str());
    }

    #[test]
    fn qr_text_is_the_same_without_comments() {
        let settings = settings();
        let endpoint = endpoint("vpn.example.org");
        let config = config(&settings, &endpoint);

        let (whole, short) = (config.to_text(), config.to_qr_text());

        assert!(whole.ends_with(short.as_str()));
        assert!(!short.contains('#'));
    }

    #[test]
    fn file_stem_is_a_name_wg_quick_takes() {
        for (name, expected) in [
            ("laptop", "laptop"),
            ("Ada's phone", "Ada-s-phone"),
            ("a very long device name", "a-very-long-dev"),
            ("exactly fifteen-", "exactly-fifteen"),
            ("../../etc/passwd", "etc-passwd"),
            ("телефон", "caspervpn"),
            ("-rf", "rf"),
            ("...", "caspervpn"),
            ("lo", "vpn-lo"),
            ("CON", "vpn-CON"),
            ("nul.longer.name", "vpn-nul.longer."),
        ] {
            assert_eq!(file_stem(name), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_stem_keeps_the_rule(name in any::<String>()) {
            let stem = file_stem(&name);

            prop_assert!((1..=15).contains(&stem.len()));
            prop_assert!(stem.bytes().all(|b| b.is_ascii_alphanumeric() || b"_=+.-".contains(&b)));
            prop_assert!(!stem.starts_with(['-', '.']));
        }

        #[test]
        fn no_name_adds_a_line(name in any::<String>()) {
            let settings = settings();
            let endpoint = endpoint("vpn.example.org");
            let plain = config(&settings, &endpoint);

            let text = ClientConfig { device_name: &name, ..plain }.to_text();

            let significant = |text: &str| text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(significant(&text), significant(&plain.to_text()));
            prop_assert_eq!(text.chars().filter(|c| c.is_control() && *c != '\n').count(), 0);
        }
    }

    fn config<'a>(settings: &'a ClientSettings, endpoint: &'a Endpoint) -> ClientConfig<'a> {
        ClientConfig {
            device_name: "laptop",
            created_at: Timestamp::from_millis(1_800_000_000_000),
            private_key: Some(&PRIVATE),
            addresses: &ADDRESSES,
            settings,
            node_key: PublicKey::new([2; 32]),
            preshared_key: Some(&PRESHARED),
            endpoint,
        }
    }

    fn settings() -> ClientSettings {
        ClientSettings {
            dns: vec!["10.86.0.1".parse().unwrap(), "fd86::1".parse().unwrap()],
            mtu: Mtu::DEFAULT,
            keepalive_s: 25,
            routes: ClientSettings::default_routes(),
        }
    }

    fn endpoint(host: &str) -> Endpoint {
        Endpoint { host: host.parse().unwrap(), port: Port::WIREGUARD }
    }

    static PRIVATE: PrivateKey = PrivateKey::new([1; 32]);
    static PRESHARED: PresharedKey = PresharedKey::new([3; 32]);
    static ADDRESSES: [IpAddr; 2] = [
        IpAddr::V4(std::net::Ipv4Addr::new(10, 86, 0, 7)),
        IpAddr::V6(std::net::Ipv6Addr::new(0xfd86, 0, 0, 0, 0, 0, 0, 7)),
    ];
}
