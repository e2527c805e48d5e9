//! Two network namespaces and a wire between them: our tunnel in one, a stock wireguard-go client in the other.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]

use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use caspervpn::domain::desired::{ObservedPeer, WireguardSettings};
use caspervpn::domain::key::{PresharedKey, PrivateKey};
use caspervpn::domain::network::Mtu;
use caspervpn::domain::node::{InterfaceName, Port};
use caspervpn::domain::time::Timestamp;
use caspervpn::vpn::tunnel::tun::TunTransport;
use caspervpn::vpn::tunnel::userspace::UserspaceTunnel;
use caspervpn::vpn::tunnel::{InterfaceChange, Tunnel};
use socket2::{Domain, Protocol, Socket, Type};

use crate::wireguard_go::WireguardGo;

/// The server's addresses on the wire and in the tunnel, and the client's in the tunnel.
pub(super) const SERVER_WIRE: &str = "192.0.2.1";
pub(super) const SERVER_WIRE_V6: &str = "2001:db8::1";
pub(super) const SERVER: &str = "10.77.0.1";
pub(super) const SERVER_V6: &str = "fd77::1";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The two namespaces. Dropping it removes them.
pub(super) struct Lab {
    pub(super) server: String,
    pub(super) client: String,
    clients: Vec<WireguardGo>,
    number: u32,
}

impl Lab {
    pub(super) fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = |side: &str| format!("cvpn-{}-{number}-{side}", std::process::id());
        let lab = Self { server: name("s"), client: name("c"), clients: Vec::new(), number };
        for namespace in [&lab.server, &lab.client] {
            // A killed run may have left one behind whose process had our id.
            drop(Command::new("ip").args(["netns", "del", namespace]).output());
            run(&["ip", "netns", "add", namespace]);
            run(&["ip", "-n", namespace, "link", "set", "lo", "up"]);
        }
        let (s, c) = (lab.server.as_str(), lab.client.as_str());
        run(&["ip", "-n", s, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", c]);
        for (namespace, host) in [(s, "1"), (c, "2")] {
            run(&["ip", "-n", namespace, "addr", "add", &format!("192.0.2.{host}/24"), "dev", "wire"]);
            run(&[
                "ip",
                "-n",
                namespace,
                "addr",
                "add",
                &format!("2001:db8::{host}/64"),
                "dev",
                "wire",
                "nodad",
            ]);
            run(&["ip", "-n", namespace, "link", "set", "wire", "up"]);
        }
        lab
    }

    /// Runs `scenario` on a runtime whose threads all live in the server's namespace.
    pub(super) fn in_server<F: Future<Output = ()> + Send>(&self, scenario: F) {
        std::thread::scope(|scope| {
            let ran = scope
                .spawn(|| {
                    enter(&self.server);
                    let runtime = tokio::runtime::Builder::new_multi_thread()
                        .worker_threads(2)
                        .enable_all()
                        .build()
                        .unwrap();
                    runtime.block_on(scenario);
                })
                .join();
            if let Err(panic) = ran {
                std::panic::resume_unwind(panic);
            }
        });
    }

    /// Starts a stock client with this configuration and gives its interface name.
    pub(super) fn start_client(&mut self, config: &str, addresses: &[&str]) -> String {
        let name = format!("w{}x{}x{}", std::process::id(), self.number, self.clients.len());
        self.clients.push(WireguardGo::start(&self.client, &name));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), config).unwrap();
        let path = file.path().to_str().unwrap();
        self.wg(&["setconf", &name, path]);
        for address in addresses {
            run(&["ip", "-n", &self.client, "addr", "add", address, "dev", &name]);
        }
        run(&["ip", "-n", &self.client, "link", "set", &name, "mtu", "1420", "up"]);
        name
    }

    pub(super) fn wg(&self, arguments: &[&str]) -> String {
        let mut all = vec!["ip", "netns", "exec", &self.client, "wg"];
        all.extend(arguments);
        run(&all)
    }

    /// Whether the client gets an answer from `address` to each of `count` echo requests of `bytes` bytes.
    pub(super) fn ping(&self, address: &str, count: u16, bytes: usize) -> bool {
        let address: IpAddr = address.parse().unwrap();
        std::thread::scope(|scope| {
            let pinging = scope.spawn(|| {
                enter(&self.client);
                let socket = echo_socket(address);
                (0..count).all(|sequence| echo(&socket, address, sequence, bytes))
            });
            pinging.join().unwrap()
        })
    }
}

fn echo_socket(address: IpAddr) -> Socket {
    let (domain, protocol) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::RAW, Some(protocol)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    socket
}

fn echo(socket: &Socket, to: IpAddr, sequence: u16, bytes: usize) -> bool {
    // Echo request and reply are 8 and 0 in RFC 792, 128 and 129 in RFC 4443. The kernel sums ICMPv6 only.
    let (request, reply, header) = if to.is_ipv4() { (8, 0, 20) } else { (128, 129, 0) };
    let mut packet = vec![0x5a; 8 + bytes];
    packet[..8].copy_from_slice(&[request, 0, 0, 0, 0x13, 0x37, 0, 0]);
    packet[6..8].copy_from_slice(&sequence.to_be_bytes());
    if to.is_ipv4() {
        let sum: u32 =
            packet.chunks(2).map(|c| u32::from(c[0]) << 8 | u32::from(*c.get(1).unwrap_or(&0))).sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        packet[2..4].copy_from_slice(&(!((folded & 0xffff) + (folded >> 16)) as u16).to_be_bytes());
    }
    if socket.send_to(&packet, &SocketAddr::new(to, 0).into()).is_err() {
        return false;
    }
    let deadline = Instant::now() + Duration::from_secs(2);
    let mut socket = socket;
    let mut answer = [0; 65_535];
    while Instant::now() < deadline {
        let Ok(length) = socket.read(&mut answer) else { continue };
        let answer = &answer[..length];
        if answer.len() == header + packet.len()
            && answer[header] == reply
            && answer[header + 4..] == packet[4..]
        {
            return true;
        }
    }
    false
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.clients.clear();
        for namespace in [&self.server, &self.client] {
            let _ = Command::new("ip").args(["netns", "del", namespace]).status();
        }
    }
}

/// Our tunnel, with addresses, up, and with one key.
pub(super) async fn start_server(lab: &Lab, key: &PrivateKey, port: u16) -> UserspaceTunnel<TunTransport> {
    let tunnel = UserspaceTunnel::new(InterfaceName::numbered(0), TunTransport);
    let changes = [InterfaceChange::Create(Mtu::DEFAULT), wireguard(key, port)];
    tunnel.apply(&changes, Timestamp::from_millis(1)).await.unwrap();
    run(&["ip", "-n", &lab.server, "addr", "add", "10.77.0.1/24", "dev", "cvpn0"]);
    run(&["ip", "-n", &lab.server, "addr", "add", "fd77::1/64", "dev", "cvpn0", "nodad"]);
    run(&["ip", "-n", &lab.server, "link", "set", "cvpn0", "up"]);
    tunnel
}

pub(super) fn wireguard(key: &PrivateKey, port: u16) -> InterfaceChange {
    let listen_port = Port::try_from(port).unwrap();
    InterfaceChange::SetWireguard(WireguardSettings { private_key: key.clone(), listen_port })
}

pub(super) fn peer(preshared_key: Option<[u8; 32]>, allowed_ips: &[&str]) -> ObservedPeer {
    ObservedPeer {
        preshared_key: preshared_key.map(PresharedKey::new),
        allowed_ips: allowed_ips.iter().map(|net| net.parse().unwrap()).collect(),
    }
}

/// The configuration of a client: its key, and the server's key, address and preshared key.
pub(super) fn client_config(
    own: &PrivateKey,
    server: &PrivateKey,
    psk: Option<[u8; 32]>,
    endpoint: &str,
) -> String {
    let psk = psk.map_or(String::new(), |key| {
        format!("PresharedKey = {}\n", PresharedKey::new(key).expose_base64().as_str())
    });
    format!(
        "[Interface]\nPrivateKey = {}\n[Peer]\nPublicKey = {}\n{psk}AllowedIPs = 10.77.0.0/24, fd77::/64\nEndpoint = {endpoint}\n",
        own.expose_base64().as_str(),
        server.public_key(),
    )
}

pub(super) fn command(words: &[&str]) -> std::process::Output {
    Command::new(words[0]).args(&words[1..]).output().unwrap()
}

pub(super) fn run(words: &[&str]) -> String {
    let output = command(words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(super) fn eventually(what: &str, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !ready() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[expect(unsafe_code, reason = "setns has no safe wrapper in the standard library")]
fn enter(namespace: &str) {
    let file = File::open(format!("/run/netns/{namespace}")).unwrap();
    // SAFETY: the descriptor is open; setns changes only this thread, which belongs to the test alone.
    assert_eq!(unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) }, 0);
}
