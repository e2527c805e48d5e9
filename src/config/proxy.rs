//! `[proxy]`: where a process that faces the world without having the API passes requests on to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use url::{Host, Url};

use crate::config::setting::{Raw, Setting};

section! {
    /// Where a process with the role `edge` and without `api` passes requests on to.
    pub struct Proxy("proxy") {
        /// The API replicas, each by its `listen.api`: `http://10.0.0.2:8080`, `http://api.internal:8080` (all addresses of
        /// the name, looked up again and again) or `unix:/path`. There the address of this process is a trusted proxy.
        pub upstreams: Vec<Upstream> = Vec::new();
        /// What says whether a replica wants requests: a probe that fails while it drains.
        pub health_path: HealthPath = HealthPath("/readyz".to_owned());
        /// Time between two looks. A replica that hangs is out after two of them, one that refuses after one.
        pub health_interval_s: u32 = 2; [1 to 300]
        /// Time for the answer to a look. It is given from memory, so this is a network's worst second and one to spare.
        pub health_timeout_s: u32 = 2; [1 to 60]
        /// Time to connect. It covers one repeated SYN (1 s, RFC 6298) and leaves time for another replica.
        pub connect_timeout_s: u32 = 2; [1 to 60]
        /// Time to the head of an answer, while nothing of the request is sent either. A replica itself gives up after 30 s
        /// and says so; this is a little more.
        pub answer_timeout_s: u32 = 35; [1 to 3600]
        /// Connections without a request that each core's thread keeps open to each address of a replica. More requests at once than this cost a
        /// connection each, and each kept one costs both ends a descriptor.
        pub keep_idle: u32 = 64; [0 to 10_000]
    }
}

/// One API replica, or several behind one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream {
    /// At an address.
    Address(SocketAddr),
    /// At every address of a name.
    Name {
        /// The name.
        host: String,
        /// The port.
        port: u16,
    },
    /// On a unix socket of this host.
    Unix(PathBuf),
}

impl Upstream {
    /// What `Host` says where nobody else has said it.
    pub fn authority(&self) -> String {
        match self {
            Self::Address(at) => at.to_string(),
            Self::Name { host, port } => format!("{host}:{port}"),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(_) | Self::Name { .. } => write!(f, "http://{}", self.authority()),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Setting for Upstream {
    fn read(raw: &Raw) -> Result<Self, String> {
        const WANTED: &str = "\"http://10.0.0.2:8080\", \"http://api.internal:8080\" or \"unix:/path\"";
        let text = raw.text(WANTED)?;
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path);
        }
        let url = Url::parse(text).map_err(|_| format!("{text:?} is no upstream; write {WANTED}"))?;
        if url.scheme() == "https" {
            return Err(
                "upstreams are reached without TLS, over a network of yours; write http://".to_owned()
            );
        }
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        let is_anonymous = url.username().is_empty() && url.password().is_none();
        if url.scheme() != "http" || !is_bare || !is_anonymous {
            return Err(format!("an upstream is scheme, host and port alone; write {WANTED}"));
        }
        let port = url.port_or_known_default().unwrap_or(80);
        let at = |ip: IpAddr| Self::Address(SocketAddr::new(ip, port));
        match url.host() {
            Some(Host::Ipv4(ip)) => Ok(at(ip.into())),
            Some(Host::Ipv6(ip)) => Ok(at(ip.into())),
            Some(Host::Domain(host)) => Ok(Self::Name { host: host.to_owned(), port }),
            None => Err(format!("{text:?} names no host; write {WANTED}")),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

fn unix(path: &str) -> Result<Upstream, String> {
    let path = PathBuf::from(path);
    if path.is_absolute() {
        Ok(Upstream::Unix(path))
    } else {
        Err("after unix: comes an absolute path, as the socket is another process's".to_owned())
    }
}

/// The path of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthPath(String);

impl HealthPath {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Setting for HealthPath {
    fn read(raw: &Raw) -> Result<Self, String> {
        let text = raw.text("a path such as \"/readyz\"")?;
        let ok = |byte: u8| byte.is_ascii_alphanumeric() || b"/_.-~?=&%".contains(&byte);
        if text.starts_with('/') && text.bytes().all(ok) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("{text:?} is no path such as \"/readyz\""))
        }
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::Upstream;
    use crate::config::setting::{Raw, Setting};

    fn read(text: &str) -> Result<Upstream, String> {
        Upstream::read(&Raw::String(text.to_owned()))
    }

    #[test]
    fn an_upstream_is_shown_as_it_is_written() {
        for text in
            ["http://10.0.0.2:8080", "http://[fd00::2]:80", "http://api.internal:8080", "unix:/run/a.sock"]
        {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_upstream_says_what_to_write() {
        for (text, told) in [
            ("https://api.internal", "without TLS"),
            ("http://api.internal/v1", "alone"),
            ("http://me@api.internal", "alone"),
            ("10.0.0.2:8080", "http://10.0.0.2:8080"),
            ("unix:api.sock", "absolute"),
        ] {
            assert!(read(text).unwrap_err().contains(told), "{text}");
        }
    }
}
