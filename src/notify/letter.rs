//! Makes a letter of what there is to tell: subject, plain text and simple HTML, in the reader's language.
//!
//! Invariant: nothing that a person has typed is put into a head, and nothing into the HTML without being escaped.

use std::fmt::Write;

use crate::domain::language::Language;
use crate::domain::mail::{Letter, Template};
use crate::notify::words::{Part, Words, de, en, es, fa, ru, zh};

/// A letter in words.
#[derive(Clone, PartialEq, Eq)]
pub struct Written {
    /// The subject.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as an HTML document.
    pub html: String,
}

/// Writes a letter.
pub fn write(letter: &Letter) -> Written {
    let words = words(letter.language);
    let Part { subject, paragraphs } = part(words, &letter.template);
    let greeting = match &letter.name {
        Some(name) => words.greeting.replace("{name}", name.as_str()),
        None => words.greeting_nobody.to_owned(),
    };
    let link = link(&letter.template);
    Written {
        subject: subject.to_owned(),
        text: text(&greeting, &paragraphs, link, words),
        html: html(&greeting, &paragraphs, link, words, letter.language),
    }
}

const fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &en::WORDS,
        Language::De => &de::WORDS,
        Language::Es => &es::WORDS,
        Language::Fa => &fa::WORDS,
        Language::Ru => &ru::WORDS,
        Language::Zh => &zh::WORDS,
    }
}

fn link(template: &Template) -> Option<&str> {
    match template {
        Template::PasswordReset { link, .. } | Template::Invite { link, .. } => Some(link),
        Template::SignInLocked { .. }
        | Template::SecondFactorLocked { .. }
        | Template::SecondFactorChanged { .. }
        | Template::Test => None,
    }
}

/// A template's words, with its figures in their places.
fn part(words: &Words, template: &Template) -> Part<String> {
    let from = |address: &Option<String>| address.clone().unwrap_or_else(|| words.unknown_address.to_owned());
    match template {
        Template::PasswordReset { minutes, .. } => {
            words.password_reset.filled(&[("{minutes}", &minutes.to_string())])
        }
        Template::Invite { days, .. } => words.invite.filled(&[("{days}", &days.to_string())]),
        Template::SignInLocked { address } => words.sign_in_locked.filled(&[("{address}", &from(address))]),
        Template::SecondFactorLocked { address } => {
            words.second_factor_locked.filled(&[("{address}", &from(address))])
        }
        Template::SecondFactorChanged { enabled, at } => {
            let part = if *enabled { &words.factor_added } else { &words.factor_removed };
            part.filled(&[("{at}", &at.to_string())])
        }
        Template::Test => words.test.filled(&[]),
    }
}

fn text(greeting: &str, paragraphs: &[String], link: Option<&str>, words: &Words) -> String {
    let mut text = format!("{greeting}\n\n");
    for (index, paragraph) in paragraphs.iter().enumerate() {
        text.push_str(paragraph);
        text.push_str("\n\n");
        // The link follows what says what it is for.
        if let (0, Some(link)) = (index, link) {
            text.push_str(link);
            text.push_str("\n\n");
        }
    }
    text.push_str("-- \n");
    text.push_str(words.footer);
    text.push('\n');
    text
}

fn html(
    greeting: &str,
    paragraphs: &[String],
    link: Option<&str>,
    words: &Words,
    language: Language,
) -> String {
    let direction = if language.is_right_to_left() { "rtl" } else { "ltr" };
    let mut html = format!(
        "<!doctype html>\n<html lang=\"{}\" dir=\"{direction}\"><head><meta charset=\"utf-8\"></head>\
         <body style=\"font-family:sans-serif;line-height:1.5;max-width:36em\">\n",
        language.tag()
    );
    let mut paragraph = |text: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(html, "<p>{text}</p>");
    };
    paragraph(&escaped(greeting));
    for (index, text) in paragraphs.iter().enumerate() {
        paragraph(&escaped(text));
        if let (0, Some(link)) = (index, link) {
            let link = escaped(link);
            paragraph(&format!("<a href=\"{link}\" dir=\"ltr\">{link}</a>"));
        }
    }
    paragraph(&format!("<small>{}</small>", escaped(words.footer)));
    html.push_str("</body></html>\n");
    html
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Written, write};
    use crate::domain::language::Language;
    use crate::domain::mail::{Letter, Template};
    use crate::domain::time::Timestamp;

    fn every() -> Vec<Template> {
        let at = Timestamp::from_millis(1_767_225_600_000);
        let (link, address) =
            ("https://vpn.example.org/reset#cvw_x".to_owned(), Some("192.0.2.7".to_owned()));
        vec![
            Template::PasswordReset { link: link.clone(), minutes: 30 },
            Template::Invite { link, days: 7 },
            Template::SignInLocked { address: None },
            Template::SecondFactorLocked { address },
            Template::SecondFactorChanged { enabled: true, at },
            Template::SecondFactorChanged { enabled: false, at },
            Template::Test,
        ]
    }

    fn written(language: Language, template: Template) -> Written {
        let name = "<b>Ada & \"Bob\"</b>".parse().ok();
        write(&Letter { to: "ada@example.org".parse().unwrap(), name, language, template, void_at: None })
    }

    #[test]
    fn every_letter_is_whole_in_every_language() {
        for template in every() {
            let mut subjects = std::collections::BTreeSet::new();
            for language in Language::ALL {
                let Written { subject, text, html } = written(language, template.clone());

                assert!(
                    !text.contains(['{', '}']) && !html.contains("{"),
                    "{template:?} {language:?}: {text}"
                );
                assert!(!subject.contains(['{', '\n', '\r']) && subject.chars().count() < 80, "{subject}");
                subjects.insert(subject);
            }
            assert_eq!(
                subjects.len(),
                Language::ALL.len(),
                "{template:?} has the same subject in two languages"
            );
        }
    }

    #[test]
    fn a_name_cannot_become_markup() {
        let Written { text, html, .. } = written(Language::En, Template::Test);

        assert!(text.contains("<b>Ada & \"Bob\"</b>"));
        assert!(html.contains("&lt;b&gt;Ada &amp; &quot;Bob&quot;&lt;/b&gt;") && !html.contains("<b>"));
    }

    #[test]
    fn the_link_stands_alone_on_its_line() {
        let Written { text, html, .. } = written(
            Language::De,
            Template::Invite { link: "https://vpn.example.org/invite#cvi_x".to_owned(), days: 7 },
        );

        assert!(text.lines().any(|line| line == "https://vpn.example.org/invite#cvi_x"));
        assert!(html.contains("<a href=\"https://vpn.example.org/invite#cvi_x\" dir=\"ltr\">"));
    }

    #[test]
    fn persian_runs_from_right_to_left_and_what_is_latin_in_it_keeps_its_order() {
        let template = Template::SecondFactorLocked { address: Some("2001:db8::1".to_owned()) };

        let Written { text, html, .. } = written(Language::Fa, template);

        assert!(html.contains("<html lang=\"fa\" dir=\"rtl\">"));
        assert!(text.contains("\u{2068}2001:db8::1\u{2069}") && html.contains("\u{2068}2001:db8::1\u{2069}"));
        assert!(written(Language::Es, Template::Test).html.contains("<html lang=\"es\" dir=\"ltr\">"));
    }
}
