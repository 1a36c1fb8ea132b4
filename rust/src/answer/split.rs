//! Divides a span at what stands outside its brackets.

use crate::latex::tokens::Token;

/// How a token changes the depth of brackets.
fn depth_change(token: &Token<'_>) -> i32 {
    match token {
        Token::Open | Token::Symbol('(' | '[') | Token::Command("lbrace" | "langle" | "begin") => 1,
        Token::Close | Token::Symbol(')' | ']') | Token::Command("rbrace" | "rangle" | "end") => -1,
        _ => 0,
    }
}

/// Whether the brackets around `inner` belong together.
pub(super) fn encloses(inner: &[Token<'_>]) -> bool {
    let mut depth = 0;
    inner.iter().all(|token| {
        depth += depth_change(token);
        depth >= 0
    }) && depth == 0
}

/// Where tokens of a kind stand outside brackets.
pub(super) fn outside(span: &[Token<'_>], wanted: impl Fn(&Token<'_>) -> bool) -> Vec<usize> {
    let mut depth = 0;
    let mut found = Vec::new();
    for (at, token) in span.iter().enumerate() {
        depth += depth_change(token);
        if depth == 0 && wanted(token) {
            found.push(at);
        }
    }
    found
}

/// The parts between separators that stand outside brackets.
pub(super) fn parts<'s, 'a>(span: &'s [Token<'a>], separates: impl Fn(&Token<'_>) -> bool) -> Vec<&'s [Token<'a>]> {
    let mut parts = Vec::new();
    let mut begin = 0;
    for at in outside(span, separates) {
        parts.push(&span[begin..at]);
        begin = at + 1;
    }
    parts.push(&span[begin..]);
    parts
}

/// Whether a token is this word, in any case.
pub(super) fn is_word(token: &Token<'_>, word: &str) -> bool {
    matches!(token, Token::Letters { run, .. } if run.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::{encloses, outside, parts};
    use crate::latex::canonical::answer_tokens;
    use crate::latex::tokens::Token;

    #[test]
    fn brackets_hide_separators() {
        let all = answer_tokens(r"f(x,y), \frac{1,}{2}, [0,1), \begin{pmatrix}1,2\end{pmatrix}");
        assert_eq!(parts(&all, |token| *token == Token::Symbol(',')).len(), 4);
        assert_eq!(outside(&all, |token| *token == Token::Symbol(',')).len(), 3);
        assert!(!encloses(&answer_tokens("a)(b")));
    }
}
