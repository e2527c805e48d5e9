//! BIND on port 53 of a network of the test's own, with one zone that the test changes.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use caspervpn::tls::name_server::try_name_server;
use tempfile::TempDir;

use crate::acme::lab::Process;
use crate::namespaces::{Namespace, needs_root};

/// A name server at 127.0.0.1, for `example.org`.
pub(crate) struct NameServer {
    files: TempDir,
    _process: Process,
}

impl NameServer {
    /// With these records. It begins in the calling thread's namespace.
    pub(crate) fn start(records: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let at = files.path().display();
        let key =
            format!("key \"test\" {{ algorithm hmac-sha256; secret \"{}\"; }};\n", STANDARD.encode(SECRET));
        let config = format!(
            "{key}options {{ directory \"{at}\"; pid-file none; session-keyfile none; listen-on {{ 127.0.0.1; }};\n\
             listen-on-v6 {{ none; }}; recursion no; dnssec-validation no; }};\ncontrols {{ }};\n\
             zone \"example.org\" {{ type primary; file \"{at}/zone\"; update-policy {{ grant test zonesub ANY; }}; }};\n"
        );
        let head = "$TTL 1\n@ IN SOA ns.example.org. ops.example.org. 1 3600 600 86400 1\n@ IN NS ns.example.org.\n\
            ns IN A 127.0.0.1\n";
        fs::write(files.path().join("named.conf"), config).unwrap();
        fs::write(files.path().join("key"), key).unwrap();
        fs::write(files.path().join("zone"), format!("{head}{records}\n")).unwrap();
        let mut command = Command::new("/usr/sbin/named");
        command.args(["-g", "-n", "1", "-c"]).arg(files.path().join("named.conf"));
        let process = Process::start(&mut command, &[53]);
        Self { files, _process: process }
    }

    /// The key of changes, as nsupdate takes it.
    pub(crate) fn key(&self) -> PathBuf {
        self.files.path().join("key")
    }

    /// Changes records by lines of nsupdate(1), in the calling thread's namespace.
    pub(crate) fn update(&self, lines: &str) {
        let mut command = Command::new("nsupdate");
        command.arg("-k").arg(self.key()).stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        write!(child.stdin.take().unwrap(), "server 127.0.0.1\n{lines}\nsend\n").unwrap();
        assert!(child.wait().unwrap().success(), "{lines}");
    }
}

const SECRET: &[u8] = b"a secret of thirty-two bytes, ok";

#[test]
fn a_name_server_that_refuses_is_told_from_one_that_is_not_there() {
    needs_root();
    let namespace = Namespace::create("names");

    let (refusing, none) = namespace.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ask = |server: &str| runtime.block_on(try_name_server(server.parse().unwrap()));
        // It answers for its own zone alone, as none may that clients are given.
        let _server = NameServer::start("");
        (ask("127.0.0.1"), ask("127.0.0.2"))
    });

    assert!(refusing.as_ref().is_err_and(|why| why.starts_with("it answered: ")), "{refusing:?}");
    assert!(none.as_ref().is_err_and(|why| why.contains("refused (os error")), "{none:?}");
}
