//! The name a value is given: the `x` of `x = 5`, `x \in A`, "area = 5".

use super::split::outside;
use crate::latex::canonical::{key, trimmed};
use crate::latex::tokens::Token;

const GREEK: [&str; 17] = [
    "alpha", "beta", "gamma", "delta", "theta", "lambda", "mu", "phi", "varphi", "omega", "rho", "sigma", "tau", "xi",
    "eta", "Delta", "Omega",
];

/// Commands that decorate the letter in their group.
const DECORATIONS: [&str; 8] = ["vec", "overline", "overrightarrow", "hat", "widehat", "tilde", "angle", "triangle"];

/// Divides `x = 5` and `x \in A` into name and value. Only a single name counts: `2x = 5` is an equation.
pub(super) fn named<'s, 'a>(span: &'s [Token<'a>]) -> (Option<String>, &'s [Token<'a>]) {
    let Some(first) = span.iter().position(is_relation) else {
        return (None, span);
    };
    let at = first;
    let assigns = matches!(span[at], Token::Symbol('=' | '≈' | ':') | Token::Command("in" | "approx"));
    let (left, right) = (trimmed(&span[..at]), trimmed(&span[at + 1..]));
    if !assigns || right.is_empty() {
        return (None, span);
    }
    let more = outside(right, is_relation);
    if left.is_empty() {
        return if more.is_empty() && span[at] != Token::Command("in") { (None, right) } else { (None, span) }; // "= 5"
    }
    if !is_name(left) {
        return (None, span);
    }
    if more.is_empty() {
        return (Some(key(left)), right);
    }
    // `x = a = b`: the last says it plainest; `x = 1, y = 2` is a list.
    let equalities = more.iter().all(|at| matches!(right[*at], Token::Symbol('=' | '≈') | Token::Command("approx")));
    let separated = !outside(right, separates).is_empty();
    match more.last() {
        Some(last) if equalities && !separated && span[at] != Token::Command("in") => {
            (Some(key(left)), trimmed(&right[last + 1..]))
        }
        _ => (None, span),
    }
}

/// Whether a token says how two sides relate.
pub(super) fn is_relation(token: &Token<'_>) -> bool {
    matches!(
        token,
        Token::Symbol('=' | '<' | '>' | '≈' | '≡') | Token::Command("in" | "ne" | "le" | "ge" | "approx" | "equiv")
    )
}

fn separates(token: &Token<'_>) -> bool {
    match token {
        Token::Symbol(',' | ';') => true,
        Token::Letters { run, .. } => run.eq_ignore_ascii_case("or") || run.eq_ignore_ascii_case("and"),
        _ => false,
    }
}

/// One letter or Greek letter, with or without an index, `f(x)`, `AB` (but not `ab`, which is a product), `|z|`, or
/// words.
pub(super) fn is_name(span: &[Token<'_>]) -> bool {
    match span {
        [Token::Symbol('|'), inner @ .., Token::Symbol('|')] => return !inner.is_empty() && is_name(inner),
        [Token::Letters { run: "m", .. }, rest @ ..] if matches!(trimmed(rest), [Token::Command("angle"), ..]) => {
            return is_name(trimmed(rest));
        }
        [Token::Command(name), rest @ ..] if DECORATIONS.contains(name) => {
            return matches!(trimmed(rest), [Token::Letters { .. } | Token::Command(_) | Token::Digits(_)]);
        }
        _ => {}
    }
    if let Some(at) = span.iter().position(|token| matches!(token, Token::Command("cap" | "cup"))) {
        // The sets A ∩ B and A ∪ B have names of two parts.
        let (one, other) = (trimmed(&span[..at]), trimmed(&span[at + 1..]));
        return matches!((one, other), ([Token::Letters { .. }], [Token::Letters { .. }]));
    }
    let (head, rest) = match span {
        [Token::Letters { run, .. }, rest @ ..] => {
            let letters = run.chars().count();
            (letters == 1 || (letters <= 4 && run.bytes().all(|letter| letter.is_ascii_uppercase())), rest)
        }
        [Token::Command(name), rest @ ..] => (GREEK.contains(name), rest),
        _ => (false, span),
    };
    (head && is_name_ending(span, rest)) || are_words(span)
}

/// What may follow the letter of a name: an index, primes, an argument.
fn is_name_ending(span: &[Token<'_>], mut rest: &[Token<'_>]) -> bool {
    if let [Token::Symbol('_'), Token::Open, after @ ..] = rest {
        let Some(close) = after.iter().position(|token| *token == Token::Close) else { return false };
        if after[..close].contains(&Token::Open) {
            return false;
        }
        rest = &after[close + 1..];
    }
    while let [Token::Symbol('\''), after @ ..] = rest {
        rest = after;
    }
    if let [Token::Symbol('^'), Token::Open, Token::Symbol('-'), Token::Digits("1"), Token::Close, after @ ..] = rest {
        // An inverse matrix or function; `x^{-1} = 5` is an equation.
        let has_inverse = |run: &str| matches!(run, "f" | "g" | "h") || (run.len() == 1 && run < "[");
        if !matches!(span, [Token::Letters { run, .. }, ..] if has_inverse(run)) {
            return false;
        }
        rest = after;
    }
    match rest {
        [] | [Token::Symbol('('), Token::Digits(_) | Token::Letters { .. }, Token::Symbol(')')] => true,
        [Token::Symbol('('), inner @ .., Token::Symbol(')')] => {
            // `a(b + 1) = 5` is an equation; only what is a function anyway may have any argument
            let function = matches!(span, [Token::Letters { run: "f" | "g" | "h" | "F" | "G" | "P" | "Q", .. }, ..]);
            function && !inner.contains(&Token::Symbol(')'))
        }
        _ => false,
    }
}

/// "area", "the total cost": words LaTeX was told of, or of four letters and more.
fn are_words(span: &[Token<'_>]) -> bool {
    let long = |run: &str, text: bool| (text && run.len() > 1) || run.len() >= 4;
    let small = |run: &str| matches!(run, "the" | "The" | "of" | "a" | "is");
    let words = span.iter().all(|token| match token {
        Token::Space => true,
        Token::Letters { run, text } => long(run, *text) || small(run),
        _ => false,
    });
    words
        && span.iter().any(|token| {
            matches!(token, Token::Letters { run, text } if long(run, *text) && !matches!(*run, "sqrt" | "sinh" | "cosh" | "tanh" | "arcsin" | "arccos" | "arctan"))
        })
}

#[cfg(test)]
mod tests {
    use super::named;
    use crate::latex::canonical::{answer_tokens, key, trimmed};

    #[test]
    fn names_and_values() {
        for (text, name, value) in [
            ("x = 5", Some("x"), "5"),
            ("x_{1} = 5", Some("x_{1}"), "5"),
            (r"f(x) = 2x", Some("f(x)"), "2x"),
            (r"x \in [1,2]", Some("x"), "[1,2]"),
            (r"\theta = \frac{1}{2}", Some("\\theta"), "\\frac{1}{2}"),
            ("AB = 5", Some("AB"), "5"),
            (r"\angle ABC = 60", Some(r"\angle ABC"), "60"),
            ("|z| = 1", Some("|z|"), "1"),
            (r"\text{Area} = 3", Some("Area"), "3"),
            ("x = 6/4 = 3/2", Some("x"), "3/2"),
            ("P(X = 5) = 2", None, "P(X=5)=2"),
            ("ab = 1", None, "ab=1"),
            ("2x = 5", None, "2x=5"),
            ("x = 1, y = 2", None, "x=1,y=2"),
            ("a(b+1) = 5", None, "a(b+1)=5"),
            ("= 5", None, "5"),
            ("x > 2", None, "x>2"),
        ] {
            let all = answer_tokens(text);
            let (found, rest) = named(trimmed(&all));
            assert_eq!((found.as_deref(), key(rest).as_str()), (name, value), "{text}");
        }
    }
}
