//! Absolute values within an expression, found and opened.

use super::Check;
use crate::budget::OverBudget;
use crate::equality;
use crate::expression::{Expression, Function};

/// What stands within the first innermost absolute value that depends on a variable.
pub(super) fn first(expression: &Expression) -> Option<&Expression> {
    match expression {
        Expression::Apply(Function::Abs, inner) => {
            first(inner).or_else(|| (!equality::is_constant(inner)).then_some(&**inner))
        }
        Expression::Sum(parts) | Expression::Product(parts) => parts.iter().find_map(first),
        Expression::Quotient(one, other) | Expression::Power(one, other) => first(one).or_else(|| first(other)),
        _ => None,
    }
}

/// `expression` with `value` for every `|inner|`.
pub(super) fn replaced(
    expression: &Expression,
    inner: &Expression,
    value: &Expression,
    check: &Check<'_>,
) -> Result<Expression, OverBudget> {
    check.spend(4)?;
    let one = |part: &Expression| replaced(part, inner, value, check);
    let all = |parts: &[Expression]| parts.iter().map(one).collect::<Result<Vec<_>, _>>();
    Ok(match expression {
        Expression::Apply(Function::Abs, mine) if **mine == *inner => value.clone(),
        Expression::Apply(function, mine) => Expression::Apply(*function, Box::new(one(mine)?)),
        Expression::Sum(parts) => Expression::Sum(all(parts)?),
        Expression::Product(parts) => Expression::Product(all(parts)?),
        Expression::Quotient(above, below) => Expression::Quotient(Box::new(one(above)?), Box::new(one(below)?)),
        Expression::Power(base, power) => Expression::Power(Box::new(one(base)?), Box::new(one(power)?)),
        other => other.clone(),
    })
}
