//! `[log]`: what is logged, and how.

use crate::config::nearest::nearest;
use crate::config::setting::{Raw, Setting, choice};

section! {
    /// What is logged, and how.
    pub struct Log("log") {
        /// `human` for eyes, `json` for machines, `auto` for human on a terminal and json elsewhere.
        pub format: Format = Format::Auto;
        /// `error`, `warn`, `info`, `debug`, `trace` or `off`, and exceptions: `info,caspervpn::vpn=debug`.
        pub level: Level = Level("info".to_owned()); live
        /// A line for each request on standard output, in place of the log's own: `combined` as Apache writes it, `json`, or `off`.
        pub access: Access = Access::Off;
        /// What stands there of a client's address: `full`, `truncated` (IPv4 to its /24, IPv6 to its /48), or `none`.
        pub access_addresses: AccessAddresses = AccessAddresses::Full;
    }
}

choice! {
    /// How a line of the access log looks.
    pub enum Access {
        /// There is none.
        Off = "off",
        /// Apache's combined format.
        Combined = "combined",
        /// One JSON object a line.
        Json = "json",
    }
}

choice! {
    /// What the access log tells of a client's address.
    pub enum AccessAddresses {
        /// All of it.
        Full = "full",
        /// The site it is of.
        Truncated = "truncated",
        /// Nothing.
        None = "none",
    }
}

choice! {
    /// How a line of the log looks.
    pub enum Format {
        /// Human on a terminal, else JSON.
        Auto = "auto",
        /// For eyes.
        Human = "human",
        /// One JSON object a line.
        Json = "json",
    }
}

/// Which lines are written: a level, and other levels for some modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level(String);

impl Level {
    /// The rules, as `tracing_subscriber::filter::Targets` reads them.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Setting for Level {
    fn read(raw: &Raw) -> Result<Self, String> {
        let text = raw.text("a level such as \"info\"")?;
        let mut levels = 0;
        for part in text.split(',').map(str::trim) {
            let level = part.split_once('=').map_or(part, |(_, level)| level);
            levels += usize::from(!part.contains('='));
            if !LEVELS.contains(&level) {
                return Err(match nearest(&level.to_lowercase(), LEVELS.iter().copied()) {
                    Some(near) => format!("{level:?} is not a level; did you mean {near}?"),
                    None => format!("{level:?} is not a level; write one of {}", LEVELS.join(", ")),
                });
            }
        }
        match levels {
            1 => Ok(Self(text.to_owned())),
            _ => {
                Err("write one level for everything, then the exceptions: info,caspervpn::vpn=debug"
                    .to_owned())
            }
        }
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

#[cfg(test)]
mod tests {
    use super::Level;
    use crate::config::setting::{Raw, Setting};

    fn level(text: &str) -> Result<Level, String> {
        Level::read(&Raw::Text(text.to_owned()))
    }

    #[test]
    fn one_level_and_exceptions_are_read_and_anything_else_is_refused() {
        assert!(level("info,caspervpn::vpn=debug").is_ok());
        assert!(level("inof").unwrap_err().contains("did you mean info"));
        assert!(level("caspervpn=debug").is_err());
        assert!(level("info,debug").is_err());
        assert!(level("").is_err());
    }
}
