//! The letter of a choice that a text names last.

/// The last capital letter from A to J that stands alone: `(B)`, `B.`, `**B**`; not the article "A".
pub(super) fn last_choice(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let alone = |at: usize| {
        let word = |byte: Option<&u8>| {
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80 || *byte == b'\'')
        };
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let article = bytes[at] == b'A' && bytes[at + 1..].first() == Some(&b' ');
        let pronoun = bytes[at] == b'I' && bytes[at + 1..].first() == Some(&b' ');
        !word(before) && !word(bytes.get(at + 1)) && !article && !pronoun
    };
    let at = (0..bytes.len()).rev().find(|&at| bytes[at].is_ascii_uppercase() && bytes[at] <= b'J' && alone(at))?;
    Some(&text[at..=at])
}

#[cfg(test)]
mod tests {
    use super::last_choice;

    #[test]
    fn the_letter_stands_alone() {
        for (text, letter) in
            [("(A) no, (B)", Some("B")), ("So B.", Some("B")), ("A cat", None), ("CD", None), ("it is A", Some("A"))]
        {
            assert_eq!(last_choice(text), letter, "{text}");
        }
    }
}
