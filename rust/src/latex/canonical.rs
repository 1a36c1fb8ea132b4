//! One spelling for every answer: what is dropped, and when two answers are spelled alike.

use super::eaten::eaten_escape;
use super::tokens::{Token, tokens};

/// The tokens of an answer without what surrounds it: markdown, quotes, space, a sentence's full stop.
#[must_use]
pub fn answer_tokens(text: &str) -> Vec<Token<'_>> {
    let around = |c: char| c.is_whitespace() || matches!(c, '*' | '`' | '"' | '“' | '”' | '\0');
    let mut bare = text.trim_end_matches(around);
    while let Some(first) = bare.chars().next().filter(|first| around(*first) && eaten_escape(bare).is_none()) {
        bare = &bare[first.len_utf8()..];
    }
    if let Some(inner) = bare.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        bare = inner;
    }
    let mut all = with_degrees(tokens(bare));
    while let Some(last) = all.last() {
        let ellipsis = matches!(all.as_slice(), [.., Token::Symbol('.'), Token::Symbol('.')]);
        if matches!(last, Token::Space | Token::Symbol(',' | ';')) || (*last == Token::Symbol('.') && !ellipsis) {
            all.pop();
        } else {
            break;
        }
    }
    all
}

/// `^{\circ}` is the degree sign.
fn with_degrees(all: Vec<Token<'_>>) -> Vec<Token<'_>> {
    const CIRCLE: [Token<'_>; 4] = [Token::Symbol('^'), Token::Open, Token::Command("circ"), Token::Close];
    if !all.contains(&CIRCLE[2]) {
        return all;
    }
    let mut joined: Vec<Token<'_>> = Vec::with_capacity(all.len());
    for token in all {
        joined.push(token);
        if joined.ends_with(&CIRCLE) {
            joined.truncate(joined.len() - CIRCLE.len());
            joined.push(Token::Symbol('°'));
        }
    }
    joined
}

/// Without space at the ends and without braces around the whole.
#[must_use]
pub fn trimmed<'s, 'a>(span: &'s [Token<'a>]) -> &'s [Token<'a>] {
    let mut trimmed = without_spaces(span);
    let [Token::Open, .., Token::Close] = trimmed else { return trimmed };
    let partners = partners(trimmed);
    let mut begin = 0; // where `trimmed` begins among the partners
    while let [Token::Open, inner @ .., Token::Close] = trimmed {
        if partners.get(begin) != Some(&(begin + trimmed.len() - 1)) {
            break;
        }
        let without = without_spaces(inner);
        let leading = inner.iter().take_while(|token| **token == Token::Space).count();
        begin += 1 + if without.is_empty() { 0 } else { leading };
        trimmed = without;
    }
    trimmed
}

fn without_spaces<'s, 'a>(mut span: &'s [Token<'a>]) -> &'s [Token<'a>] {
    while let [Token::Space, rest @ ..] | [rest @ .., Token::Space] = span {
        span = rest;
    }
    span
}

/// For each brace that opens where its partner is; for everything else, nowhere.
fn partners(span: &[Token<'_>]) -> Vec<usize> {
    let mut partners = vec![usize::MAX; span.len()];
    let mut open = Vec::new();
    for (at, token) in span.iter().enumerate() {
        match token {
            Token::Open => open.push(at),
            Token::Close => {
                if let Some(begin) = open.pop() {
                    partners[begin] = at;
                }
            }
            _ => {}
        }
    }
    partners
}

/// The one spelling: equal keys are the same text but for space, font, sizing and the names of commands.
///
/// Space counts where it divides numerals: `2 1/2` is not `21/2`, and the list `1, 234` is not `1,234`.
#[must_use]
pub fn key(span: &[Token<'_>]) -> String {
    let mut key = String::new();
    let mut spaced = false;
    for (at, token) in span.iter().enumerate() {
        match token {
            Token::Space => {
                spaced = true;
                continue;
            }
            Token::Digits(run) => {
                let divides = key.ends_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | ','));
                let split = at > 0 && matches!(span[at - 1], Token::Digits(_));
                if split || (spaced && divides) {
                    key.push(' ');
                }
                key.push_str(run);
            }
            Token::Letters { run, .. } => key.push_str(run),
            Token::Command(name) => {
                key.push('\\');
                key.push_str(name);
                if matches!(span.get(at + 1), Some(Token::Letters { .. } | Token::Space)) {
                    key.push(' '); // `\pi r` is not `\pir`
                }
            }
            Token::Open => key.push('{'),
            Token::Close => key.push('}'),
            Token::Thousands => key.push(','),
            Token::Symbol(c) => {
                if spaced && *c == '.' && key.ends_with(|c: char| c.is_ascii_digit()) {
                    key.push(' ');
                }
                key.push(*c);
            }
        }
        spaced = false;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::{answer_tokens, key, trimmed};

    fn key_of(text: &str) -> String {
        let all = answer_tokens(text);
        key(trimmed(&all))
    }

    #[test]
    fn spellings_of_the_same_are_the_same() {
        for (one, other) in [
            ("9\\pi", "9 π"),
            ("x \\ge 2", "x\\geq 2"),
            ("\\left( x \\right)", "(x)"),
            ("\\text{yes}.", "**yes**"),
            ("45^\\circ", "45^{\\circ}"),
            ("45°", "45^{\\circ}"),
            ("{{5}}", "5"),
            ("\\pi r", "\\pi  r"),
        ] {
            assert_eq!(key_of(one), key_of(other), "{one} {other}");
        }
    }

    #[test]
    fn braces_around_the_whole_are_nothing() {
        for (text, expected) in
            [("{ {5} }", "5"), ("{1}{2}", "{1}{2}"), ("{{1}+{2}}", "{1}+{2}"), ("{ }", ""), ("{5", "{5")]
        {
            assert_eq!(key_of(text), expected, "{text}");
        }
        let deep = ["{".repeat(200_000), "}".repeat(200_000)].concat();
        assert_eq!(key_of(&deep), "");
    }

    #[test]
    fn space_that_matters_is_kept() {
        for (one, other) in [
            ("2 1/2", "21/2"),
            ("1, 234", "1,234"),
            ("1 .5", "1.5"),
            ("{1}{2}", "12"),
            ("1 2", "12"),
            ("5\u{0}6", "56"),
            ("1\u{200b}0", "10"),
            ("5$$6", "56"),
        ] {
            assert_ne!(key_of(one), key_of(other), "{one} {other}");
        }
    }
}
