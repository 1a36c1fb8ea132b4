//! Sets of real numbers as they are written: intervals, unions, inequalities, set builders, ℝ and ∅.

use super::check::Check;
use super::compare::Comparison;
use super::exclusion::exclusion;
use super::inequality::inequality;
use super::infinity::is_infinite;
use super::name::is_name;
use super::real_set::{End, Piece, RealSet};
use super::relation::sides;
use super::split::{encloses, is_word, outside, parts};
use super::value::Value;
use super::words::{whole_or_nothing, words};
use crate::budget::OverBudget;
use crate::latex::canonical::{key, trimmed};
use crate::latex::tokens::Token;
use crate::number::read::Place;

/// A set, and the variable it is said to be the values of.
pub(super) type Named = (Option<String>, RealSet);

/// Builders within builders.
const MAX_NESTING: usize = 4;

/// Reads a set that is more than one interval between brackets, or written otherwise.
pub(super) fn set(span: &[Token<'_>], check: &Check<'_>) -> Result<Option<Named>, OverBudget> {
    if let Some(whole) = words(span).and_then(|words| whole_or_nothing(&words.text)) {
        return Ok(Some((None, if whole { RealSet::everything() } else { RealSet::empty() })));
    }
    let says_so = |token: &Token<'_>| {
        matches!(
            token,
            Token::Command(
                "cup"
                    | "bigcup"
                    | "cap"
                    | "setminus"
                    | "backslash"
                    | "mathbb"
                    | "emptyset"
                    | "oslash"
                    | "ne"
                    | "le"
                    | "ge"
            ) | Token::Symbol('<' | '>' | '!' | 'ℝ')
                | Token::Letters { run: "U" | "ℝ", .. }
        )
    };
    let empty =
        matches!(span, [Token::Command("lbrace"), inner @ .., Token::Command("rbrace")] if trimmed(inner).is_empty());
    if !empty && !span.iter().any(says_so) {
        return Ok(None);
    }
    // "-6 ≤ x ≤ -2: [-6, -2]" says it twice.
    if let [at] = outside(span, |token| *token == Token::Symbol(':')).as_slice() {
        let (one, other) = (union(trimmed(&span[..*at]), 0, check)?, union(trimmed(&span[at + 1..]), 0, check)?);
        let (Some((name, one)), Some((_, other))) = (one, other) else { return Ok(None) };
        let twice = one.compare(&other, check)? == Comparison::Equal;
        return Ok(twice.then_some((name, one)));
    }
    if let Some(all_but) = exclusion(span, check)? {
        return Ok(Some(all_but));
    }
    union(span, 0, check)
}

fn union(span: &[Token<'_>], depth: usize, check: &Check<'_>) -> Result<Option<Named>, OverBudget> {
    let members = parts(span, |token| {
        matches!(token, Token::Command("cup" | "bigcup" | "lor" | "vee") | Token::Letters { run: "U", .. })
            || is_word(token, "or")
    });
    let single = members.len() == 1;
    let (mut name, mut all) = (None, None::<RealSet>);
    for member in members {
        let Some((its_name, set)) = intersection(without_comma(member), depth, check)? else { return Ok(None) };
        if !agree(&mut name, its_name) {
            return Ok(None);
        }
        all = Some(match all {
            None if single => set,
            None => RealSet::of(set.pieces, check)?,
            Some(before) => before.with(set, check)?,
        });
    }
    Ok(all.map(|set| (name, set)))
}

/// Takes a name that does not contradict the one before.
pub(super) fn agree(name: &mut Option<String>, other: Option<String>) -> bool {
    match (&name, other) {
        (Some(mine), Some(other)) => *mine == other,
        (None, other) => {
            *name = other;
            true
        }
        (Some(_), None) => true,
    }
}

fn without_comma<'s, 'a>(span: &'s [Token<'a>]) -> &'s [Token<'a>] {
    let mut span = trimmed(span);
    while let [Token::Symbol(',' | ';'), rest @ ..] | [rest @ .., Token::Symbol(',' | ';')] = span {
        span = trimmed(rest);
    }
    span
}

/// What "and", a comma or ∩ joins. Conditions that exclude each other and have but a comma between
/// them are alternatives: "x < 1, x > 2".
fn intersection(span: &[Token<'_>], depth: usize, check: &Check<'_>) -> Result<Option<Named>, OverBudget> {
    let spoken = |token: &Token<'_>| {
        matches!(token, Token::Symbol(',' | ';') | Token::Command("land" | "wedge")) || is_word(token, "and")
    };
    let members: Vec<&[Token<'_>]> =
        parts(span, |token| *token == Token::Command("cap") || spoken(token)).into_iter().map(without_comma).collect();
    if members.len() == 1 {
        return term(members[0], depth, check);
    }
    // "(1, 2), (3, 4)" are two intervals and no intersection.
    let conditions = outside(span, spoken).is_empty() || members.iter().all(|member| sides(member).is_some());
    if !conditions {
        return Ok(None);
    }
    let mut name = None;
    let mut sets = Vec::new();
    for member in members {
        if member.is_empty() {
            continue;
        }
        let Some((its_name, set)) = term(member, depth, check)? else { return Ok(None) };
        if !agree(&mut name, its_name) {
            return Ok(None);
        }
        sets.push(set);
    }
    let mut common = RealSet::everything();
    for set in &sets {
        let Some(both) = common.within(set, check)? else { return Ok(None) };
        common = both;
    }
    let joined = |token: &Token<'_>| matches!(token, Token::Command("cap" | "land" | "wedge")) || is_word(token, "and");
    if common.pieces.is_empty() && outside(span, joined).is_empty() {
        common = RealSet::of(sets.into_iter().flat_map(|set| set.pieces).collect(), check)?;
    }
    Ok(Some((name, common)))
}

/// One set: ℝ, ∅, an interval, a finite set, a set builder, a difference, an inequality.
fn term(span: &[Token<'_>], depth: usize, check: &Check<'_>) -> Result<Option<Named>, OverBudget> {
    check.spend(span.len())?;
    let unnamed = |set| Ok(Some((None, set)));
    match span {
        [Token::Command("emptyset" | "oslash")] => return unnamed(RealSet::empty()),
        [Token::Letters { run: "ℝ", .. } | Token::Symbol('ℝ')] => return unnamed(RealSet::everything()),
        [Token::Command("mathbb"), Token::Open, Token::Letters { run: "R", .. }, Token::Close] => {
            return unnamed(RealSet::everything());
        }
        [Token::Command("lbrace"), inner @ .., Token::Command("rbrace")] if encloses(inner) => {
            return braced(trimmed(inner), depth, check);
        }
        [Token::Symbol(open @ ('(' | '[' | ']')), inner @ .., Token::Symbol(close @ (')' | ']' | '['))]
            if encloses(inner) =>
        {
            return Ok(bracketed(*open, inner, *close, check)?.map(|set| (None, set)));
        }
        _ => {}
    }
    // "x | x > 3" in braces that only group
    if outside(span, |token| *token == Token::Symbol('|')).len() == 1 && depth < MAX_NESTING {
        return braced(span, depth, check);
    }
    if let Some(words) = words(span) {
        let known = whole_or_nothing(&words.text);
        return Ok(known.map(|whole| (None, if whole { RealSet::everything() } else { RealSet::empty() })));
    }
    if let Some(at) = outside(span, |token| *token == Token::Command("in")).first() {
        let (name, rest) = (trimmed(&span[..*at]), trimmed(&span[at + 1..]));
        if !is_name(name) || depth >= MAX_NESTING {
            return Ok(None);
        }
        let set = union(rest, depth + 1, check)?;
        return Ok(set.map(|(_, set)| (Some(key(name)), set)));
    }
    if let Some(set) = difference(span, depth, check)? {
        return Ok(Some(set));
    }
    inequality(span, check)
}

/// `\mathbb{R} \setminus \{0\}`, `\mathbb{R} - \{0\}`.
fn difference(span: &[Token<'_>], depth: usize, check: &Check<'_>) -> Result<Option<Named>, OverBudget> {
    let minus =
        outside(span, |token| matches!(token, Token::Command("setminus" | "backslash") | Token::Symbol('-' | '\\')));
    let Some(at) = minus.last() else { return Ok(None) };
    let [Token::Command("lbrace"), inner @ .., Token::Command("rbrace")] = trimmed(&span[at + 1..]) else {
        return Ok(None);
    };
    if *at == 0 || depth >= MAX_NESTING {
        return Ok(None);
    }
    let (Some((name, whole)), Some(points)) =
        (term(trimmed(&span[..*at]), depth + 1, check)?, points(trimmed(inner), check)?)
    else {
        return Ok(None);
    };
    let Some(rest) = RealSet::complement_of_points(points, check)? else { return Ok(None) };
    if whole == RealSet::everything() {
        return Ok(Some((name, rest)));
    }
    Ok(whole.within(&rest, check)?.map(|set| (name, set)))
}

fn points(inner: &[Token<'_>], check: &Check<'_>) -> Result<Option<Vec<Value>>, OverBudget> {
    let mut values = Vec::new();
    for part in parts(inner, |token| matches!(token, Token::Symbol(',' | ';'))) {
        let Some(value) = Value::read(trimmed(part), Place::InList, check)? else { return Ok(None) };
        values.push(value);
    }
    Ok(Some(values))
}

/// A finite set, or a set builder: `\{x | x > 3\}`, `\{x \in \mathbb{R} : x \ne 1\}`.
fn braced(inner: &[Token<'_>], depth: usize, check: &Check<'_>) -> Result<Option<Named>, OverBudget> {
    if inner.is_empty() {
        return Ok(Some((None, RealSet::empty())));
    }
    let bar = outside(inner, |token| matches!(token, Token::Symbol('|' | ':' | '∣')));
    if let Some(at) = bar.first().filter(|at| **at > 0) {
        let (head, condition) = (trimmed(&inner[..*at]), trimmed(&inner[at + 1..]));
        let variable = head.split(|token| *token == Token::Command("in")).next().map(trimmed).unwrap_or_default();
        if !is_name(variable) || depth >= MAX_NESTING {
            return Ok(None);
        }
        // Of the domain before the bar only ℝ is read.
        let domain = head.len() == variable.len()
            || matches!(
                head,
                [.., Token::Letters { run: "R" | "ℝ", .. }, Token::Close]
                    | [.., Token::Letters { run: "ℝ" | "R", .. } | Token::Symbol('ℝ')]
            );
        if !domain {
            return Ok(None);
        }
        let set = union(condition, depth + 1, check)?;
        let variable = key(variable);
        // The variable of a builder is nobody's name.
        return Ok(set
            .filter(|(name, _)| name.as_ref().is_none_or(|name| *name == variable))
            .map(|(_, set)| (None, set)));
    }
    if depth < MAX_NESTING
        && inner.iter().any(|token| matches!(token, Token::Symbol('<' | '>') | Token::Command("le" | "ge" | "ne")))
    {
        return union(inner, depth + 1, check); // a condition in braces, its variable left out
    }
    let Some(points) = points(inner, check)? else { return Ok(None) };
    Ok(Some((None, RealSet::of(points.into_iter().map(Piece::point).collect(), check)?)))
}

/// One interval: `inner` is what stands between the brackets `open` and `close`.
pub(super) fn bracketed(
    open: char,
    inner: &[Token<'_>],
    close: char,
    check: &Check<'_>,
) -> Result<Option<RealSet>, OverBudget> {
    let ends = parts(inner, |token| matches!(token, Token::Symbol(',' | ';')));
    let [low, high] = ends.as_slice() else { return Ok(None) };
    let (low, high) = (trimmed(low), trimmed(high));
    let end = |span: &[Token<'_>], below: bool, closed: bool| -> Result<Option<End>, OverBudget> {
        if is_infinite(span, below) {
            return Ok(Some(End::Infinite));
        }
        Ok(Value::read(span, Place::InList, check)?.map(|value| End::at(value, closed)))
    };
    let Some(low) = end(low, true, open == '[')? else { return Ok(None) };
    let Some(high) = end(high, false, close == ']')? else { return Ok(None) };
    let exact = |end: &End| !matches!(end, End::At { value: Value::Formula(_), .. });
    let ordered = exact(&low) && exact(&high);
    if let (End::At { value: Value::Exact(low), .. }, End::At { value: Value::Exact(high), .. }) = (&low, &high) {
        if low > high {
            return Ok(None);
        }
        if low == high && (open, close) != ('[', ']') {
            return Ok(None);
        }
    }
    Ok(Some(RealSet { pieces: vec![Piece { low, high }], ordered }))
}

#[cfg(test)]
mod tests {
    use super::{Check, Comparison, Named, RealSet, set, union};
    use crate::budget::Budget;
    use crate::latex::canonical::{answer_tokens, trimmed};
    use crate::options::Options;

    fn read(text: &str, check: &Check<'_>) -> Option<Named> {
        let all = answer_tokens(text);
        union(trimmed(&all), 0, check).expect("in budget")
    }

    #[test]
    fn spellings_of_a_set() {
        let (options, budget) = (Options::default(), Budget::for_one_check());
        let check = Check::new(&options, &budget);
        for (one, other) in [
            ("x > 2", r"x \in (2, \infty)"),
            ("2 < x", r"\{x | x > 2\}"),
            (r"-7 < a \le 24", r"24 \ge a > -7"),
            (r"x \ne 1", r"(-\infty, 1) \cup (1, \infty)"),
            (r"\mathbb{R} \setminus \{1\}", r"x \ne 1"),
            (r"(-\infty, 1) \cup (1, \infty)", r"\mathbb{R} - \{1\}"),
            ("x < 1 or x > 2", r"(2, \infty) \cup (-\infty, 1)"),
            ("x < 1, x > 2", r"(2, \infty) U (-\infty, 1)"),
            ("x < 1 and x > 2", r"\emptyset"),
            (r"m < 6 \text{ and } m \neq 3", r"(-\infty,3) \cup (3,6)"),
            (r"\{-1\} \cup [0, 7)", r"[0,7) \cup \{-1\}"),
            (r"[0,1] \cup [1,2]", r"0 \le x \le 2"),
            ("no solution", r"\emptyset"),
            ("all real numbers", r"\mathbb{R}"),
            (r"[0, 3) \cap (1, 5]", "1 < x < 3"),
            (r"\{x \in \mathbb{R} : 0 < x < 1\}", "0 < x < 1"),
        ] {
            let ((_, one_set), (_, other_set)) = (read(one, &check).expect(one), read(other, &check).expect(other));
            assert_eq!(one_set.compare(&other_set, &check), Ok(Comparison::Equal), "{one} {other}");
        }
        assert_eq!(read(r"\{\}", &check), Some((None, RealSet::empty())));
        assert_eq!(read("x>2", &check).and_then(|(name, _)| name).as_deref(), Some("x"));
        for text in ["(1,2),(3,4)", "x + 1", "1, 2", "x > 2, y > 3", "x = 2"] {
            assert_eq!(set(&answer_tokens(text), &check), Ok(None), "{text}");
        }
    }
}
