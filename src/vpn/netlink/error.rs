//! What can go wrong when the kernel is asked something over netlink.
//!
//! Every variant names the operation, so that a log line alone tells what was tried.

use std::io;

/// A failed exchange with the kernel.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The socket could not be made.
    #[error("open a netlink socket for {protocol}")]
    Open {
        /// Which part of the kernel it was for.
        protocol: &'static str,
        /// What the kernel answered.
        #[source]
        cause: io::Error,
    },
    /// The request did not leave.
    #[error("{operation}: send the request to the kernel")]
    Send {
        /// What was asked for.
        operation: String,
        /// What the kernel answered.
        #[source]
        cause: io::Error,
    },
    /// The answer did not arrive.
    #[error("{operation}: read the answer of the kernel")]
    Receive {
        /// What was asked for.
        operation: String,
        /// What the kernel answered.
        #[source]
        cause: io::Error,
    },
    /// The kernel refused. Its own words, when it has any, stand before the meaning of the number.
    #[error("{operation}: the kernel refused: {}", explain(*errno, message))]
    Refused {
        /// What was asked for.
        operation: String,
        /// The positive error number.
        errno: i32,
        /// The kernel's own words (extended acknowledgement); empty when it gave none.
        message: String,
    },
    /// The request does not fit a netlink message.
    #[error("{operation}: the request is too large for one netlink message")]
    TooLarge {
        /// What was asked for.
        operation: String,
    },
    /// The listing was overtaken by changes each time it was tried.
    #[error("{operation}: kept being interrupted by changes; gave up after {attempts} attempts")]
    Interrupted {
        /// What was asked for.
        operation: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The answer is not what the protocol allows.
    #[error("{operation}: the kernel's answer makes no sense: {problem}")]
    Malformed {
        /// What was asked for.
        operation: String,
        /// What is wrong with the answer.
        problem: &'static str,
    },
}

impl NetlinkError {
    /// The error number of the kernel, where it gave one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused { errno, .. } => Some(*errno),
            Self::Open { cause, .. } | Self::Send { cause, .. } | Self::Receive { cause, .. } => {
                cause.raw_os_error()
            }
            Self::TooLarge { .. } | Self::Interrupted { .. } | Self::Malformed { .. } => None,
        }
    }

    /// Whether the kernel refused because the thing is already there.
    pub fn is_exists(&self) -> bool {
        self.errno() == Some(libc::EEXIST)
    }

    /// Whether the kernel refused because there is no such thing: it says so in a different way for
    /// names, links, addresses and routes.
    pub fn is_missing(&self) -> bool {
        matches!(self.errno(), Some(libc::ENOENT | libc::ENODEV | libc::EADDRNOTAVAIL | libc::ESRCH))
    }

    /// Whether somebody else has the port that was asked for.
    pub fn is_port_busy(&self) -> bool {
        self.errno() == Some(libc::EADDRINUSE)
    }

    /// Whether the process lacks CAP_NET_ADMIN.
    pub fn is_denied(&self) -> bool {
        matches!(self.errno(), Some(libc::EPERM | libc::EACCES))
    }

    /// Whether this kernel does not know the kind of thing asked for (a module that is not there).
    pub fn is_unsupported(&self) -> bool {
        matches!(self.errno(), Some(libc::EOPNOTSUPP | libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT))
    }
}

fn explain(errno: i32, message: &str) -> String {
    let meaning = io::Error::from_raw_os_error(errno);
    if message.is_empty() { meaning.to_string() } else { format!("{message}: {meaning}") }
}

#[cfg(test)]
mod tests {
    use super::NetlinkError;

    #[test]
    fn a_refusal_names_the_operation_the_words_and_the_number() {
        let refused = |message: &str| NetlinkError::Refused {
            operation: "create the link wg0".into(),
            errno: libc::EOPNOTSUPP,
            message: message.into(),
        };

        assert_eq!(
            refused("Unknown device type").to_string(),
            "create the link wg0: the kernel refused: Unknown device type: Operation not supported (os error 95)"
        );
        assert_eq!(
            refused("").to_string(),
            "create the link wg0: the kernel refused: Operation not supported (os error 95)"
        );
        assert!(refused("").is_unsupported());
    }
}
