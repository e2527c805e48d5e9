//! The client's configuration, read by WireGuard's own tools.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use caspervpn::domain::export::{ClientConfig, file_stem};
use caspervpn::domain::network::{ClientSettings, Mtu};
use caspervpn::domain::node::{Endpoint, Port};
use caspervpn::domain::time::Timestamp;
use caspervpn::secrets::keypair::{KeyPair, generate_preshared_key};
use zeroize::Zeroizing;

use super::run;
use crate::namespaces::{Namespace, needs_root};
use crate::wireguard_go::WireguardGo;

#[test]
fn wg_quick_takes_the_file_and_strips_it_to_what_wg_reads() {
    // It runs itself again under sudo otherwise.
    needs_root();
    let sample = Sample::new("Ada's «work» laptop # 2");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(format!("{}.conf", file_stem(&sample.name)));
    write(&path, &sample.text());

    let stripped = String::from_utf8(run("wg-quick", ["strip", path.to_str().unwrap()]).stdout).unwrap();

    let lines: Vec<_> = stripped
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    assert_eq!(lines, sample.expected());
}

#[test]
fn wg_sets_the_file_on_an_interface_and_shows_the_same() {
    needs_root();
    let sample = Sample::new("laptop");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("laptop.conf");
    write(&path, &sample.text());

    let stripped = run("wg-quick", ["strip", path.to_str().unwrap()]).stdout;
    fs::write(&path, stripped).unwrap();
    let namespace = Namespace::create("conf");
    let interface = format!("cvt{}", std::process::id());
    let _client = WireguardGo::start(namespace.name(), &interface);
    namespace.shell(&format!("wg setconf {interface} {}", path.display()));
    let shown = namespace.shell(&format!("wg showconf {interface}"));

    let lines: Vec<_> = shown
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("ListenPort"))
        .map(str::to_owned)
        .collect();
    assert_eq!(lines, sample.expected());
}

struct Sample {
    name: String,
    pair: KeyPair,
    node: KeyPair,
    preshared: Zeroizing<String>,
}

impl Sample {
    fn new(name: &str) -> Self {
        let preshared = generate_preshared_key().unwrap().expose_base64();
        Self {
            name: name.to_owned(),
            pair: KeyPair::generate().unwrap(),
            node: KeyPair::generate().unwrap(),
            preshared,
        }
    }

    fn text(&self) -> Zeroizing<String> {
        let addresses: [IpAddr; 2] = ["10.86.0.7".parse().unwrap(), "fd86::7".parse().unwrap()];
        let config = ClientConfig {
            device_name: &self.name,
            created_at: Timestamp::from_millis(1_800_000_000_000),
            private_key: Some(&self.pair.private),
            addresses: &addresses,
            settings: &ClientSettings {
                dns: vec!["10.86.0.1".parse().unwrap()],
                mtu: Mtu::DEFAULT,
                keepalive_s: 25,
                routes: ClientSettings::default_routes(),
            },
            node_key: self.node.public,
            preshared_key: Some(&self.preshared.parse().unwrap()),
            endpoint: &Endpoint { host: "2001:db8::1".parse().unwrap(), port: Port::WIREGUARD },
        };
        config.to_text()
    }

    /// What wg itself knows of; addresses, DNS and MTU are for wg-quick.
    fn expected(&self) -> Vec<String> {
        vec![
            "[Interface]".to_owned(),
            format!("PrivateKey = {}", *self.pair.private.expose_base64()),
            "[Peer]".to_owned(),
            format!("PublicKey = {}", self.node.public),
            format!("PresharedKey = {}", *self.preshared),
            "AllowedIPs = 0.0.0.0/0, ::/0".to_owned(),
            "Endpoint = [2001:db8::1]:51820".to_owned(),
            "PersistentKeepalive = 25".to_owned(),
        ]
    }
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
