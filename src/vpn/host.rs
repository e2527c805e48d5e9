//! The host's settings that decide whether packets pass through it: forwarding and reverse-path filtering.
//!
//! Invariant: an error names the command that a person runs instead. `/proc/sys/net` is that of the calling
//! thread's network namespace.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::vpn::netlink::NetlinkError;
use crate::vpn::netlink::rt::Rtnetlink;

const SYSCTLS: &str = "/proc/sys";
const FORWARD_V4: &str = "net.ipv4.ip_forward";
const FORWARD_V6: &str = "net.ipv6.conf.all.forwarding";

/// Takes router advertisements even when forwarding.
const ACCEPT_RA_ALWAYS: &str = "2";

/// Whether the host passes packets on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forwarding {
    /// For IPv4.
    pub v4: bool,
    /// For IPv6; `None` where the host has no IPv6.
    pub v6: Option<bool>,
}

/// A host setting that could not be read or set.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The kernel does not show the setting.
    #[error("read the kernel setting {key}")]
    Read {
        /// The setting's name, as `sysctl` takes it.
        key: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The kernel did not take the value.
    #[error("set a kernel setting; as root, run: sysctl -w {key}={value}")]
    Write {
        /// The setting's name, as `sysctl` takes it.
        key: String,
        /// The value it needs.
        value: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The host's routes could not be read.
    #[error("find the links that have their default route from a router advertisement")]
    Routes(#[source] NetlinkError),
}

/// How strictly a link checks that answers would leave by the way a packet came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReversePathFilter {
    /// Not at all.
    Off,
    /// By the very link it came by. A tunnel's packets pass, as the pool's route leads there; on a host with
    /// several uplinks, answers that come back by another one are lost.
    Strict,
    /// By any link.
    Loose,
}

/// Reads whether the host passes packets on.
pub fn forwarding() -> Result<Forwarding, HostError> {
    let v6 = if path(FORWARD_V6).exists() { Some(read(FORWARD_V6)? == "1") } else { None };
    Ok(Forwarding { v4: read(FORWARD_V4)? == "1", v6 })
}

/// Makes the host pass packets on, and gives the settings that were changed.
///
/// A host that forwards IPv6 no longer listens to router advertisements, and loses the default route it has
/// from one, unless the link is told to listen always: that is done first.
pub fn enable_forwarding() -> Result<Vec<String>, HostError> {
    let now = forwarding()?;
    let mut changed = Vec::new();
    if !now.v4 {
        write(FORWARD_V4, "1", &mut changed)?;
    }
    if now.v6 == Some(false) {
        for link in links_with_advertised_routes()? {
            let key = format!("net.ipv6.conf.{}.accept_ra", link.replace('.', "/"));
            if read(&key)? == "1" {
                write(&key, ACCEPT_RA_ALWAYS, &mut changed)?;
            }
        }
        write(FORWARD_V6, "1", &mut changed)?;
    }
    Ok(changed)
}

/// How a link checks the way of incoming IPv4 packets: the stricter-numbered of its own and the common setting.
pub fn reverse_path_filter(link: &str) -> Result<ReversePathFilter, HostError> {
    let own = read(&format!("net.ipv4.conf.{}.rp_filter", link.replace('.', "/")))?;
    let common = read("net.ipv4.conf.all.rp_filter")?;
    Ok(match own.max(common).as_str() {
        "0" => ReversePathFilter::Off,
        "1" => ReversePathFilter::Strict,
        _ => ReversePathFilter::Loose,
    })
}

fn links_with_advertised_routes() -> Result<BTreeSet<String>, HostError> {
    let mut rtnetlink = Rtnetlink::open().map_err(HostError::Routes)?;
    let routes = rtnetlink.list_routes().map_err(HostError::Routes)?;
    let links = rtnetlink.list_links().map_err(HostError::Routes)?;
    let advertised: BTreeSet<u32> =
        routes.iter().filter(|r| r.from_advertisement).filter_map(|r| r.link).collect();
    Ok(links.into_iter().filter(|link| advertised.contains(&link.index)).map(|link| link.name).collect())
}

/// `sysctl` writes a dot inside a link's name as a slash, because dots part the names.
fn path(key: &str) -> PathBuf {
    let parts = key.split('.').map(|part| part.replace('/', "."));
    parts.fold(Path::new(SYSCTLS).to_owned(), |path, part| path.join(part))
}

fn read(key: &str) -> Result<String, HostError> {
    let text = std::fs::read_to_string(path(key));
    text.map(|text| text.trim().to_owned()).map_err(|cause| HostError::Read { key: key.to_owned(), cause })
}

fn write(key: &str, value: &str, changed: &mut Vec<String>) -> Result<(), HostError> {
    let written = std::fs::write(path(key), value);
    written.map_err(|cause| HostError::Write { key: key.to_owned(), value: value.to_owned(), cause })?;
    changed.push(format!("{key}={value}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{HostError, path, read, write};

    #[test]
    fn a_link_with_a_dot_in_its_name_has_one_folder() {
        let found = path("net.ipv6.conf.eth0/100.accept_ra");

        assert_eq!(found.to_str(), Some("/proc/sys/net/ipv6/conf/eth0.100/accept_ra"));
    }

    #[test]
    fn a_refused_setting_names_the_command() {
        let refused = write("net.ipv4.no_such_setting", "1", &mut Vec::new()).unwrap_err();

        assert!(refused.to_string().ends_with("as root, run: sysctl -w net.ipv4.no_such_setting=1"));
        assert!(matches!(read("net.ipv4.no_such_setting"), Err(HostError::Read { .. })));
    }
}
