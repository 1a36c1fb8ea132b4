//! The letter of a choice that a text names last, and neither denies nor names beside another.

use super::choice_clauses::{Judge, Word};
use super::choice_words::{Sense, follows_a_letter, sense};

/// How far around the last letter that stands alone is read: what is said of it, and of the one chosen before.
const AROUND: usize = 4096;

/// A capital letter from A to J that stands alone (`(B)`, `B.`, `**B**`; not the article "A"), chosen by the text.
///
/// A clause that denies or doubts a letter does not choose it (`not B`, `B is wrong`, `maybe B`), and one that names
/// several chooses none (`A and B`). Reasons do not count (`B, because A is too small`), and what follows from them
/// does (`A is too small, so B`). Where it is hard to tell, nothing is chosen.
pub(super) fn last_choice(text: &str) -> Option<&str> {
    let last = (0..text.len()).rev().find(|&at| stands_alone(text.as_bytes(), at))?;
    let from = last.checked_sub(AROUND).map_or(0, |from| {
        let space = text.as_bytes()[from..last].iter().position(u8::is_ascii_whitespace);
        space.map_or(last, |space| from + space)
    });
    let to = text.as_bytes()[last..]
        .iter()
        .enumerate()
        .position(|(at, byte)| at > AROUND && byte.is_ascii_whitespace())
        .map_or(text.len(), |end| last + end);
    let near = &text[from..to];
    let mut judge = Judge::default();
    let (mut words, mut after) = (Words { text: near, at: 0 }, 0);
    let mut next = words.next();
    while let Some((begin, end)) = next {
        next = words.next();
        let following = next.map_or("", |(begin, end)| &near[begin..end]);
        let between = &near[after..begin];
        let here = Word { word: &near[begin..end], letter: letter_at(near, begin, end, following) };
        let joins = here.letter.is_none() && following.len() == 1 && sense(here.word) == Some(Sense::Addition);
        judge.pause(between, here.letter.is_some() || joins);
        judge.word(&here, begin);
        after = end;
    }
    judge.pause(&near[after..], false);
    judge.choice().filter(|&at| !is_of_a_list(near, at)).map(|at| &near[at..=at])
}

/// Whether a letter labels a line below that of the letter before it: the options, said again.
fn is_of_a_list(text: &str, at: usize) -> bool {
    let label = |line: &str| {
        let bare = line.trim_start_matches([' ', '\t', '(', '*', '-']).as_bytes();
        bare.first().copied().filter(|_| bare.len() > 3 && matches!(bare[1], b')' | b'.' | b':'))
    };
    let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let above = text[..begin].trim_end().rsplit('\n').next().unwrap_or_default();
    let here = label(text[begin..].lines().next().unwrap_or_default());
    here == Some(text.as_bytes()[at]) && label(above).is_some_and(|above| here == above.checked_add(1))
}

/// Whether a capital letter from A to J stands at this place, and is no part of a word.
fn stands_alone(bytes: &[u8], at: usize) -> bool {
    let word = |byte: Option<&u8>| byte.is_some_and(|&byte| in_word(byte));
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    (b'A'..=b'J').contains(&bytes[at]) && !word(before) && !word(bytes.get(at + 1))
}

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || byte == b'\''
}

/// The bit of the letter that a word is.
fn letter_at(text: &str, begin: usize, end: usize, following: &str) -> Option<u16> {
    let &letter = text.as_bytes().get(begin)?;
    let prose = text[end..].starts_with(' ') && text[end + 1..].starts_with(|next: char| next.is_alphabetic());
    let article = matches!(letter, b'A' | b'I') && prose && !follows_a_letter(following);
    (end == begin + 1 && stands_alone(text.as_bytes(), begin) && !article).then(|| 1 << (letter - b'A'))
}

/// Where each word of a text begins and ends.
struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl Iterator for Words<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let rest = &self.text.as_bytes()[self.at..];
        let begin = self.at + rest.iter().position(|&byte| in_word(byte))?;
        let length = self.text.as_bytes()[begin..].iter().position(|&byte| !in_word(byte));
        self.at = length.map_or(self.text.len(), |length| begin + length);
        Some((begin, self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::last_choice;

    #[test]
    fn the_letter_stands_alone() {
        for (text, letter) in [
            ("So B.", "B"),
            ("it is A", "A"),
            ("So it is **(C)**.", "C"),
            ("C. Rome", "C"),
            ("(B) 42", "B"),
            ("We take x = 3. Thus, the correct option is (D).", "D"),
            ("Since 4 is not prime, it's B!", "B"),
            ("Option A seems right.", "A"),
            ("B is correct. I am sure.", "B"),
            ("A. No. B.", "B"),
            ("It is B... yes", "B"),
        ] {
            assert_eq!(last_choice(text), Some(letter), "{text}");
        }
        for text in ["A cat", "CD", "", "I think so", "no idea"] {
            assert_eq!(last_choice(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_denied_doubted_or_one_of_several_is_not_chosen() {
        for text in [
            "not B",
            "B is wrong",
            "It cannot be (B).",
            "It isn't B.",
            "It isn’t (B).",
            "A and B",
            "A or B",
            "A, B",
            "(A), (B)",
            "(A) (B)",
            "A, B, and C",
            "A. B. C. D.",
            "A\nB\nC",
            "A) Oslo\nB) Bern",
            "(A) Oslo\n(B) Bern\n\n(C) Rome",
            "A. Oslo\nB. Bern\n",
            "neither A nor B",
            "Not A, B, or C",
            "anything but B",
            "any other than B",
            "A is wrong, and so is B",
            "A is wrong, like B",
            "maybe B",
            "Is it B?",
            "Either A, or B",
            "B. No, that is wrong.",
            "B. That's wrong.",
            "(B): wrong",
            "B? none of these",
            "I first thought B, but that's wrong.",
            "I would rule out B.",
            "A = 5, B = 6",
            "A is B",
        ] {
            assert_eq!(last_choice(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_said_of_the_others_leaves_the_choice() {
        for text in [
            "(A) no, (B)",
            "B, because A is too small",
            "B because A is too small",
            "Because A is too small, B.",
            "A is too small, so B",
            "A is wrong, so B",
            "Not A but B",
            "Not A, but B.",
            "It's B, not A.",
            "B. The others are wrong.",
            "B. A, C, and D are wrong.",
            "B is right. A is wrong.",
            "A and C are equal. So B.",
            "A) Oslo\nB) Bern\nC) Rome\nSo B",
            "A) Oslo\nB) Bern\nC) Rome\nB) Bern",
            "I first thought A, but that's wrong. So B.",
            "Between A and B: A fails. Therefore B",
            "B, since it is larger than A and C",
        ] {
            assert_eq!(last_choice(text), Some("B"), "{text}");
        }
    }

    #[test]
    fn a_long_text_is_read_around_its_last_letter() {
        let far = "x y ".repeat(10_000);
        assert_eq!(last_choice(&format!("{far}so B. {far}")), Some("B"));
        assert_eq!(last_choice(&format!("{far}not B. {far}")), None);
        assert_eq!(last_choice(&format!("{}B{}", "é".repeat(9_000), "é".repeat(9_000))), None);
        assert_eq!(last_choice(&format!("{} B {}", "é".repeat(9_000), "é".repeat(9_000))), Some("B"));
    }
}
