//! Linear inequalities in one variable, solved: `2x > 4` is `x > 2`.

use std::cmp::Ordering;

use super::check::Check;
use super::real_set::{End, Piece, RealSet};
use super::relation::{Kind, Relation};
use super::value::{Value, order};
use crate::budget::OverBudget;
use crate::equality::{self, Equality};
use crate::expression::Expression;
use crate::number::rational::Rational;

/// The variable and the numbers for which the relation holds; nothing where it is not linear in one variable.
pub(super) fn solved(relation: &Relation, check: &Check<'_>) -> Result<Option<(String, RealSet)>, OverBudget> {
    let difference = relation.difference();
    let variables = equality::variables(&difference);
    let mut variables = variables.into_iter();
    let (Some(variable), None) = (variables.next(), variables.next()) else { return Ok(None) };
    let at = |value: i64| substituted(&difference, &variable, &Expression::Number(Rational::from(value)), check);
    let (Some(zero), Some(one)) = (at(0)?, at(1)?) else { return Ok(None) };
    // f(x) = a x + b with b = f(0) and a = f(1) - f(0), if that is so.
    let number = |value: Value| -> Result<Value, OverBudget> {
        Ok(equality::value(&value.expression(), check.budget)?.map_or(value, Value::Exact))
    };
    let intercept = number(Value::of(zero))?;
    let slope = number(Value::of(one).plus(&intercept.negated()))?;
    let line = slope.times(&Value::Formula(Expression::Variable(variable.clone()))).plus(&intercept);
    if equality::equal(&difference, &line.expression(), check.budget)? != Equality::Equal {
        return Ok(None);
    }
    let slope_sign = order(&slope, &Value::Exact(Rational::from(0)), check)?;
    let rising = match slope_sign {
        Some(Ordering::Greater) => true,
        Some(Ordering::Less) => false,
        _ => return Ok(None),
    };
    let above = intercept.negated();
    let bound = match (&above, &slope) {
        (Value::Exact(above), Value::Exact(slope)) => above.over(slope).map(Value::Exact),
        _ => Some(Value::Formula(Expression::Quotient(Box::new(above.expression()), Box::new(slope.expression())))),
    };
    let Some(bound) = bound else { return Ok(None) };
    let set = match relation.kind {
        Kind::Equal => return Ok(None),
        Kind::NotEqual => RealSet::complement_of_points(vec![bound], check)?,
        Kind::Less | Kind::AtMost => {
            let end = End::at(bound, relation.kind == Kind::AtMost);
            let piece =
                if rising { Piece { low: End::Infinite, high: end } } else { Piece { low: end, high: End::Infinite } };
            Some(RealSet { pieces: vec![piece], ordered: true })
        }
    };
    Ok(set.map(|set| (variable, set)))
}

/// The two sides of a quotient, a power or a binomial.
type Pair = (Box<Expression>, Box<Expression>);

/// `expression` with `value` for the variable; nothing where it holds a function nobody knows.
pub(super) fn substituted(
    expression: &Expression,
    variable: &str,
    value: &Expression,
    check: &Check<'_>,
) -> Result<Option<Expression>, OverBudget> {
    check.spend(4)?;
    let one = |inner: &Expression| substituted(inner, variable, value, check);
    let all = |inner: &[Expression]| -> Result<Option<Vec<Expression>>, OverBudget> {
        let mut replaced = Vec::with_capacity(inner.len());
        for part in inner {
            let Some(part) = one(part)? else { return Ok(None) };
            replaced.push(part);
        }
        Ok(Some(replaced))
    };
    let two = |left: &Expression, right: &Expression| -> Result<Option<Pair>, OverBudget> {
        Ok(one(left)?.zip(one(right)?).map(|(left, right)| (Box::new(left), Box::new(right))))
    };
    Ok(match expression {
        Expression::Number(_) | Expression::Constant(_) => Some(expression.clone()),
        Expression::Variable(name) => Some(if name == variable { value.clone() } else { expression.clone() }),
        Expression::Sum(terms) => all(terms)?.map(Expression::Sum),
        Expression::Product(factors) => all(factors)?.map(Expression::Product),
        Expression::Quotient(above, below) => {
            two(above, below)?.map(|(above, below)| Expression::Quotient(above, below))
        }
        Expression::Power(base, exponent) => two(base, exponent)?.map(|(base, power)| Expression::Power(base, power)),
        Expression::Root(degree, inner) => one(inner)?.map(|inner| Expression::Root(*degree, Box::new(inner))),
        Expression::Apply(function, inner) => one(inner)?.map(|inner| Expression::Apply(*function, Box::new(inner))),
        Expression::Binomial(n, k) => two(n, k)?.map(|(n, k)| Expression::Binomial(n, k)),
        Expression::Call(..) => None,
    })
}
