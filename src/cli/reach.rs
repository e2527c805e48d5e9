//! How a person gets to the server's pages, from where it really listens.

use crate::cli::failure::note;
use crate::config::address::{Address, PageAddress};
use crate::domain::name::Host;

/// The way to the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reach {
    /// What a link begins with.
    pub(super) base: String,
    /// What to do before the link can be opened, where there is something.
    pub(super) hint: Option<String>,
}

/// The way to a listener's pages.
pub(super) fn reach(page: &PageAddress) -> Reach {
    let PageAddress { address, over_tls } = page;
    let scheme = if *over_tls { "https" } else { "http" };
    match address {
        Address::Tcp(at) if *over_tls && at.port() == 443 && at.ip().is_unspecified() => {
            Reach { base: "https://THIS-HOST".to_owned(), hint: Some(WRITE_THE_HOST.to_owned()) }
        }
        Address::Tcp(at) if at.ip().is_unspecified() => Reach {
            base: format!("{scheme}://THIS-HOST:{}", at.port()),
            hint: Some(WRITE_THE_HOST.to_owned()),
        },
        Address::Tcp(at) if at.ip().is_loopback() => Reach {
            base: format!("{scheme}://{at}"),
            hint: Some(format!(
                "to open it on another machine, first run there: ssh -L {}:{at} THIS-HOST",
                at.port()
            )),
        },
        Address::Tcp(at) => Reach { base: format!("{scheme}://{at}"), hint: None },
        Address::Unix(path) => {
            let path = path.display();
            Reach {
                base: format!("{scheme}://127.0.0.1:{FORWARDED}"),
                hint: Some(format!(
                    "the server listens on a unix socket; to open it in a browser, first run there: \
                     ssh -L {FORWARDED}:{path} THIS-HOST (or try: curl --unix-socket {path} http://localhost/livez)"
                )),
            }
        }
        Address::Systemd(name) => Reach {
            base: format!("{scheme}://THIS-HOST"),
            hint: Some(format!("systemd's socket unit says where {name} listens: systemctl list-sockets")),
        },
    }
}

/// Says so where clients elsewhere cannot reach what was set as the public endpoint.
pub(super) fn note_endpoint(host: Option<&str>) {
    if host.and_then(|host| host.parse::<Host>().ok()).is_some_and(|host| host.is_this_machine()) {
        note(
            "only clients on this machine reach that endpoint; `caspervpn settings update --endpoint-host` sets another",
        );
    }
}

const WRITE_THE_HOST: &str = "write this host's name or address for THIS-HOST";

/// The port that a forwarded socket gets on the machine of the browser.
const FORWARDED: u16 = 8080;

#[cfg(test)]
mod tests {
    use super::reach;
    use crate::config::address::PageAddress;

    fn way(text: &str) -> (String, String) {
        let way = reach(&PageAddress::parse(text).unwrap());
        (way.base, way.hint.unwrap_or_default())
    }

    #[test]
    fn a_link_begins_with_the_port_that_is_listened_on_and_the_hint_forwards_that_one() {
        let (base, hint) = way("127.0.0.1:9090");
        assert_eq!(base, "http://127.0.0.1:9090");
        assert!(hint.contains("ssh -L 9090:127.0.0.1:9090 "), "{hint}");
        assert_eq!(way("[::]:9090").0, "http://THIS-HOST:9090");
        assert_eq!(way("tls:[::]:443").0, "https://THIS-HOST");
        assert_eq!(way("tls:192.0.2.1:8443").0, "https://192.0.2.1:8443");
        assert_eq!(way("192.0.2.1:80"), ("http://192.0.2.1:80".to_owned(), String::new()));
    }

    #[test]
    fn a_unix_socket_is_reached_by_forwarding_it() {
        let (base, hint) = way("unix:/run/api.sock");

        assert_eq!(base, "http://127.0.0.1:8080");
        assert!(hint.contains("ssh -L 8080:/run/api.sock ") && hint.contains("--unix-socket /run/api.sock "));
    }
}
