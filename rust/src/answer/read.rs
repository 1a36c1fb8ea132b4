//! From tokens to an answer. Lists are read item by item; an item is never a list, so nothing recurses.

use super::unit::{Unit, currency, unit};
use super::{Answer, Reading, Shape};
use crate::latex::canonical::{answer_tokens, key, trimmed};
use crate::latex::tokens::Token;
use crate::number::rational::{OverBudget, Rational};
use crate::number::read::{Place, number_at_start};

/// Bytes of an answer that are looked at; a longer one is over the budget.
pub const MAX_ANSWER_BYTES: usize = 20_000;

/// Items a list may have.
pub const MAX_ITEMS: usize = 64;

/// Small numbers people write as words.
const NUMBER_WORDS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

/// Words of two or three letters whose case says nothing.
const SHORT_WORDS: [&str; 29] = [
    "yes", "no", "one", "two", "six", "ten", "mon", "tue", "wed", "thu", "fri", "sat", "sun", "jan", "feb", "mar",
    "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "odd", "red", "tie", "all",
];

/// Reads an answer.
#[must_use]
pub fn read(text: &str) -> Answer {
    if text.len() > MAX_ANSWER_BYTES {
        return Answer { name: None, key: text.trim().to_owned(), reading: Reading::OverBudget };
    }
    let all = answer_tokens(announced(text));
    let (name, span) = named(trimmed(&all));
    if !has_content(span) {
        return Answer { name: None, key: String::new(), reading: Reading::Empty };
    }
    if divides_by_zero(span) {
        return Answer { name: None, key: String::new(), reading: Reading::Unread };
    }
    let scalar = scalar(span, Place::Alone);
    let reading = match scalar {
        Reading::Unread => several(span).unwrap_or(Reading::Unread),
        read => read,
    };
    Answer { name, key: key(span), reading }
}

/// Whether something is said at all: `-`, `=` and a bare `\frac` say nothing.
fn has_content(span: &[Token<'_>]) -> bool {
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
fn divides_by_zero(span: &[Token<'_>]) -> bool {
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

/// What follows "the answer is", where an answer is given as a sentence.
fn announced(text: &str) -> &str {
    let bare = text.trim_start_matches(|c: char| c.is_whitespace() || c == '*');
    for lead in ["the final answer is", "the answer is", "final answer:", "answer:"] {
        if bare.get(..lead.len()).is_some_and(|head| head.eq_ignore_ascii_case(lead)) {
            return bare[lead.len()..].trim_start_matches([':', '*', ' ']);
        }
    }
    text
}

/// Divides `x = 5` and `x \in A` into name and value. Only a single name counts: `2x = 5` is an equation.
fn named<'s, 'a>(span: &'s [Token<'a>]) -> (Option<String>, &'s [Token<'a>]) {
    let relation =
        |token: &Token<'_>| matches!(token, Token::Symbol('=' | '<' | '>') | Token::Command("in" | "ne" | "le" | "ge"));
    let Some(at) = span.iter().position(relation) else {
        return (None, span);
    };
    let (left, right) = (trimmed(&span[..at]), trimmed(&span[at + 1..]));
    let assigns = matches!(span[at], Token::Symbol('=') | Token::Command("in"));
    if !assigns || right.is_empty() {
        return (None, span);
    }
    if left.is_empty() && span[at] == Token::Symbol('=') && !right.iter().any(relation) {
        return (None, right); // "= 5"
    }
    if is_name(left) && !right.iter().any(relation) { (Some(key(left)), right) } else { (None, span) }
}

/// One letter or Greek letter, with or without an index, or `f(x)`; of several letters only `AB`, since `ab` is a
/// product.
fn is_name(span: &[Token<'_>]) -> bool {
    let (head, rest) = match span {
        [Token::Letters { run, .. }, rest @ ..] => {
            (run.len() == 1 || (run.len() <= 3 && run.bytes().all(|letter| letter.is_ascii_uppercase())), rest)
        }
        [Token::Command(name), rest @ ..] => (
            matches!(*name, "alpha" | "beta" | "gamma" | "theta" | "lambda" | "mu" | "phi" | "omega" | "delta" | "rho"),
            rest,
        ),
        _ => (false, span),
    };
    head && match rest {
        [Token::Symbol('_'), Token::Open, index @ .., Token::Close] => !index.contains(&Token::Close),
        [] | [Token::Symbol('('), Token::Digits(_) | Token::Letters { .. }, Token::Symbol(')')] => true,
        _ => false,
    }
}

/// Everything that is one thing: a quantity, a time, words.
fn scalar(span: &[Token<'_>], place: Place) -> Reading {
    if span.is_empty() {
        return Reading::Empty;
    }
    if let [Token::Symbol('('), inner @ .., Token::Symbol(')')] = span {
        if let Ok(Some((value, taken))) = number_at_start(inner, Place::InList) {
            if taken == inner.len() {
                return Reading::Quantity(value, Unit::None);
            }
        }
    }
    if let Some(clock) = clock(span) {
        return clock;
    }
    match quantity(span, place) {
        Ok(Some((value, unit))) => return Reading::Quantity(value, unit),
        Err(OverBudget) => return Reading::OverBudget,
        Ok(None) => {}
    }
    if let Some(ratio) = ratio(span) {
        return ratio;
    }
    words(span).map_or(Reading::Unread, |words| {
        let number = NUMBER_WORDS.iter().position(|word| *word == words).and_then(|at| i64::try_from(at).ok());
        number.map_or(Reading::Words(words), |number| Reading::Quantity(Rational::from(number), Unit::None))
    })
}

/// A number with a currency sign before it or a unit behind it.
fn quantity(span: &[Token<'_>], place: Place) -> Result<Option<(Rational, Unit)>, OverBudget> {
    let (negative, rest) = match span {
        [Token::Symbol('-'), sign, rest @ ..] if currency(sign).is_some() => (true, &span[1..=rest.len() + 1]),
        _ => (false, span),
    };
    let (sign, rest) = match rest {
        [sign, rest @ ..] if currency(sign).is_some() => (currency(sign), trimmed(rest)),
        _ => (None, rest),
    };
    let Some((value, taken)) = number_at_start(rest, place)? else {
        return Ok(None);
    };
    let value = if negative { value.negated() } else { value };
    let after = unit(&rest[taken..]);
    Ok(match (sign, after) {
        (None, Some(unit)) => Some((value, unit)),
        (Some(sign), Some(Unit::None)) => Some((value, Unit::Named(sign.to_string()))),
        (Some(sign), Some(Unit::Named(name))) if name == sign.to_string() => Some((value, Unit::Named(name))),
        _ => None,
    })
}

/// `4:30`, `4:30 p.m.`: two digits after the colon.
fn clock(span: &[Token<'_>]) -> Option<Reading> {
    let [Token::Digits(hour), Token::Symbol(':'), Token::Digits(minute), rest @ ..] = span else {
        return None;
    };
    let (hour, minutes) = (hour.parse::<u32>().ok()?, minute.parse::<u32>().ok()?);
    if minute.len() != 2 || hour > 24 || minutes > 59 {
        return None;
    }
    let half: String = rest
        .iter()
        .filter_map(|token| match token {
            Token::Letters { run, .. } => Some(run.to_lowercase()),
            Token::Space | Token::Symbol('.') => None,
            _ => Some(String::from("?")),
        })
        .collect();
    let after_noon = match half.as_str() {
        "" => None,
        "am" => Some(false),
        "pm" => Some(true),
        _ => return None,
    };
    Some(Reading::Clock { hour, minute: minutes, after_noon })
}

/// `3:4` as three quarters.
fn ratio(span: &[Token<'_>]) -> Option<Reading> {
    let at = span.iter().position(|token| *token == Token::Symbol(':'))?;
    let side = |side| match number_at_start(side, Place::Alone) {
        Ok(Some((value, taken))) if taken == side.len() => Some(value),
        _ => None,
    };
    let value = side(trimmed(&span[..at]))?.over(&side(trimmed(&span[at + 1..]))?)?;
    Some(Reading::Quantity(value, Unit::Ratio))
}

/// Letters, spaces and the punctuation of words, in lower case and with single spaces.
///
/// What may be variables keeps its case: x and X are two (choices are compared in `choice`), and so are ab and AB.
fn words(span: &[Token<'_>]) -> Option<String> {
    let mut words = String::new();
    for token in span {
        match token {
            Token::Letters { run, .. } => words.push_str(run),
            Token::Space => words.push(' '),
            Token::Symbol(sign @ ('\'' | '-' | '.')) => words.push(*sign),
            _ => return None,
        }
    }
    if !words.contains(char::is_alphabetic) {
        return None;
    }
    let lower = words.to_lowercase();
    let mut longest = 0;
    let mut told = false;
    for token in span {
        if let Token::Letters { run, text } = token {
            let letters = run.chars().count();
            longest = longest.max(letters);
            told |= *text && letters > 1;
        }
    }
    let is_word =
        told || longest >= 4 || (longest >= 3 && words.contains(' ')) || SHORT_WORDS.contains(&lower.as_str());
    Some(if is_word { lower } else { words })
}

/// Tuples, intervals, sets, lists, matrices and ±.
fn several(span: &[Token<'_>]) -> Option<Reading> {
    if let Some(matrix) = matrix(span) {
        return Some(matrix);
    }
    if let [Token::Symbol(open @ ('(' | '[' | ']')), inner @ .., Token::Symbol(close @ (')' | ']' | '['))] = span {
        let outward = |bracket| match bracket {
            (']', true) => '(',
            ('[', false) => ')',
            (bracket, _) => bracket,
        };
        let shape = Shape::Between(outward((*open, true)), outward((*close, false)));
        if encloses(inner) {
            return items(inner, shape);
        }
    }
    if let [Token::Command("lbrace"), inner @ .., Token::Command("rbrace")] = span {
        if encloses(inner) {
            return items(inner, Shape::Unordered);
        }
    }
    plus_minus(span).or_else(|| items(span, Shape::Unordered))
}

/// How a token changes the depth of brackets.
fn depth_change(token: &Token<'_>) -> i32 {
    match token {
        Token::Open | Token::Symbol('(' | '[') | Token::Command("lbrace") => 1,
        Token::Close | Token::Symbol(')' | ']') | Token::Command("rbrace") => -1,
        _ => 0,
    }
}

/// Whether the brackets around `inner` belong together.
fn encloses(inner: &[Token<'_>]) -> bool {
    let mut depth = 0;
    inner.iter().all(|token| {
        depth += depth_change(token);
        depth >= 0
    }) && depth == 0
}

/// The parts between separators that stand outside brackets.
fn parts<'s, 'a>(span: &'s [Token<'a>], separates: impl Fn(&Token<'a>) -> bool) -> Vec<&'s [Token<'a>]> {
    let (mut parts, mut depth, mut begin) = (Vec::new(), 0, 0);
    for (at, token) in span.iter().enumerate() {
        depth += depth_change(token);
        if depth == 0 && separates(token) {
            parts.push(&span[begin..at]);
            begin = at + 1;
        }
    }
    parts.push(&span[begin..]);
    parts
}

fn items(span: &[Token<'_>], shape: Shape) -> Option<Reading> {
    let listed = shape == Shape::Unordered;
    let separates = |token: &Token<'_>| match token {
        Token::Symbol(',' | ';') => true,
        Token::Letters { run, .. } => listed && (run.eq_ignore_ascii_case("or") || run.eq_ignore_ascii_case("and")),
        _ => false,
    };
    let mut parts: Vec<&[Token<'_>]> = parts(span, separates).into_iter().map(trimmed).collect();
    if listed {
        // "2, 3, and 4": the comma before "and" separates nothing.
        let count = parts.len();
        let mut at = 0;
        parts.retain(|part| {
            at += 1;
            !part.is_empty() || at == 1 || at == count
        });
    }
    if parts.len() < 2 || parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    if parts.len() > MAX_ITEMS {
        return Some(Reading::OverBudget);
    }
    Some(Reading::Several(shape, parts.into_iter().map(item).collect()))
}

fn item(span: &[Token<'_>]) -> Answer {
    let (name, span) = named(span);
    Answer { name, key: key(span), reading: scalar(span, Place::InList) }
}

/// `a ± b` as the list of `a + b` and `a - b`.
fn plus_minus(span: &[Token<'_>]) -> Option<Reading> {
    let at = span.iter().position(|token| *token == Token::Command("pm"))?;
    let simple = !span.iter().any(|token| matches!(token, Token::Symbol(',' | ';' | '=') | Token::Command("mp")));
    let single = span.iter().filter(|token| **token == Token::Command("pm")).count() == 1;
    if !simple || !single {
        return None;
    }
    let with = |sign: Option<char>| {
        let tokens: Vec<Token<'_>> =
            span[..at].iter().copied().chain(sign.map(Token::Symbol)).chain(span[at + 1..].iter().copied()).collect();
        item(trimmed(&tokens))
    };
    let plus = if at == 0 { None } else { Some('+') };
    Some(Reading::Several(Shape::Unordered, vec![with(plus), with(Some('-'))]))
}

/// `\begin{pmatrix} a & b \\ c & d \end{pmatrix}`, its brackets of whatever kind.
fn matrix(mut span: &[Token<'_>]) -> Option<Reading> {
    if let [Token::Symbol('(' | '['), inner @ .., Token::Symbol(')' | ']')] = span {
        span = trimmed(inner);
    }
    let [Token::Command("begin"), Token::Open, Token::Letters { run: kind, .. }, Token::Close, inner @ ..] = span
    else {
        return None;
    };
    let [inner @ .., Token::Command("end"), Token::Open, Token::Letters { run: end, .. }, Token::Close] = inner else {
        return None;
    };
    if kind != end || !matches!(*kind, "matrix" | "pmatrix" | "bmatrix" | "smallmatrix" | "array") {
        return None;
    }
    let inner = match inner {
        [Token::Open, rest @ ..] if *kind == "array" => {
            let close = rest.iter().position(|token| *token == Token::Close)?;
            &rest[close + 1..]
        }
        inner => inner,
    };
    if inner.contains(&Token::Command("begin")) {
        return None;
    }
    let mut rows = parts(inner, |token| *token == Token::Command("newline"));
    if rows.last().is_some_and(|row| trimmed(row).is_empty()) {
        rows.pop();
    }
    let mut columns = None;
    let mut entries = Vec::new();
    for row in rows {
        let row = parts(row, |token| *token == Token::Symbol('&'));
        if *columns.get_or_insert(row.len()) != row.len() || entries.len() + row.len() > MAX_ITEMS {
            return None;
        }
        entries.extend(row.into_iter().map(trimmed).map(item));
    }
    Some(Reading::Several(Shape::Matrix(columns?), entries))
}
