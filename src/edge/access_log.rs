//! The access log: a line for each request, on a stream of its own.
//!
//! Invariants: no path is written but that of a file of the panel, and for the rest the matched route; no query string, and
//! of a referrer nothing but its origin. So no token can be in a line. Whoever reads too slowly loses lines: no request waits.

mod line;
mod lines;

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::MatchedPath;
use http::{HeaderValue, Request, Version, header};

use crate::config::log::{Access, AccessAddresses, Log};
use crate::domain::id::RequestId;
use crate::domain::time::Timestamp;
use crate::edge::access_log::lines::Lines;
use crate::edge::peer::Peer;
use crate::runtime::tasks::Tasks;

/// Finds a file of the panel by its path, and gives the path as the panel writes it.
pub type FindFile = fn(&str) -> Option<&'static str>;

/// Writes a line for each request.
#[derive(Debug)]
pub struct AccessLog {
    json: bool,
    addresses: AccessAddresses,
    find_file: FindFile,
    lines: Lines,
}

impl AccessLog {
    /// Starts it where the settings want one. Enter it before the listeners, so that it is stopped after them.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        settings: &Log,
        find_file: FindFile,
        output: Box<dyn Write + Send>,
        tasks: &Tasks,
    ) -> io::Result<Option<Arc<Self>>> {
        let json = match settings.access {
            Access::Off => return Ok(None),
            Access::Combined => false,
            Access::Json => true,
        };
        let lines = Lines::start(output, tasks)?;
        Ok(Some(Arc::new(Self { json, addresses: settings.access_addresses, find_file, lines })))
    }

    /// Notes what was asked, before the request is handed on. `file` is the one that it asks for, where that is known.
    pub(super) fn note<B>(
        &self,
        request: &Request<B>,
        method: &'static str,
        file: Option<&'static str>,
    ) -> Asked {
        let target = match request.extensions().get::<MatchedPath>() {
            Some(route) => Target::Route(route.clone()),
            None => {
                file.or_else(|| (self.find_file)(request.uri().path())).map_or(Target::Other, Target::File)
            }
        };
        let peer = request.extensions().get::<Peer>();
        Asked {
            method,
            target,
            version: request.version(),
            address: peer.and_then(Peer::ip).and_then(|address| self.shown(address)),
            referrer: request.headers().get(header::REFERER).cloned(),
            user_agent: request.headers().get(header::USER_AGENT).cloned(),
        }
    }

    /// Writes what came of it.
    pub(super) fn write(&self, asked: &Asked, ended: &Ended) {
        let line = if self.json { line::json(asked, ended) } else { line::combined(asked, ended) };
        self.lines.push(line.as_bytes());
    }

    fn shown(&self, address: IpAddr) -> Option<IpAddr> {
        match self.addresses {
            AccessAddresses::Full => Some(address),
            AccessAddresses::Truncated => Some(truncated(address)),
            AccessAddresses::None => None,
        }
    }
}

/// What was asked, by whom.
#[derive(Debug)]
pub(super) struct Asked {
    method: &'static str,
    target: Target,
    version: Version,
    address: Option<IpAddr>,
    referrer: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
}

/// What of the address may be written.
#[derive(Debug)]
enum Target {
    Route(MatchedPath),
    File(&'static str),
    /// The same word as in the metrics.
    Other,
}

impl Target {
    fn as_str(&self) -> &str {
        match self {
            Self::Route(route) => route.as_str(),
            Self::File(path) => path,
            Self::Other => "_other",
        }
    }
}

/// How a request ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) listener: &'static str,
    pub(super) id: RequestId,
    pub(super) began: Timestamp,
    pub(super) took: Duration,
    pub(super) status: u16,
    /// The body's length, where it is known at its beginning.
    pub(super) bytes: Option<u64>,
}

/// IPv4 to its /24, IPv6 to its /48: what a site has of its own, so that the line shows a place and nobody in it.
fn truncated(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            Ipv4Addr::new(a, b, c, 0).into()
        }
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::truncated;

    #[test]
    fn a_truncated_address_names_a_site_and_nobody_in_it() {
        let short = |text: &str| truncated(text.parse().unwrap()).to_string();

        assert_eq!(short("203.0.113.77"), "203.0.113.0");
        assert_eq!(short("::ffff:203.0.113.77"), "203.0.113.0");
        assert_eq!(short("2001:db8:1:2:3:4:5:6"), "2001:db8:1::");
    }
}
