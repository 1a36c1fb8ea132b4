//! Constants: the rational number one is, and which of two is larger.

use std::cmp::Ordering;

use super::Equality;
use super::canonical::{Finding, compare};
use super::sample::difference;
use super::variables::is_constant;
use crate::budget::{Budget, OverBudget};
use crate::certified::{Failure, Point, Zero, zero_test};
use crate::expression::Expression;
use crate::number::rational::Rational;
use crate::symbolic::Context;

/// The rational number a constant is by its canonical form: 3 for log₂ 8. Nothing where it is another, or none.
///
/// # Errors
/// Deciding takes more than the budget.
pub fn value(expression: &Expression, budget: &Budget) -> Result<Option<Rational>, OverBudget> {
    budget.spend(1)?;
    if let Expression::Number(number) = expression {
        return Ok(Some(number.clone()));
    }
    if !is_constant(expression) {
        return Ok(None);
    }
    let share = Budget::of(budget.left() / 2);
    let mut context = Context::new(&share);
    let normal = context.normalize(expression);
    let found = normal.and_then(|fraction| context.rational_value(&fraction)).unwrap_or(None);
    budget.spend(share.spent())?;
    Ok(found)
}

/// How two real constants compare; nothing where one is not real, holds a variable, or is not known well enough.
///
/// # Errors
/// Deciding takes more than the budget.
pub fn order(one: &Expression, other: &Expression, budget: &Budget) -> Result<Option<Ordering>, OverBudget> {
    budget.spend(1)?;
    if let (Expression::Number(one), Expression::Number(other)) = (one, other) {
        return Ok(Some(one.cmp(other)));
    }
    if !is_constant(one) || !is_constant(other) {
        return Ok(None);
    }
    match zero_test(&difference(one, other), &Point::nowhere(), budget) {
        Ok(Zero::No { sign }) => return Ok(sign),
        Ok(Zero::Yes) => return Ok(Some(Ordering::Equal)),
        Err(Failure::OverBudget) => return Err(OverBudget),
        Ok(Zero::Unknown) | Err(_) => {}
    }
    let share = Budget::of(budget.left() / 2);
    let finding = compare(one, other, &share);
    budget.spend(share.spent())?;
    Ok((finding == Finding::Settled(Equality::Equal)).then_some(Ordering::Equal))
}
