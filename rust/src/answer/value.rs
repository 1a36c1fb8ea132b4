//! A value: an exact number, or an expression that is none as it stands.

use std::cmp::Ordering;

use super::check::Check;
use super::compare::Comparison;
use super::tolerance;
use crate::budget::OverBudget;
use crate::equality::{self, Equality};
use crate::expression::Expression;
use crate::expression::parse::parse_as;
use crate::latex::tokens::Token;
use crate::number::rational::Rational;
use crate::number::read::{Place, whole_number};

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// An exact number.
    Exact(Rational),
    /// Anything else that has a value.
    Formula(Expression),
}

impl Value {
    /// The whole of `span` as a value.
    ///
    /// # Errors
    /// It is larger than the budget allows.
    pub fn read(span: &[Token<'_>], place: Place, check: &Check<'_>) -> Result<Option<Self>, OverBudget> {
        if let Some(number) = whole_number(span, place)? {
            return Ok(Some(Self::Exact(number)));
        }
        Self::read_expression(span, place, check)
    }

    /// The whole of `span` as an expression, where it is known to be no plain number.
    ///
    /// # Errors
    /// It is larger than the budget allows.
    pub fn read_expression(span: &[Token<'_>], place: Place, check: &Check<'_>) -> Result<Option<Self>, OverBudget> {
        check.spend(4 * span.len())?;
        Ok(parse_as(span, place, check.budget)?.map(Self::of))
    }

    /// The value an expression is.
    #[must_use]
    pub fn of(expression: Expression) -> Self {
        match expression {
            Expression::Number(number) => Self::Exact(number),
            other => Self::Formula(other),
        }
    }

    /// The value as an expression.
    #[must_use]
    pub fn expression(&self) -> Expression {
        match self {
            Self::Exact(number) => Expression::Number(number.clone()),
            Self::Formula(expression) => expression.clone(),
        }
    }

    /// The value times an exact number.
    #[must_use]
    pub fn scaled(&self, factor: &Rational) -> Self {
        match self {
            Self::Exact(number) => Self::Exact(number.times(factor)),
            Self::Formula(expression) => {
                Self::Formula(Expression::Product(vec![Expression::Number(factor.clone()), expression.clone()]))
            }
        }
    }

    /// The value plus an exact number.
    #[must_use]
    pub fn shifted(&self, by: &Rational) -> Self {
        match self {
            Self::Exact(number) => Self::Exact(number.plus(by)),
            Self::Formula(expression) => {
                Self::Formula(Expression::Sum(vec![expression.clone(), Expression::Number(by.clone())]))
            }
        }
    }

    /// The sum of two values.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        match (self, other) {
            (value, Self::Exact(number)) | (Self::Exact(number), value) => value.shifted(number),
            (one, other) => Self::Formula(Expression::Sum(vec![one.expression(), other.expression()])),
        }
    }

    /// The product of two values.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        match (self, other) {
            (value, Self::Exact(number)) | (Self::Exact(number), value) => value.scaled(number),
            (one, other) => Self::Formula(Expression::Product(vec![one.expression(), other.expression()])),
        }
    }

    /// The value with the other sign.
    #[must_use]
    pub fn negated(&self) -> Self {
        self.scaled(&Rational::from(-1))
    }
}

/// Whether two values are the same, or as near as the caller's tolerance wants.
///
/// # Errors
/// Deciding takes more than the budget.
pub fn same(one: &Value, other: &Value, check: &Check<'_>) -> Result<Comparison, OverBudget> {
    check.spend(1)?;
    let found = if let (Value::Exact(one), Value::Exact(other)) = (one, other) {
        check.rule("exact numbers");
        Comparison::of(one == other)
    } else {
        check.rule("equal expressions");
        match equality::equal(&one.expression(), &other.expression(), check.budget)? {
            Equality::Equal => Comparison::Equal,
            Equality::Different => Comparison::Different,
            Equality::Undecided => Comparison::Undecided,
        }
    };
    if found != Comparison::Equal && tolerance::near(one, other, check)? {
        return Ok(Comparison::Equal);
    }
    Ok(found)
}

/// How two real constants compare, where that is known.
///
/// # Errors
/// Deciding takes more than the budget.
pub fn order(one: &Value, other: &Value, check: &Check<'_>) -> Result<Option<Ordering>, OverBudget> {
    match (one, other) {
        (Value::Exact(one), Value::Exact(other)) => {
            check.spend(1)?;
            Ok(Some(one.cmp(other)))
        }
        _ => equality::order(&one.expression(), &other.expression(), check.budget),
    }
}
