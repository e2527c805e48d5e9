//! How the process ends, in the numbers that the units and scripts know.

use std::process::ExitCode;

/// Why the process ended. `caspervpn.service` does not restart on [`Exit::Refused`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked.
    Success,
    /// A verb failed, or a stop was not clean.
    Failure,
    /// The command line was wrong.
    Usage,
    /// Something outside is down or busy: the database, a port. Trying again may help (`EX_TEMPFAIL` of sysexits.h).
    Unavailable,
    /// The settings, the data directory or a migration was refused. Trying again will not help (`EX_CONFIG`).
    Refused,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Unavailable => 75,
            Self::Refused => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
