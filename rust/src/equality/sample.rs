//! Two expressions at points: certified different values at one point where both are real prove them different.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::budget::{Budget, OverBudget};
use crate::certified::{Failure, Point, Zero, zero_test};
use crate::expression::{Expression, Function};
use crate::number::rational::Rational;

/// Values the variables get at one point after the other: of every size and sign, whole ones where an exponent may
/// have to be. A variable takes the row's number, moved on by its place among the variables.
const ROWS: [(i64, i64, i64); 13] = [
    // first value as a fraction, and the step to the next variable's in hundredths
    (17, 13, 41),
    (7, 19, 9),
    (3, 1, 200),
    (-11, 7, 73),
    (-5, 17, -23),
    (23, 5, -310),
    (-2, 1, -300),
    (1013, 11, 5100),
    (1, 103, 3),
    (-907, 13, 7700),
    (4, 1, 100),
    (29, 9, -901),
    (3, 1, -500),
];

/// What points say of two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// They differ at a point where both are real.
    Different,
    /// No difference was seen; there is a point where both are real.
    Real,
    /// No point was found where both are real for certain.
    Nothing,
}

/// The points at which expressions of these variables are looked at.
pub(super) fn points(names: &BTreeSet<String>) -> impl Iterator<Item = Point> + '_ {
    ROWS.iter().map(move |(above, below, step)| {
        let mut point = Point::nowhere();
        for (place, name) in (0_i64..).zip(names) {
            let shift = Rational::from_integers((step * place).into(), 100.into());
            let first = Rational::from_integers((*above).into(), (*below).into());
            if let (Some(first), Some(shift)) = (first, shift) {
                point.set(name, first.plus(&shift));
            }
        }
        point
    })
}

/// Looks at both expressions at points until a difference is seen; where `only_real` is asked, until both are real.
///
/// # Errors
/// It takes more than the budget.
pub(super) fn look(
    one: &Expression,
    other: &Expression,
    names: &BTreeSet<String>,
    only_real: bool,
    budget: &Budget,
) -> Result<Seen, OverBudget> {
    let difference = difference(one, other);
    let mut seen = Seen::Nothing;
    for point in points(names) {
        // No point may take so much that none is left for the others.
        let share = Budget::of(budget.left() / 4);
        let here = look_at(one, other, &difference, &point, only_real, &share);
        budget.spend(share.spent())?;
        match here {
            Seen::Different => return Ok(here),
            Seen::Real if only_real => return Ok(here),
            Seen::Real => seen = here,
            Seen::Nothing => {}
        }
    }
    Ok(seen)
}

fn look_at(
    one: &Expression,
    other: &Expression,
    difference: &Expression,
    point: &Point,
    only_real: bool,
    budget: &Budget,
) -> Seen {
    let real = |side| is_real_throughout(side, point, budget) == Ok(true);
    if !real(one) || !real(other) {
        return Seen::Nothing;
    }
    if only_real {
        return Seen::Real;
    }
    match zero_test(difference, point, budget) {
        Ok(Zero::No { .. }) => Seen::Different,
        _ => Seen::Real,
    }
}

/// `one - other`.
pub(super) fn difference(one: &Expression, other: &Expression) -> Expression {
    let minus = Expression::Product(vec![Expression::Number(Rational::from(-1)), other.clone()]);
    Expression::Sum(vec![one.clone(), minus])
}

/// Whether no part of the expression is outside the real domain of its root, power or logarithm, as far as known.
pub(super) fn is_real_throughout(expression: &Expression, point: &Point, budget: &Budget) -> Result<bool, OverBudget> {
    budget.spend(2)?;
    for child in expression.children() {
        if !is_real_throughout(child, point, budget)? {
            return Ok(false);
        }
    }
    let base = match expression {
        Expression::Root(degree, of) if degree % 2 == 0 => of,
        Expression::Apply(Function::Ln, of) => of,
        Expression::Power(base, exponent) => match &**exponent {
            Expression::Number(number) if number.is_integer() => return Ok(true),
            Expression::Number(number) if !even(number) => return Ok(true),
            exponent if is_whole_at(exponent, point) => return Ok(true),
            _ => base,
        },
        _ => return Ok(true),
    };
    if super::variables::is_constant(base) && !matches!(**base, Expression::Number(_)) {
        return Ok(true); // a complex constant is compared as one
    }
    match zero_test(base, point, budget) {
        Ok(Zero::Yes) => Ok(!matches!(expression, Expression::Apply(..))),
        Ok(Zero::No { sign }) => Ok(sign == Some(Ordering::Greater)),
        Err(Failure::OverBudget) => Err(OverBudget),
        Ok(Zero::Unknown) | Err(_) => Ok(false),
    }
}

fn even(number: &Rational) -> bool {
    number.denominator() % 2_u8 == 0
}

/// Whether an exponent of whole numbers, sums and products is whole at the point for certain.
fn is_whole_at(exponent: &Expression, point: &Point) -> bool {
    match exponent {
        Expression::Number(number) => number.is_integer(),
        Expression::Variable(name) => point.get(name).is_some_and(Rational::is_integer),
        Expression::Sum(all) | Expression::Product(all) => all.iter().all(|part| is_whole_at(part, point)),
        _ => false,
    }
}
