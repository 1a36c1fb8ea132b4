//! What an expression is worth at a point.

use super::ball::Ball;
use super::exact::Exact;
use super::real::Precision;
use super::separation::separation;
use super::{Failure, Point};
use crate::budget::{Budget, OverBudget};
use crate::expression::{Constant, Expression};

/// `expression` at `point`, every step rounded to about so many bits.
///
/// # Errors
/// See [`Failure`].
pub fn evaluate(expression: &Expression, point: &Point, bits: u32, budget: &Budget) -> Result<Ball, Failure> {
    let evaluation = Evaluation::new(point, i64::from(bits), budget);
    evaluation.value(expression)?.ball(evaluation.to).map_err(Failure::from)
}

/// A value on the way: exact for as long as it can be.
#[derive(Debug, Clone)]
pub enum Value {
    /// A fraction, or one of π, i or both.
    Exact(Exact),
    /// Any other number.
    Ball(Ball),
}

impl From<Exact> for Value {
    fn from(exact: Exact) -> Self {
        Self::Exact(exact)
    }
}

impl From<Ball> for Value {
    fn from(ball: Ball) -> Self {
        Exact::of_ball(&ball).map_or(Self::Ball(ball), Self::Exact)
    }
}

impl Value {
    /// As a ball.
    ///
    /// # Errors
    /// Over budget.
    pub fn ball(&self, to: Precision<'_>) -> Result<Ball, OverBudget> {
        match self {
            Self::Exact(exact) => exact.ball(to),
            Self::Ball(ball) => Ok(ball.clone()),
        }
    }

    /// Exactly, where it is known so.
    #[must_use]
    pub fn exact(&self) -> Option<&Exact> {
        if let Self::Exact(exact) = self { Some(exact) } else { None }
    }

    /// Whether it is zero and known to be.
    #[must_use]
    pub fn is_exactly_zero(&self) -> bool {
        self.exact().is_some_and(Exact::is_zero)
    }
}

/// One walk over an expression.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'p> {
    pub(super) point: &'p Point,
    pub(super) to: Precision<'p>,
}

impl<'p> Evaluation<'p> {
    /// At a point, to so many bits.
    #[must_use]
    pub fn new(point: &'p Point, bits: i64, budget: &'p Budget) -> Self {
        Self { point, to: Precision { bits: bits + 10, budget } }
    }

    /// The value of `expression`.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn value(&self, expression: &Expression) -> Result<Value, Failure> {
        self.to.budget.spend(5)?;
        match expression {
            Expression::Number(number) => Ok(Exact::from(number.clone()).into()),
            Expression::Constant(Constant::Pi) => Ok(Exact::of_pi(1.into()).into()),
            Expression::Constant(Constant::ImaginaryUnit) => Ok(Exact::of_i(1.into()).into()),
            Expression::Constant(Constant::E) => Ok(Ball::from(super::real::Real::integer(1)).exp(self.to)?.into()),
            Expression::Variable(name) => {
                let value = self.point.get(name).ok_or(Failure::Unsupported)?;
                Ok(Exact::from(value.clone()).into())
            }
            Expression::Sum(terms) => self.sum(terms),
            Expression::Product(factors) => self.product(factors),
            Expression::Quotient(above, below) => self.quotient(above, below),
            Expression::Power(base, exponent) => self.power(base, exponent),
            Expression::Root(degree, radicand) => self.root(*degree, radicand),
            Expression::Apply(function, argument) => self.apply(*function, argument),
            Expression::Binomial(upper, lower) => self.binomial(upper, lower),
            Expression::Call(..) => Err(Failure::Unsupported),
        }
    }

    /// The value of `expression`; zero exactly, where it is zero and this precision is enough to prove it.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn settled(&self, expression: &Expression) -> Result<Value, Failure> {
        let value = self.value(expression)?;
        if let Value::Ball(ball) = &value
            && ball.contains_zero()
            && self.is_below_separation(expression, ball)?
        {
            return Ok(Exact::from(0).into());
        }
        Ok(value)
    }

    /// Whether the value of `expression` is so near to zero that it is zero.
    pub(super) fn is_below_separation(&self, expression: &Expression, ball: &Ball) -> Result<bool, Failure> {
        let Some(bits) = separation(expression, self.point, self.to.budget)? else { return Ok(false) };
        let exponent = i64::try_from(bits).unwrap_or(i64::MAX);
        Ok(ball.magnitude().is_below_power_of_two(-exponent))
    }

    fn sum(&self, terms: &[Expression]) -> Result<Value, Failure> {
        let mut exact = Exact::from(0);
        let mut rest: Option<Ball> = None;
        for term in terms {
            let value = self.value(term)?;
            if let Value::Exact(term) = &value
                && let Some(sum) = exact.plus(term, self.to.budget)?
            {
                exact = sum;
                continue;
            }
            let ball = value.ball(self.to)?;
            rest = Some(match rest {
                Some(sum) => sum.plus(&ball, self.to)?,
                None => ball,
            });
        }
        let Some(rest) = rest else { return Ok(exact.into()) };
        if exact.is_zero() {
            return Ok(rest.into());
        }
        Ok(rest.plus(&exact.ball(self.to)?, self.to)?.into())
    }

    fn product(&self, factors: &[Expression]) -> Result<Value, Failure> {
        let mut exact = Exact::from(1);
        let mut rest: Option<Ball> = None;
        for factor in factors {
            let value = self.value(factor)?;
            if let Value::Exact(factor) = &value
                && let Some(product) = exact.times(factor, self.to.budget)?
            {
                exact = product;
                continue;
            }
            let ball = value.ball(self.to)?;
            rest = Some(match rest {
                Some(product) => product.times(&ball, self.to)?,
                None => ball,
            });
        }
        match rest {
            Some(rest) if !exact.is_zero() => Ok(rest.times(&exact.ball(self.to)?, self.to)?.into()),
            _ => Ok(exact.into()),
        }
    }

    fn quotient(&self, above: &Expression, below: &Expression) -> Result<Value, Failure> {
        let above = self.value(above)?;
        let below = self.settled(below)?;
        if below.is_exactly_zero() {
            return Err(Failure::Undefined);
        }
        if let (Value::Exact(above), Value::Exact(below)) = (&above, &below)
            && let Some(quotient) = above.over(below, self.to.budget)?
        {
            return Ok(quotient.into());
        }
        Ok(above.ball(self.to)?.over(&below.ball(self.to)?, self.to)?.into())
    }
}
