//! How one value is read from the file, the environment or a flag, and how it is shown.
//!
//! Invariant: a message never repeats a value that could be a secret.

use std::path::PathBuf;

use crate::domain::outgoing::Target;
use crate::domain::secret_reference::SecretReference;

/// A value as it was found.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    /// From the environment or a flag, where everything is text.
    Text(String),
    /// A string of the file.
    String(String),
    /// A whole number of the file.
    Integer(i64),
    /// `true` or `false` of the file.
    Boolean(bool),
    /// A list of the file.
    List(Vec<Self>),
    /// Something no setting is made of.
    Other(&'static str),
}

impl Raw {
    /// The text, whichever way it was written.
    pub fn text(&self, wanted: &str) -> Result<&str, String> {
        match self {
            Self::Text(text) | Self::String(text) => Ok(text),
            Self::Integer(_) | Self::Boolean(_) | Self::List(_) | Self::Other(_) => Err(self.is_not(wanted)),
        }
    }

    fn is_not(&self, wanted: &str) -> String {
        let found = match self {
            Self::Text(_) | Self::String(_) => "a string",
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
        };
        format!("expected {wanted}, found {found}")
    }
}

/// A type that a key may have.
pub trait Setting: Sized {
    /// Reads a value.
    ///
    /// # Errors
    /// A sentence for the person who wrote it.
    fn read(raw: &Raw) -> Result<Self, String>;

    /// The value as `config show` prints it: what could be written in the file, without secrets.
    fn show(&self) -> String;
}

/// Refuses a number outside of what a key allows.
pub(super) fn within(value: u32, min: u32, max: u32) -> Result<(), String> {
    if (min..=max).contains(&value) { Ok(()) } else { Err(format!("{value} is not between {min} and {max}")) }
}

impl Setting for u32 {
    fn read(raw: &Raw) -> Result<Self, String> {
        const WANTED: &str = "a whole number from 0 to 4294967295";
        match raw {
            Raw::Text(text) => {
                text.trim().parse().map_err(|_| format!("expected {WANTED}, found the text {text:?}"))
            }
            Raw::Integer(number) => {
                Self::try_from(*number).map_err(|_| format!("expected {WANTED}, found {number}"))
            }
            Raw::String(_) | Raw::Boolean(_) | Raw::List(_) | Raw::Other(_) => Err(raw.is_not(WANTED)),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for bool {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Boolean(value) => Ok(*value),
            Raw::Text(text) if text == "true" => Ok(true),
            Raw::Text(text) if text == "false" => Ok(false),
            Raw::Text(_) | Raw::String(_) | Raw::Integer(_) | Raw::List(_) | Raw::Other(_) => {
                Err(raw.is_not("true or false"))
            }
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for PathBuf {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw.text("a path")? {
            "" => Err("a path cannot be empty".to_owned()),
            text => Ok(Self::from(text)),
        }
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Setting for SecretReference {
    fn read(raw: &Raw) -> Result<Self, String> {
        Self::parse(raw.text("the place of a secret, such as file:/path")?).map_err(|error| error.to_string())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// A short text, printed as it is: a name, never a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainText(String);

impl PlainText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A text of this program.
    pub(super) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Setting for PlainText {
    fn read(raw: &Raw) -> Result<Self, String> {
        let text = raw.text("a text")?;
        let ok = |byte: u8| byte.is_ascii_alphanumeric() || b"/_.-".contains(&byte);
        match text.len() {
            1..=128 if text.bytes().all(ok) => Ok(Self(text.to_owned())),
            _ => Err("expected letters, digits and /_.-".to_owned()),
        }
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

/// The address of a web server, without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAddress(String);

impl WebAddress {
    /// The address, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Setting for WebAddress {
    fn read(raw: &Raw) -> Result<Self, String> {
        let text = raw.text("an address such as https://vault.internal:8200")?;
        let target = Target::http(text).map_err(|error| format!("the address {error}"))?;
        if !matches!(target.url().path(), "" | "/") || target.url().query().is_some() {
            return Err("expected scheme, host and port alone, as in https://vault.internal:8200".to_owned());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

impl<T: Setting> Setting for Option<T> {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(text) | Raw::String(text) if text == "off" => Ok(None),
            Raw::Boolean(false) => Ok(None),
            Raw::Text(_)
            | Raw::String(_)
            | Raw::Integer(_)
            | Raw::Boolean(true)
            | Raw::List(_)
            | Raw::Other(_) => T::read(raw).map(Some),
        }
    }

    fn show(&self) -> String {
        self.as_ref().map_or_else(|| "off".to_owned(), Setting::show)
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(text) => text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(|part| T::read(&Raw::Text(part.to_owned())))
                .collect(),
            Raw::List(items) => items.iter().map(T::read).collect(),
            Raw::String(_) | Raw::Integer(_) | Raw::Boolean(_) | Raw::Other(_) => Err(raw.is_not("a list")),
        }
    }

    fn show(&self) -> String {
        self.iter().map(Setting::show).collect::<Vec<_>>().join(",")
    }
}

/// A closed set of words, each with its meaning.
macro_rules! choice {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])+ $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$doc])+ $variant,)+
        }

        impl crate::config::setting::Setting for $name {
            fn read(raw: &crate::config::setting::Raw) -> Result<Self, String> {
                const WORDS: &[&str] = &[$($word),+];
                let text = raw.text(&WORDS.join(" or "))?;
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(crate::config::nearest::unknown_word(text, WORDS)),
                }
            }

            fn show(&self) -> String {
                match self {
                    $(Self::$variant => $word.to_owned(),)+
                }
            }
        }
    };
}
pub(super) use choice;
