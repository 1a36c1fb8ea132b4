//! Values that are kept exactly: fractions, and fractions times π, i or both.

use dashu_base::{BitTest, UnsignedAbs};
use dashu_int::{IBig, UBig};

use super::Failure;
use super::ball::Ball;
use super::constants::pi;
use super::exponential::{exp, ln};
use super::magnitude::{Magnitude, shifted};
use super::real::{Precision, Real};
use crate::budget::{Budget, OverBudget};
use crate::number::rational::Rational;

/// Bits a fraction may have to be kept exactly.
const MOST_BITS: usize = 4_096;

/// `factor · π^pi · i^i`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exact {
    /// The fraction.
    pub factor: Rational,
    /// Whether π is a factor.
    pub pi: bool,
    /// Whether i is a factor.
    pub i: bool,
}

impl From<Rational> for Exact {
    fn from(factor: Rational) -> Self {
        Self { factor, pi: false, i: false }
    }
}

impl From<i64> for Exact {
    fn from(integer: i64) -> Self {
        Rational::from(integer).into()
    }
}

impl Exact {
    /// A fraction of π.
    #[must_use]
    pub fn of_pi(factor: Rational) -> Self {
        Self { factor, pi: true, i: false }
    }

    /// A fraction of i.
    #[must_use]
    pub fn of_i(factor: Rational) -> Self {
        Self { factor, pi: false, i: true }
    }

    /// Of a ball that holds one number, a short binary fraction or one of i.
    #[must_use]
    pub fn of_ball(ball: &Ball) -> Option<Self> {
        let fraction = |real: &Real| {
            let (mantissa, exponent) = real.parts();
            if !real.is_exact() || exponent.abs() > 1_024 {
                return None;
            }
            let one = IBig::ONE;
            Rational::from_integers(shifted(mantissa, exponent.max(0)), shifted(&one, (-exponent).max(0)))
        };
        if ball.is_exactly_real() {
            return fraction(ball.real()).map(Self::from);
        }
        if ball.real().is_exactly_zero() { fraction(ball.imaginary()).map(Self::of_i) } else { None }
    }

    /// Whether this is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.factor.is_zero()
    }

    /// The fraction, where neither π nor i is a factor.
    #[must_use]
    pub fn rational(&self) -> Option<&Rational> {
        (self.is_zero() || !(self.pi || self.i)).then_some(&self.factor)
    }

    /// `q` where this is the real number `q π`.
    #[must_use]
    pub fn multiple_of_pi(&self) -> Option<&Rational> {
        (self.is_zero() || (self.pi && !self.i)).then_some(&self.factor)
    }

    /// As a ball.
    ///
    /// # Errors
    /// Over budget.
    pub fn ball(&self, to: Precision<'_>) -> Result<Ball, OverBudget> {
        let mut size = Real::rational(&self.factor, to)?;
        if self.pi && !self.is_zero() {
            size = size.times(&pi(to)?, to)?;
        }
        Ok(if self.i { Ball::of(Real::zero(), size) } else { size.into() })
    }

    /// `self + other`, where both are fractions of the same.
    ///
    /// # Errors
    /// Over budget.
    pub fn plus(&self, other: &Self, budget: &Budget) -> Result<Option<Self>, OverBudget> {
        if self.is_zero() {
            return Ok(Some(other.clone()));
        }
        if other.is_zero() {
            return Ok(Some(self.clone()));
        }
        if (self.pi, self.i) != (other.pi, other.i) || !pay(&self.factor, &other.factor, budget)? {
            return Ok(None);
        }
        Ok(Some(Self { factor: self.factor.plus(&other.factor), ..*self }))
    }

    /// `self · other`, where not both have a factor π.
    ///
    /// # Errors
    /// Over budget.
    pub fn times(&self, other: &Self, budget: &Budget) -> Result<Option<Self>, OverBudget> {
        if self.is_zero() || other.is_zero() {
            return Ok(Some(Self::from(0)));
        }
        if (self.pi && other.pi) || !pay(&self.factor, &other.factor, budget)? {
            return Ok(None);
        }
        let factor = self.factor.times(&other.factor);
        let factor = if self.i && other.i { factor.negated() } else { factor };
        Ok(Some(Self { factor, pi: self.pi || other.pi, i: self.i != other.i }))
    }

    /// `self / other`, where π is no factor of the divisor alone.
    ///
    /// # Errors
    /// A division by zero; over budget.
    pub fn over(&self, other: &Self, budget: &Budget) -> Result<Option<Self>, Failure> {
        if (other.pi && !self.pi && !self.is_zero()) || !pay(&self.factor, &other.factor, budget)? {
            return Ok(None);
        }
        let factor = self.factor.over(&other.factor).ok_or(Failure::Undefined)?;
        let factor = if other.i && !self.i { factor.negated() } else { factor };
        Ok(Some(Self { factor, pi: self.pi != other.pi, i: self.i != other.i }))
    }

    /// `self` to a whole power, of zero to one above zero, where neither is large and π is no factor.
    ///
    /// # Errors
    /// Over budget.
    pub fn power(&self, exponent: i64, budget: &Budget) -> Result<Option<Self>, OverBudget> {
        let size = usize::try_from(exponent.unsigned_abs()).unwrap_or(usize::MAX);
        let bits = self.factor.bits().saturating_mul(size);
        if exponent == 1 {
            return Ok(Some(self.clone()));
        }
        if self.pi || (self.factor.bits() > 1 && bits > MOST_BITS) {
            return Ok(None);
        }
        budget.spend(40 + square(bits / 64) / 4)?;
        let Ok(Some(factor)) = self.factor.to_power(exponent) else { return Ok(None) };
        let turns = if self.i { exponent.rem_euclid(4) } else { 0 };
        let factor = if turns >= 2 { factor.negated() } else { factor };
        Ok(Some(Self { factor, pi: false, i: turns % 2 == 1 }))
    }

    /// The root of this degree of a fraction at or above zero, where it is a fraction.
    ///
    /// # Errors
    /// Over budget.
    pub fn root(fraction: &Rational, degree: u32, budget: &Budget) -> Result<Option<Rational>, OverBudget> {
        if fraction.is_negative() || fraction.bits() > MOST_BITS {
            return Ok(None);
        }
        budget.spend(60 + square(fraction.bits() / 64))?;
        let Some(above) = root_of_integer(&fraction.numerator().clone().unsigned_abs(), degree, budget)? else {
            return Ok(None);
        };
        let below = root_of_integer(fraction.denominator(), degree, budget)?;
        Ok(below.and_then(|below| Rational::from_integers(above, below)))
    }
}

/// The root of this degree, where it is an integer.
fn root_of_integer(integer: &UBig, degree: u32, budget: &Budget) -> Result<Option<IBig>, OverBudget> {
    if *integer <= UBig::ONE {
        return Ok(Some(integer.clone().into()));
    }
    let times = usize::try_from(degree).unwrap_or(usize::MAX);
    if integer.bit_len() <= times {
        return Ok(None);
    }
    let root = if degree <= 7 {
        integer.nth_root(times)
    } else {
        // Newton's method of integers took 49 ms for the 151st root of 4,000 bits, and more for larger prime degrees.
        let bits = i64::try_from(integer.bit_len() / times + 32).map_err(|_| OverBudget)?;
        let to = Precision { bits, budget };
        let near = Real::of(integer.clone().into(), 0, Magnitude::ZERO, to)?;
        let near = ln(&near, to).and_then(|near| near.over(&Real::integer(degree.into()), to));
        match near.and_then(|near| exp(&near, to)) {
            Ok(near) => near.nearest_integer()?.unsigned_abs(),
            Err(Failure::OverBudget) => return Err(OverBudget),
            Err(_) => return Ok(None),
        }
    };
    Ok((root.bit_len() <= integer.bit_len() / times + 1 && root.pow(times) == *integer).then(|| root.into()))
}

fn square(limbs: usize) -> u64 {
    let limbs = limbs as u64;
    limbs.saturating_mul(limbs)
}

/// Pays for a sum or product; whether the result is kept exactly.
fn pay(left: &Rational, right: &Rational, budget: &Budget) -> Result<bool, OverBudget> {
    let (left, right) = (left.bits(), right.bits());
    if left + right > MOST_BITS {
        return Ok(false);
    }
    let (left, right) = ((left / 64 + 1) as u64, (right / 64 + 1) as u64);
    budget.spend(15 + left * right + 2 * (left + right))?;
    Ok(true)
}
