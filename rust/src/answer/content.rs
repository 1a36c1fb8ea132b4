//! Whether a span says anything, and anything that has a value.

use crate::latex::canonical::trimmed;
use crate::latex::tokens::Token;

/// Whether something is said at all: `-`, `=` and a bare `\frac` say nothing.
pub(super) fn has_content(span: &[Token<'_>]) -> bool {
    if matches!(span, [Token::Command("lbrace"), inner @ .., Token::Command("rbrace")] if trimmed(inner).is_empty()) {
        return true; // the empty set
    }
    span.iter().any(|token| match token {
        Token::Digits(_) | Token::Letters { .. } | Token::Symbol('<' | '>') => true,
        Token::Command(name) => !matches!(*name, "frac" | "overline" | "lbrace" | "rbrace" | "newline"),
        Token::Symbol(sign) => {
            let dash_or_dot = matches!(sign, '–' | '—' | '−' | '…' | '°' | '·' | '•');
            !(dash_or_dot || sign.is_ascii_punctuation() || sign.is_control() || is_invisible(*sign))
        }
        Token::Space | Token::Open | Token::Close | Token::Thousands => false,
    })
}

fn is_invisible(sign: char) -> bool {
    matches!(sign, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Whether a plain zero stands below a fraction: no value, however often it is written.
pub(super) fn divides_by_zero(span: &[Token<'_>]) -> bool {
    let zero = |run: &str| run.bytes().all(|digit| digit == b'0');
    (0..span.len()).any(|at| match span[at] {
        Token::Symbol('/') | Token::Command("div") => {
            let mut below = &span[at + 1..];
            while let [Token::Space | Token::Open | Token::Symbol('-' | '+' | '('), rest @ ..] = below {
                below = rest;
            }
            matches!(below, [Token::Digits(run), rest @ ..]
                if zero(run) && !matches!(rest, [Token::Symbol('.' | ',' | '!') | Token::Thousands, Token::Digits(_), ..]))
        }
        // The brace group before this one is the numerator of a `\frac`.
        Token::Open if at > 0 && span[at - 1] == Token::Close => {
            matches!(&span[at + 1..], [Token::Digits(run), Token::Close, ..] if zero(run)) && is_below(&span[..at])
        }
        _ => false,
    })
}

/// Whether `span` ends in `\frac` and its numerator.
fn is_below(span: &[Token<'_>]) -> bool {
    let mut depth = 0_usize;
    for (at, token) in span.iter().enumerate().rev() {
        match token {
            Token::Close => depth += 1,
            Token::Open if depth <= 1 => return at > 0 && span[at - 1] == Token::Command("frac"),
            Token::Open => depth -= 1,
            _ => {}
        }
    }
    false
}
