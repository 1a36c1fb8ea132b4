//! Powers and roots, as real numbers where they can be.

use std::cmp::Ordering;

use dashu_int::IBig;

use super::Failure;
use super::ball::Ball;
use super::evaluate::{Evaluation, Value};
use super::exact::Exact;
use super::exponential::{exp, ln};
use super::real::Real;
use crate::expression::{Constant, Expression};
use crate::number::rational::Rational;

/// Roots of a larger degree go by logarithm and exponential.
const LARGEST_DIRECT_DEGREE: u32 = 6;

impl Evaluation<'_> {
    pub(super) fn power(&self, base: &Expression, exponent: &Expression) -> Result<Value, Failure> {
        let exponent = self.settled(exponent)?;
        if *base == Expression::Constant(Constant::E) {
            return self.power_of_e(&exponent);
        }
        let base = self.settled(base)?;
        if base.is_exactly_zero() {
            return self.power_of_zero(&exponent);
        }
        match exponent.exact().and_then(Exact::rational) {
            Some(exponent) if exponent.is_integer() => self.whole_power(&base, exponent),
            Some(exponent) => self.rational_power(&base, exponent),
            None => {
                let logarithm = base.ball(self.to)?.ln(self.to)?;
                Ok(logarithm.times(&exponent.ball(self.to)?, self.to)?.exp(self.to)?.into())
            }
        }
    }

    pub(super) fn root(&self, degree: u32, radicand: &Expression) -> Result<Value, Failure> {
        let radicand = self.settled(radicand)?;
        if radicand.is_exactly_zero() {
            return Ok(radicand);
        }
        let exponent = Rational::from_integers(IBig::ONE, IBig::from(degree)).ok_or(Failure::Undefined)?;
        self.rational_power(&radicand, &exponent)
    }

    fn power_of_e(&self, exponent: &Value) -> Result<Value, Failure> {
        if let Some(exact) = exponent.exact() {
            if exact.is_zero() {
                return Ok(Exact::from(1).into());
            }
            if exact.pi && exact.i {
                return self.unit_at(&exact.factor);
            }
        }
        Ok(exponent.ball(self.to)?.exp(self.to)?.into())
    }

    fn power_of_zero(&self, exponent: &Value) -> Result<Value, Failure> {
        let exponent = exponent.ball(self.to)?;
        if !exponent.is_exactly_real() {
            return Err(Failure::Unsupported);
        }
        match exponent.sign() {
            Some(Ordering::Greater) => Ok(Exact::from(0).into()),
            Some(_) => Err(Failure::Undefined),
            None => Err(Failure::NotEnough),
        }
    }

    fn whole_power(&self, base: &Value, exponent: &Rational) -> Result<Value, Failure> {
        let odd = exponent.numerator() % IBig::from(2) != IBig::ZERO;
        if let Some(base) = base.exact().and_then(Exact::rational)
            && base.clone().magnitude() == Rational::from(1)
        {
            return Ok(Exact::from(if odd { base.clone() } else { 1.into() }).into());
        }
        let Some(whole) = exponent.to_i64() else {
            let base = base.ball(self.to)?;
            if !base.is_exactly_real() {
                return Err(Failure::Unsupported);
            }
            let size = self.by_logarithm(&base.modulus(self.to)?, exponent)?;
            return match base.sign() {
                Some(Ordering::Less) if odd => Ok(Ball::from(size.negated()).into()),
                Some(Ordering::Less | Ordering::Greater) => Ok(Ball::from(size).into()),
                _ => Err(Failure::NotEnough),
            };
        };
        if let Some(base) = base.exact()
            && let Some(power) = base.power(whole, self.to.budget)?
        {
            return Ok(power.into());
        }
        let base = base.ball(self.to)?;
        if whole == 0 && base.contains_zero() {
            return Err(Failure::NotEnough);
        }
        Ok(base.power(whole, self.to)?.into())
    }

    /// To a power that is no integer, of anything but zero.
    fn rational_power(&self, base: &Value, exponent: &Rational) -> Result<Value, Failure> {
        let degree = u32::try_from(exponent.denominator()).ok();
        if let (Some(fraction), Some(degree)) = (base.exact().and_then(Exact::rational), degree) {
            let size = fraction.clone().magnitude();
            if let Some(root) = Exact::root(&size, degree, self.to.budget)? {
                let whole = Rational::from(exponent.numerator().clone());
                let size = self.whole_power(&Exact::from(root).into(), &whole)?;
                return if fraction.is_negative() { self.turned(&size, exponent) } else { Ok(size) };
            }
        }
        let base = base.ball(self.to)?;
        if base.is_exactly_real()
            && let Some(sign @ (Ordering::Less | Ordering::Greater)) = base.sign()
        {
            let size = self.size_of_power(&base.modulus(self.to)?, exponent)?;
            let size = Ball::from(size).into();
            return if sign == Ordering::Less { self.turned(&size, exponent) } else { Ok(size) };
        }
        if let (Some(2), Some(whole)) = (degree, Rational::from(exponent.numerator().clone()).to_i64()) {
            return Ok(base.square_root(self.to)?.power(whole, self.to)?.into());
        }
        let exponent = Ball::from(Real::rational(exponent, self.to)?);
        Ok(base.ln(self.to)?.times(&exponent, self.to)?.exp(self.to)?.into())
    }

    /// `(-1)^exponent · size`: real where the denominator is odd, principal otherwise.
    fn turned(&self, size: &Value, exponent: &Rational) -> Result<Value, Failure> {
        let two = IBig::from(2);
        if IBig::from(exponent.denominator().clone()) % &two != IBig::ZERO {
            if exponent.numerator() % &two == IBig::ZERO {
                return Ok(size.clone());
            }
            return self.product_of(size, &Exact::from(-1).into());
        }
        self.product_of(size, &self.unit_at(exponent)?)
    }

    fn product_of(&self, left: &Value, right: &Value) -> Result<Value, Failure> {
        if let (Value::Exact(left), Value::Exact(right)) = (left, right)
            && let Some(product) = left.times(right, self.to.budget)?
        {
            return Ok(product.into());
        }
        Ok(left.ball(self.to)?.times(&right.ball(self.to)?, self.to)?.into())
    }

    /// A real number above zero to a power.
    fn size_of_power(&self, base: &Real, exponent: &Rational) -> Result<Real, Failure> {
        let degree = u32::try_from(exponent.denominator()).unwrap_or(u32::MAX);
        let size = u64::try_from(exponent.clone().magnitude().numerator()).unwrap_or(u64::MAX);
        if degree > LARGEST_DIRECT_DEGREE || size > 64 {
            return self.by_logarithm(base, exponent);
        }
        let power = base.root(degree, self.to)?.power(size, self.to)?;
        if exponent.is_negative() { Real::integer(1).over(&power, self.to) } else { Ok(power) }
    }

    fn by_logarithm(&self, base: &Real, exponent: &Rational) -> Result<Real, Failure> {
        // The more digits before the point of the logarithm, the more of it must be known.
        let whole_bits = i64::try_from(exponent.bits().min(400)).unwrap_or(400);
        let finer = self.to.finer(whole_bits + 16);
        let logarithm = ln(base, finer)?.times(&Real::rational(exponent, finer)?, finer)?;
        exp(&logarithm, self.to)
    }
}
