//! `[listen]`: where the process listens.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use crate::config::address::Address;
use crate::config::setting::{Raw, Setting};

section! {
    /// Where the process listens. Any of them may be an address and port, `unix:/path`, `systemd:name` or `off`.
    pub struct Listen("listen") {
        /// The REST API, the panel and the probes.
        pub api: Option<Address> = Some(loopback(8080));
        /// Health and metrics of this host's WireGuard side.
        pub agent: Option<Address> = Some(loopback(8081));
        /// The socket of the command line and of the agent on this host. Who connects is known by the kernel.
        pub local: Option<Address> = Some(Address::Unix(PathBuf::from("caspervpn.sock")));
        /// Permissions of the local socket, in octal.
        pub local_mode: Mode = Mode(0o660);
        /// The same as `api` for the world, over TLS.
        pub https: Option<Address> = Some(everywhere(443));
        /// Sends browsers to `https` and answers the challenges of certificate authorities.
        pub http: Option<Address> = Some(everywhere(80));
        /// The same as `api` for the world, without TLS: for a reverse proxy in front. Off unless it is wanted.
        pub public: Option<Address> = None;
    }
}

impl Listen {
    /// Every listener that is on, with its key.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &Address)> {
        let all = [
            ("listen.api", &self.api),
            ("listen.agent", &self.agent),
            ("listen.local", &self.local),
            ("listen.https", &self.https),
            ("listen.http", &self.http),
            ("listen.public", &self.public),
        ];
        all.into_iter().filter_map(|(key, address)| Some((key, address.as_ref()?)))
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Address> {
        let all = [
            &mut self.api,
            &mut self.agent,
            &mut self.local,
            &mut self.https,
            &mut self.http,
            &mut self.public,
        ];
        all.into_iter().flatten()
    }
}

/// Permissions of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(pub u32);

impl Setting for Mode {
    fn read(raw: &Raw) -> Result<Self, String> {
        let text = raw.text("permissions as a string such as \"0660\"")?;
        match u32::from_str_radix(text, 8) {
            Ok(mode) if mode & 0o600 == 0o600 && mode <= 0o777 => Ok(Self(mode)),
            Ok(_) => Err(format!("{text:?} is not between \"0600\" and \"0777\"")),
            Err(_) => Err(format!("{text:?} is not an octal number such as \"0660\"")),
        }
    }

    fn show(&self) -> String {
        format!("{:04o}", self.0)
    }
}

/// On every address of both families.
fn everywhere(port: u16) -> Address {
    Address::Tcp(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))
}

fn loopback(port: u16) -> Address {
    Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}
