//! dns-01: BIND takes the records, Pebble looks for them, dig is the second pair of eyes.

use std::fs;
use std::net::TcpListener as StdTcpListener;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use caspervpn::domain::certificate::Method;
use caspervpn::domain::outgoing::AllowedNets;
use caspervpn::runtime::clock::{Clock as _, SystemClock};
use caspervpn::telemetry::chain::chain;
use caspervpn::tls::acme::{Proof, Shows, new_key};
use caspervpn::tls::dns_update::{DnsUpdateError, TsigAlgorithm, TsigKey, UpdateServer};
use http::StatusCode;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::lab::{Pebble, Process, free_ports, loopback, verify};
use super::name;
use super::stage::Stage;
use crate::api_house::House;
use crate::databases::TestDatabase;

#[tokio::test(flavor = "multi_thread")]
async fn dns_01_brings_a_certificate_for_a_wildcard_and_leaves_no_record() {
    let (bind, stage) = (Bind::start(), Stage::start().await);
    let pebble = Pebble::asking(&stage, bind.port);
    let (authority, _) = pebble.open().await;
    let order = authority.order(&name("*.vpn.example.org"), None, None).await.unwrap();

    let pair = authority.finish(&order, &new_key().unwrap(), Method::Dns01, &bind).await.unwrap();

    verify(&pair.chain, &pebble.roots().await, &["-verify_hostname", "any.vpn.example.org"]);
    assert_eq!(bind.dig("_acme-challenge.vpn.example.org"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_proves_a_star_by_the_name_server_of_its_settings() {
    let (bind, stage) = (Bind::start(), Stage::start().await);
    let pebble = Pebble::asking(&stage, bind.port);
    let house = House::new(TestDatabase::sqlite()).await;
    let UpdateServer { server, key, .. } = bind.server(TsigAlgorithm::HmacSha512);
    let (host, port) = server.rsplit_once(':').unwrap();
    let dns = json!({ "host": host, "port": port.parse::<u16>().unwrap(), "key_name": key.name,
        "algorithm": key.algorithm, "secret": STANDARD.encode(&*key.secret) });
    let authority = String::from_utf8(pebble.directory.extra_roots.clone().unwrap()).unwrap();
    let acme = json!({ "terms_agreed": true, "method": "dns-01", "directory": pebble.directory.url,
        "ca_certificate": authority, "dns": dns });
    let allowed = json!(["127.0.0.0/8"]);
    let set = json!({ "outgoing_allowed": allowed, "tls_names": ["*.vpn.example.org"], "acme": acme });
    let tag = house.host().get("/settings").await.tag().to_owned();
    house.host().patch("/settings", &tag, set).await.expect(StatusCode::OK);

    house.app.order_step(&CancellationToken::new()).await.unwrap();

    let found = house.host().get("/certificates/*.vpn.example.org").await.body;
    assert_eq!(found["state"], "valid", "{found}");
    assert_eq!(bind.dig("_acme-challenge.vpn.example.org"), "");
}

#[tokio::test]
async fn a_text_is_added_to_others_and_only_it_is_taken_away() {
    let bind = Bind::start();
    for algorithm in [TsigAlgorithm::HmacSha256, TsigAlgorithm::HmacSha512] {
        let server = bind.server(algorithm);

        server.set("vpn.example.org", "first", &loopback(), bind.now()).await.unwrap();
        server.set("vpn.example.org", "second", &loopback(), bind.now()).await.unwrap();
        let both = bind.dig("_acme-challenge.vpn.example.org");
        server.clear("vpn.example.org", "first", &loopback(), bind.now()).await.unwrap();
        server.clear("vpn.example.org", "never there", &loopback(), bind.now()).await.unwrap();

        assert_eq!(both, "\"first\"\n\"second\"");
        assert_eq!(bind.dig("_acme-challenge.vpn.example.org"), "\"second\"");
        server.clear("vpn.example.org", "second", &loopback(), bind.now()).await.unwrap();
    }
}

#[tokio::test]
async fn an_alias_is_followed_to_the_zone_that_takes_changes() {
    let bind = Bind::start();
    let server = bind.server(TsigAlgorithm::HmacSha256);

    server.set("fixed.example", "text", &loopback(), bind.now()).await.unwrap();

    assert_eq!(bind.dig("elsewhere.example.org"), "\"text\"");
    server.clear("fixed.example", "text", &loopback(), bind.now()).await.unwrap();
    assert_eq!(bind.dig("elsewhere.example.org"), "");
}

#[tokio::test]
async fn what_the_name_server_does_not_take_is_told_with_the_way_out() {
    let bind = Bind::start();
    let good = bind.server(TsigAlgorithm::HmacSha256);
    let with = |change: fn(&mut UpdateServer)| {
        let mut server = good.clone();
        change(&mut server);
        server
    };
    let told = async |server: UpdateServer, identifier: &str, hours: u64| {
        let now = bind.now() + std::time::Duration::from_secs(hours * 3600);
        chain(&server.set(identifier, "text", &loopback(), now).await.unwrap_err()).to_string()
    };
    let free = free_ports::<1>()[0];

    let secret =
        with(|server| server.key.secret = Zeroizing::new(b"another secret of that length!!!".to_vec()));
    assert!(told(secret, "vpn.example.org", 0).await.contains("its secret is another"));
    let unknown = with(|server| server.key.name = "stranger".to_owned());
    assert!(told(unknown, "vpn.example.org", 0).await.contains("no key of this name"));
    assert!(told(good.clone(), "vpn.example.org", 1).await.contains("clocks differ"));
    assert!(
        told(good.clone(), "nobody.example", 0)
            .await
            .contains("has no zone for _acme-challenge.nobody.example.")
    );
    let refused = told(good.clone(), "www.fixed.example", 0).await;
    assert!(refused.contains("does not change") && refused.contains("fixed.example."), "{refused}");
    let elsewhere = with(|server| server.zone = Some("example.net".to_owned()));
    assert!(told(elsewhere, "vpn.example.org", 0).await.contains("no zone"));
    let gone = UpdateServer { server: format!("127.0.0.1:{free}"), ..good.clone() };
    assert!(told(gone, "vpn.example.org", 0).await.contains("talk to the name server 127.0.0.1"));
    let guarded = good.set("vpn.example.org", "text", &AllowedNets::default(), bind.now()).await.unwrap_err();
    assert!(chain(&guarded).to_string().contains("outgoing_allowed"), "{guarded}");
    assert_eq!(bind.dig("_acme-challenge.vpn.example.org"), "");
}

#[tokio::test]
async fn an_answer_that_nobody_signed_is_not_believed() {
    let bind = Bind::start();
    let parrot = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("127.0.0.1:{}", parrot.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = parrot.accept().await {
            while let Ok(size) = stream.read_u16().await {
                let mut message = vec![0; usize::from(size)];
                stream.read_exact(&mut message).await.unwrap();
                // The question comes back as an answer that says that all is well.
                message[2] |= 0x80;
                stream.write_all(&[&size.to_be_bytes()[..], &message].concat()).await.unwrap();
            }
        }
    });
    let zone = Some("example.org".to_owned());
    let server = UpdateServer { server, zone, ..bind.server(TsigAlgorithm::HmacSha256) };

    let told = server.set("vpn.example.org", "text", &loopback(), bind.now()).await.unwrap_err();

    assert!(matches!(told, DnsUpdateError::Unsigned(_)), "{told}");
}

/// BIND with two zones: one that takes changes of TXT records, one that does not.
struct Bind {
    port: u16,
    clock: SystemClock,
    _process: Process,
    _files: TempDir,
}

impl Bind {
    fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        let port = free_tcp_and_udp_port();
        let (at, secret) = (files.path().display(), STANDARD.encode(SECRET));
        let key = |name: &str, algorithm: &str| {
            format!("key \"{name}\" {{ algorithm {algorithm}; secret \"{secret}\"; }};\n")
        };
        let zone = |name: &str, policy: &str| {
            format!("zone \"{name}\" {{ type primary; file \"{at}/{name}\"; {policy} }};\n")
        };
        let policy = "update-policy { grant hmac-sha256 zonesub TXT; grant hmac-sha512 zonesub TXT; };";
        let config = format!(
            "options {{ directory \"{at}\"; pid-file none; session-keyfile none; listen-on port {port} {{ 127.0.0.1; }};\n\
             listen-on-v6 {{ none; }}; recursion no; dnssec-validation no; }};\ncontrols {{ }};\n{}{}{}{}",
            key("hmac-sha256", "hmac-sha256"),
            key("hmac-sha512", "hmac-sha512"),
            zone("example.org", policy),
            zone("fixed.example", ""),
        );
        let head = "$TTL 60\n@ IN SOA ns.example.org. ops.example.org. 1 3600 600 86400 60\n@ IN NS ns.example.org.\n";
        fs::write(files.path().join("named.conf"), config).unwrap();
        fs::write(files.path().join("example.org"), format!("{head}ns IN A 127.0.0.1\n")).unwrap();
        let alias = format!("{head}_acme-challenge IN CNAME elsewhere.example.org.\n");
        fs::write(files.path().join("fixed.example"), alias).unwrap();
        let mut command = Command::new("/usr/sbin/named");
        command.args(["-g", "-n", "1", "-c"]).arg(files.path().join("named.conf"));
        let process = Process::start(&mut command, &[port]);
        Self { port, clock: SystemClock::new(), _process: process, _files: files }
    }

    fn server(&self, algorithm: TsigAlgorithm) -> UpdateServer {
        let name = match algorithm {
            TsigAlgorithm::HmacSha256 => "hmac-sha256",
            TsigAlgorithm::HmacSha512 => "hmac-sha512",
        };
        let key = TsigKey { name: name.to_owned(), algorithm, secret: Zeroizing::new(SECRET.to_vec()) };
        UpdateServer { server: format!("127.0.0.1:{}", self.port), zone: None, key }
    }

    fn now(&self) -> caspervpn::domain::time::Timestamp {
        self.clock.now()
    }

    /// The TXT records of a name, sorted.
    fn dig(&self, name: &str) -> String {
        let output = Command::new("dig")
            .args(["@127.0.0.1", "-p", &self.port.to_string(), "+short", "+tries=1", "TXT", name])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let mut lines: Vec<_> =
            String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        lines.join("\n")
    }
}

impl Shows for Bind {
    async fn show(&self, proof: &Proof) -> Result<(), String> {
        let server = self.server(TsigAlgorithm::HmacSha256);
        let set = server.set(&proof.identifier, &proof.dns_value, &loopback(), self.now()).await;
        set.map_err(|cause| chain(&cause).to_string())
    }

    async fn hide(&self, proof: &Proof) {
        let server = self.server(TsigAlgorithm::HmacSha256);
        server.clear(&proof.identifier, &proof.dns_value, &loopback(), self.now()).await.unwrap();
    }
}

fn free_tcp_and_udp_port() -> u16 {
    loop {
        let tcp = StdTcpListener::bind("127.0.0.1:0").unwrap();
        let at = tcp.local_addr().unwrap();
        if std::net::UdpSocket::bind(at).is_ok() {
            return at.port();
        }
    }
}

const SECRET: &[u8] = b"a secret of thirty-two bytes, ok";
