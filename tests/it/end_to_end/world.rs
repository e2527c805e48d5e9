//! Two clients, a node and the internet, each in a network namespace; the built binary in the node's, stock
//! WireGuard in the clients'.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use caspervpn::domain::key::PrivateKey;
use caspervpn::vpn::netns;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::namespaces::Namespace;
use crate::service::{Launch, Service, eventually};
use crate::wireguard_go;

/// What is said once the service is ready follows within moments.
const SOON: Duration = Duration::from_secs(5);

pub(super) const NODE: &str = "192.0.2.1";
pub(super) const NODE_UPLINK: [&str; 2] = ["198.51.100.1", "2001:db8:5::1"];
pub(crate) const INTERNET: [&str; 2] = ["198.51.100.2", "2001:db8:5::2"];
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The namespaces, and the data directory of the server. The internet knows no way back to the pools or the clients'
/// wire: without NAT nothing answers.
pub(crate) struct World {
    pub(crate) node: Namespace,
    clients: [Namespace; 2],
    _internet: Namespace,
    directory: TempDir,
    up: Vec<(usize, String)>,
}

impl World {
    pub(crate) fn create() -> Self {
        let [node, internet, first, second] = ["node", "net", "one", "two"].map(Namespace::create);
        node.shell(&format!(
            "ip link add up0 type veth peer name eth0 netns {}
             ip address add {}/24 dev up0; ip address add {}/64 dev up0 nodad; ip link set up0 up
             ip link add wires type bridge; ip address add {NODE}/24 dev wires; ip link set wires up",
            internet.name(),
            NODE_UPLINK[0],
            NODE_UPLINK[1],
        ));
        internet.shell(&format!(
            "ip link set eth0 up; ip address add {}/24 dev eth0; ip address add {}/64 dev eth0 nodad",
            INTERNET[0], INTERNET[1],
        ));
        for (number, client) in (2..).zip([&first, &second]) {
            node.shell(&format!(
                "ip link add wire{number} type veth peer name wire netns {}
                 ip link set wire{number} master wires; ip link set wire{number} up",
                client.name()
            ));
            client.shell(&format!("ip link set wire up; ip address add 192.0.2.{number}/24 dev wire"));
            // wg-quick's DNS line is written here, for `ip netns exec` shows it as /etc/resolv.conf.
            let etc = format!("/etc/netns/{}", client.name());
            std::fs::create_dir_all(&etc).unwrap();
            std::fs::write(format!("{etc}/resolv.conf"), "nameserver 192.0.2.254\n").unwrap();
        }
        serve_visitors(internet.name());
        answer_names(internet.name());
        let directory = tempfile::tempdir().unwrap();
        Self { node, clients: [first, second], _internet: internet, directory, up: Vec::new() }
    }

    pub(super) fn launch(&self) -> Launch {
        Launch::inside(self.node.name(), &self.directory.path().join("data"))
    }

    /// Starts the server and sets it up with the link that the verb prints, over TCP, as a browser does.
    pub(crate) fn serve_and_set_up(&self) -> Service {
        self.set_up(&self.launch())
    }

    /// The same of a server that is started in a way of its own.
    pub(super) fn set_up(&self, launch: &Launch) -> Service {
        let service = launch.serve();
        eventually("a word on how to begin", SOON, || {
            service.log().contains("`caspervpn setup-link` prints")
        });
        let link = self.launch().ask(&["setup-link"]);
        let proof = format!("Setup {}", link["token"].as_str().unwrap());
        let request = json!({
            "owner": { "login": "ada", "password": PASSWORD },
            "endpoint": { "host": NODE },
            "network": { "name": "home", "ipv4": "10.86.0.0/24", "ipv6": "fd86:7::/64", "dns": INTERNET },
        });
        let answer = self.node.run(|| {
            let stream = std::net::TcpStream::connect("127.0.0.1:8080").unwrap();
            let headers = [("Authorization", proof.as_str())];
            crate::service::exchange(stream, "POST", "/api/v1/setup", &headers, Some(request)).unwrap()
        });
        assert_eq!(answer.status, 201, "{}", answer.body);
        service
    }

    /// Makes a device with a key of its client, and brings its configuration up with only that key filled in.
    pub(super) fn connect(&mut self, client: usize, service: &Service) -> Value {
        self.connect_altered(client, service, |conf, _| conf)
    }

    /// The same with another configuration than the right one, which is made of that and the client's key.
    pub(super) fn connect_altered(
        &mut self,
        client: usize,
        service: &Service,
        alter: impl FnOnce(String, &str) -> String,
    ) -> Value {
        let name = device_name(client);
        // Any 32 bytes are a private key (RFC 7748, §5); these are of this process and this client alone.
        let mut bytes = [u8::try_from(client + 1).unwrap(); 32];
        bytes[..4].copy_from_slice(&std::process::id().to_le_bytes());
        let key = PrivateKey::new(bytes);
        let device = service.post(
            "/api/v1/devices",
            Some(json!({
                "name": name,
                "public_key": key.public_key().to_string(),
                "user_id": owner(service),
            })),
        );
        let revealed = reveal(service, &device);
        assert_eq!(revealed["client_key"], true);
        assert!(revealed["qr_png"].is_null() && revealed["qr_svg"].is_null());
        let conf = revealed["conf"].as_str().unwrap();
        assert_eq!(conf.matches("PrivateKey = \n").count(), 1, "one place for the key");
        let filled = format!("PrivateKey = {}\n", key.expose_base64().as_str());
        let conf = conf.replacen("PrivateKey = \n", &filled, 1);
        self.wg_quick(client, &revealed, &alter(conf, key.expose_base64().as_str()));
        device
    }

    /// Writes the file under the name that the API gives it, and has wg-quick do what it says.
    pub(crate) fn wg_quick(&mut self, client: usize, revealed: &Value, conf: &str) {
        let file = self.directory.path().join(revealed["file_name"].as_str().unwrap());
        std::fs::write(&file, conf).unwrap();
        let interface = file.file_stem().unwrap().to_str().unwrap().to_owned();
        self.up.push((client, interface));
        for start in 1.. {
            let output = self.stock(client, &["wg-quick", "up", file.to_str().unwrap()]);
            if output.status.success() {
                break;
            }
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(start < wireguard_go::STARTS && said.contains(wireguard_go::LOST_RACE), "{said}");
        }
    }

    /// Runs a program in a client's namespace, which has a resolv.conf of its own.
    pub(crate) fn stock(&self, client: usize, words: &[&str]) -> std::process::Output {
        let path = format!("{}:{}", self.resolvconf().display(), std::env::var("PATH").unwrap());
        Command::new("ip")
            .args(["netns", "exec", self.clients[client].name()])
            .args(words)
            .env("PATH", path)
            .env("RESOLVCONF_STATE", self.directory.path().join(format!("resolvconf-{client}")))
            .env("WG_QUICK_USERSPACE_IMPLEMENTATION", "wireguard-go")
            .env("WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD", "1")
            .output()
            .unwrap()
    }

    /// Where resolvconf is: Debian's openresolv as `make setup` unpacks it, else a stand-in that does what wg-quick
    /// asks of it, as the real one cannot be installed beside the host's own resolver.
    fn resolvconf(&self) -> PathBuf {
        let cache = std::env::var_os("CASPERVPN_CACHE").map(PathBuf::from).unwrap_or_else(|| {
            PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/caspervpn")
        });
        let real = cache.join("tools/openresolv/sbin");
        if real.join("resolvconf").exists() {
            return real;
        }
        let own = self.directory.path().join("bin");
        std::fs::create_dir_all(&own).unwrap();
        let script = own.join("resolvconf");
        std::fs::write(&script, "#!/bin/sh\nif [ \"$1\" = -a ]; then cat > /etc/resolv.conf; fi\n").unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&script, executable).unwrap();
        own
    }

    /// Whether a client gets an answer to one echo request.
    pub(crate) fn pings(&self, client: usize, address: &str) -> bool {
        self.stock(client, &["ping", "-c", "1", "-W", "1", address]).status.success()
    }

    /// What the server in the internet saw as the address of its visitor.
    pub(super) fn seen_as(&self, client: usize, address: &str) -> Option<String> {
        let url = format!("http://{}/", SocketAddr::new(address.parse().unwrap(), 80));
        let output = self.stock(client, &["curl", "-sS", "--max-time", "5", &url]);
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// The node's firewall without its counters.
    pub(super) fn rules(&self) -> String {
        self.node.shell("nft --stateless list ruleset")
    }

    /// The node's interfaces that are ours, with their addresses.
    pub(super) fn interfaces(&self) -> String {
        self.node.shell("ip -brief address show | grep '^cvpn' | grep -o '^cvpn[0-9]*\\|[0-9a-f:.]*/[0-9]*' | grep -v ^fe80 || true")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for (client, interface) in &self.up {
            // A userspace client ends with its interface, and only then is its namespace free.
            let _ = Command::new("ip")
                .args(["-n", self.clients[*client].name(), "link", "del", interface])
                .output();
        }
        for client in &self.clients {
            let _ = std::fs::remove_dir_all(format!("/etc/netns/{}", client.name()));
        }
    }
}

/// An interface's name is taken for the whole machine: wireguard-go keeps a socket of that name in /run.
pub(crate) fn device_name(client: usize) -> String {
    format!("e{}x{client}", std::process::id())
}

pub(crate) fn owner(service: &Service) -> Value {
    service.get("/api/v1/users")["items"][0]["id"].clone()
}

pub(crate) fn reveal(service: &Service, device: &Value) -> Value {
    service.post(&format!("{}/reveal", path(device)), None)
}

pub(super) fn path(device: &Value) -> String {
    format!("/api/v1/devices/{}", device["id"].as_str().unwrap())
}

/// An HTTP server on port 80, which tells each visitor the address it came from. It ends with the test's process.
fn serve_visitors(namespace: &str) {
    for address in INTERNET {
        let at = SocketAddr::new(address.parse().unwrap(), 80);
        in_background(namespace, move || {
            let listener = TcpListener::bind(at).unwrap();
            move || {
                for stream in listener.incoming().flatten() {
                    let mut stream = stream;
                    let from = stream.peer_addr().unwrap().ip().to_string();
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                    let _ = stream.read(&mut [0; 1024]);
                    let _ = write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{from}", from.len());
                }
            }
        });
    }
}

/// A name server which answers every question for an IPv4 address with the internet's own.
fn answer_names(namespace: &str) {
    let at = SocketAddr::new(INTERNET[0].parse().unwrap(), 53);
    in_background(namespace, move || {
        let socket = UdpSocket::bind(at).unwrap();
        move || {
            let mut packet = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                let _ = socket.send_to(&name_answer(&packet[..length]), from);
            }
        }
    });
}

/// RFC 1035, §4.1: the question again, then for type A one record of it.
fn name_answer(question: &[u8]) -> Vec<u8> {
    let end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
    let is_ipv4 = question[end - 4..end - 2] == [0, 1];
    let mut answer = question[..end].to_vec();
    answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_ipv4), 0, 0, 0, 0]);
    if is_ipv4 {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 51, 100, 2]);
    }
    answer
}

/// Prepares in the namespace, waits for that, and lets the rest run for as long as the process does.
fn in_background<S: FnOnce() + Send>(namespace: &str, prepare: impl FnOnce() -> S + Send + 'static) {
    let namespace = namespace.to_owned();
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        netns::enter(&namespace).unwrap();
        let serve = prepare();
        ready.send(()).unwrap();
        serve();
    });
    is_ready.recv().unwrap();
}
