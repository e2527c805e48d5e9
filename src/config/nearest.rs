//! Finds what a misspelt word was meant to be.

/// The candidate most like `word`, when one is like it at all.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Says that `word` is none of `words`.
pub(super) fn unknown_word(word: &str, words: &[&str]) -> String {
    match nearest(&word.to_lowercase(), words.iter().copied()) {
        Some(near) => format!("{word:?} is not a choice; did you mean {near:?}?"),
        None => format!("{word:?} is not a choice; write one of {}", words.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_finger_is_found_and_a_different_word_is_not() {
        assert_eq!(nearest("data_dri", ["roles", "data_dir"]), Some("data_dir"));
        assert_eq!(nearest("colour", ["roles", "data_dir"]), None);
    }
}
