//! What stands between brackets: tuples, points, vectors, intervals and finite sets.

use super::check::Check;
use super::interval;
use super::list::items;
use super::read::Readings;
use super::split::{encloses, parts};
use super::{Reading, Shape};
use crate::budget::OverBudget;
use crate::latex::canonical::trimmed;
use crate::latex::tokens::Token;

/// Reads a bracketed span; nothing where its brackets hold one thing only, but for a set.
pub(super) fn brackets(span: &[Token<'_>], depth: usize, check: &Check<'_>) -> Result<Option<Readings>, OverBudget> {
    match span {
        [Token::Command("lbrace"), inner @ .., Token::Command("rbrace")] if encloses(inner) => {
            let inner = trimmed(inner);
            if inner.is_empty() {
                return Ok(None); // the empty set is an interval's business
            }
            let pieces = comma_parts(inner);
            if pieces.iter().any(|piece| piece.is_empty()) {
                return Ok(None);
            }
            Ok(Some(Reading::Several(Shape::Unordered, items(&pieces, depth, check)?).into()))
        }
        [Token::Command("langle"), inner @ .., Token::Command("rangle")] if encloses(inner) => {
            tuple('(', inner, ')', depth, check)
        }
        [Token::Symbol(open @ ('(' | '[' | ']')), inner @ .., Token::Symbol(close @ (')' | ']' | '['))]
            if encloses(inner) =>
        {
            let mut readings = tuple(*open, inner, *close, depth, check)?;
            if let Some(set) = interval::bracketed(*open, inner, *close, check)? {
                match &mut readings {
                    // `[0, 1)` is nothing else; `(0, 1)` and `[0, 1]` may be points and lists.
                    Some(readings) if matches!((open, close), ('(', ')') | ('[', ']')) && !set.is_unbounded() => {
                        readings.also.push(Reading::Set(set));
                    }
                    _ => readings = Some(Reading::Set(set).into()),
                }
            }
            Ok(readings)
        }
        _ => Ok(None),
    }
}

fn comma_parts<'s, 'a>(inner: &'s [Token<'a>]) -> Vec<&'s [Token<'a>]> {
    parts(inner, |token| matches!(token, Token::Symbol(',' | ';'))).into_iter().map(trimmed).collect()
}

fn tuple(
    open: char,
    inner: &[Token<'_>],
    close: char,
    depth: usize,
    check: &Check<'_>,
) -> Result<Option<Readings>, OverBudget> {
    let pieces = comma_parts(inner);
    if pieces.len() < 2 || pieces.iter().any(|piece| piece.is_empty()) {
        return Ok(None);
    }
    if inner.iter().any(|token| matches!(token, Token::Command("pm" | "mp"))) {
        return Ok(None); // how many points these are is not said
    }
    let items = items(&pieces, depth, check)?;
    // `[x = 1, y = 2]` says itself what is what.
    let named =
        items.iter().all(|item| item.name.is_some()) && items.windows(2).all(|pair| pair[0].name != pair[1].name);
    let shape = if named { Shape::Unordered } else { Shape::Between(open, close) };
    Ok(Some(Reading::Several(shape, items).into()))
}
