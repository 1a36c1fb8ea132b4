//! Inequalities in one variable, solved: linear ones, those between polynomials and their quotients, and those with
//! absolute values.

mod absolute;
mod polynomial;
mod roots;

use std::cmp::Ordering;

use super::check::Check;
use super::linear;
use super::real_set::{End, Piece, RealSet};
use super::relation::{Kind, Relation};
use super::value::{Value, order};
use crate::budget::OverBudget;
use crate::equality;
use crate::expression::Expression;
use polynomial::{Fraction, fraction};

/// Absolute values that are opened, one after the other.
const MAX_ABSOLUTES: usize = 3;

/// A point at which the sign may change.
struct Point {
    value: Value,
    /// How often the sign changes there.
    times: usize,
    /// Whether there is no value there.
    pole: bool,
}

/// The variable and the numbers for which the relation holds; nothing where that is not known.
pub(super) fn solved(relation: &Relation, check: &Check<'_>) -> Result<Option<(String, RealSet)>, OverBudget> {
    if relation.kind == Kind::Equal {
        return Ok(None);
    }
    let difference = relation.difference();
    let mut variables = equality::variables(&difference).into_iter();
    let (Some(variable), None) = (variables.next(), variables.next()) else { return Ok(None) };
    if let Some(set) = solutions(relation.kind, &difference, &variable, 0, check)? {
        return Ok(Some((variable, set)));
    }
    linear::solved(relation, check)
}

/// Where `difference` has the sign that `kind` says.
fn solutions(
    kind: Kind,
    difference: &Expression,
    variable: &str,
    opened: usize,
    check: &Check<'_>,
) -> Result<Option<RealSet>, OverBudget> {
    if let Some(inner) = absolute::first(difference) {
        if opened == MAX_ABSOLUTES {
            return Ok(None);
        }
        // |g| is g where g is not negative, and -g where it is not positive.
        let minus = Expression::Product(vec![Expression::Number((-1).into()), inner.clone()]);
        let mut all = RealSet::empty();
        for (domain, value) in [(&minus, inner), (inner, &minus)] {
            let replaced = absolute::replaced(difference, inner, value, check)?;
            let (Some(domain), Some(set)) = (
                solutions(Kind::AtMost, domain, variable, opened + 1, check)?,
                solutions(kind, &replaced, variable, opened + 1, check)?,
            ) else {
                return Ok(None);
            };
            let Some(both) = domain.within(&set, check)? else { return Ok(None) };
            all = all.with(both, check)?;
        }
        return Ok(Some(all));
    }
    let Some(fraction) = fraction(difference, variable, check)? else { return Ok(None) };
    signs(kind, &fraction, check)
}

/// Where a quotient of polynomials has a sign: between its zeros and poles it keeps it.
fn signs(kind: Kind, fraction: &Fraction, check: &Check<'_>) -> Result<Option<RealSet>, OverBudget> {
    let mut points: Vec<Point> = Vec::new();
    let nothing = fraction.above.is_empty();
    for (polynomial, pole) in [(&fraction.above, false), (&fraction.below, true)] {
        let Some(roots) = roots::roots(polynomial, check)? else { return Ok(None) };
        for (value, times) in roots {
            if !add(&mut points, Point { value, times, pole }, check)? {
                return Ok(None);
            }
        }
    }
    let mut negative = polynomial::leads_negative(&fraction.above) != polynomial::leads_negative(&fraction.below);
    let mut pieces = Vec::new();
    let mut high = End::Infinite;
    for point in points.iter().rev() {
        let low = End::at(point.value.clone(), false);
        if holds(kind, nothing, negative) {
            pieces.push(Piece { low: low.clone(), high });
        }
        if kind == Kind::AtMost && !point.pole {
            pieces.push(Piece::point(point.value.clone()));
        }
        high = low;
        negative ^= point.times % 2 == 1;
    }
    if holds(kind, nothing, negative) {
        pieces.push(Piece { low: End::Infinite, high });
    }
    let set = RealSet::of(pieces, check)?;
    Ok(set.ordered.then_some(set))
}

/// Whether a value that is nothing, negative or else positive stands in this relation to zero.
fn holds(kind: Kind, nothing: bool, negative: bool) -> bool {
    match kind {
        Kind::Equal => nothing,
        Kind::NotEqual => !nothing,
        Kind::Less => !nothing && negative,
        Kind::AtMost => nothing || negative,
    }
}

/// Adds a point in rising order; two at one place are one. Whether its place is known.
fn add(points: &mut Vec<Point>, point: Point, check: &Check<'_>) -> Result<bool, OverBudget> {
    let mut at = 0;
    while at < points.len() {
        match order(&points[at].value, &point.value, check)? {
            None => return Ok(false),
            Some(Ordering::Less) => at += 1,
            Some(Ordering::Equal) => {
                points[at].times += point.times;
                points[at].pole |= point.pole;
                return Ok(true);
            }
            Some(Ordering::Greater) => break,
        }
    }
    points.insert(at, point);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use crate::options::Options;
    use crate::verdict::Verdict;
    use crate::verify::equivalent;

    #[test]
    fn inequalities_and_their_solutions() {
        for (inequality, set, near_miss) in [
            ("|x|>8", r"(-\infty,-8)\cup(8,\infty)", r"(-\infty,-8]\cup[8,\infty)"),
            ("x^2<4", "-2<x<2", "[-2,2]"),
            ("x^2-5x+6>0", r"x<2 \text{ or } x>3", "(2,3)"),
            (r"|2x-1|\le 3", "[-1,2]", "(-1,2)"),
            ("x^2<2", r"(-\sqrt2,\sqrt2)", "(-2,2)"),
            ("x^3>x", r"(-1,0)\cup(1,\infty)", r"(1,\infty)"),
            (r"\frac{x-1}{x+2}\ge 0", r"(-\infty,-2)\cup[1,\infty)", r"(-\infty,-2]\cup[1,\infty)"),
            (r"\frac{1}{x}<1", r"(-\infty,0)\cup(1,\infty)", r"(1,\infty)"),
            (r"(x-1)^2\le 0", r"\{1\}", "x<1"),
            (r"|x-1|+|x+1|<4", "(-2,2)", "(-2,1)"),
            (r"x^2\neq 4", r"(-\infty,-2)\cup(-2,2)\cup(2,\infty)", r"x\ne 2"),
        ] {
            let verdict = |answer: &str| equivalent(answer, &[inequality], &Options::default());
            assert_eq!(verdict(set), Verdict::Correct, "{inequality} {set}");
            assert_eq!(verdict(near_miss), Verdict::Wrong, "{inequality} {near_miss}");
        }
    }
}
