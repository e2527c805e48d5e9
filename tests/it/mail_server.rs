//! A real mail server for tests: Python's aiosmtpd, with TLS, a password, and letters that its own parser has read.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::service::eventually;

/// What the server wants to hear.
pub(crate) const USER: &str = "vpn@example.org";
pub(crate) const PASSWORD: &str = "mail server's own";

/// A running mail server. It ends with the test.
pub(crate) struct MailServer {
    directory: tempfile::TempDir,
    security: &'static str,
    port: u16,
    child: Child,
}

impl MailServer {
    /// Starts one: `starttls`, `tls`, `plain` or `stripped`.
    pub(crate) fn start(security: &'static str) -> Self {
        Self::certified(security, "IP:127.0.0.1")
    }

    /// The same with a certificate for another name.
    pub(crate) fn certified(security: &'static str, name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        certificates(directory.path(), name);
        let (leaf, key) = (directory.path().join("leaf.pem"), directory.path().join("leaf.key"));
        let mut child = Command::new(python())
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/smtp/server.py"))
            .args([directory.path(), Path::new(security), &leaf, &key])
            .args([USER, PASSWORD])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().expect("the mail server says its port");
        Self { directory, security, port, child }
    }

    /// The settings by which it is reached, on this machine.
    pub(crate) fn settings(&self) -> Value {
        let ca = std::fs::read_to_string(self.directory.path().join("ca.pem")).unwrap();
        let security = if self.security == "stripped" { "starttls" } else { self.security };
        let mut server = json!({
            "host": "127.0.0.1", "port": self.port, "security": security, "ca_certificate": ca,
            "from": "vpn@example.org",
        });
        if security != "plain" {
            server["username"] = json!(USER);
            server["password"] = json!(PASSWORD);
        }
        json!({
            "panel_url": "https://vpn.example.org", "smtp": server,
            "outgoing_allowed": ["127.0.0.0/8", "::1/128"],
        })
    }

    /// From now on every reader is answered so; as usual again with `None`.
    pub(crate) fn say(&self, line: Option<&str>) {
        let at = self.directory.path().join("say");
        match line {
            Some(line) => std::fs::write(at, line).unwrap(),
            None => std::fs::remove_file(at).unwrap(),
        }
    }

    /// How many letters it has taken.
    pub(crate) fn count(&self) -> usize {
        (1..).take_while(|n| self.at(*n).exists()).count()
    }

    /// The letter of this number, from 1.
    pub(crate) fn letter(&self, number: usize) -> Value {
        eventually("a letter", Duration::from_secs(10), || self.at(number).exists());
        serde_json::from_slice(&std::fs::read(self.at(number)).unwrap()).unwrap()
    }

    fn at(&self, number: usize) -> PathBuf {
        self.directory.path().join(format!("{number}.json"))
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What stands behind the `#` of the link in a letter.
pub(crate) fn token(letter: &Value, page: &str) -> String {
    let start = format!("https://vpn.example.org/{page}#");
    let text = letter["text"].as_str().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("no link in {text}")).to_owned()
}

/// The Python that aiosmtpd is installed for.
fn python() -> PathBuf {
    let under_home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/caspervpn");
    let cache = std::env::var_os("CASPERVPN_CACHE").map_or_else(under_home, PathBuf::from);
    let python = cache.join("tools/venv/bin/python3");
    assert!(python.exists(), "aiosmtpd is not installed; `make setup` installs it");
    python
}

/// An authority of the test's own, and a certificate of it for a name, as OpenSSL writes it.
fn certificates(at: &Path, name: &str) {
    let run = |args: &[&str]| {
        let done = Command::new("openssl").args(args).current_dir(at).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let authority = ["-x509", "-subj", "/CN=Test authority", "-keyout", "ca.key", "-out", "ca.pem"];
    run(&[&new[..], &authority].concat());
    run(&[&new[..6], &["-subj", "/CN=mail.test", "-keyout", "leaf.key", "-out", "leaf.csr"]].concat());
    std::fs::write(at.join("leaf.ext"), format!("subjectAltName={name}\nbasicConstraints=CA:FALSE\n"))
        .unwrap();
    let sign = ["x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    run(&[&sign[..], &["-days", "2", "-extfile", "leaf.ext", "-out", "leaf.pem"]].concat());
}
