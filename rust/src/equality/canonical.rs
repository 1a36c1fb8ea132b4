//! Comparison by canonical form, for every choice of signs that matters.

use super::Equality;
use crate::budget::Budget;
use crate::expression::Expression;
use crate::symbolic::{Context, Failure, Form};

/// Choices of signs that are gone through.
const MAX_PASSES: usize = 96;

/// What canonical forms say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// Proven either way.
    Settled(Equality),
    /// Equal, if there is a point at which both are real.
    EqualWhereReal,
    /// One has no value.
    NoValue,
    /// Not decided.
    Open,
}

/// Compares two expressions.
pub(super) fn compare(one: &Expression, other: &Expression, budget: &Budget) -> Finding {
    over_signs(budget, |context| {
        let (mut left, mut right) = (context.normalize(one)?, context.normalize(other)?);
        if context.takes_exponents_for_whole() {
            // cos(nπ) = (-1)^n, also where it came first.
            (left, right) = (context.normalize(one)?, context.normalize(other)?);
        }
        context.compared(&left, &right)
    })
}

/// Takes every choice of signs in turn and asks `test` whether a difference is zero for it.
pub(super) fn over_signs<'b>(
    budget: &'b Budget,
    mut test: impl FnMut(&mut Context<'b>) -> Result<Form, Failure>,
) -> Finding {
    let mut context = Context::new(budget);
    let (mut zero, mut open, mut assumed) = (false, false, false);
    for _ in 0..MAX_PASSES {
        match test(&mut context) {
            Err(Failure::NewSign) => {
                context.signs.begin();
                (zero, open, assumed) = (false, false, false);
                continue;
            }
            Err(Failure::NotReal) => {}
            Err(Failure::Undefined) => return Finding::NoValue,
            Err(Failure::TooLarge) => return Finding::Open,
            Ok(Form::Zero) => zero = true,
            Ok(Form::Nonzero) if !context.signs.are_assumed() => return Finding::Settled(Equality::Different),
            Ok(_) => match context.signs_exclude_each_other() {
                Ok(excluded) => open |= !excluded,
                Err(_) => return Finding::Open,
            },
        }
        assumed |= context.signs.are_assumed();
        if !context.signs.advance() {
            return match (zero, open, assumed) {
                (true, false, false) => Finding::Settled(Equality::Equal),
                (true, false, true) => Finding::EqualWhereReal,
                // For no signs are both real.
                (false, false, _) => Finding::Settled(Equality::Different),
                _ => Finding::Open,
            };
        }
    }
    Finding::Open
}
