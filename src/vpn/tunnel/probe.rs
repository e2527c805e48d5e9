//! Finds out what can carry a tunnel here.
//!
//! Invariant: what it makes to find out, it takes away again; an explicit choice never becomes another.

use std::fmt;
use std::str::FromStr;

use crate::domain::node::InterfaceName;
use crate::vpn::netlink::rt::{LinkKind, Rtnetlink};
use crate::vpn::netlink::wireguard::Wireguard;
use crate::vpn::tunnel::kernel::refusal;
use crate::vpn::tunnel::{TunnelError, tun};

/// Which carrier the operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The kernel where it can, else this process.
    #[default]
    Auto,
    /// The kernel or nothing.
    Kernel,
    /// This process or nothing.
    Userspace,
}

/// A word that is no choice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tunnel is one of auto, kernel, userspace")]
pub struct ChoiceError;

impl FromStr for Choice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        match text {
            "auto" => Ok(Self::Auto),
            "kernel" => Ok(Self::Kernel),
            "userspace" => Ok(Self::Userspace),
            _ => Err(ChoiceError),
        }
    }
}

/// What carries the tunnels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// The kernel's WireGuard.
    Kernel,
    /// This process, over a TUN device.
    Userspace,
}

impl Backend {
    /// The word for logs, metrics and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Userspace => "userspace",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Decides what carries the tunnels, by trying it in the network namespace of the calling thread. Blocks for a
/// few milliseconds.
///
/// # Errors
/// Why the choice cannot be had, and what to do; for [`Choice::Auto`] both reasons.
pub fn probe(choice: Choice) -> Result<Backend, TunnelError> {
    match choice {
        Choice::Kernel => try_kernel().map(|()| Backend::Kernel),
        Choice::Userspace => try_userspace().map(|()| Backend::Userspace),
        Choice::Auto => match try_kernel() {
            Ok(()) => Ok(Backend::Kernel),
            Err(kernel) => match try_userspace() {
                Ok(()) => Ok(Backend::Userspace),
                Err(userspace) => {
                    Err(TunnelError::Neither { kernel: Box::new(kernel), userspace: Box::new(userspace) })
                }
            },
        },
    }
}

/// The interface that is made and taken away to find out. Each process has its own.
fn probe_name() -> InterfaceName {
    // Above the numbers of networks, of which a node has few.
    let number = 10_000 + std::process::id() % 50_000;
    InterfaceName::numbered(u16::try_from(number).unwrap_or(u16::MAX))
}

/// Makes a link, because that loads the module where it is not loaded yet, and shows the right to make one.
fn try_kernel() -> Result<(), TunnelError> {
    let name = probe_name();
    let tried = || {
        let mut links = Rtnetlink::open()?;
        links.create_link(name.as_str(), LinkKind::WireGuard)?;
        let family = Wireguard::open().map(|_| ());
        if let Some(link) = links.find_link(name.as_str())? {
            links.delete_link(link.index)?;
        }
        family
    };
    tried().map_err(|cause| refusal(&name, cause))
}

fn try_userspace() -> Result<(), TunnelError> {
    tun::try_open(&probe_name())
}

#[cfg(test)]
mod tests {
    use super::{Choice, ChoiceError};

    #[test]
    fn a_choice_is_one_of_three_words() {
        assert_eq!("auto".parse(), Ok(Choice::Auto));
        assert_eq!("kernel".parse(), Ok(Choice::Kernel));
        assert_eq!("userspace".parse(), Ok(Choice::Userspace));
        assert_eq!("Kernel".parse::<Choice>(), Err(ChoiceError));
    }
}
