//! What the words around a letter say of it.

/// What a word does to the clause it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sense {
    /// `not`, `wrong`, `too`: a letter of the clause is not the choice.
    Denial,
    /// `maybe`, `could`: it may or may not be.
    Hedge,
    /// `because`: begins a clause that chooses nothing.
    Reason,
    /// `so`: begins a clause that counts, whatever was weighed before it.
    Conclusion,
    /// `but`: begins a clause after a denial.
    Contrast,
    /// `and`, `like`: goes on with what was said.
    Addition,
    /// `it`, `that`: points at what was said before, at the beginning of a clause.
    Pointer,
    /// `right`: what a denial turns against what is pointed at.
    Praise,
}

const SENSES: [(Sense, &[&str]); 8] = [
    (
        Sense::Denial,
        &[
            "not",
            "no",
            "cannot",
            "cant",
            "never",
            "neither",
            "nor",
            "none",
            "nothing",
            "wrong",
            "incorrect",
            "false",
            "untrue",
            "invalid",
            "impossible",
            "unlikely",
            "except",
            "excluding",
            "exclude",
            "excluded",
            "excludes",
            "eliminate",
            "eliminated",
            "eliminates",
            "eliminating",
            "reject",
            "rejected",
            "rejecting",
            "discard",
            "discarded",
            "ruled",
            "rule",
            "ruling",
            "rather",
            "instead",
            "other",
            "besides",
            "without",
            "unlike",
            "unless",
            "doubt",
            "doubtful",
            "fails",
            "fail",
            "failed",
            "contradicts",
            "contradiction",
            "too",
            "avoid",
            "hardly",
            "mistake",
            "mistaken",
        ],
    ),
    (
        Sense::Hedge,
        &[
            "maybe",
            "perhaps",
            "possibly",
            "might",
            "may",
            "could",
            "either",
            "both",
            "unsure",
            "uncertain",
            "versus",
            "vs",
        ],
    ),
    (Sense::Reason, &["because", "since", "while", "whereas", "although", "though", "if"]),
    (Sense::Conclusion, &["so", "therefore", "thus", "hence", "consequently", "finally"]),
    (Sense::Contrast, &["but"]),
    (Sense::Addition, &["and", "or", "also", "like", "as", "along", "with", "plus", "likewise"]),
    (Sense::Pointer, &["it", "that", "this", "which", "is", "are", "was", "wait", "actually", "it's", "that's"]),
    (Sense::Praise, &["right", "correct", "true", "answer"]),
];

/// What a word means here, if anything: the first of its senses.
pub(super) fn sense(word: &str) -> Option<Sense> {
    let bare = word.trim_matches('\'');
    let denied = ["n't", "n’t"].iter().any(|end| {
        let from = bare.len().checked_sub(end.len());
        from.and_then(|from| bare.get(from..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    });
    if denied {
        return Some(Sense::Denial);
    }
    let known = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(bare));
    SENSES.iter().find(|(_, words)| known(words)).map(|(sense, _)| *sense)
}

/// Whether `A` or `I` before this word is a letter, not an article or a pronoun: `A is`, `A and B`; not `A wrong step`.
pub(super) fn follows_a_letter(word: &str) -> bool {
    const FOLLOWING: [&str; 24] = [
        "is", "isn't", "are", "was", "were", "has", "seems", "looks", "would", "can", "cannot", "does", "doesn't",
        "must", "and", "or", "nor", "vs", "versus", "but", "because", "since", "not", "too",
    ];
    FOLLOWING.iter().any(|known| known.eq_ignore_ascii_case(word))
}
