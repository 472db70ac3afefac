//! The word that somebody probably meant.

/// Finds the word with the fewest changes from what was written, if they are few enough for a slip
/// of the hand: a third of its letters.
pub(crate) fn nearest<'a>(written: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let ranked = words.map(|word| (changes(written, word), word));
    let (changes, word) = ranked.min_by_key(|&(changes, _)| changes)?;
    (changes <= word.chars().count().div_ceil(3)).then_some(word)
}

/// How many letters must be put in, left out or replaced (Levenshtein's distance).
fn changes(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (at, &letter_there) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != letter_there);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let words = ["nodes", "stabilise", "rate"];
        assert_eq!(nearest("stabilize", words.into_iter()), Some("stabilise"));
        assert_eq!(nearest("node", words.into_iter()), Some("nodes"));
        assert_eq!(nearest("latency", words.into_iter()), None);
        assert_eq!(nearest("x", [].into_iter()), None);
    }

    #[test]
    fn changes_are_counted() {
        assert_eq!(changes("kitten", "sitting"), 3);
        assert_eq!(changes("", "abc"), 3);
        assert_eq!(changes("abc", "abc"), 0);
    }
}
