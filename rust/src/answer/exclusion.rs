//! `x \ne -1, 4` and `x \ne \pm 5`: every number but those.

use super::check::Check;
use super::interval::Named;
use super::name::is_name;
use super::plus_minus::both;
use super::real_set::RealSet;
use super::relation::{Kind, sides};
use super::split::is_word;
use super::split::parts;
use super::value::Value;
use crate::budget::OverBudget;
use crate::latex::canonical::{key, trimmed};
use crate::latex::tokens::Token;
use crate::number::read::Place;

/// Reads one name, "is not", and several values.
pub(super) fn exclusion(span: &[Token<'_>], check: &Check<'_>) -> Result<Option<Named>, OverBudget> {
    let Some((sides, signs)) = sides(span) else { return Ok(None) };
    let ([name, values], [(Kind::NotEqual, _)]) = (sides.as_slice(), signs.as_slice()) else { return Ok(None) };
    if !is_name(name) {
        return Ok(None);
    }
    check.spend(4 * span.len())?;
    let mut points = Vec::new();
    for part in parts(values, |token| *token == Token::Symbol(',') || is_word(token, "and") || is_word(token, "or")) {
        let part = trimmed(part);
        let spellings = both(part).map_or_else(|| vec![part.to_vec()], Vec::from);
        for spelling in spellings {
            let Some(value) = Value::read(trimmed(&spelling), Place::InList, check)? else { return Ok(None) };
            points.push(value);
        }
    }
    if points.len() < 2 {
        return Ok(None);
    }
    Ok(RealSet::complement_of_points(points, check)?.map(|set| (Some(key(name)), set)))
}
