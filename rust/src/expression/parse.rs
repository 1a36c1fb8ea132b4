//! From tokens to a tree.

use super::Expression;
use crate::budget::{Budget, OverBudget};
use crate::latex::tokens::Token;

/// `span` as a whole as an expression; nothing where it is none.
///
/// # Errors
/// It is deeper or longer than the budget allows.
pub fn parse(span: &[Token<'_>], budget: &Budget) -> Result<Option<Expression>, OverBudget> {
    budget.spend(span.len() as u64)?;
    Ok(None)
}
