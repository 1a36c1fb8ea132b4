//! A real number that is known to lie in a ball: a binary fraction and a bound of how far off it is.

use std::cmp::Ordering;

use dashu_base::{DivRem, SquareRootRem, UnsignedAbs};
use dashu_int::IBig;

use super::Failure;
use super::magnitude::{Magnitude, length, shifted, shifted_unsigned};
use crate::budget::{Budget, OverBudget};
use crate::number::rational::Rational;

/// Exponents beyond this are refused: e^e^e^e has more digits than there are atoms.
pub const MAX_EXPONENT: i64 = 1 << 40;

/// The bits that results are rounded to, and what pays for them.
#[derive(Debug, Clone, Copy)]
pub struct Precision<'b> {
    /// Bits of a midpoint.
    pub bits: i64,
    /// What every operation draws on.
    pub budget: &'b Budget,
}

impl Precision<'_> {
    /// So many bits more.
    #[must_use]
    pub fn finer(self, bits: i64) -> Self {
        Self { bits: self.bits + bits, ..self }
    }

    fn limbs(self) -> u64 {
        (self.bits / 64 + 1).unsigned_abs()
    }

    pub(super) fn pay_sum(self) -> Result<(), OverBudget> {
        self.budget.spend(6 + self.limbs() / 4)
    }

    pub(super) fn pay_product(self) -> Result<(), OverBudget> {
        self.budget.spend(10 + self.limbs() * self.limbs() / 16)
    }

    pub(super) fn pay_division(self) -> Result<(), OverBudget> {
        self.budget.spend(16 + self.limbs() * self.limbs() / 6)
    }
}

/// All numbers at most `radius` from `mantissa · 2^exponent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Real {
    mantissa: IBig,
    exponent: i64,
    radius: Magnitude,
}

impl Real {
    /// Zero, exactly.
    #[must_use]
    pub fn zero() -> Self {
        Self::integer(0)
    }

    /// An integer, exactly.
    #[must_use]
    pub fn integer(integer: i64) -> Self {
        Self { mantissa: IBig::from(integer), exponent: 0, radius: Magnitude::ZERO }
    }

    /// Everything at most `radius` from zero.
    #[must_use]
    pub fn around_zero(radius: Magnitude) -> Self {
        Self { radius, ..Self::zero() }
    }

    /// Everything at most `radius` from `mantissa · 2^exponent`.
    ///
    /// # Errors
    /// The exponent is out of range.
    pub fn of(mantissa: IBig, exponent: i64, radius: Magnitude, to: Precision<'_>) -> Result<Self, OverBudget> {
        let excess = length(&mantissa) - to.bits;
        let real = if excess <= 0 {
            Self { mantissa, exponent, radius }
        } else {
            let exact = mantissa.trailing_zeros().is_some_and(|zeros| i64::try_from(zeros).is_ok_and(|z| z >= excess));
            let exponent = exponent + excess;
            let rounding = if exact { Magnitude::ZERO } else { Magnitude::power_of_two(exponent) };
            Self { mantissa: shifted(&mantissa, -excess), exponent, radius: radius.plus(rounding) }
        };
        let top = real.magnitude().top().unwrap_or(0);
        if top.abs() > MAX_EXPONENT || real.exponent.abs() > 2 * MAX_EXPONENT { Err(OverBudget) } else { Ok(real) }
    }

    /// A fraction.
    ///
    /// # Errors
    /// Over budget.
    pub fn rational(value: &Rational, to: Precision<'_>) -> Result<Self, OverBudget> {
        let (above, below) = (value.numerator(), IBig::from(value.denominator().clone()));
        let exactly = |integer: IBig| Self { mantissa: integer, exponent: 0, radius: Magnitude::ZERO };
        to.budget.spend((value.bits() / 64) as u64)?;
        if value.is_integer() {
            return Self::of(above.clone(), 0, Magnitude::ZERO, to);
        }
        quotient(&exactly(above.clone()), &exactly(below), to)
    }

    /// Whether it is one number and no other.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.radius.is_zero()
    }

    /// Whether it is zero and nothing else.
    #[must_use]
    pub fn is_exactly_zero(&self) -> bool {
        self.is_exact() && self.mantissa.is_zero()
    }

    /// Whether zero may be the value.
    #[must_use]
    pub fn contains_zero(&self) -> bool {
        Magnitude::below(&self.mantissa, self.exponent).compared(self.radius) != Ordering::Greater
    }

    /// Greater, less or equal to zero, where that is known.
    #[must_use]
    pub fn sign(&self) -> Option<Ordering> {
        if self.is_exactly_zero() {
            return Some(Ordering::Equal);
        }
        (!self.contains_zero()).then(|| self.mantissa.cmp(&IBig::ZERO))
    }

    /// Bound of the absolute value.
    #[must_use]
    pub fn magnitude(&self) -> Magnitude {
        Magnitude::above(&self.mantissa, self.exponent).plus(self.radius)
    }

    /// How far the midpoint may be off.
    #[must_use]
    pub fn radius(&self) -> Magnitude {
        self.radius
    }

    /// The midpoint without its radius.
    #[must_use]
    pub fn midpoint(&self) -> Self {
        Self { radius: Magnitude::ZERO, ..self.clone() }
    }

    /// The midpoint as mantissa and exponent of two.
    #[must_use]
    pub fn parts(&self) -> (&IBig, i64) {
        (&self.mantissa, self.exponent)
    }

    /// The midpoint, roughly, to be shown.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        let excess = (length(&self.mantissa) - 60).max(0);
        let leading = i64::try_from(shifted(&self.mantissa, -excess)).unwrap_or(0);
        let power = i32::try_from((self.exponent + excess).clamp(-2000, 2000)).unwrap_or(0);
        #[allow(clippy::cast_precision_loss)] // only shown
        let leading = leading as f64;
        leading * 2_f64.powi(power / 2) * 2_f64.powi(power - power / 2)
    }

    /// This and everything at most `error` from it.
    #[must_use]
    pub fn widened(self, error: Magnitude) -> Self {
        Self { radius: self.radius.plus(error), ..self }
    }

    /// `-self`.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { mantissa: -self.mantissa, ..self }
    }

    /// `self · 2^by`.
    #[must_use]
    pub fn scaled(self, by: i64) -> Self {
        Self { exponent: self.exponent + by, radius: self.radius.scaled(by), mantissa: self.mantissa }
    }

    /// `self + other`.
    ///
    /// # Errors
    /// Over budget.
    pub fn plus(&self, other: &Self, to: Precision<'_>) -> Result<Self, OverBudget> {
        to.pay_sum()?;
        let radius = self.radius.plus(other.radius);
        if self.mantissa.is_zero() || other.mantissa.is_zero() {
            let (mantissa, exponent) = if self.mantissa.is_zero() { other.parts() } else { self.parts() };
            return Self::of(mantissa.clone(), exponent, radius, to);
        }
        let top = (self.exponent + length(&self.mantissa)).max(other.exponent + length(&other.mantissa));
        let exponent = self.exponent.min(other.exponent).max(top - to.bits - 8); // what lies lower is rounded off
        let mut error = radius;
        let mut aligned = |real: &Self| {
            if real.exponent < exponent {
                error = error.plus(Magnitude::power_of_two(exponent));
            }
            shifted(&real.mantissa, real.exponent - exponent)
        };
        let sum = aligned(self) + aligned(other);
        Self::of(sum, exponent, error, to)
    }

    /// `self - other`.
    ///
    /// # Errors
    /// Over budget.
    pub fn minus(&self, other: &Self, to: Precision<'_>) -> Result<Self, OverBudget> {
        self.plus(&other.clone().negated(), to)
    }

    /// `self · other`.
    ///
    /// # Errors
    /// Over budget.
    pub fn times(&self, other: &Self, to: Precision<'_>) -> Result<Self, OverBudget> {
        to.pay_product()?;
        let mut error = Magnitude::ZERO;
        if !other.is_exact() {
            error = self.magnitude().times(other.radius);
        }
        if !self.is_exact() {
            error = error.plus(Magnitude::above(&other.mantissa, other.exponent).times(self.radius));
        }
        Self::of(&self.mantissa * &other.mantissa, self.exponent + other.exponent, error, to)
    }

    /// `self / other`.
    ///
    /// # Errors
    /// The divisor may be zero; over budget.
    pub fn over(&self, other: &Self, to: Precision<'_>) -> Result<Self, Failure> {
        if self.is_exactly_zero() && !other.contains_zero() {
            return Ok(Self::zero());
        }
        let divisor = other.lower_bound()?;
        let midpoint = quotient(&self.midpoint(), &other.midpoint(), to)?;
        // |x/y - x'/y'| <= (|x - x'| + |x/y| |y - y'|) / |y'|
        let error = self.radius.plus(midpoint.magnitude().times(other.radius)).over(divisor);
        Ok(midpoint.widened(error))
    }

    /// A bound below the absolute value of every number here, above zero.
    fn lower_bound(&self) -> Result<Magnitude, Failure> {
        if self.is_exactly_zero() {
            return Err(Failure::Undefined);
        }
        let midpoint = Magnitude::below(&self.mantissa, self.exponent);
        if self.is_exact() {
            Ok(midpoint)
        } else if midpoint.compared(self.radius.scaled(1)) == Ordering::Greater {
            Ok(midpoint.scaled(-1))
        } else {
            Err(Failure::NotEnough)
        }
    }

    /// The root of this degree of a number above zero.
    ///
    /// # Errors
    /// The number may be zero or less; over budget.
    pub fn root(&self, degree: u32, to: Precision<'_>) -> Result<Self, Failure> {
        let lower = self.lower_bound()?;
        if self.mantissa < IBig::ZERO {
            return Err(Failure::Unsupported);
        }
        let midpoint = self.midpoint().root_of_exact(degree, to)?;
        // The slope of x^(1/k) is x^(1/k) / (k x), largest at the lower end, where x is at least half.
        let error = midpoint.magnitude().times(self.radius).over(lower);
        Ok(midpoint.widened(error))
    }

    fn root_of_exact(&self, degree: u32, to: Precision<'_>) -> Result<Self, OverBudget> {
        let degree_bits = i64::from(degree);
        let size = to.finer(to.bits * (degree_bits - 1));
        for _ in 0..degree {
            size.pay_division()?;
        }
        let missing = ((to.bits + 2) * degree_bits - length(&self.mantissa)).max(0);
        let exponent = self.exponent - missing;
        let shift = missing + exponent.rem_euclid(degree_bits); // so that the exponent is a multiple of the degree
        let exponent = self.exponent - shift;
        let radicand = shifted_unsigned(&self.mantissa.clone().unsigned_abs(), shift);
        let (root, exact) = if degree == 2 {
            let (root, remainder) = radicand.sqrt_rem();
            (root, remainder.is_zero())
        } else {
            let root = radicand.nth_root(usize::try_from(degree).unwrap_or(2));
            (root, false)
        };
        let exponent = exponent / degree_bits;
        let error = if exact { Magnitude::ZERO } else { Magnitude::power_of_two(exponent) };
        Self::of(IBig::from(root), exponent, error, to)
    }

    /// `self` to a power at or above zero; the empty product is one.
    ///
    /// # Errors
    /// Over budget.
    pub fn power(&self, exponent: u64, to: Precision<'_>) -> Result<Self, OverBudget> {
        let mut result = Self::integer(1);
        for place in (0..u64::BITS - exponent.leading_zeros()).rev() {
            result = result.times(&result, to)?;
            if exponent >> place & 1 == 1 {
                result = result.times(self, to)?;
            }
        }
        Ok(result)
    }

    /// The integer nearest to the midpoint.
    ///
    /// # Errors
    /// It has too many digits.
    pub fn nearest_integer(&self) -> Result<IBig, OverBudget> {
        if self.exponent > 1 << 12 {
            return Err(OverBudget);
        }
        let halves = shifted(&self.mantissa, self.exponent + 1);
        Ok((halves + IBig::ONE) >> 1)
    }
}

/// `above / below` of two exact numbers, the divisor not zero.
fn quotient(above: &Real, below: &Real, to: Precision<'_>) -> Result<Real, OverBudget> {
    to.pay_division()?;
    if below.mantissa.is_zero() {
        return Err(OverBudget); // no caller does
    }
    let shift = (to.bits + 2 + length(&below.mantissa) - length(&above.mantissa)).max(0);
    let (quotient, remainder) = shifted(&above.mantissa, shift).div_rem(&below.mantissa);
    let exponent = above.exponent - below.exponent - shift;
    let error = if remainder.is_zero() { Magnitude::ZERO } else { Magnitude::power_of_two(exponent) };
    Real::of(quotient, exponent, error, to)
}
