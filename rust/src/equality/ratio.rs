//! Two expressions up to a constant factor: the same equation, or with its sign the same inequality.

use super::canonical::{Finding, over_signs};
use super::sample::{Seen, is_real_throughout, look, points};
use super::variables::at;
use super::{Equality, variables};
use crate::budget::{Budget, OverBudget};
use crate::certified::{Failure as Uncertain, Point, Zero, zero_test};
use crate::expression::Expression;
use crate::number::rational::Rational;
use crate::symbolic::{Constants, Context, Failure};

/// The constant by which one expression is the multiple of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// It is above zero.
    Positive,
    /// It is below zero.
    Negative,
    /// It is not real, or its sign is not known.
    Other,
}

/// Whether `one = factor · other` for one factor that is not zero and holds no variable: whether the equations
/// `one = 0` and `other = 0` are the same.
///
/// # Errors
/// Deciding takes more than the budget.
pub fn proportional(one: &Expression, other: &Expression, budget: &Budget) -> Result<Equality, OverBudget> {
    Ok(compared(one, other, budget)?.0)
}

/// The factor of [`proportional`], where it was shown that there is one.
///
/// # Errors
/// Deciding takes more than the budget.
pub fn factor(one: &Expression, other: &Expression, budget: &Budget) -> Result<Option<Factor>, OverBudget> {
    let (equality, factor) = compared(one, other, budget)?;
    Ok((equality == Equality::Equal).then_some(factor))
}

fn compared(one: &Expression, other: &Expression, budget: &Budget) -> Result<(Equality, Factor), OverBudget> {
    budget.spend(1)?;
    if one == other {
        return Ok((Equality::Equal, Factor::Positive));
    }
    let share = Budget::of(budget.left() / 2);
    let mut ratio: Option<Constants> = None;
    let mut sign = Factor::Other;
    let finding = over_signs(&share, |context: &mut Context<'_>| {
        let (one, other) = (context.normalize(one)?, context.normalize(other)?);
        let (one, other) = context.over_one_line(&one, &other)?;
        if ratio.is_none() {
            let found = context.leading_constants(&one, &other)?;
            sign = sign_of(context, &found);
            ratio = Some(found);
        }
        match &ratio {
            Some(ratio) => context.compared_by_ratio(&one, &other, ratio),
            None => Err(Failure::TooLarge),
        }
    });
    budget.spend(share.spent())?;
    match finding {
        Finding::Settled(Equality::Equal) => Ok((Equality::Equal, sign)),
        Finding::EqualWhereReal => {
            let mut names = variables(one);
            names.extend(variables(other));
            let real = look(one, other, &names, true, budget)? == Seen::Real;
            Ok(if real { (Equality::Equal, sign) } else { (Equality::Undecided, Factor::Other) })
        }
        Finding::Settled(equality) => Ok((equality, Factor::Other)),
        Finding::NoValue => Ok((Equality::Undecided, Factor::Other)),
        Finding::Open => Ok((by_values(one, other, budget)?, Factor::Other)),
    }
}

fn sign_of(context: &mut Context<'_>, ratio: &Constants) -> Factor {
    match context.ratio_is_positive(ratio) {
        Some(true) => Factor::Positive,
        Some(false) => Factor::Negative,
        None => Factor::Other,
    }
}

/// Proves expressions not proportional: one(p) · other(q) differs from one(q) · other(p).
fn by_values(one: &Expression, other: &Expression, budget: &Budget) -> Result<Equality, OverBudget> {
    let mut names = variables(one);
    names.extend(variables(other));
    let mut first: Option<Point> = None;
    for point in points(&names) {
        if !is_real_throughout(one, &point, budget)? || !is_real_throughout(other, &point, budget)? {
            continue;
        }
        let Some(known) = &first else {
            first = Some(point);
            continue;
        };
        let product = |one: Expression, other: Expression| Expression::Product(vec![one, other]);
        let crossed = product(at(one, &point), at(other, known));
        let difference = Expression::Sum(vec![
            product(at(one, known), at(other, &point)),
            product(Expression::Number(Rational::from(-1)), crossed),
        ]);
        match zero_test(&difference, &Point::nowhere(), budget) {
            Ok(Zero::No { .. }) => return Ok(Equality::Different),
            Err(Uncertain::OverBudget) => return Err(OverBudget),
            _ => {}
        }
    }
    Ok(Equality::Undecided)
}
