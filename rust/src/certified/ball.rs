//! A complex number that is known to lie in a box: one ball for its real part, one for its imaginary part.

use std::cmp::Ordering;

use super::Failure;
use super::circular::{arctan, sin_cos};
use super::constants::pi;
use super::exponential::{exp, ln};
use super::magnitude::Magnitude;
use super::real::{Precision, Real};
use crate::budget::OverBudget;

/// A complex number, each part known up to a radius.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ball {
    real: Real,
    imaginary: Real,
}

impl From<Real> for Ball {
    fn from(real: Real) -> Self {
        Self { real, imaginary: Real::zero() }
    }
}

impl Ball {
    /// Of its two parts.
    #[must_use]
    pub fn of(real: Real, imaginary: Real) -> Self {
        Self { real, imaginary }
    }

    /// The real part.
    #[must_use]
    pub fn real(&self) -> &Real {
        &self.real
    }

    /// The imaginary part.
    #[must_use]
    pub fn imaginary(&self) -> &Real {
        &self.imaginary
    }

    /// Whether the value is known to be real.
    #[must_use]
    pub fn is_exactly_real(&self) -> bool {
        self.imaginary.is_exactly_zero()
    }

    /// Whether the value is known not to be real.
    #[must_use]
    pub fn is_surely_not_real(&self) -> bool {
        !self.imaginary.contains_zero()
    }

    /// Whether the value may be zero.
    #[must_use]
    pub fn contains_zero(&self) -> bool {
        self.real.contains_zero() && self.imaginary.contains_zero()
    }

    /// Whether the value is known not to be zero.
    #[must_use]
    pub fn excludes_zero(&self) -> bool {
        !self.contains_zero()
    }

    /// Whether the value is zero and nothing else.
    #[must_use]
    pub fn is_exactly_zero(&self) -> bool {
        self.real.is_exactly_zero() && self.imaginary.is_exactly_zero()
    }

    /// The sign of a real value, where it is known.
    #[must_use]
    pub fn sign(&self) -> Option<Ordering> {
        if self.is_exactly_real() { self.real.sign() } else { None }
    }

    /// Bound of the absolute value.
    #[must_use]
    pub fn magnitude(&self) -> Magnitude {
        if self.is_exactly_real() {
            return self.real.magnitude();
        }
        let (real, imaginary) = (self.real.magnitude(), self.imaginary.magnitude());
        real.times(real).plus(imaginary.times(imaginary)).root()
    }

    /// How far either part may be off.
    #[must_use]
    pub fn radius(&self) -> Magnitude {
        self.real.radius().plus(self.imaginary.radius())
    }

    /// The midpoint's parts, roughly, to be shown.
    #[must_use]
    pub fn to_f64(&self) -> (f64, f64) {
        (self.real.to_f64(), self.imaginary.to_f64())
    }

    /// `-self`.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { real: self.real.negated(), imaginary: self.imaginary.negated() }
    }

    /// `self + other`.
    ///
    /// # Errors
    /// Over budget.
    pub fn plus(&self, other: &Self, to: Precision<'_>) -> Result<Self, OverBudget> {
        let imaginary = match (self.is_exactly_real(), other.is_exactly_real()) {
            (true, true) => Real::zero(),
            _ => self.imaginary.plus(&other.imaginary, to)?,
        };
        Ok(Self { real: self.real.plus(&other.real, to)?, imaginary })
    }

    /// `self · other`.
    ///
    /// # Errors
    /// Over budget.
    pub fn times(&self, other: &Self, to: Precision<'_>) -> Result<Self, OverBudget> {
        match (self.is_exactly_real(), other.is_exactly_real()) {
            (true, true) => Ok(self.real.times(&other.real, to)?.into()),
            (true, false) => other.scaled(&self.real, to),
            (false, true) => self.scaled(&other.real, to),
            (false, false) => {
                let real = self.real.times(&other.real, to)?;
                let crossed = self.real.times(&other.imaginary, to)?;
                Ok(Self {
                    real: real.minus(&self.imaginary.times(&other.imaginary, to)?, to)?,
                    imaginary: crossed.plus(&self.imaginary.times(&other.real, to)?, to)?,
                })
            }
        }
    }

    fn scaled(&self, factor: &Real, to: Precision<'_>) -> Result<Self, OverBudget> {
        Ok(Self { real: self.real.times(factor, to)?, imaginary: self.imaginary.times(factor, to)? })
    }

    /// `self / other`.
    ///
    /// # Errors
    /// The divisor is zero or may be; over budget.
    pub fn over(&self, other: &Self, to: Precision<'_>) -> Result<Self, Failure> {
        if other.is_exactly_real() {
            let imaginary = if self.is_exactly_real() { Real::zero() } else { self.imaginary.over(&other.real, to)? };
            return Ok(Self { real: self.real.over(&other.real, to)?, imaginary });
        }
        let conjugate = Self { real: other.real.clone(), imaginary: other.imaginary.clone().negated() };
        let above = self.times(&conjugate, to)?;
        let below = other.square_of_modulus(to)?;
        Ok(Self { real: above.real.over(&below, to)?, imaginary: above.imaginary.over(&below, to)? })
    }

    fn square_of_modulus(&self, to: Precision<'_>) -> Result<Real, OverBudget> {
        let real = self.real.times(&self.real, to)?;
        real.plus(&self.imaginary.times(&self.imaginary, to)?, to)
    }

    /// `|self|`.
    ///
    /// # Errors
    /// Over budget.
    pub fn modulus(&self, to: Precision<'_>) -> Result<Real, Failure> {
        if self.is_exactly_real() {
            return Ok(match self.real.sign() {
                Some(Ordering::Less) => self.real.clone().negated(),
                Some(_) => self.real.clone(),
                None => Real::around_zero(self.real.magnitude()),
            });
        }
        let square = self.square_of_modulus(to)?;
        match square.root(2, to) {
            Err(Failure::NotEnough) => Ok(Real::around_zero(self.magnitude())),
            other => other,
        }
    }

    /// `self` to a whole power; of zero only to one above zero.
    ///
    /// # Errors
    /// Over budget; a negative power of what may be zero.
    pub fn power(&self, exponent: i64, to: Precision<'_>) -> Result<Self, Failure> {
        let finer = to.finer(i64::from(i64::BITS - exponent.unsigned_abs().leading_zeros()));
        let size = exponent.unsigned_abs();
        let power = if self.is_exactly_real() {
            Self::from(self.real.power(size, finer)?)
        } else {
            let mut result = Self::from(Real::integer(1));
            for place in (0..u64::BITS - size.leading_zeros()).rev() {
                result = result.times(&result, finer)?;
                if size >> place & 1 == 1 {
                    result = result.times(self, finer)?;
                }
            }
            result
        };
        if exponent < 0 { Self::from(Real::integer(1)).over(&power, to) } else { Ok(power) }
    }

    /// e to this power.
    ///
    /// # Errors
    /// See [`exp`] and [`sin_cos`].
    pub fn exp(&self, to: Precision<'_>) -> Result<Self, Failure> {
        let size = exp(&self.real, to)?;
        if self.is_exactly_real() {
            return Ok(size.into());
        }
        let (sin, cos) = sin_cos(&self.imaginary, to)?;
        Ok(Self { real: size.times(&cos, to)?, imaginary: size.times(&sin, to)? })
    }

    /// The principal logarithm.
    ///
    /// # Errors
    /// The value is zero or may be, or may lie on either side of the negative real numbers; over budget.
    pub fn ln(&self, to: Precision<'_>) -> Result<Self, Failure> {
        if self.is_exactly_real() {
            return match self.real.sign() {
                Some(Ordering::Less) => Ok(Self { real: ln(&self.real.clone().negated(), to)?, imaginary: pi(to)? }),
                Some(_) => Ok(ln(&self.real, to)?.into()),
                None => Err(Failure::NotEnough),
            };
        }
        let argument = self.argument(to)?;
        Ok(Self { real: ln(&self.square_of_modulus(to)?, to)?.scaled(-1), imaginary: argument })
    }

    /// The angle to the positive real numbers of a value that is not exactly real.
    fn argument(&self, to: Precision<'_>) -> Result<Real, Failure> {
        if self.real.sign() == Some(Ordering::Greater) {
            return arctan(&self.imaginary.over(&self.real, to)?, to);
        }
        // On this side of the real numbers, an angle to ±i.
        let quarter = pi(to)?.scaled(-1);
        let quarter = match self.imaginary.sign() {
            Some(Ordering::Greater) => quarter,
            Some(Ordering::Less) => quarter.negated(),
            _ => return Err(Failure::NotEnough),
        };
        Ok(quarter.minus(&arctan(&self.real.over(&self.imaginary, to)?, to)?, to)?)
    }

    /// The principal square root.
    ///
    /// # Errors
    /// The value may lie on either side of the negative real numbers; over budget.
    pub fn square_root(&self, to: Precision<'_>) -> Result<Self, Failure> {
        if self.is_exactly_zero() {
            return Ok(self.clone());
        }
        if self.contains_zero() {
            let around = Real::around_zero(self.magnitude().root());
            return Ok(Self { real: around.clone(), imaginary: around });
        }
        if self.is_exactly_real() {
            return Ok(if self.real.sign() == Some(Ordering::Less) {
                Self { real: Real::zero(), imaginary: self.real.clone().negated().root(2, to)? }
            } else {
                self.real.root(2, to)?.into()
            });
        }
        // √z = a + b i with 2 a² = |z| + x and 2 a b = y, from the part that does not cancel.
        let modulus = self.modulus(to)?;
        if self.real.sign() == Some(Ordering::Greater) {
            let real = modulus.plus(&self.real, to)?.scaled(-1).root(2, to)?;
            let imaginary = self.imaginary.over(&real, to)?.scaled(-1);
            return Ok(Self { real, imaginary });
        }
        let imaginary = modulus.minus(&self.real, to)?.scaled(-1).root(2, to)?;
        let imaginary = match self.imaginary.sign() {
            Some(Ordering::Greater) => imaginary,
            Some(Ordering::Less) => imaginary.negated(),
            _ => return Err(Failure::NotEnough),
        };
        Ok(Self { real: self.imaginary.over(&imaginary, to)?.scaled(-1), imaginary })
    }
}
