//! Ports and sockets: whether they can be had, and who has them.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use crate::cli::doctor::Finding;
use crate::cli::doctor::service::Service;
use crate::config::Settings;
use crate::config::address::Address;
use crate::config::server::Role;
use crate::edge::holder::{tcp_holder, udp_holder};

/// Looks at what the settings and the networks listen on. A running service is asked for its own ports elsewhere.
pub(super) fn look(settings: &Settings, service: &Service) -> Vec<Finding> {
    if service.runs {
        return vec![Finding::ok(
            "ports",
            "the running service holds its ports; /readyz and the node tell of trouble",
        )];
    }
    let mut findings: Vec<Finding> =
        settings.listeners().filter_map(|(key, address)| tcp(key, address)).collect();
    if settings.server.has(Role::Agent) {
        let fix =
            "give the node another one: caspervpn node networks update local NETWORK --listen-port PORT";
        findings.extend(
            service.udp_ports.iter().map(|port| {
                udp(&format!("WireGuard's {port}/udp"), (Ipv4Addr::UNSPECIFIED, *port).into(), fix)
            }),
        );
    }
    if let Some((_, Address::Tcp(at))) = settings.listeners().find(|(key, _)| *key == "listen.https")
        && settings.tls.http3
    {
        findings.push(udp(&format!("tls.http3: {at}/udp"), *at, "set tls.http3 to false"));
    }
    findings
}

fn tcp(key: &str, address: &Address) -> Option<Finding> {
    let at = match address {
        Address::Tcp(at) => *at,
        // Made anew at each start; the data directory is looked at by itself.
        Address::Unix(_) | Address::Systemd(_) => return None,
    };
    Some(match TcpListener::bind(at) {
        Ok(_) => Finding::ok("ports", format!("{key}: {at}/tcp is free")),
        Err(cause) => {
            let holder = || tcp_holder(at);
            refused(&format!("{key}: {at}/tcp"), &format!("set {key} to another address"), &cause, holder)
        }
    })
}

fn udp(what: &str, at: SocketAddr, fix: &str) -> Finding {
    match UdpSocket::bind(at) {
        Ok(_) => Finding::ok("ports", format!("{what} is free")),
        Err(cause) => refused(what, fix, &cause, || udp_holder(at.port())),
    }
}

fn refused(what: &str, fix: &str, cause: &io::Error, holder: impl FnOnce() -> Option<String>) -> Finding {
    let kind = cause.kind();
    if kind == ErrorKind::AddrInUse {
        let holder =
            holder().unwrap_or_else(|| "somebody that this user may not see, or the kernel".to_owned());
        return Finding::fail("ports", format!("{what} is held by {holder}"), format!("stop it, or {fix}"));
    }
    if kind == ErrorKind::AddrNotAvailable {
        let fix = format!("see `ip address`, or {fix}");
        return Finding::fail("ports", format!("{what} is no address of this host"), fix);
    }
    if kind == ErrorKind::PermissionDenied {
        return Finding::fail(
            "ports",
            format!("{what} needs CAP_NET_BIND_SERVICE"),
            format!("run as root, or {fix}"),
        );
    }
    Finding::fail("ports", format!("{what} cannot be had: {cause}"), fix)
}

#[cfg(test)]
mod tests {
    use super::tcp;
    use crate::config::address::Address;
    use std::net::TcpListener;

    #[test]
    fn a_busy_port_names_who_has_it() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = taken.local_addr().unwrap();

        let busy = tcp("listen.api", &Address::Tcp(at)).unwrap();
        drop(taken);
        let free = tcp("listen.api", &Address::Tcp(at)).unwrap();

        assert!(busy.what.contains(&format!("(process {})", std::process::id())), "{}", busy.what);
        assert!(busy.fix.unwrap().contains("listen.api"));
        assert!(free.fix.is_none(), "{}", free.what);
    }
}
