//! Sockets that systemd opens and keeps: the binary serves each by its name, whatever it is of.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::acme::lab::free_ports;
use crate::service::{Launch, PATIENCE, eventually};

/// Which listeners there are, and what each is asked, with the answer's status.
const OVER_TCP: [(&str, &str, &str); 3] =
    [("https", "https", "200"), ("http", "http", "308"), ("api", "http", "200")];
const OVER_UNIX: [(&str, &str); 4] =
    [("public", "/livez"), ("agent", "/metrics"), ("metrics", "/metrics"), ("local", "/api/v1/users")];

#[test]
fn every_listener_takes_a_socket_that_systemd_holds() {
    let directory = tempfile::tempdir().unwrap();
    let ports: [u16; 3] = free_ports();
    let _held = Held::start(&directory, &ports);

    for ((name, scheme, status), port) in OVER_TCP.into_iter().zip(ports) {
        let url = format!("{scheme}://127.0.0.1:{port}/livez");
        eventually(name, PATIENCE, || asked(&["--insecure", &url]) == status);
    }
    for (name, path) in OVER_UNIX {
        let socket = socket(&directory, name);
        let answer = asked(&["--unix-socket", &socket, &format!("http://localhost{path}")]);
        assert_eq!(answer, "200", "{name}");
    }
}

/// The status of curl's answer; `000` where there is none.
fn asked(words: &[&str]) -> String {
    let status = ["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"];
    let output = Command::new("curl").args(status).args(words).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn socket(directory: &TempDir, name: &str) -> String {
    directory.path().join(format!("{name}.sock")).display().to_string()
}

/// What systemd does: it opens the sockets, and starts the binary at the first connection.
struct Held(Child);

impl Held {
    fn start(directory: &TempDir, ports: &[u16; 3]) -> Self {
        let names: Vec<_> =
            OVER_TCP.iter().map(|(name, ..)| *name).chain(OVER_UNIX.iter().map(|(name, _)| *name)).collect();
        let tcp = ports.iter().map(|port| format!("127.0.0.1:{port}"));
        let unix = OVER_UNIX.iter().map(|(name, _)| socket(directory, name));
        let mut command = Command::new("systemd-socket-activate");
        command.args(tcp.chain(unix).map(|at| format!("--listen={at}")));
        command.arg(format!("--fdname={}", names.join(":")));
        command.arg("--").args(serve(&directory.path().join("data"), &names));
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

fn serve(data: &Path, names: &[&str]) -> Vec<String> {
    let launch = names
        .iter()
        .fold(Launch::quiet(data), |launch, name| launch.with(&format!("listen.{name}=systemd:{name}")));
    let command = launch.command(&["serve"]);
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_str().unwrap().to_owned()).collect()
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
