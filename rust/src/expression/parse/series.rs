//! `\sum` and `\prod` between whole bounds, written out term by term.

use super::grammar::Parser;
use super::nodes::{PER_OPERAND, one_or};
use super::{Parsed, Stop};
use crate::budget::{Budget, OverBudget};
use crate::expression::{Constant, Expression};
use crate::latex::tokens::Token;
use crate::number::rational::Rational;

/// Terms that are written out.
const MAX_TERMS: i64 = 1_000;

impl Parser<'_, '_, '_> {
    /// `\sum_{k=1}^{5}` or `\prod` and what it is of: the product that follows. Bounds that are no numbers are not
    /// looked into.
    pub(super) fn series(&mut self, node: fn(Vec<Expression>) -> Expression) -> Parsed {
        self.at += 1;
        let (mut index, mut last) = (None, None);
        for _ in 0..2 {
            match self.peek() {
                Some(Token::Symbol('_')) if index.is_none() => {
                    self.at += 1;
                    index = Some(self.index_and_first()?);
                }
                Some(Token::Symbol('^')) if last.is_none() => {
                    self.at += 1;
                    last = Some(self.group()?);
                }
                _ => return Err(Stop::NotOne),
            }
        }
        let (Some((name, first)), Some(Some(last))) = (index, last.as_ref().map(whole)) else {
            return Err(Stop::NotOne);
        };
        let body = self.deeper(Self::product)?;
        let count = last.checked_sub(first).and_then(|steps| steps.checked_add(1)).ok_or(Stop::OverBudget)?;
        if count > MAX_TERMS {
            return Err(Stop::OverBudget);
        }
        let mut terms = Vec::new();
        for value in first..=last {
            self.budget.spend(2 * PER_OPERAND)?;
            terms.push(with_value(&body, &name, value, self.budget)?);
        }
        Ok(one_or(terms, node))
    }

    /// `{k=1}`.
    fn index_and_first(&mut self) -> Parsed<(Expression, i64)> {
        self.expect(Token::Open)?;
        let name = match self.peek() {
            Some(Token::Letters { run: "i", .. }) => Expression::Constant(Constant::ImaginaryUnit),
            Some(Token::Letters { run, .. }) if run.len() == 1 && run != "e" => Expression::Variable(run.to_owned()),
            _ => return Err(Stop::NotOne),
        };
        self.at += 1;
        self.expect(Token::Symbol('='))?;
        let first = self.deeper(Self::expression)?;
        self.expect(Token::Close)?;
        Ok((name, whole(&first).ok_or(Stop::NotOne)?))
    }
}

fn whole(bound: &Expression) -> Option<i64> {
    if let Expression::Number(number) = bound { number.to_i64() } else { None }
}

/// `expression` with `value` in the place of `name`. It recurs no deeper than the tree, and is paid for.
fn with_value(
    expression: &Expression,
    name: &Expression,
    value: i64,
    budget: &Budget,
) -> Result<Expression, OverBudget> {
    budget.spend(PER_OPERAND)?;
    if expression == name {
        return Ok(Expression::Number(Rational::from(value)));
    }
    let one = |child: &Expression| with_value(child, name, value, budget).map(Box::new);
    let all = |children: &[Expression]| {
        children.iter().map(|child| with_value(child, name, value, budget)).collect::<Result<Vec<_>, _>>()
    };
    Ok(match expression {
        Expression::Number(_) | Expression::Constant(_) | Expression::Variable(_) => expression.clone(),
        Expression::Sum(children) => Expression::Sum(all(children)?),
        Expression::Product(children) => Expression::Product(all(children)?),
        Expression::Call(name, children) => Expression::Call(name.clone(), all(children)?),
        Expression::Quotient(above, below) => Expression::Quotient(one(above)?, one(below)?),
        Expression::Power(base, exponent) => Expression::Power(one(base)?, one(exponent)?),
        Expression::Binomial(upper, lower) => Expression::Binomial(one(upper)?, one(lower)?),
        Expression::Root(degree, of) => Expression::Root(*degree, one(of)?),
        Expression::Apply(function, of) => Expression::Apply(*function, one(of)?),
    })
}
