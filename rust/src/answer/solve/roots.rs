//! The real roots of a polynomial: rational ones by trial, and those of what is left where it is quadratic.

use super::polynomial::Polynomial;
use super::{Check, Value};
use crate::budget::OverBudget;
use crate::equality;
use crate::expression::Expression;
use crate::number::rational::Rational;

/// The largest first and last coefficient whose divisors are tried.
const MAX_TRIED: i64 = 10_000;

/// Every real root with its multiplicity; nothing where they are not all found.
pub(super) fn roots(of: &Polynomial, check: &Check<'_>) -> Result<Option<Vec<(Value, usize)>>, OverBudget> {
    let mut rest = of.clone();
    let mut found: Vec<(Value, usize)> = Vec::new();
    let zeros = rest.iter().take_while(|term| term.is_zero()).count();
    if zeros > 0 && zeros < rest.len() {
        rest.drain(..zeros);
        found.push((Value::Exact(Rational::from(0)), zeros));
    }
    while rest.len() > 3 {
        let Some((root, quotient)) = rational_root(&rest, check)? else { return Ok(None) };
        rest = quotient;
        found.push((Value::Exact(root), 1));
    }
    match rest.as_slice() {
        [constant, slope] => {
            let Some(root) = constant.clone().negated().over(slope) else { return Ok(None) };
            found.push((Value::Exact(root), 1));
        }
        [constant, slope, square] => {
            let four = Rational::from(4);
            let inside = slope.times(slope).minus(&four.times(square).times(constant));
            if inside.is_zero() {
                let Some(root) = slope.clone().negated().over(&square.plus(square)) else { return Ok(None) };
                found.push((Value::Exact(root), 2));
            } else if !inside.is_negative() {
                for sign in [1, -1] {
                    found.push((quadratic(slope, square, &inside, sign, check)?, 1));
                }
            }
        }
        _ => {}
    }
    Ok(Some(found))
}

/// `(-b ± √inside) / 2a`, worked out where it is rational.
fn quadratic(
    slope: &Rational,
    square: &Rational,
    inside: &Rational,
    sign: i64,
    check: &Check<'_>,
) -> Result<Value, OverBudget> {
    let root = Expression::Root(2, Box::new(Expression::Number(inside.clone())));
    let signed = Expression::Product(vec![Expression::Number(Rational::from(sign)), root]);
    let above = Expression::Sum(vec![Expression::Number(slope.clone().negated()), signed]);
    let whole = Expression::Quotient(Box::new(above), Box::new(Expression::Number(square.plus(square))));
    Ok(equality::value(&whole, check.budget)?.map_or(Value::Formula(whole), Value::Exact))
}

/// A rational root and the polynomial without it.
fn rational_root(of: &Polynomial, check: &Check<'_>) -> Result<Option<(Rational, Polynomial)>, OverBudget> {
    // Over a common denominator, so that a root p/q has p in the first coefficient and q in the last.
    let common = of.iter().try_fold(Rational::from(1), |common, term| {
        let scaled = term.times(&common);
        let denominator = Rational::from_integers(scaled.denominator().clone().into(), 1.into())?;
        Some(common.times(&denominator)).filter(|common| common.bits() < 64)
    });
    let Some(common) = common else { return Ok(None) };
    let whole = |term: Option<&Rational>| {
        term.and_then(|term| term.times(&common).magnitude().to_i64()).filter(|term| (1..=MAX_TRIED).contains(term))
    };
    let (Some(first), Some(last)) = (whole(of.first()), whole(of.last())) else { return Ok(None) };
    check.spend(usize::try_from(first + last).unwrap_or(usize::MAX))?;
    let divisors = |number: i64| (1..=number).filter(move |divisor| number % divisor == 0);
    for below in divisors(last) {
        for above in divisors(first) {
            for sign in [1, -1] {
                check.spend(16 * of.len())?;
                let Some(root) = Rational::from(sign * above).over(&Rational::from(below)) else { continue };
                if let Some(quotient) = without(of, &root) {
                    return Ok(Some((root, quotient)));
                }
            }
        }
    }
    Ok(None)
}

/// The polynomial divided by `x - root`, if nothing is left over.
fn without(of: &Polynomial, root: &Rational) -> Option<Polynomial> {
    let mut carried = Rational::from(0);
    let mut quotient: Polynomial = Vec::with_capacity(of.len());
    for term in of.iter().rev() {
        carried = carried.times(root).plus(term);
        quotient.push(carried.clone());
    }
    let rest = quotient.pop()?;
    quotient.reverse();
    rest.is_zero().then_some(quotient)
}
