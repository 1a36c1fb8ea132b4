//! What stands before an answer and says only that it is one: "the solution is", "Area:", "approximately".

use super::split::encloses;
use crate::latex::canonical::{key, trimmed};
use crate::latex::tokens::Token;

/// Tokens an announcement may have.
const MAX_TOKENS: usize = 24;

/// Words that say of what follows that it is the answer, and nothing else.
const GENERIC: [&str; 18] = [
    "answer",
    "answers",
    "solution",
    "solutions",
    "result",
    "value",
    "values",
    "final",
    "option",
    "choice",
    "roots",
    "root",
    "therefore",
    "thus",
    "hence",
    "so",
    "equation",
    "set",
];

/// Words with which the answer would be something else than what follows.
const TURNS: [&str; 44] = [
    "not",
    "no",
    "wrong",
    "incorrect",
    "false",
    "if",
    "unless",
    "half",
    "twice",
    "double",
    "triple",
    "minus",
    "plus",
    "times",
    "than",
    "cannot",
    "never",
    "neither",
    "nor",
    "third",
    "quarter",
    "percent",
    "or",
    "and",
    "one",
    "two",
    "three",
    "less",
    "more",
    "fewer",
    "greater",
    "at",
    "between",
    "over",
    "under",
    "above",
    "below",
    "unknown",
    "negative",
    "opposite",
    "inverse",
    "reciprocal",
    "square",
    "either",
];

/// Words that say that a number is rounded; whether it may be is the tolerance's business.
const ABOUT: [&str; 5] = ["approximately", "approx", "about", "roughly", "around"];

/// The answer without what announces it, and the name it is given there.
pub(super) fn announced<'s, 'a>(span: &'s [Token<'a>]) -> Option<(Option<String>, &'s [Token<'a>])> {
    about(span).or_else(|| label(span)).or_else(|| sentence(span))
}

/// "about 5", `\approx 5`.
fn about<'s, 'a>(span: &'s [Token<'a>]) -> Option<(Option<String>, &'s [Token<'a>])> {
    let rest = match span {
        [Token::Letters { run, .. }, rest @ ..] if ABOUT.iter().any(|word| run.eq_ignore_ascii_case(word)) => rest,
        [Token::Symbol('≈' | '∼' | '~') | Token::Command("approx" | "sim"), rest @ ..] => rest,
        _ => return None,
    };
    let rest = trimmed(rest.strip_prefix(&[Token::Symbol('.')]).unwrap_or(rest));
    matches!(rest.first(), Some(first) if !matches!(first, Token::Letters { .. })).then_some((None, rest))
}

/// `D: (-3, 5)` and `P(1, 1)`: a letter that names a set or a point.
fn label<'s, 'a>(span: &'s [Token<'a>]) -> Option<(Option<String>, &'s [Token<'a>])> {
    let [name @ Token::Letters { run, .. }, rest @ ..] = span else { return None };
    if run.len() != 1 || !run.as_bytes()[0].is_ascii_uppercase() {
        return None;
    }
    let bracketed = |rest: &[Token<'_>]| match rest {
        [Token::Symbol('(' | '['), inner @ .., Token::Symbol(')' | ']')] => {
            encloses(inner) && inner.contains(&Token::Symbol(','))
        }
        _ => false,
    };
    let rest = match rest {
        [Token::Symbol(':'), rest @ ..] => trimmed(rest),
        // C(5, 2) and P(5, 2) count something.
        [Token::Symbol('('), Token::Digits(_), Token::Symbol(','), .., Token::Digits(_), Token::Symbol(')')]
            if matches!(*run, "C" | "P") && counts(rest) =>
        {
            return None;
        }
        [Token::Symbol('('), Token::Letters { .. }, ..] if *run == "C" => return None, // C(n, 2) as well
        rest @ [Token::Symbol('('), ..] => rest,
        _ => return None,
    };
    bracketed(rest).then(|| (Some(key(std::slice::from_ref(name))), rest))
}

/// Whether `(n, k)` may be a number of combinations: n is larger than k.
fn counts(pair: &[Token<'_>]) -> bool {
    let mut digits = pair.iter().filter_map(|token| match token {
        Token::Digits(run) => run.parse::<u64>().ok(),
        _ => None,
    });
    matches!((digits.next(), digits.next(), digits.next()), (Some(n), Some(k), None) if n > k)
}

/// "The mode is 0", "Answer: 5".
fn sentence<'s, 'a>(span: &'s [Token<'a>]) -> Option<(Option<String>, &'s [Token<'a>])> {
    let verb = |token: &Token<'_>| matches!(token, Token::Letters { run: "is" | "are" | "equals", .. });
    let end = span
        .iter()
        .take(MAX_TOKENS)
        .position(|token| verb(token) || !matches!(token, Token::Space | Token::Letters { .. } | Token::Symbol('*')))?;
    let lead = trimmed(&span[..end]);
    let words = || {
        lead.iter().filter_map(|token| match token {
            Token::Letters { run, .. } => Some(run.to_ascii_lowercase()),
            _ => None,
        })
    };
    let generic = words().any(|word| GENERIC.contains(&word.as_str()));
    let says = words().any(|word| word.len() >= 3) || (verb(&span[end]) && lead.len() == 1);
    if !says || words().any(|word| TURNS.contains(&word.as_str())) {
        return None;
    }
    let mut rest = trimmed(&span[end + 1..]);
    if verb(&span[end]) {
        if let [Token::Symbol(':'), after @ ..] = rest {
            rest = trimmed(after);
        }
    } else if span[end] != Token::Symbol(':') {
        return None;
    }
    while let [Token::Symbol('*') | Token::Command("newline"), after @ ..] = rest {
        rest = trimmed(after);
    }
    let turned =
        matches!(rest.first(), Some(Token::Letters { run, .. }) if TURNS.contains(&run.to_ascii_lowercase().as_str()));
    // "John is tall" is a sentence of words.
    let words_only = rest.iter().all(|token| matches!(token, Token::Letters { .. } | Token::Space));
    if rest.is_empty() || turned || (words_only && !generic) {
        return None;
    }
    let name = match lead.last() {
        Some(last @ Token::Letters { run, .. }) if run.len() == 1 && !matches!(*run, "a" | "A") => {
            Some(key(std::slice::from_ref(last)))
        }
        _ if !verb(&span[end]) && !generic => Some(key(lead)),
        _ => None,
    };
    Some((name, rest))
}

#[cfg(test)]
mod tests {
    use super::announced;
    use crate::latex::canonical::{answer_tokens, key, trimmed};

    #[test]
    fn announcements_are_cut_off() {
        for (text, name, rest) in [
            ("The mode is $x=0$.", None, "x=0"),
            (r"\text{Answer: } [-4,-1]", None, "[-4,-1]"),
            (r"\text{Final answer: } 5", None, "5"),
            ("Solution is: $[x=4, y=2]$", None, "[x=4,y=2]"),
            ("the value of x is 5", Some("x"), "5"),
            ("x equals 5", Some("x"), "5"),
            ("approximately 3.14", None, "3.14"),
            ("approx. 5", None, "5"),
            ("D: (-3,5)", Some("D"), "(-3,5)"),
            ("P(1,1)", Some("P"), "(1,1)"),
            ("The correct option is B", None, "B"),
        ] {
            let all = answer_tokens(text);
            let found = announced(trimmed(&all)).map(|(name, rest)| (name, key(rest)));
            assert_eq!(found, Some((name.map(str::to_owned), rest.to_owned())), "{text}");
        }
        for text in [
            "the answer is not 5",
            "half of the answer is 5",
            "x is less than 5",
            "5 is wrong",
            "John is tall",
            "C(5,2)",
            "f(1,2)",
            "3:4",
            "A: 5",
            "if x is 5",
        ] {
            assert_eq!(announced(trimmed(&answer_tokens(text))), None, "{text}");
        }
    }
}
