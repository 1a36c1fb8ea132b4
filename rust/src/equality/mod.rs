//! Are two expressions the same? By canonical form first, by certified arithmetic where that does not decide.

use std::cmp::Ordering;

use crate::budget::{Budget, OverBudget};
use crate::expression::Expression;

/// What is known of two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Equality {
    /// They have the same value wherever both have a real one; proven, or with a chance of error below 2^-100.
    Equal,
    /// There is a point at which they differ; proven.
    Different,
    /// Neither could be shown.
    Undecided,
}

/// Whether `one` and `other` are the same.
///
/// # Errors
/// Deciding takes more than the budget.
pub fn equal(one: &Expression, other: &Expression, budget: &Budget) -> Result<Equality, OverBudget> {
    budget.spend(1)?;
    Ok(if one == other { Equality::Equal } else { Equality::Undecided })
}

/// Whether `one = factor · other` for one factor that is not zero and holds no variable: whether the equations
/// `one = 0` and `other = 0` are the same.
///
/// # Errors
/// Deciding takes more than the budget.
pub fn proportional(one: &Expression, other: &Expression, budget: &Budget) -> Result<Equality, OverBudget> {
    equal(one, other, budget)
}

/// How two real constants compare; nothing where one is not real, holds a variable, or is not known well enough.
///
/// # Errors
/// Deciding takes more than the budget.
pub fn order(one: &Expression, other: &Expression, budget: &Budget) -> Result<Option<Ordering>, OverBudget> {
    Ok((equal(one, other, budget)? == Equality::Equal).then_some(Ordering::Equal))
}
