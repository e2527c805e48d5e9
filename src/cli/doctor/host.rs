//! The host: tunnel, capabilities, forwarding, firewalls of others, clock.

use procfs::process::Process;

use crate::agent::host::foreign_drop;
use crate::cli::doctor::service::Service;
use crate::cli::doctor::{Finding, Level};
use crate::config::Settings;
use crate::config::server::Role;
use crate::config::tunnel::Backend;
use crate::domain::time::Timestamp;
use crate::runtime::clock::{Clock, SystemClock};
use crate::telemetry::chain::chain;
use crate::vpn::firewall::NodeFirewall;
use crate::vpn::host::{self, Forwarding};
use crate::vpn::timekeeping;
use crate::vpn::tunnel::probe::{Choice, probe};

/// CAP_NET_ADMIN of capabilities(7).
const NET_ADMIN: u64 = 1 << 12;

/// 2025-01-01 and 2100-01-01 in UTC: a clock outside of them was never set.
const SANE_YEARS: [i64; 2] = [1_735_689_600, 4_102_444_800];

/// Looks at the host.
pub(super) fn look(settings: &Settings, service: &Service) -> Vec<Finding> {
    let mut findings = Vec::new();
    if settings.server.has(Role::Agent) && settings.tunnel.backend != Backend::Off {
        let may = may_change_the_network(&mut findings);
        // Without the right, a refusal says nothing about a service that has it.
        let worst = if may { Level::Fail } else { Level::Warn };
        findings.push(tunnel(settings.tunnel.backend).at_most(worst));
        findings.extend(forwarding(service));
        findings.extend(firewall().into_iter().map(|finding| finding.at_most(worst)));
    } else {
        findings.push(Finding::ok("tunnel", "this process is told to carry no tunnel"));
    }
    findings.push(clock());
    findings
}

fn may_change_the_network(findings: &mut Vec<Finding>) -> bool {
    let effective = Process::myself().and_then(|me| me.status()).map(|status| status.capeff);
    match effective {
        Ok(effective) if effective & NET_ADMIN != 0 => {
            findings.push(Finding::ok("rights", "CAP_NET_ADMIN is there"));
            true
        }
        Ok(_) => {
            let what =
                "this command runs without CAP_NET_ADMIN, so it cannot tell what a service with it could do";
            findings.push(Finding::warn("rights", what, "run doctor as root"));
            false
        }
        Err(cause) => {
            let what = format!("cannot read the process's rights: {cause}");
            findings.push(Finding::warn("rights", what, "mount /proc"));
            false
        }
    }
}

fn tunnel(backend: Backend) -> Finding {
    let choice = match backend {
        Backend::Kernel => Choice::Kernel,
        Backend::Userspace => Choice::Userspace,
        Backend::Auto | Backend::Off => Choice::Auto,
    };
    match probe(choice) {
        Ok(carrier) => Finding::ok("tunnel", format!("WireGuard can be carried by the {carrier} backend")),
        Err(refusal) => {
            let what = format!("no tunnel can be had: {}", chain(&refusal));
            Finding::fail(
                "tunnel",
                what,
                "see the line above; or set tunnel.backend = \"off\" on a host without tunnels",
            )
        }
    }
}

fn forwarding(service: &Service) -> Vec<Finding> {
    let found = match host::forwarding() {
        Ok(found) => found,
        Err(cause) => {
            let what = format!("cannot read whether packets are forwarded: {}", chain(&cause));
            return vec![Finding::warn("forwarding", what, "mount /proc/sys")];
        }
    };
    let Forwarding { v4, v6 } = found;
    let mut findings = vec![forwards(v4, "IPv4", "net.ipv4.ip_forward", service)];
    match v6 {
        Some(on) => findings.push(forwards(on, "IPv6", "net.ipv6.conf.all.forwarding", service)),
        None => findings.push(Finding::ok("forwarding", "this host has no IPv6")),
    }
    findings
}

fn forwards(on: bool, family: &str, key: &str, service: &Service) -> Finding {
    const CHECK: &str = "forwarding";
    let fix = format!("sysctl -w {key}=1, and write {key}=1 to /etc/sysctl.d/50-caspervpn.conf");
    if on {
        Finding::ok(CHECK, format!("{family} packets are forwarded"))
    } else if service.lacks_networks {
        // Nothing is to be forwarded yet, so nothing is wrong.
        let what = format!("{family} packets are not forwarded yet; the first network turns that on");
        Finding::ok(CHECK, what)
    } else if service.runs {
        Finding::fail(CHECK, format!("{family} packets are not forwarded"), fix)
    } else {
        let what = format!("{family} packets are not forwarded; the service turns that on if it may");
        Finding::warn(CHECK, what, fix)
    }
}

fn firewall() -> Vec<Finding> {
    let chains = NodeFirewall::open().and_then(|mut firewall| firewall.list_foreign_forward_drops());
    match chains {
        Ok(chains) if chains.is_empty() => {
            vec![Finding::ok("firewall", "nftables answers, and nobody else drops forwarded packets")]
        }
        // Rules that let our interfaces pass may stand in the same chain, so this is no proof of a fault.
        Ok(chains) => chains
            .iter()
            .map(|chain| {
                Finding::warn(
                    "firewall",
                    format!("another firewall drops forwarded packets in {chain}"),
                    foreign_drop(&chain.to_string()),
                )
            })
            .collect(),
        Err(cause) => {
            let what = format!("nftables does not answer: {}", chain(&cause));
            vec![Finding::fail("firewall", what, "modprobe nf_tables; in a container add CAP_NET_ADMIN")]
        }
    }
}

fn clock() -> Finding {
    let now: Timestamp = SystemClock::new().now();
    if !(SANE_YEARS[0]..SANE_YEARS[1]).contains(&now.as_seconds()) {
        return Finding::fail(
            "clock",
            format!("the clock says {now}"),
            "set the clock: timedatectl set-ntp true",
        );
    }
    match timekeeping::is_synchronised() {
        Ok(true) => Finding::ok("clock", "the clock is kept right by a time service"),
        Ok(false) => Finding::warn(
            "clock",
            "no time service keeps the clock right; expiries and sign-ins go by it",
            "timedatectl set-ntp true, or run chrony",
        ),
        Err(cause) => Finding::warn(
            "clock",
            format!("cannot ask the kernel about its clock: {cause}"),
            "nothing, in a container",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::forwards;
    use crate::cli::doctor::Level;
    use crate::cli::doctor::service::Service;

    #[test]
    fn what_is_not_forwarded_is_a_fault_only_once_there_is_a_network() {
        let level = |runs, lacks_networks| {
            let service = Service { runs, lacks_networks, udp_ports: Vec::new(), findings: Vec::new() };
            forwards(false, "IPv4", "net.ipv4.ip_forward", &service).level
        };

        assert_eq!([level(true, false), level(false, false)], [Level::Fail, Level::Warn]);
        assert_eq!([level(true, true), level(false, true)], [Level::Ok, Level::Ok]);
    }
}
