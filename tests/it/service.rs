//! The built binary at work: starts it, asks its local socket, runs its verbs, and ends it.
//!
//! Invariant: never a port of the host. Listeners are sockets in the data directory unless a test has a namespace.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest wait for anything that should happen soon, on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The user `nobody` of Debian, and the group of that number.
const NOBODY: u32 = 65_534;

/// How the binary is started: where its data is, in which namespace, with which settings.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) data: PathBuf,
    pub(crate) namespace: Option<String>,
    unprivileged: Option<PathBuf>,
    settings: Vec<String>,
    config: Option<PathBuf>,
}

impl Launch {
    /// No tunnel, no port: what a test without root can have.
    pub(crate) fn quiet(data: &Path) -> Self {
        Self::plain(data, None)
            .with("listen.api=unix:api.sock")
            .with("listen.agent=off")
            .with("listen.https=off")
            .with("listen.http=off")
            .with("tunnel.backend=off")
    }

    /// As it comes, in a network namespace.
    pub(crate) fn inside(namespace: &str, data: &Path) -> Self {
        Self::plain(data, Some(namespace.to_owned()))
    }

    fn plain(data: &Path, namespace: Option<String>) -> Self {
        Self { data: data.to_owned(), namespace, unprivileged: None, settings: Vec::new(), config: None }
    }

    /// As a user who may do nothing special. The directory around the data gets a copy of the binary, because that user
    /// may not reach where it was built.
    #[must_use]
    pub(crate) fn unprivileged(mut self) -> Self {
        let around = self.data.parent().unwrap();
        let copy = around.join("caspervpn");
        std::fs::copy(env!("CARGO_BIN_EXE_caspervpn"), &copy).unwrap();
        if std::fs::metadata(around).unwrap().uid() == 0 {
            std::fs::create_dir(&self.data).unwrap();
            std::os::unix::fs::chown(&self.data, Some(NOBODY), Some(NOBODY)).unwrap();
            std::fs::set_permissions(around, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        self.unprivileged = Some(copy);
        self
    }

    /// With one more setting; the last one of a key wins.
    #[must_use]
    pub(crate) fn with(mut self, setting: &str) -> Self {
        self.settings.push(setting.to_owned());
        self
    }

    /// With this file of settings.
    #[must_use]
    pub(crate) fn with_config(mut self, file: &Path) -> Self {
        self.config = Some(file.to_owned());
        self
    }

    /// The command of a verb.
    pub(crate) fn command(&self, verb: &[&str]) -> Command {
        let binary = env!("CARGO_BIN_EXE_caspervpn");
        let mut command = match (&self.namespace, &self.unprivileged) {
            (Some(namespace), _) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace, binary]);
                command
            }
            (None, Some(copy)) if std::fs::metadata(copy).unwrap().uid() == 0 => {
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")]);
                command.args(["--clear-groups", "--"]).arg(copy);
                command
            }
            (None, Some(copy)) => Command::new(copy),
            (None, None) => Command::new(binary),
        };
        command.args(verb).arg("--data-dir").arg(&self.data);
        if let Some(file) = &self.config {
            command.arg("--config").arg(file);
        }
        for setting in &self.settings {
            command.args(["--set", setting]);
        }
        command.stdin(Stdio::null());
        command
    }

    /// Runs a verb to its end.
    pub(crate) fn verb(&self, verb: &[&str]) -> Output {
        self.command(verb).output().unwrap()
    }

    /// Runs a verb that has to succeed, and gives its JSON.
    pub(crate) fn ask(&self, verb: &[&str]) -> Value {
        let output = self.verb(&[verb, &["--json"]].concat());
        assert!(output.status.success(), "{verb:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn serve(&self) -> Service {
        let mut service = self.spawn();
        let deadline = Instant::now() + PATIENCE;
        while service.try_call("GET", "/readyz", &[], None).is_none_or(|answer| answer.status != 200) {
            if let Some(status) = service.try_end() {
                panic!("the server ended with {status}:\n{}", service.log());
            }
            assert!(Instant::now() < deadline, "the server is not ready:\n{}", service.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        service
    }

    /// Starts the server and waits for its end: its exit code and what it said.
    pub(crate) fn refused(&self) -> (Option<i32>, String) {
        let mut service = self.spawn();
        let status = service.wait();
        (status.code(), service.log())
    }

    fn spawn(&self) -> Service {
        let log = tempfile::NamedTempFile::new().unwrap();
        let output = || Stdio::from(log.reopen().map(Appending::of).unwrap());
        let child = self.command(&["serve"]).stdout(output()).stderr(output()).spawn().unwrap();
        Service { child, data: self.data.clone(), log }
    }
}

/// Both streams go to one file; each write has to land at its end.
struct Appending;

impl Appending {
    fn of(file: File) -> File {
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        File::options().append(true).open(path).unwrap()
    }
}

/// A running server. Dropping it kills it.
pub(crate) struct Service {
    child: Child,
    data: PathBuf,
    log: tempfile::NamedTempFile,
}

impl Service {
    /// Everything it has written so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    /// Asks over the local socket, as the host.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let answer = self.try_call(method, path, headers, body);
        answer.unwrap_or_else(|| panic!("{method} {path}: no answer\n{}", self.log()))
    }

    /// Asks for what has to succeed.
    pub(crate) fn get(&self, path: &str) -> Value {
        self.call("GET", path, &[], None).ok()
    }

    /// Makes what has to succeed.
    pub(crate) fn post(&self, path: &str, body: Option<Value>) -> Value {
        self.call("POST", path, &[], body).ok()
    }

    /// Changes what has to succeed, whatever its revision is.
    pub(crate) fn change(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let tag = format!("\"{}\"", self.get(path)["revision"]);
        self.call(method, path, &[("If-Match", &tag)], body).ok()
    }

    fn try_call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Option<Answer> {
        let stream = UnixStream::connect(self.data.join("caspervpn.sock")).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        exchange(stream, method, path, headers, body)
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// How it ended, if it did.
    pub(crate) fn try_end(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.try_end() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it as systemd does.
    pub(crate) fn stop(mut self) -> String {
        self.signal("TERM");
        let status = self.wait();
        assert!(status.success(), "{status}:\n{}", self.log());
        self.log()
    }

    /// Ends it as the kernel does when memory is short.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    #[expect(clippy::print_stderr, reason = "a failed test shows what its server said")]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the server said:\n{}", self.log());
        }
    }
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    /// Its JSON; it has to be a success.
    pub(crate) fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.body);
        self.json()
    }

    pub(crate) fn json(&self) -> Value {
        if self.body.is_empty() { Value::Null } else { serde_json::from_str(&self.body).unwrap() }
    }
}

/// One request and its answer, over any stream. None when the other side is not there, or breaks off.
pub(crate) fn exchange(
    mut stream: impl Read + Write,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Option<Answer> {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    if !body.is_empty() {
        let _ = write!(head, "Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "an answer without a length");
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

/// Waits for something that is on its way.
pub(crate) fn eventually(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A program that `make setup` installs, or any other on the path.
pub(crate) fn tool(name: &str) -> PathBuf {
    let under_home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/caspervpn");
    let cache = std::env::var_os("CASPERVPN_CACHE").map_or_else(under_home, PathBuf::from);
    let path = std::env::var_os("PATH").unwrap();
    let found = [cache.join("tools/bin")]
        .into_iter()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|program| program.exists());
    found.unwrap_or_else(|| panic!("{name} is not on the path; `make setup` installs it"))
}
