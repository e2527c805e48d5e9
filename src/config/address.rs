//! Where a listener listens: an address and port, a unix socket, or a socket that systemd holds open.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::config::setting::{Raw, Setting};

/// The address of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An IP address and a port. `[::]` takes IPv4 as well.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
    /// A socket that systemd passes under this name (`FileDescriptorName=` of the `.socket` unit).
    Systemd(String),
}

impl Address {
    /// Reads `127.0.0.1:8080`, `[::1]:8080`, `unix:/path` or `systemd:name`.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("after unix: comes a path".to_owned()),
                path => Ok(Self::Unix(PathBuf::from(path))),
            };
        }
        if let Some(name) = text.strip_prefix("systemd:") {
            return match name {
                "" => Err("after systemd: comes the FileDescriptorName= of the socket unit".to_owned()),
                name => Ok(Self::Systemd(name.to_owned())),
            };
        }
        text.parse().map(Self::Tcp).map_err(|_| tcp_hint(text))
    }

    pub(super) fn inside(&mut self, directory: &Path) {
        if let Self::Unix(path) = self {
            *path = directory.join(&*path);
        }
    }

    /// What keeps this from being listened on at all.
    pub(super) fn fault(&self) -> Option<String> {
        match self {
            Self::Tcp(at) if at.port() == 0 => {
                Some("port 0 would be a different port at every start; write a fixed one".to_owned())
            }
            Self::Unix(path) if path.as_os_str().len() > LONGEST_SOCKET_PATH => Some(format!(
                "the path of a socket has at most {LONGEST_SOCKET_PATH} bytes, this one {}",
                path.as_os_str().len()
            )),
            Self::Tcp(_) | Self::Unix(_) | Self::Systemd(_) => None,
        }
    }

    /// Whether both cannot be listened on at once.
    pub(super) fn collides(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp(a), Self::Tcp(b)) => {
                // `[::]` is opened for both families, `0.0.0.0` covers every IPv4 address.
                let covers = |a: &SocketAddr, b: &SocketAddr| {
                    a.ip().is_unspecified() && (a.is_ipv6() || a.is_ipv4() == b.is_ipv4())
                };
                a.port() == b.port() && (a.ip() == b.ip() || covers(a, b) || covers(b, a))
            }
            (a, b) => a == b,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(at) => at.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Systemd(name) => write!(f, "systemd:{name}"),
        }
    }
}

/// An address at which the pages are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageAddress {
    /// The listener's.
    pub address: Address,
    /// Whether it takes TLS.
    pub over_tls: bool,
}

impl PageAddress {
    /// Reads what [`fmt::Display`] writes.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let plain = text.strip_prefix(TLS);
        let address = Address::parse(plain.unwrap_or(text))?;
        Ok(Self { address, over_tls: plain.is_some() })
    }
}

impl fmt::Display for PageAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, over_tls } = self;
        write!(f, "{}{address}", if *over_tls { TLS } else { "" })
    }
}

/// Before the address of a listener that takes TLS.
const TLS: &str = "tls:";

impl Setting for Address {
    fn read(raw: &Raw) -> Result<Self, String> {
        Self::parse(raw.text("an address such as \"127.0.0.1:8080\"")?)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

fn tcp_hint(text: &str) -> String {
    let port = text.strip_prefix(':').or_else(|| text.strip_prefix("*:")).unwrap_or(text);
    let instead = match (port.parse::<u16>(), text.strip_prefix("localhost:")) {
        (Ok(port), _) => format!("for every address write [::]:{port}, for this host only 127.0.0.1:{port}"),
        (Err(_), Some(port)) => format!("write 127.0.0.1:{port}"),
        (Err(_), None) => {
            "write an IP address and port such as 127.0.0.1:8080, unix:/path or systemd:name".to_owned()
        }
    };
    format!("{text:?} is not an address to listen on; {instead}")
}

/// `sun_path` of unix(7) has 108 bytes, the last of them zero.
const LONGEST_SOCKET_PATH: usize = 107;

#[cfg(test)]
mod tests {
    use super::{Address, PageAddress};

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn an_address_is_shown_as_it_is_written() {
        for text in ["127.0.0.1:8080", "[::1]:80", "unix:/run/casper.sock", "systemd:https"] {
            assert_eq!(address(text).to_string(), text);
        }
    }

    #[test]
    fn a_page_s_address_says_whether_it_takes_tls() {
        for (text, over_tls) in [("tls:[::]:443", true), ("127.0.0.1:8080", false)] {
            let page = PageAddress::parse(text).unwrap();
            assert_eq!((page.to_string().as_str(), page.over_tls), (text, over_tls));
        }
    }

    #[test]
    fn a_wrong_address_says_what_to_write() {
        assert!(Address::parse(":80").unwrap_err().contains("[::]:80"));
        assert!(Address::parse("8080").unwrap_err().contains("127.0.0.1:8080"));
        assert!(Address::parse("localhost:80").unwrap_err().contains("write 127.0.0.1:80"));
        assert!(Address::parse("unix:").is_err());
    }

    #[test]
    fn two_addresses_collide_when_the_kernel_would_refuse_the_second() {
        assert!(address("[::]:80").collides(&address("127.0.0.1:80")));
        assert!(address("0.0.0.0:80").collides(&address("127.0.0.1:80")));
        assert!(!address("0.0.0.0:80").collides(&address("[::1]:80")));
        assert!(!address("127.0.0.1:80").collides(&address("127.0.0.2:80")));
        assert!(address("unix:/a").collides(&address("unix:/a")));
    }
}
