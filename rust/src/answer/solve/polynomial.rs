//! Polynomials in one variable with rational coefficients, and quotients of two, out of expressions.

use super::Check;
use crate::budget::OverBudget;
use crate::expression::Expression;
use crate::number::rational::Rational;

/// The highest degree that is read.
const MAX_DEGREE: usize = 8;

/// Bits of a coefficient.
const MAX_BITS: usize = 1024;

/// Coefficients from the constant on; the last is not zero, and the polynomial zero has none.
pub(super) type Polynomial = Vec<Rational>;

/// A quotient that nothing is cancelled in: where `below` is zero there is no value.
pub(super) struct Fraction {
    pub(super) above: Polynomial,
    pub(super) below: Polynomial,
}

/// `expression` as a quotient of polynomials in `variable`; nothing where it is none.
pub(super) fn fraction(
    expression: &Expression,
    variable: &str,
    check: &Check<'_>,
) -> Result<Option<Fraction>, OverBudget> {
    check.spend(16)?;
    let whole = |above| Some(Fraction { above, below: vec![Rational::from(1)] });
    Ok(match expression {
        Expression::Number(number) => whole(shortened(vec![number.clone()])),
        Expression::Variable(name) if name == variable => whole(vec![Rational::from(0), Rational::from(1)]),
        Expression::Sum(parts) | Expression::Product(parts) => {
            let adds = matches!(expression, Expression::Sum(_));
            let mut total = Fraction {
                above: if adds { Vec::new() } else { vec![Rational::from(1)] },
                below: vec![Rational::from(1)],
            };
            for part in parts {
                let Some(part) = fraction(part, variable, check)? else { return Ok(None) };
                let Some(next) = combined(&total, &part, adds, check)? else { return Ok(None) };
                total = next;
            }
            Some(total)
        }
        Expression::Quotient(above, below) => {
            let (Some(above), Some(below)) = (fraction(above, variable, check)?, fraction(below, variable, check)?)
            else {
                return Ok(None);
            };
            // a / (b / c) is a c c / b c: it has no value where c is zero.
            let inverse = (|| {
                Ok(Some(Fraction {
                    above: match product(&below.below, &below.below, check)? {
                        Some(square) => square,
                        None => return Ok(None),
                    },
                    below: match product(&below.above, &below.below, check)? {
                        Some(both) => both,
                        None => return Ok(None),
                    },
                }))
            })()?;
            let Some(inverse) = inverse.filter(|inverse| !inverse.below.is_empty()) else { return Ok(None) };
            combined(&above, &inverse, false, check)?
        }
        Expression::Power(base, power) => {
            let Expression::Number(power) = &**power else { return Ok(None) };
            let Some(power) = power.to_i64().and_then(|power| usize::try_from(power).ok()) else { return Ok(None) };
            let Some(base) = fraction(base, variable, check)? else { return Ok(None) };
            if !(1..=MAX_DEGREE).contains(&power) {
                return Ok(None);
            }
            let mut total = Fraction { above: base.above.clone(), below: base.below.clone() };
            for _ in 1..power {
                let Some(next) = combined(&total, &base, false, check)? else { return Ok(None) };
                total = next;
            }
            Some(total)
        }
        _ => None,
    })
}

/// The sum or the product of two quotients.
fn combined(one: &Fraction, other: &Fraction, adds: bool, check: &Check<'_>) -> Result<Option<Fraction>, OverBudget> {
    let Some(below) = product(&one.below, &other.below, check)? else { return Ok(None) };
    let above = if adds {
        let (Some(mine), Some(others)) =
            (product(&one.above, &other.below, check)?, product(&other.above, &one.below, check)?)
        else {
            return Ok(None);
        };
        let term = |of: &Polynomial, at: usize| of.get(at).cloned().unwrap_or_else(|| Rational::from(0));
        let sum = (0..mine.len().max(others.len())).map(|at| term(&mine, at).plus(&term(&others, at)));
        shortened(sum.collect())
    } else {
        let Some(above) = product(&one.above, &other.above, check)? else { return Ok(None) };
        above
    };
    Ok(Some(Fraction { above, below }))
}

fn product(one: &Polynomial, other: &Polynomial, check: &Check<'_>) -> Result<Option<Polynomial>, OverBudget> {
    if one.is_empty() || other.is_empty() {
        return Ok(Some(Vec::new()));
    }
    if one.len() + other.len() > MAX_DEGREE + 2 || one.iter().chain(other).any(|term| term.bits() > MAX_BITS) {
        return Ok(None);
    }
    check.spend(16 * one.len() * other.len())?;
    let mut terms = vec![Rational::from(0); one.len() + other.len() - 1];
    for (at, mine) in one.iter().enumerate() {
        for (offset, others) in other.iter().enumerate() {
            terms[at + offset] = terms[at + offset].plus(&mine.times(others));
        }
    }
    Ok(Some(terms))
}

/// Without leading zeros.
fn shortened(mut terms: Polynomial) -> Polynomial {
    while terms.last().is_some_and(Rational::is_zero) {
        terms.pop();
    }
    terms
}

/// Whether the leading coefficient is negative.
pub(super) fn leads_negative(of: &Polynomial) -> bool {
    of.last().is_some_and(Rational::is_negative)
}
