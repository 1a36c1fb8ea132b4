//! Infinity, as an answer and as the end of an interval.

use crate::latex::canonical::trimmed;
use crate::latex::tokens::Token;

/// `\infty` or `-\infty` by itself, in words.
pub(super) fn infinity(span: &[Token<'_>]) -> Option<&'static str> {
    if is_infinite(span, false) {
        Some("infinity")
    } else if is_infinite(span, true) {
        Some("minus infinity")
    } else {
        None
    }
}

/// `-\infty` for the lower end, `\infty` or `+\infty` for the upper.
pub(super) fn is_infinite(span: &[Token<'_>], below: bool) -> bool {
    let (negative, rest) = match span {
        [Token::Symbol('-'), rest @ ..] => (true, trimmed(rest)),
        [Token::Symbol('+'), rest @ ..] => (false, trimmed(rest)),
        rest => (false, rest),
    };
    let infinite = matches!(
        rest,
        [Token::Command("infty") | Token::Letters { run: "inf" | "infinity" | "infty" | "oo" | "Infinity", .. }]
    );
    infinite && negative == below
}
