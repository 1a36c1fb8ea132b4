//! "The final answer is X", "The answer is: X", "**Answer:** X".

use std::borrow::Cow;

use memchr::memrchr_iter;

use super::Found;

/// Clauses that follow an answer and do not belong to it.
const CLAUSES: [&str; 7] = [" because ", " since ", ", so ", ", which ", ", as ", ". i hope it is correct", " (since "];

/// What is announced. Each is searched once, from the end, by the rarest of its letters.
const NOUNS: [(&str, u8); 3] = [("answer", b'w'), ("correct option", b'p'), ("correct choice", b'h')];

/// Space and markdown that may stand between the words and the answer.
fn is_filler(c: char) -> bool {
    c.is_whitespace() || matches!(c, '*' | '_' | '`')
}

/// What the last announcement announces: up to the end of its sentence, or the mathematics it begins with.
pub(super) fn announced(text: &str) -> Found<'_> {
    let lower = text.to_ascii_lowercase(); // the same bytes at the same places
    for (noun, rarest) in NOUNS {
        let mut end = lower.len();
        while let Some(at) = last_place(&lower[..end], noun, rarest) {
            if let Some(begin) = after_announcement(&lower, at, noun) {
                return Found::Answer(Cow::Borrowed(first_statement(&text[begin..])));
            }
            end = at;
        }
    }
    Found::Absent
}

/// Where `noun` stands last: `rfind`, many bytes at a time.
fn last_place(text: &str, noun: &str, rarest: u8) -> Option<usize> {
    let offset = noun.bytes().position(|byte| byte == rarest)?;
    let found =
        |place: usize| place.checked_sub(offset).filter(|at| text.as_bytes()[*at..].starts_with(noun.as_bytes()));
    memrchr_iter(rarest, text.as_bytes()).find_map(found)
}

/// Where the announced begins, if the noun at `at` announces.
fn after_announcement(lower: &str, at: usize, noun: &str) -> Option<usize> {
    let window = |from: usize| lower[from..].char_indices().take(12);
    let past = |from: usize, belongs: fn(char) -> bool| {
        from + window(from).find(|(_, c)| !belongs(*c)).map_or(0, |(offset, _)| offset)
    };
    let word_end = at + noun.len();
    let mut begin = past(word_end, is_filler);
    if let Some(rest) = lower[begin..].strip_prefix(':') {
        return Some(lower.len() - rest.len());
    }
    begin = past(word_end, char::is_whitespace);
    let rest = lower[begin..].strip_prefix("is")?;
    let after = lower.len() - rest.len();
    let definite = if noun == "answer" { &lower[..at] } else { "the" }.trim_end_matches(is_filler);
    let definite = ["the", "final", "my", "our", "correct"].iter().any(|word| definite.ends_with(word));
    if !definite || !rest.starts_with(|c: char| is_filler(c) || matches!(c, ':' | '$' | '\\')) {
        return None;
    }
    let after = past(after, is_filler);
    Some(lower[after..].strip_prefix(':').map_or(after, |rest| lower.len() - rest.len()))
}

fn first_statement(rest: &str) -> &str {
    let rest = rest.trim_start_matches(is_filler);
    for (open, close) in [("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$")] {
        if let Some(inside) = rest.strip_prefix(open) {
            let line = if open == "$" { inside.lines().next().unwrap_or_default() } else { inside };
            if let Some(end) = line.find(close).filter(|end| *end > 0)
                && ends_statement(&inside[end + close.len()..])
            {
                return &inside[..end];
            }
        }
    }
    let line = rest.lines().next().unwrap_or_default();
    let lower = line.to_ascii_lowercase();
    let clause = CLAUSES.iter().filter_map(|clause| lower.find(clause)).min();
    let stop = sentence_end(line).into_iter().chain(clause).min().unwrap_or(line.len());
    line[..stop].trim_end_matches(|c: char| is_filler(c) || c == '.').trim_end_matches("\\]").trim_end_matches("\\)")
}

/// Whether nothing that belongs to the answer follows: its unit or another part would.
fn ends_statement(after: &str) -> bool {
    let after = after.trim_start_matches(['*', '_', '`', ' ']);
    after.is_empty() || after.starts_with(['.', '\n', '\r', '!'])
}

/// A full stop with space or nothing behind it, but not that of "p.m." or of a decimal.
fn sentence_end(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    (0..bytes.len()).filter(|&at| bytes[at] == b'.').find(|&at| {
        let last = bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace);
        let abbreviates =
            at >= 2 && bytes[at - 2] == b'.' && bytes[at - 1].is_ascii_alphabetic() || line[..at].ends_with(" sq");
        last && !abbreviates
    })
}

#[cfg(test)]
mod tests {
    use super::{Found, announced};

    fn answer(text: &str) -> Option<String> {
        match announced(text) {
            Found::Absent => None,
            Found::Answer(answer) => Some(answer.into_owned()),
        }
    }

    #[test]
    fn announcements_and_where_they_end() {
        for (text, said) in [
            ("The answer is 42.", "42"),
            ("The correct option is (C).", "(C)"),
            ("the final answer is: 42", "42"),
            ("**Final Answer:** **73**", "73"),
            ("Answer: 42", "42"),
            ("**Answer**: 42\n\nmore", "42"),
            ("Final Answer: The final answer is $42$. I hope it is correct.", "42"),
            ("The answer is 3.5. Then", "3.5"),
            ("The answer is $5$ apples.", "$5$ apples"),
            ("The answer is 4:30 p.m.", "4:30 p.m"),
            ("the answer is 5, which is odd", "5"),
            ("\\[Answer: 009\\]", "009"),
            ("Answer:\n42", "42"),
            ("The answer is 1. No, the answer is 2.", "2"),
            ("The answer is\n$$\\frac12$$", "\\frac12"),
        ] {
            assert_eq!(answer(text).as_deref(), Some(said), "{text}");
        }
        for text in ["", "answers", "no answer isn't", "an answer to this", "is the answer 5?", "the answer island"] {
            assert_eq!(answer(text), None, "{text}");
        }
    }
}
