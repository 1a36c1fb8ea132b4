//! From tokens to a tree: a Pratt parser whose every nesting and every node is counted.

mod argument;
mod choice;
mod grammar;
mod heads;
mod names;
mod nodes;
mod operand;
mod series;
mod variable;

use super::Expression;
use crate::budget::{Budget, OverBudget};
use crate::latex::canonical::{answer_tokens, trimmed};
use crate::latex::tokens::Token;
use crate::number::read::Place;

/// Why nothing was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// It is no expression.
    NotOne,
    /// It takes more than the budget.
    OverBudget,
}

impl From<OverBudget> for Stop {
    fn from(_: OverBudget) -> Self {
        Self::OverBudget
    }
}

/// What a part of the tree is, or why there is none.
type Parsed<T = Expression> = Result<T, Stop>;

/// `span` as a whole as an expression; nothing where it is none.
///
/// # Errors
/// It is deeper or longer than the budget allows.
pub fn parse(span: &[Token<'_>], budget: &Budget) -> Result<Option<Expression>, OverBudget> {
    parse_as(span, Place::Alone, budget)
}

/// [`parse`] where a comma and a leading zero may mean that the expression stands among others.
///
/// # Errors
/// It is deeper or longer than the budget allows.
pub fn parse_as(span: &[Token<'_>], place: Place, budget: &Budget) -> Result<Option<Expression>, OverBudget> {
    budget.spend(2 * span.len() as u64)?;
    let all = names::divided(span, budget)?;
    match grammar::Parser::new(&all, place, budget).whole() {
        Ok(expression) => Ok(Some(expression)),
        Err(Stop::NotOne) => Ok(None),
        Err(Stop::OverBudget) => Err(OverBudget),
    }
}

/// [`parse`] of an answer's text.
///
/// # Errors
/// It is deeper or longer than the budget allows.
pub fn parse_text(text: &str, budget: &Budget) -> Result<Option<Expression>, OverBudget> {
    budget.spend(text.len() as u64)?;
    let all = answer_tokens(text);
    parse(trimmed(&all), budget)
}

#[cfg(test)]
mod tests;
