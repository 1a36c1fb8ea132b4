//! Words, and numbers in words.

use crate::latex::canonical::key;
use crate::latex::tokens::Token;
use crate::number::rational::Rational;
use crate::number::words::spelled;

/// Words of two or three letters whose case says nothing.
const SHORT_WORDS: [&str; 31] = [
    "yes", "no", "one", "two", "six", "ten", "mon", "tue", "wed", "thu", "fri", "sat", "sun", "jan", "feb", "mar",
    "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "odd", "red", "tie", "all", "dne", "max",
];

/// Words, and whether they can be nothing else.
pub(super) struct Words {
    /// In lower case and without an article, or as written where they may be variables.
    pub(super) text: String,
    /// Whether these are words and no product of variables.
    pub(super) surely: bool,
}

/// Letters, spaces and the punctuation of words, with single spaces.
///
/// What may be variables keeps its case: x and X are two (choices are compared in `choice`), and so are ab and AB.
pub(super) fn words(span: &[Token<'_>]) -> Option<Words> {
    let mut words = String::new();
    let (mut longest, mut told) = (0, false);
    for token in span {
        match token {
            Token::Letters { run, text } => {
                words.push_str(run);
                let letters = run.chars().count();
                longest = longest.max(letters);
                told |= *text && letters > 1;
            }
            Token::Space => words.push(' '),
            Token::Symbol(sign @ ('\'' | '-' | '.')) => words.push(*sign),
            _ => return None,
        }
    }
    if longest == 0 {
        return None;
    }
    let lower = words.to_lowercase();
    let surely = told || longest >= 4 || (longest >= 3 && words.contains(' ')) || SHORT_WORDS.contains(&lower.as_str());
    let mut text = if surely { lower } else { words };
    if surely {
        text = text.trim_end_matches(['.', ' ']).to_owned();
        for article in ["the ", "a ", "an "] {
            if let Some(rest) = text.strip_prefix(article) {
                text = rest.to_owned();
                break;
            }
        }
        if text == "dne" {
            text = String::from("does not exist");
        }
    }
    Some(Words { text, surely })
}

/// The number that words say: "twenty-five", "third"; and the words behind it.
pub(super) fn number(span: &[Token<'_>]) -> Option<(Rational, usize)> {
    let mut words: Vec<String> = Vec::new();
    let mut ends: Vec<usize> = Vec::new();
    for (at, token) in span.iter().enumerate() {
        match token {
            Token::Letters { run, .. } if words.len() < 16 && run.len() <= 16 => {
                words.push(run.to_lowercase());
                ends.push(at + 1);
            }
            Token::Space => {}
            Token::Symbol('-') if !words.is_empty() => {}
            _ => break,
        }
    }
    let all: Vec<&str> = words.iter().map(String::as_str).collect();
    // The longest head that is a number: "five apples" is five of something.
    (1..=all.len()).rev().find_map(|count| Some((spelled(&all[..count])?, ends[count - 1])))
}

/// A sign or a set of numbers that is an answer by itself, in one spelling: `>`, `①`, `\mathbb{Z}`.
pub(super) fn sign(span: &[Token<'_>]) -> Option<String> {
    if span.len() > 4 {
        return None;
    }
    let all = |wanted: fn(&Token<'_>) -> bool| span.iter().all(wanted);
    let numbers = match span {
        [Token::Command("mathbb"), Token::Open, Token::Letters { run, .. }, Token::Close] => Some(*run),
        [Token::Letters { run: "ℤ", .. }] => Some("Z"),
        [Token::Letters { run: "ℕ", .. }] => Some("N"),
        [Token::Letters { run: "ℚ", .. }] => Some("Q"),
        [Token::Letters { run: "ℂ", .. }] => Some("C"),
        _ => None,
    };
    if let Some(numbers) = numbers {
        return Some(format!("the set {numbers}"));
    }
    let relation = span.len() == 1
        && matches!(
            span[0],
            Token::Symbol('<' | '>' | '=' | '≈') | Token::Command("le" | "ge" | "ne" | "times" | "div" | "sqrt")
        );
    let circled = all(|token| matches!(token, Token::Symbol('①'..='⑳') | Token::Space));
    (relation || circled).then(|| key(span))
}

/// Words that say that nothing solves the problem.
const NOTHING: [&str; 13] = [
    "no solution",
    "no solutions",
    "no real solution",
    "no real solutions",
    "none",
    "empty set",
    "empty",
    "no answer",
    "no roots",
    "no real roots",
    "null set",
    "no values",
    "no such x",
];

/// Words that say that every real number does.
const EVERYTHING: [&str; 8] = [
    "all real numbers",
    "all reals",
    "all real",
    "real numbers",
    "set of all real numbers",
    "any real number",
    "all real values",
    "all real values of x",
];

/// Whether words name the empty set (`Some(false)`) or all real numbers (`Some(true)`).
pub(super) fn whole_or_nothing(words: &str) -> Option<bool> {
    if NOTHING.contains(&words) {
        Some(false)
    } else if EVERYTHING.contains(&words) {
        Some(true)
    } else {
        None
    }
}
