//! Small exact fractions: the powers atoms are raised to. One that does not fit is over any budget.

use std::cmp::Ordering;

use super::Failure;
use crate::number::rational::Rational;

/// `above / below` in lowest terms, `below` above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Exponent {
    above: i64,
    below: i64,
}

impl Ord for Exponent {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.below == other.below {
            return self.above.cmp(&other.above);
        }
        let cross = |one: i64, two: i64| i128::from(one) * i128::from(two);
        cross(self.above, other.below).cmp(&cross(other.above, self.below))
    }
}

impl PartialOrd for Exponent {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Exponent {
    pub(crate) const ZERO: Self = Self { above: 0, below: 1 };
    pub(crate) const ONE: Self = Self { above: 1, below: 1 };

    pub(crate) fn whole(above: i64) -> Self {
        Self { above, below: 1 }
    }

    /// `above / below`; `below` must not be zero.
    pub(crate) fn new(above: i64, below: i64) -> Result<Self, Failure> {
        Self::lowest(i128::from(above), i128::from(below))
    }

    fn lowest(above: i128, below: i128) -> Result<Self, Failure> {
        let divisor = greatest_common_divisor(above.unsigned_abs(), below.unsigned_abs());
        let divisor = i128::try_from(divisor).map_err(|_| Failure::TooLarge)?;
        if divisor == 0 || below == 0 {
            return Err(Failure::Undefined);
        }
        let divisor = if below < 0 { -divisor } else { divisor };
        let fit = |part: i128| i64::try_from(part / divisor).map_err(|_| Failure::TooLarge);
        Ok(Self { above: fit(above)?, below: fit(below)? })
    }

    /// A rational number as an exponent.
    pub(crate) fn from_rational(number: &Rational) -> Result<Self, Failure> {
        let above = i64::try_from(number.numerator()).map_err(|_| Failure::TooLarge)?;
        let below = i64::try_from(number.denominator()).map_err(|_| Failure::TooLarge)?;
        Ok(Self { above, below })
    }

    pub(crate) fn to_rational(self) -> Rational {
        Rational::from_integers(self.above.into(), self.below.into()).unwrap_or_else(|| Rational::from(0))
    }

    pub(crate) fn plus(self, other: Self) -> Result<Self, Failure> {
        if self.below == 1 && other.below == 1 {
            return Ok(Self::whole(self.above.checked_add(other.above).ok_or(Failure::TooLarge)?));
        }
        let cross = |one: i64, two: i64| i128::from(one) * i128::from(two);
        let above = cross(self.above, other.below).checked_add(cross(other.above, self.below));
        Self::lowest(above.ok_or(Failure::TooLarge)?, cross(self.below, other.below))
    }

    pub(crate) fn times(self, other: Self) -> Result<Self, Failure> {
        let cross = |one: i64, two: i64| i128::from(one) * i128::from(two);
        Self::lowest(cross(self.above, other.above), cross(self.below, other.below))
    }

    pub(crate) fn negated(self) -> Self {
        Self { above: self.above.saturating_neg(), ..self }
    }

    /// The integer below, and what is left: at least zero and below one.
    pub(crate) fn split(self) -> (i64, Self) {
        let floor = self.above.div_euclid(self.below);
        (floor, Self { above: self.above.rem_euclid(self.below), below: self.below }.tidy())
    }

    fn tidy(self) -> Self {
        if self.above == 0 { Self::ZERO } else { self }
    }

    /// What is left of `self` after whole multiples of `period`.
    pub(crate) fn modulo(self, period: i64) -> Result<Self, Failure> {
        let part = i128::from(self.above).rem_euclid(i128::from(self.below) * i128::from(period));
        Self::lowest(part, i128::from(self.below))
    }

    pub(crate) fn is_zero(self) -> bool {
        self.above == 0
    }

    pub(crate) fn is_negative(self) -> bool {
        self.above < 0
    }

    pub(crate) fn is_whole(self) -> bool {
        self.below == 1
    }

    pub(crate) fn to_whole(self) -> Option<i64> {
        self.is_whole().then_some(self.above)
    }

    pub(crate) fn above(self) -> i64 {
        self.above
    }

    pub(crate) fn below(self) -> i64 {
        self.below
    }

    /// Whether a negative number to this power is positive: an even number above an odd one.
    pub(crate) fn is_even(self) -> bool {
        self.above % 2 == 0
    }

    /// Whether a negative number to this power is real.
    pub(crate) fn is_odd_root(self) -> bool {
        self.below % 2 != 0
    }
}

fn greatest_common_divisor(mut one: u128, mut other: u128) -> u128 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::{Exponent, Failure};

    #[test]
    fn sums_and_products_are_in_lowest_terms() -> Result<(), Failure> {
        let half = Exponent::new(1, 2)?;
        let third = Exponent::new(-2, -6)?;
        assert_eq!(half.plus(third)?, Exponent::new(5, 6)?);
        assert_eq!(half.times(third)?, Exponent::new(1, 6)?);
        assert!(third < half && half < Exponent::ONE);
        assert_eq!(Exponent::new(-7, 2)?.split(), (-4, half));
        assert_eq!(Exponent::new(-7, 3)?.modulo(2)?, Exponent::new(5, 3)?);
        assert_eq!(Exponent::whole(i64::MAX).plus(Exponent::ONE), Err(Failure::TooLarge));
        Ok(())
    }
}
