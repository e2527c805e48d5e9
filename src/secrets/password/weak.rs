//! Judges whether a new password is one that guessers try first.
//!
//! Nothing is asked of the characters: a password is taken apart into the cheapest pieces that it can be made of, and
//! each piece costs about what it costs to guess. A word of the list or of the account costs little however long it is,
//! a character that belongs to nothing costs its own price.
//!
//! Invariant: what is said of a refused password never repeats a part of it.

use std::collections::HashSet;

use crate::secrets::password::common::{SHORTEST, is_common};

/// Why a password is too easy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Weakness {
    /// A few characters over and over.
    #[error("is one short piece repeated, which is guessed early; take several unrelated words")]
    Repeated,
    /// Neighbours on the keyboard, in the alphabet or among the digits.
    #[error(
        "is mostly a run of keys, letters or digits, which is guessed early; take several unrelated words"
    )]
    Run,
    /// A password that many have, with little around it.
    #[error(
        "is one of the most common passwords, or one with little added to it; take several unrelated words"
    )]
    Common,
    /// The account's or the product's name, with little around it.
    #[error("is mostly the name of the account or of this product; take several unrelated words")]
    Own,
}

/// Judges a password that is to be set, for an account that goes by `own` names.
pub(super) fn weakness(password: &str, own: &[&str]) -> Option<Weakness> {
    let text = Text::new(password, own);
    let (price, why) = text.cheapest();
    (price < ENOUGH).then_some(why)
}

/// What a password must cost. A character costs 2 and a digit 1: a word of the list (3) with five digits passes at
/// eight, three words do at nine, and two with something between them do not.
const ENOUGH: u32 = 9;
const CHARACTER: u32 = 2;
const DIGIT: u32 = 1;
const COMMON: u32 = 3;
const RUN: u32 = 1;
const YEAR: u32 = 2;
/// What stands somewhere before it already.
const AGAIN: u32 = 1;
/// The longest word of the list that is looked for.
const LONGEST: usize = 24;

/// Rows and columns of keyboards, the alphabet and the digits; each is tried backwards as well.
const RUNS: [&str; 14] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "qsdfghjklm",
    "zxcvbnm",
    "yxcvbnm",
    "wxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "!@#$%^&*()",
];

/// Names that are no secret on any installation.
const PRODUCT: [&str; 4] = ["caspervpn", "casper", "wireguard", "vpn"];

struct Text {
    /// In lower case.
    plain: Vec<char>,
    /// With the usual stand-ins for letters undone: `p@ssw0rd`.
    undone: Vec<char>,
    own: HashSet<String>,
}

impl Text {
    fn new(password: &str, own: &[&str]) -> Self {
        let plain: Vec<char> = password.chars().flat_map(char::to_lowercase).collect();
        let undone = plain.iter().map(|c| undo(*c)).collect();
        let own = own
            .iter()
            .flat_map(|name| name.split(|c: char| !c.is_alphanumeric()).chain([*name]))
            .chain(PRODUCT)
            .map(str::to_lowercase)
            .filter(|name| name.chars().count() >= 3)
            .collect();
        Self { plain, undone, own }
    }

    /// The lowest price of the whole, with what its dearest cheap piece is.
    fn cheapest(&self) -> (u32, Weakness) {
        let mut best = vec![(0_u32, Weakness::Repeated); self.plain.len() + 1];
        for end in 1..best.len() {
            let each = (0..end).filter_map(|begin| {
                let (price, kind) = self.piece(begin, end)?;
                let (before, worst) = best[begin];
                Some((before + price, kind.map_or(worst, |kind| worst.max(kind))))
            });
            best[end] = each.min_by_key(|(price, _)| *price).unwrap_or(best[end - 1]);
        }
        best.pop().unwrap_or((0, Weakness::Repeated))
    }

    /// What one piece costs, if it is one.
    fn piece(&self, begin: usize, end: usize) -> Option<(u32, Option<Weakness>)> {
        let piece = &self.plain[begin..end];
        let size = piece.len();
        let before = &self.plain[..begin];
        if before.ends_with(piece) {
            return Some((0, None));
        }
        if size == 1 {
            return Some((if piece[0].is_ascii_digit() { DIGIT } else { CHARACTER }, None));
        }
        if size >= 3 && before.windows(size).any(|seen| seen == piece) {
            return Some((AGAIN, None));
        }
        let word: String = piece.iter().collect();
        let undone: String = self.undone[begin..end].iter().collect();
        if self.own.contains(&word) || self.own.contains(&undone) {
            return Some((0, Some(Weakness::Own)));
        }
        if size >= 3 && is_run(&word) {
            return Some((RUN, Some(Weakness::Run)));
        }
        if size == 4 && (word.starts_with("19") || word.starts_with("20")) && word.parse::<u16>().is_ok() {
            return Some((YEAR, None));
        }
        let fits = (SHORTEST..=LONGEST).contains(&size);
        (fits && (is_common(&word) || is_common(&undone))).then_some((COMMON, Some(Weakness::Common)))
    }
}

fn is_run(piece: &str) -> bool {
    let backwards: String = piece.chars().rev().collect();
    RUNS.iter().any(|run| run.contains(piece) || run.contains(&backwards))
}

const fn undo(c: char) -> char {
    match c {
        '@' | '4' => 'a',
        '3' => 'e',
        '1' | '!' => 'i',
        '0' => 'o',
        '$' | '5' => 's',
        '7' => 't',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{Weakness, weakness};

    #[test]
    fn what_guessers_try_first_is_refused_and_told_apart() {
        for (password, why) in [
            ("qwerty123456", Weakness::Run),
            ("passwordpassword", Weakness::Common),
            ("Password Password", Weakness::Common),
            ("password1948", Weakness::Common),
            ("P@ssw0rd!2024", Weakness::Common),
            ("letmeinplease", Weakness::Common),
            ("123monkey456!", Weakness::Common),
            ("aaaaaaaaaaaa", Weakness::Repeated),
            ("xyqxyqxyqxyqxyq", Weakness::Repeated),
            ("112233445566", Weakness::Common),
            ("abcdefghijkl", Weakness::Run),
            ("987654321098", Weakness::Run),
            ("zxcvbnmasdfghjkl", Weakness::Run),
            ("AdaLovelace1815", Weakness::Own),
            ("ada.lovelace@example", Weakness::Own),
            ("CasperVPN-2026", Weakness::Own),
        ] {
            let found = weakness(password, &["ada", "Ada Lovelace", "ada.lovelace@example.org"]);
            assert!(found.is_some(), "{password} was taken");
            assert_eq!(found, Some(why), "{password}");
        }
    }

    #[test]
    fn what_nobody_guesses_is_taken_whatever_it_is_made_of() {
        for password in [
            "correct horse battery",
            "correct horse battery staple",
            "another long one",
            "dragon monkey pizza",
            "kX9#vQ2$mLp7",
            "ünïcödé påsswörter",
            "482915730264",
            "ada likes green tea",
            "zq mhw tkv",
        ] {
            assert_eq!(weakness(password, &["ada", "Ada Lovelace"]), None, "{password}");
        }
    }

    #[test]
    fn the_longest_password_is_judged_at_once() {
        let longest: String = (0..71_u32).filter_map(|n| char::from_u32(33 + n * 37 % 90)).collect();

        assert_eq!(weakness(&longest, &[]), None);
    }
}
