//! How nodes are put together: the flat ones flat, a sign where a number leads.

use crate::budget::{Budget, OverBudget};
use crate::expression::Expression;
use crate::number::rational::Rational;

/// Units one operand costs: a few nodes and their memory.
pub(super) const PER_OPERAND: u64 = 20;

/// The only one of several, or all of them under one node.
pub(super) fn one_or(mut parts: Vec<Expression>, node: fn(Vec<Expression>) -> Expression) -> Expression {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            parts.push(last);
            node(parts)
        }
        (_, None) => node(parts),
    }
}

/// `one / other`.
pub(super) fn over(one: Expression, other: Expression) -> Expression {
    Expression::Quotient(Box::new(one), Box::new(other))
}

/// `(a/b)/c` as `a/(bc)`, so that a chain of divisions is no deeper than one.
pub(super) fn divided_further(quotient: Expression, divisor: Expression) -> Expression {
    match quotient {
        Expression::Quotient(above, below) => {
            let below = match *below {
                Expression::Product(mut factors) => {
                    factors.push(divisor);
                    Expression::Product(factors)
                }
                single => Expression::Product(vec![single, divisor]),
            };
            Expression::Quotient(above, Box::new(below))
        }
        other => over(other, divisor),
    }
}

/// `-expression`, the sign in a number where one leads.
pub(super) fn negated(expression: Expression) -> Expression {
    match expression {
        Expression::Number(number) => Expression::Number(number.negated()),
        Expression::Quotient(above, below) if is_number(&above) => {
            Expression::Quotient(Box::new(negated(*above)), below)
        }
        Expression::Product(mut factors) => {
            let first = factors.first_mut().filter(|first| is_led_by_number(first));
            if let Some(first) = first {
                let positive = std::mem::replace(first, Expression::Sum(Vec::new()));
                *first = negated(positive);
            } else {
                factors.insert(0, Expression::Number(Rational::from(-1)));
            }
            Expression::Product(factors)
        }
        other => Expression::Product(vec![Expression::Number(Rational::from(-1)), other]),
    }
}

fn is_number(expression: &Expression) -> bool {
    matches!(expression, Expression::Number(_))
}

fn is_led_by_number(expression: &Expression) -> bool {
    match expression {
        Expression::Quotient(above, _) => is_number(above),
        other => is_number(other),
    }
}

/// A copy of `expression`, paid for.
pub(super) fn copy(expression: &Expression, budget: &Budget) -> Result<Expression, OverBudget> {
    budget.spend(PER_OPERAND * expression.nodes())?;
    Ok(expression.clone())
}
