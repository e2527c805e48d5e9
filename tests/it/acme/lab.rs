//! Authorities and name servers that are started for one test.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use caspervpn::domain::outgoing::AllowedNets;
use caspervpn::runtime::clock::{Clock as _, SystemClock};
use caspervpn::tls::acme::{Authority, Credentials, Directory};
use caspervpn::tls::outgoing::{Client, Limits};
use caspervpn::tls::self_signed;
use http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::stage::Stage;
use crate::service::{PATIENCE, exchange};

/// The key of the external account `kid-1`.
pub(crate) const HMAC_KEY: &[u8] = b"\xcd\x63\x43\x64\xce\x9e a key that is not text \x00\xff";

/// Pebble with a directory of its own.
pub(crate) struct Pebble {
    pub(crate) directory: Directory,
    management: u16,
    /// With the port that takes changes.
    names: Option<(Process, u16)>,
    _process: Process,
    _files: TempDir,
}

impl Pebble {
    /// One that looks for proofs on the stage, and takes every name for this machine.
    pub(crate) fn start(stage: &Stage, with: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        Self::launch(stage, json!({}), None, with)
    }

    /// One that makes accounts only for those it knows.
    pub(crate) fn with_external_accounts(stage: &Stage) -> Self {
        use base64::Engine as _;
        let key = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(HMAC_KEY);
        let settings = json!({
            "externalAccountBindingRequired": true,
            "externalAccountMACKeys": { "kid-1": key },
        });
        Self::launch(stage, settings, None, |process| process)
    }

    /// One that asks this name server for everything.
    pub(crate) fn asking(stage: &Stage, name_server: u16) -> Self {
        Self::launch(stage, json!({}), Some(name_server), |process| process)
    }

    fn launch(
        stage: &Stage,
        settings: Value,
        name_server: Option<u16>,
        with: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Self {
        let files = tempfile::tempdir().unwrap();
        let at = |name: &str| files.path().join(name);
        let pair = self_signed::make(vec!["127.0.0.1".to_owned()], SystemClock::new().now()).unwrap();
        fs::write(at("cert.pem"), &pair.chain).unwrap();
        fs::write(at("key.pem"), pair.key.as_bytes()).unwrap();
        let [port, management] = free_ports();
        let mut config = json!({
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": at("cert.pem"), "privateKey": at("key.pem"),
            "httpPort": stage.http_port, "tlsPort": stage.tls_port, "domainBlocklist": ["blocked-domain.example"],
        });
        config.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        fs::write(at("pebble.json"), json!({ "pebble": config }).to_string()).unwrap();
        let (names, name_server) = match name_server {
            Some(port) => (None, port),
            None => {
                let (process, port, management) = every_name_is_this_machine();
                (Some((process, management)), port)
            }
        };
        let mut process = Command::new("pebble");
        process
            .args(["-strict", "-dnsserver", &format!("127.0.0.1:{name_server}"), "-config"])
            .arg(at("pebble.json"))
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "0")
            .env("PEBBLE_AUTHZREUSE", "0");
        let process = Process::start(with(&mut process), &[port, management]);
        let directory = Directory {
            url: format!("https://127.0.0.1:{port}/dir"),
            extra_roots: Some(pair.chain.into_bytes()),
            contact: Some("ops@example.org".to_owned()),
            external_account: None,
        };
        Self { directory, management, names, _process: process, _files: files }
    }

    /// From now on it takes every name for this address.
    pub(crate) fn lead_every_name_to(&self, address: &str) {
        let (_, port) = self.names.as_ref().unwrap();
        let stream = TcpStream::connect(("127.0.0.1", *port)).unwrap();
        let body = json!({ "ip": address });
        exchange(stream, "POST", "/set-default-ipv4", &[], Some(body)).unwrap().ok();
    }

    /// A new account.
    pub(crate) async fn open(&self) -> (Authority, Option<Credentials>) {
        Authority::open(&self.directory, None, &loopback()).await.unwrap()
    }

    /// What vouches for its certificates.
    pub(crate) async fn roots(&self) -> String {
        let client = Client::new(self.directory.extra_roots.as_deref(), Limits::default()).unwrap();
        let url = format!("https://127.0.0.1:{}/roots/0", self.management);
        let answer = client.send(&loopback(), Request::get(url).body(Vec::new()).unwrap()).await.unwrap();
        String::from_utf8(answer.into_body()).unwrap()
    }
}

fn every_name_is_this_machine() -> (Process, u16, u16) {
    let [port, management] = free_ports();
    let mut process = Command::new("pebble-challtestsrv");
    process.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""]);
    process.args(["-dns01", &format!("127.0.0.1:{port}")]);
    process.args(["-management", &format!("127.0.0.1:{management}")]);
    (Process::start(&mut process, &[port, management]), port, management)
}

/// Ends with the test.
pub(crate) struct Process(Child);

impl Process {
    /// Waits until it listens on these ports.
    pub(crate) fn start(command: &mut Command, ports: &[u16]) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut process =
            Self(child.unwrap_or_else(|cause| panic!("{command:?}: {cause}; `make setup` installs it")));
        let until = Instant::now() + PATIENCE;
        for port in ports {
            while TcpStream::connect(("127.0.0.1", *port)).is_err() {
                assert!(Instant::now() < until, "{command:?} does not listen on {port}");
                let ended = process.0.try_wait().unwrap();
                assert!(ended.is_none(), "{command:?} has ended: {ended:?}");
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
        process
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Ports that nobody has now. All are held until all are known, so that they differ.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|socket| socket.local_addr().unwrap().port())
}

pub(crate) fn loopback() -> AllowedNets {
    AllowedNets::try_from(vec!["127.0.0.0/8".parse().unwrap()]).unwrap()
}

/// Lets openssl judge the chain.
pub(crate) fn verify(chain: &str, roots: &str, for_whom: &[&str]) {
    let files = tempfile::tempdir().unwrap();
    let at = |name: &str| files.path().join(name);
    fs::write(at("chain.pem"), chain).unwrap();
    fs::write(at("roots.pem"), roots).unwrap();
    let output = Command::new("openssl")
        .args(["verify", "-x509_strict", "-no-CApath", "-no-CAstore"])
        .args(for_whom)
        .arg("-CAfile")
        .arg(at("roots.pem"))
        .arg("-untrusted")
        .arg(at("chain.pem"))
        .arg(at("chain.pem"))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}
