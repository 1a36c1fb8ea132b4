//! Inequalities in one variable as sets of real numbers.

use super::check::Check;
use super::infinity::is_infinite;
use super::interval::{Named, agree};
use super::name::is_name;
use super::real_set::{End, Piece, RealSet};
use super::relation::{Kind, relations, sides};
use super::solve::solved;
use super::value::Value;
use crate::budget::OverBudget;
use crate::latex::canonical::key;
use crate::latex::tokens::Token;
use crate::number::read::Place;

/// `x > 2`, `-7 < a ≤ 24`, `x ≠ 1`, `2x > 4`.
pub(super) fn inequality(span: &[Token<'_>], check: &Check<'_>) -> Result<Option<Named>, OverBudget> {
    let Some((sides, signs)) = sides(span) else { return Ok(None) };
    let kind = |at: usize| signs[at].0;
    let greater = |at: usize| signs[at].1;
    let variable = |at: usize| is_name(sides[at]) && is_unknown(sides[at]);
    let bound = |at: usize, of: usize| -> Result<Option<Value>, OverBudget> {
        let name = sides[of];
        if sides[at].windows(name.len()).any(|window| window == name) {
            return Ok(None);
        }
        Value::read(sides[at], Place::Alone, check)
    };
    match (sides.len(), kind(0)) {
        (2, kind) if variable(0) || variable(1) => {
            let (of, at) = if variable(0) { (0, 1) } else { (1, 0) };
            if let Some(value) = bound(at, of)? {
                let name = Some(key(sides[of]));
                let below = greater(0) == (of == 1); // the variable is the smaller side
                let set = match kind {
                    Kind::Equal => RealSet { pieces: vec![Piece::point(value)], ordered: true },
                    Kind::NotEqual => {
                        let Some(set) = RealSet::complement_of_points(vec![value], check)? else { return Ok(None) };
                        set
                    }
                    Kind::Less | Kind::AtMost => {
                        let end = End::at(value, kind == Kind::AtMost);
                        let piece = if below {
                            Piece { low: End::Infinite, high: end }
                        } else {
                            Piece { low: end, high: End::Infinite }
                        };
                        RealSet { pieces: vec![piece], ordered: true }
                    }
                };
                return Ok(Some((name, set)));
            }
        }
        (3, Kind::Less | Kind::AtMost)
            if variable(1) && matches!(kind(1), Kind::Less | Kind::AtMost) && greater(0) == greater(1) =>
        {
            let (low, high) = if greater(0) { (2, 0) } else { (0, 2) };
            let (low_kind, high_kind) = if greater(0) { (kind(1), kind(0)) } else { (kind(0), kind(1)) };
            let low = if is_infinite(sides[low], true) {
                Some(End::Infinite)
            } else {
                bound(low, 1)?.map(|value| End::at(value, low_kind == Kind::AtMost))
            };
            let high = if is_infinite(sides[high], false) {
                Some(End::Infinite)
            } else {
                bound(high, 1)?.map(|value| End::at(value, high_kind == Kind::AtMost))
            };
            if let (Some(low), Some(high)) = (low, high) {
                let set = RealSet::of(vec![Piece { low, high }], check)?;
                return Ok(Some((Some(key(sides[1])), set)));
            }
        }
        _ => {}
    }
    let Some(relations) = relations(span, check)? else { return Ok(None) };
    let (mut name, mut common) = (None, RealSet::everything());
    for relation in &relations {
        let Some((variable, set)) = solved(relation, check)? else { return Ok(None) };
        // What holds for every number or for none is a statement and no solution: x² + 1 ≥ 0 is not x² + 1 ≥ 1.
        if !agree(&mut name, Some(variable)) || set.is_trivial() {
            return Ok(None);
        }
        let Some(both) = common.within(&set, check)? else { return Ok(None) };
        common = both;
    }
    Ok(Some((name, common)))
}

/// Whether a name may stand for a number that is looked for: not `e`, and not `|x|`, which says something of `x`.
fn is_unknown(span: &[Token<'_>]) -> bool {
    !matches!(span, [Token::Letters { run: "e", .. }] | [Token::Symbol('|'), ..])
}
