//! When a decimal stands for a number that it does not equal.

use std::cmp::Ordering;

use super::check::Check;
use super::value::{Value, order};
use crate::budget::OverBudget;
use crate::equality;
use crate::expression::{Expression, Function};
use crate::number::rational::Rational;
use crate::options::Tolerance;

/// Digits of a decimal that stands for an irrational number by itself.
const SIGNIFICANT_DIGITS: usize = 9;

/// Decimals of a decimal that are looked at; one with more stands for nothing but itself.
const MAX_DECIMALS: usize = 100;

/// Whether one of two values that are not equal, the answer's and the gold's, stands for the other.
pub(super) fn near(one: &Value, other: &Value, check: &Check<'_>) -> Result<bool, OverBudget> {
    let near = match check.options.tolerance {
        Tolerance::Exact => false,
        Tolerance::NineDigits => match (one, other) {
            (Value::Exact(decimal), Value::Formula(number)) | (Value::Formula(number), Value::Exact(decimal)) => {
                has_nine_right_digits(decimal, number, check)?
            }
            _ => false,
        },
        Tolerance::Relative(part) => {
            let is_decimal = |value: &Value| matches!(value, Value::Exact(number) if decimals(number).is_some());
            (is_decimal(one) || is_decimal(other)) && within(one, other, part, check)?
        }
    };
    if near {
        check.rule("a decimal within the tolerance");
    }
    Ok(near)
}

/// The decimals of a number that has finitely many, as `(the digits as an integer, how many stand behind the point)`.
fn decimals(number: &Rational) -> Option<(Rational, usize)> {
    let mut places = 0;
    let mut scaled = number.clone();
    while !scaled.is_integer() {
        if places == MAX_DECIMALS || number.bits() > 8 * MAX_DECIMALS {
            return None;
        }
        places += 1;
        scaled = scaled.times(&Rational::from(10));
    }
    Some((scaled, places))
}

/// Whether `decimal` has nine significant digits and is the irrational `number` rounded or cut off behind its last.
fn has_nine_right_digits(decimal: &Rational, number: &Expression, check: &Check<'_>) -> Result<bool, OverBudget> {
    let Some((digits, places)) = decimals(decimal) else { return Ok(false) };
    check.spend(4 * places)?;
    let written = digits.clone().magnitude();
    if places == 0 || written < power_of_ten(SIGNIFICANT_DIGITS - 1) {
        return Ok(false);
    }
    if !equality::variables(number).is_empty() || equality::value(number, check.budget)?.is_some() {
        return Ok(false); // a rational number is equal or it is not
    }
    let Some(unit) = Rational::from(1).over(&power_of_ten(places)) else { return Ok(false) };
    let away = Rational::from(if decimal.is_negative() { -1 } else { 1 });
    let half = Rational::from_decimal("", "5", 0)?;
    let inner = decimal.minus(&unit.times(&half).times(&away)); // towards zero: rounded up
    let outer = decimal.plus(&unit.times(&away)); // away from zero: cut off
    let number = Value::Formula(number.clone());
    let (inner, outer) = (Value::Exact(inner), Value::Exact(outer));
    let (low, high) = if decimal.is_negative() { (outer, inner) } else { (inner, outer) };
    Ok(order(&number, &low, check)? == Some(Ordering::Greater) && order(&number, &high, check)? == Some(Ordering::Less))
}

fn power_of_ten(exponent: usize) -> Rational {
    i64::try_from(exponent)
        .ok()
        .and_then(|exponent| Rational::from(10).to_power(exponent).ok().flatten())
        .unwrap_or_else(|| Rational::from(1))
}

/// `|answer - gold| ≤ part · |gold|`.
fn within(answer: &Value, gold: &Value, part: f64, check: &Check<'_>) -> Result<bool, OverBudget> {
    let Some(part) = exact(part) else { return Ok(false) };
    if let (Value::Exact(answer), Value::Exact(gold)) = (answer, gold) {
        let distance = answer.minus(gold).magnitude();
        return Ok(distance <= part.times(&gold.clone().magnitude()));
    }
    let magnitude = |expression| Expression::Apply(Function::Abs, Box::new(expression));
    let negated = Expression::Product(vec![Expression::Number(Rational::from(-1)), gold.expression()]);
    let distance = magnitude(Expression::Sum(vec![answer.expression(), negated]));
    let allowed = Expression::Product(vec![Expression::Number(part), magnitude(gold.expression())]);
    let found = equality::order(&distance, &allowed, check.budget)?;
    Ok(matches!(found, Some(Ordering::Less | Ordering::Equal)))
}

/// The exact value of a float between 0 and 1, whatever its exponent.
fn exact(part: f64) -> Option<Rational> {
    if !part.is_finite() || part <= 0.0 {
        return None;
    }
    let bits = part.to_bits();
    let mantissa = i64::try_from(bits & ((1 << 52) - 1) | (1 << 52)).ok()?;
    let exponent = i64::try_from((bits >> 52) & 0x7ff).ok()? - 1075;
    let scale = Rational::from(2).to_power(exponent).ok()??;
    Some(Rational::from(mantissa).times(&scale))
}

#[cfg(test)]
mod tests {
    use super::{Rational, decimals, exact};

    #[test]
    fn floats_are_exact_fractions() {
        assert_eq!(exact(0.5), Rational::from(1).over(&Rational::from(2)));
        assert_eq!(exact(0.375), Rational::from(3).over(&Rational::from(8)));
        assert_eq!(exact(f64::NAN), None);
        assert_eq!(exact(0.0), None);
    }

    #[test]
    fn decimals_end() {
        let third = Rational::from(1).over(&Rational::from(3)).expect("3 is not 0");
        assert_eq!(decimals(&third), None);
        let eighth = Rational::from(1).over(&Rational::from(8)).expect("8 is not 0");
        assert_eq!(decimals(&eighth), Some((Rational::from(125), 3)));
    }
}
