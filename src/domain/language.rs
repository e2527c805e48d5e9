//! The languages that the service speaks to people in.

use serde::{Deserialize, Serialize};

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
    /// Spanish.
    Es,
    /// Persian.
    Fa,
    /// Russian.
    Ru,
    /// Chinese in simplified characters.
    Zh,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 6] = [Self::En, Self::De, Self::Es, Self::Fa, Self::Ru, Self::Zh];

    /// The name on every layer: the code of ISO 639-1.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Es => "es",
            Self::Fa => "fa",
            Self::Ru => "ru",
            Self::Zh => "zh",
        }
    }

    /// The tag of BCP 47, which tells simplified from traditional characters.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Es => "es",
            Self::Fa => "fa",
            Self::Ru => "ru",
            Self::Zh => "zh-Hans",
        }
    }

    /// Whether it is written from right to left.
    pub const fn is_right_to_left(self) -> bool {
        matches!(self, Self::Fa)
    }

    /// The language of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.as_str() == name)
    }
}
