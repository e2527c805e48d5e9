//! Caddy's own authority, which looks on ports 80 and 443 and nowhere else: in a network of the test's own.

use std::fs;
use std::process::{Command, Stdio};

use caspervpn::domain::certificate::Method;
use caspervpn::tls::acme::{Authority, Directory, new_key};

use super::lab::{Process, loopback, verify};
use super::name;
use super::stage::Stage;
use crate::namespaces::{Namespace, needs_root};
use crate::service::{PATIENCE, eventually};

#[test]
fn http_01_and_tls_alpn_01_convince_it_on_the_ports_of_the_real_world() {
    needs_root();
    let namespace = Namespace::create("acme");
    namespace.run(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(orders());
    });
}

async fn orders() {
    let stage = Stage::at("127.0.0.1:80", "127.0.0.1:443").await;
    let caddy = Caddy::start();
    let root = fs::read_to_string(caddy.files.path().join(ROOT)).unwrap();
    let directory = Directory {
        url: format!("https://127.0.0.1:{PORT}/acme/local/directory"),
        extra_roots: Some(root.clone().into_bytes()),
        contact: Some("ops@example.org".to_owned()),
        external_account: None,
    };
    let (authority, credentials) = Authority::open(&directory, None, &loopback()).await.unwrap();
    assert!(credentials.is_some());
    for method in [Method::Http01, Method::TlsAlpn01] {
        let order = authority.order(&name("vpn.example.org"), None, None).await.unwrap();

        let pair = authority.finish(&order, &new_key().unwrap(), method, &stage).await.unwrap();

        verify(&pair.chain, &root, &["-verify_hostname", "vpn.example.org"]);
        assert_eq!(authority.renewal_window(pair.chain.as_bytes()).await, Ok(None), "it has no windows");
    }
}

struct Caddy {
    files: tempfile::TempDir,
    _process: Process,
}

impl Caddy {
    fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        let at = |name: &str| files.path().join(name);
        let data = at("data");
        let config = format!(
            "{{\n admin off\n skip_install_trust\n auto_https disable_redirects\n http_port 8081\n https_port {PORT}\n\
             storage file_system {}\n}}\n\
             https://127.0.0.1:{PORT} {{\n bind 127.0.0.1\n tls internal\n\
             acme_server {{\n challenges http-01 tls-alpn-01\n }}\n}}\n",
            data.display()
        );
        fs::write(at("Caddyfile"), config).unwrap();
        fs::write(at("hosts"), "127.0.0.1 localhost vpn.example.org\n").unwrap();
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-ec", "mount --bind \"$0\" /etc/hosts; exec caddy run --config \"$1\""])
            .args([at("hosts"), at("Caddyfile")])
            .env("HOME", files.path());
        let process = Process::start(&mut command, &[PORT]);
        // It listens before it has a certificate of its own authority.
        eventually("Caddy's certificate", PATIENCE, || {
            let shaken = Command::new("openssl")
                .args([
                    "s_client",
                    "-connect",
                    &format!("127.0.0.1:{PORT}"),
                    "-verify_return_error",
                    "-CAfile",
                ])
                .arg(at(ROOT))
                .stdin(Stdio::null())
                .output();
            shaken.unwrap().status.success()
        });
        Self { files, _process: process }
    }
}

const PORT: u16 = 8443;

const ROOT: &str = "data/pki/authorities/local/root.crt";
