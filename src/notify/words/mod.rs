//! The words of letters, one file a language. `{…}` are places for figures.

pub(super) mod de;
pub(super) mod en;
pub(super) mod es;
pub(super) mod fa;
pub(super) mod ru;
pub(super) mod zh;

/// Everything letters say in one language.
pub(super) struct Words {
    /// With a place for the name.
    pub(super) greeting: &'static str,
    /// To whom has no name yet.
    pub(super) greeting_nobody: &'static str,
    /// Below every letter.
    pub(super) footer: &'static str,
    /// In the place of an address that is not known.
    pub(super) unknown_address: &'static str,
    pub(super) password_reset: Part<&'static str>,
    pub(super) invite: Part<&'static str>,
    pub(super) sign_in_locked: Part<&'static str>,
    pub(super) second_factor_locked: Part<&'static str>,
    pub(super) factor_added: Part<&'static str>,
    pub(super) factor_removed: Part<&'static str>,
    pub(super) test: Part<&'static str>,
}

/// A subject and two paragraphs; a link, where there is one, stands between them.
pub(super) struct Part<T> {
    pub(super) subject: T,
    pub(super) paragraphs: [T; 2],
}

impl Part<&'static str> {
    /// With the figures in their places.
    pub(super) fn filled(&self, values: &[(&str, &str)]) -> Part<String> {
        let fill = |text: &str| {
            values.iter().fold(text.to_owned(), |text, (place, value)| text.replace(place, value))
        };
        Part { subject: fill(self.subject), paragraphs: self.paragraphs.map(fill) }
    }
}
