//! Are two expressions the same? By canonical form first, by certified arithmetic where that does not decide.

mod canonical;
mod modular;
mod ratio;
mod sample;
#[cfg(test)]
mod soundness;
#[cfg(test)]
mod tests;
mod value;
mod variables;

pub use ratio::{Factor, factor, proportional};
pub use value::{order, value};
pub use variables::{is_constant, variables};

use crate::budget::{Budget, OverBudget};
use crate::certified::{Failure, Point, Zero, zero_test};
use crate::expression::Expression;
use canonical::Finding;
use sample::Seen;

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
    if one == other {
        return Ok(Equality::Equal);
    }
    if modular::differ(one, other, budget)? {
        return Ok(Equality::Different);
    }
    // The canonical form may take half of what is left, so that there is as much for other means.
    let share = Budget::of(budget.left() / 2);
    let finding = canonical::compare(one, other, &share);
    budget.spend(share.spent())?;
    match finding {
        Finding::Settled(equality) => return Ok(equality),
        Finding::NoValue => return Ok(Equality::Undecided),
        Finding::EqualWhereReal | Finding::Open => {}
    }
    if modular::agree(one, other, budget)? {
        return Ok(Equality::Equal);
    }
    let found = by_values(one, other, finding, budget)?;
    if found == Equality::Undecided && share.left() == 0 {
        return Err(OverBudget); // the canonical form might have told
    }
    Ok(found)
}

fn by_values(one: &Expression, other: &Expression, finding: Finding, budget: &Budget) -> Result<Equality, OverBudget> {
    let mut names = variables(one);
    names.extend(variables(other));
    if names.is_empty() {
        return match zero_test(&sample::difference(one, other), &Point::nowhere(), budget) {
            Ok(Zero::Yes) => Ok(Equality::Equal),
            Ok(Zero::No { .. }) => Ok(Equality::Different),
            Err(Failure::OverBudget) => Err(OverBudget),
            Ok(Zero::Unknown) | Err(_) => Ok(Equality::Undecided),
        };
    }
    let equal_where_real = finding == Finding::EqualWhereReal;
    Ok(match sample::look(one, other, &names, equal_where_real, budget)? {
        Seen::Different => Equality::Different,
        Seen::Real if equal_where_real => Equality::Equal,
        _ => Equality::Undecided,
    })
}
