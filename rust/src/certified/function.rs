//! Functions of one argument, factorials and binomials.

use std::cmp::Ordering;

use dashu_int::IBig;

use super::Failure;
use super::ball::Ball;
use super::circular::{arctan, sin_cos};
use super::constants::pi;
use super::evaluate::{Evaluation, Value};
use super::exact::Exact;
use super::real::Real;
use crate::expression::{Expression, Function};
use crate::number::rational::Rational;

/// The most factors of a factorial or binomial.
const MOST_FACTORS: i64 = 20_000;

impl Evaluation<'_> {
    pub(super) fn apply(&self, function: Function, argument: &Expression) -> Result<Value, Failure> {
        match function {
            Function::Floor => return self.floor(argument, false),
            Function::Ceiling => return self.floor(argument, true),
            _ => {}
        }
        let value = self.settled(argument)?;
        match function {
            Function::Sin => Ok(self.sin_and_cos(&value)?.0),
            Function::Cos => Ok(self.sin_and_cos(&value)?.1),
            Function::Tan => self.sin_and_cos(&value).and_then(|(sin, cos)| self.over(&sin, &cos)),
            Function::Cot => self.sin_and_cos(&value).and_then(|(sin, cos)| self.over(&cos, &sin)),
            Function::Sec => self.over(&Exact::from(1).into(), &self.sin_and_cos(&value)?.1),
            Function::Csc => self.over(&Exact::from(1).into(), &self.sin_and_cos(&value)?.0),
            Function::Arcsin => self.arcsin(&value),
            Function::Arccos => {
                let angle = self.arcsin(&value)?;
                let quarter = Exact::of_pi(half());
                if let Value::Exact(angle) = &angle
                    && let Some(rest) = quarter.plus(&negated(angle), self.to.budget)?
                {
                    return Ok(rest.into());
                }
                Ok(quarter.ball(self.to)?.plus(&angle.ball(self.to)?.negated(), self.to)?.into())
            }
            Function::Arctan => self.arctan(&value),
            Function::Sinh => Ok(self.hyperbolic(&value)?.0.into()),
            Function::Cosh => Ok(self.hyperbolic(&value)?.1.into()),
            Function::Tanh => {
                let (sinh, cosh) = self.hyperbolic(&value)?;
                Ok(sinh.over(&cosh, self.to)?.into())
            }
            Function::Ln => self.ln(&value),
            Function::Abs => match &value {
                Value::Exact(exact) => {
                    Ok(Exact { factor: exact.factor.clone().magnitude(), i: false, ..*exact }.into())
                }
                Value::Ball(ball) => Ok(Ball::from(ball.modulus(self.to)?).into()),
            },
            Function::Factorial => self.factorial(&value),
            Function::Floor | Function::Ceiling => Err(Failure::Unsupported), // above
        }
    }

    fn over(&self, above: &Value, below: &Value) -> Result<Value, Failure> {
        if below.is_exactly_zero() {
            return Err(Failure::Undefined);
        }
        if let (Value::Exact(above), Value::Exact(below)) = (above, below)
            && let Some(quotient) = above.over(below, self.to.budget)?
        {
            return Ok(quotient.into());
        }
        Ok(above.ball(self.to)?.over(&below.ball(self.to)?, self.to)?.into())
    }

    fn sin_and_cos(&self, angle: &Value) -> Result<(Value, Value), Failure> {
        if let Some(turn) = angle.exact().and_then(Exact::multiple_of_pi) {
            return Ok((self.cos_of_turn(&half().minus(turn))?, self.cos_of_turn(turn)?));
        }
        let angle = angle.ball(self.to)?;
        let (sin, cos) = sin_cos(angle.real(), self.to)?;
        if angle.is_exactly_real() {
            return Ok((Ball::from(sin).into(), Ball::from(cos).into()));
        }
        // sin(x + iy) = sin x cosh y + i cos x sinh y, cos(x + iy) = cos x cosh y - i sin x sinh y
        let (sinh, cosh) = self.hyperbolic(&Ball::from(angle.imaginary().clone()).into())?;
        let (sinh, cosh, to) = (sinh.real(), cosh.real(), self.to);
        let of_sin = Ball::of(sin.times(cosh, to)?, cos.times(sinh, to)?);
        let of_cos = Ball::of(cos.times(cosh, to)?, sin.times(sinh, to)?.negated());
        Ok((of_sin.into(), of_cos.into()))
    }

    /// `cos(π turn)`.
    fn cos_of_turn(&self, turn: &Rational) -> Result<Value, Failure> {
        let (above, below) = (turn.numerator(), IBig::from(turn.denominator().clone()));
        // Into 0 ≤ turn ≤ 1, where the cosine is even and has the period 2, then to 0 ≤ turn ≤ 1/2.
        let period = &below * IBig::from(2);
        let rest = ((above % &period) + &period) % &period;
        let rest = if rest > below { period - rest } else { rest };
        let beyond = &rest * IBig::from(2) > below;
        let rest = if beyond { &below - rest } else { rest };
        let folded = Rational::from_integers(rest, below).ok_or(Failure::Undefined)?;
        let signed = |value: Ball| Value::from(if beyond { value.negated() } else { value });
        let known = |factor: Rational| Value::from(Exact::from(if beyond { factor.negated() } else { factor }));
        let root_of = |radicand: i64| -> Result<Value, Failure> {
            Ok(signed(Ball::from(Real::integer(radicand).root(2, self.to)?.scaled(-1))))
        };
        let small = folded.numerator().try_into().ok().zip(folded.denominator().try_into().ok());
        match small {
            Some((0_u8, 1_u8)) => return Ok(known(1.into())),
            Some((1, 2)) => return Ok(known(0.into())),
            Some((1, 3)) => return Ok(known(half())),
            Some((1, 4)) => return root_of(2),
            Some((1, 6)) => return root_of(3),
            _ => {}
        }
        let angle = Real::rational(&folded, self.to)?.times(&pi(self.to)?, self.to)?;
        Ok(signed(Ball::from(sin_cos(&angle, self.to)?.1)))
    }

    /// `cos(π turn) + i sin(π turn)`.
    pub(super) fn unit_at(&self, turn: &Rational) -> Result<Value, Failure> {
        let (cos, sin) = (self.cos_of_turn(turn)?, self.cos_of_turn(&half().minus(turn))?);
        let i = Exact::of_i(1.into()).ball(self.to)?;
        Ok(cos.ball(self.to)?.plus(&sin.ball(self.to)?.times(&i, self.to)?, self.to)?.into())
    }

    fn arcsin(&self, value: &Value) -> Result<Value, Failure> {
        if let Some(sine) = value.exact().and_then(Exact::rational) {
            let size = sine.clone().magnitude();
            if size > Rational::from(1) {
                return Err(Failure::Unsupported);
            }
            let known = [(Rational::from(0), 0, 1), (Rational::from(1), 1, 2), (half(), 1, 6)];
            if let Some((_, above, below)) = known.into_iter().find(|(known, ..)| *known == size) {
                let turn = Rational::from_integers(IBig::from(above), IBig::from(below)).ok_or(Failure::Undefined)?;
                return Ok(Exact::of_pi(if sine.is_negative() { turn.negated() } else { turn }).into());
            }
        }
        let sine = value.ball(self.to)?;
        if !sine.is_exactly_real() {
            return Err(Failure::Unsupported);
        }
        let one = Real::integer(1);
        // 1 - x² as a product, which does not cancel near ±1 more than it must.
        let left = one.minus(sine.real(), self.to)?;
        let rest = left.times(&one.plus(sine.real(), self.to)?, self.to)?;
        match rest.sign() {
            Some(Ordering::Less) => Err(Failure::Unsupported),
            Some(Ordering::Greater) => {
                let tangent = sine.real().over(&rest.root(2, self.to)?, self.to)?;
                Ok(Ball::from(arctan(&tangent, self.to)?).into())
            }
            _ => Err(Failure::NotEnough),
        }
    }

    fn arctan(&self, value: &Value) -> Result<Value, Failure> {
        if let Some(tangent) = value.exact().and_then(Exact::rational)
            && tangent.to_i64().is_some_and(|tangent| tangent.abs() <= 1)
        {
            let quarter = Rational::from_integers(IBig::ONE, IBig::from(4)).ok_or(Failure::Undefined)?;
            return Ok(Exact::of_pi(quarter.times(tangent)).into());
        }
        let tangent = value.ball(self.to)?;
        if !tangent.is_exactly_real() {
            return Err(Failure::Unsupported);
        }
        Ok(Ball::from(arctan(tangent.real(), self.to)?).into())
    }

    fn hyperbolic(&self, value: &Value) -> Result<(Ball, Ball), Failure> {
        let power = value.ball(self.to)?.exp(self.to)?;
        let inverse = Ball::from(Real::integer(1)).over(&power, self.to)?;
        let half = Ball::from(Real::integer(1).scaled(-1));
        let sinh = power.plus(&inverse.clone().negated(), self.to)?.times(&half, self.to)?;
        Ok((sinh, power.plus(&inverse, self.to)?.times(&half, self.to)?))
    }

    fn ln(&self, value: &Value) -> Result<Value, Failure> {
        if let Some(exact) = value.exact() {
            if exact.is_zero() {
                return Err(Failure::Undefined);
            }
            match exact.rational().and_then(Rational::to_i64) {
                Some(1) => return Ok(Exact::from(0).into()),
                Some(-1) => return Ok(Exact { factor: 1.into(), pi: true, i: true }.into()),
                _ => {}
            }
        }
        Ok(value.ball(self.to)?.ln(self.to)?.into())
    }

    /// The greatest integer at most the argument, or the least at least it.
    fn floor(&self, argument: &Expression, up: bool) -> Result<Value, Failure> {
        let value = self.value(argument)?;
        if let Some(fraction) = value.exact().and_then(Exact::rational) {
            self.to.budget.spend(20 + (fraction.bits() as u64 / 64).pow(2))?;
            return Ok(Exact::from(Rational::from(rounded(fraction, up))).into());
        }
        let ball = value.ball(self.to)?;
        if !ball.is_exactly_real() {
            let surely = ball.is_surely_not_real();
            return Err(if surely { Failure::Unsupported } else { Failure::NotEnough });
        }
        let nearest = ball.real().nearest_integer()?;
        let rest = Expression::Sum(vec![argument.clone(), Expression::Number(Rational::from(-nearest.clone()))]);
        let rest = self.settled(&rest)?.ball(self.to)?;
        // The value is less than one from its nearest integer.
        let apart = match (rest.sign(), up) {
            _ if !rest.magnitude().is_below_power_of_two(0) => return Err(Failure::NotEnough),
            (None, _) => return Err(Failure::NotEnough),
            (Some(Ordering::Less), false) => -1,
            (Some(Ordering::Greater), true) => 1,
            _ => 0,
        };
        Ok(Exact::from(Rational::from(nearest + IBig::from(apart))).into())
    }

    fn factorial(&self, value: &Value) -> Result<Value, Failure> {
        let Some(number) = value.exact().and_then(Exact::rational) else {
            return Err(Failure::Unsupported);
        };
        if !number.is_integer() || number.is_negative() {
            return Err(Failure::Undefined);
        }
        let factors = number.to_i64().filter(|&factors| factors <= MOST_FACTORS).ok_or(Failure::OverBudget)?;
        self.product_of_quotients((2..=factors).map(|factor| (factor, 1)))
    }

    pub(super) fn binomial(&self, upper: &Expression, lower: &Expression) -> Result<Value, Failure> {
        let (upper, lower) = (self.settled(upper)?, self.settled(lower)?);
        let integer = |value: &Value| value.exact().and_then(Exact::rational).and_then(Rational::to_i64);
        let (Some(upper), Some(lower)) = (integer(&upper), integer(&lower)) else {
            return Err(Failure::Unsupported);
        };
        if upper < 0 || lower < 0 || lower > upper {
            return Err(Failure::Unsupported);
        }
        let factors = lower.min(upper - lower);
        if factors > MOST_FACTORS {
            return Err(Failure::OverBudget);
        }
        self.product_of_quotients((0..factors).map(|n| (upper - n, n + 1)))
    }

    /// The product of `above / below`, exactly for as long as it is short.
    fn product_of_quotients(&self, factors: impl Iterator<Item = (i64, i64)>) -> Result<Value, Failure> {
        let mut exact = Some(Exact::from(1));
        let mut ball = Ball::from(Real::integer(1));
        let finer = self.to.finer(16);
        for (above, below) in factors {
            if let Some(so_far) = exact {
                let factor = Exact::from(Rational::from(above).over(&below.into()).ok_or(Failure::Undefined)?);
                exact = so_far.times(&factor, self.to.budget)?;
                if exact.is_some() {
                    continue;
                }
                ball = so_far.ball(finer)?;
            }
            ball = ball.times(&Real::integer(above).into(), finer)?;
            if below != 1 {
                ball = ball.over(&Real::integer(below).into(), finer)?;
            }
        }
        Ok(exact.map_or_else(|| ball.into(), Value::from))
    }
}

fn half() -> Rational {
    Rational::from_integers(IBig::ONE, IBig::from(2)).unwrap_or_else(|| 0.into())
}

fn negated(exact: &Exact) -> Exact {
    Exact { factor: exact.factor.clone().negated(), ..*exact }
}

/// The integer below, or above, a fraction.
fn rounded(fraction: &Rational, up: bool) -> IBig {
    let below = IBig::from(fraction.denominator().clone());
    let toward_zero = fraction.numerator() / &below;
    if fraction.is_integer() || fraction.is_negative() == up {
        return toward_zero;
    }
    toward_zero + IBig::from(if up { 1 } else { -1 })
}
