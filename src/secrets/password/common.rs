//! The passwords that everybody uses, out of which guessers start.
//!
//! `common.txt.gz` holds Django's list (BSD-3-Clause, see `common.LICENSE`), sorted, one a line, in lower case;
//! `packaging/scripts/common_passwords.py` makes it. It is unpacked at the first look.

use std::io::Read;
use std::sync::LazyLock;

use flate2::read::GzDecoder;

/// Fewest bytes of a password of the list.
pub(super) const SHORTEST: usize = 4;

/// Whether a text in lower case is on the list.
pub(super) fn is_common(text: &str) -> bool {
    COMMON.find(text)
}

/// The list as one text, with the places where its lines begin: half the memory of a set of strings.
struct Common {
    text: String,
    begins: Vec<u32>,
}

static COMMON: LazyLock<Common> = LazyLock::new(|| Common::unpack(PACKED));

const PACKED: &[u8] = include_bytes!("common.txt.gz");

impl Common {
    /// A damaged list would be a damaged binary; the tests prove that this one is whole.
    fn unpack(packed: &[u8]) -> Self {
        let mut text = String::new();
        if GzDecoder::new(packed).read_to_string(&mut text).is_err() {
            text.clear();
        }
        let mut begins = Vec::new();
        let mut at = 0;
        for line in text.split('\n') {
            begins.push(at);
            at += u32::try_from(line.len()).unwrap_or(u32::MAX).saturating_add(1);
        }
        Self { text, begins }
    }

    fn find(&self, text: &str) -> bool {
        if text.len() < SHORTEST {
            return false;
        }
        let line = |begin: &u32| self.text.get(*begin as usize..).and_then(|rest| rest.split('\n').next());
        self.begins.binary_search_by(|begin| line(begin).unwrap_or("").cmp(text)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{COMMON, is_common};

    #[test]
    fn the_list_is_whole_and_sorted_as_it_is_searched() {
        let lines: Vec<_> = COMMON.text.split('\n').collect();

        assert!(lines.len() > 19_000, "{}", lines.len());
        assert!(lines.is_sorted());
        assert!(lines.iter().all(|line| is_common(line)));
        assert!(!is_common("") && !is_common("\n") && !is_common("staple-of-batteries"));
    }
}
