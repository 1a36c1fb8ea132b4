//! Exact fractions of integers of any size, within a budget of digits.

use dashu_base::{BitTest, Sign, UnsignedAbs};
use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;

pub use crate::budget::OverBudget;

/// Decimal digits a number may have. Far above any answer, far below what takes a millisecond.
pub const MAX_DIGITS: usize = 2_000;

/// A fraction in lowest terms.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rational(RBig);

impl From<i64> for Rational {
    fn from(integer: i64) -> Self {
        Self(RBig::from(IBig::from(integer)))
    }
}

impl From<IBig> for Rational {
    fn from(integer: IBig) -> Self {
        Self(RBig::from(integer))
    }
}

impl Rational {
    /// The decimal numeral `integer.fraction` (digits only, either may be empty) times ten to the `exponent`.
    ///
    /// # Errors
    /// More than [`MAX_DIGITS`] digits in all.
    pub fn from_decimal(integer: &str, fraction: &str, exponent: i64) -> Result<Self, OverBudget> {
        let scale = exponent - i64::try_from(fraction.len()).map_err(|_| OverBudget)?;
        let zeros = usize::try_from(scale.unsigned_abs()).map_err(|_| OverBudget)?;
        let digits = integer.len() + fraction.len();
        if digits > MAX_DIGITS || zeros > MAX_DIGITS || digits + zeros > MAX_DIGITS {
            return Err(OverBudget);
        }
        let numeral = UBig::from_str_radix(&[integer, fraction].concat(), 10).unwrap_or_default();
        let power = UBig::from(10_u8).pow(zeros);
        Ok(Self(if scale >= 0 {
            RBig::from(IBig::from(numeral * power))
        } else {
            RBig::from_parts(IBig::from(numeral), power)
        }))
    }

    /// `whole.fixed` followed by `repeating` for ever: 0.1(6) is one sixth.
    ///
    /// # Errors
    /// More than [`MAX_DIGITS`] digits in all.
    pub fn from_repeating(whole: &str, fixed: &str, repeating: &str) -> Result<Self, OverBudget> {
        let head = Self::from_decimal(whole, fixed, 0)?;
        let tail = Self::from_decimal(repeating, "", 0)?;
        if fixed.len() + repeating.len() > MAX_DIGITS {
            return Err(OverBudget);
        }
        let ten = UBig::from(10_u8);
        let nines = ten.pow(repeating.len()) - UBig::ONE; // 0.(r) = r / (10^len - 1)
        let tail = Self(RBig::from_parts(tail.numerator().clone(), nines * ten.pow(fixed.len())));
        Ok(head.plus(&tail))
    }

    /// Of the integers `numerator / denominator`, or nothing for a division by zero.
    #[must_use]
    pub fn from_integers(numerator: IBig, denominator: IBig) -> Option<Self> {
        Self::from(numerator).over(&Self::from(denominator))
    }

    /// The number above the line, with the sign.
    #[must_use]
    pub fn numerator(&self) -> &IBig {
        self.0.numerator()
    }

    /// The number below the line, above zero.
    #[must_use]
    pub fn denominator(&self) -> &UBig {
        self.0.denominator()
    }

    /// `self + other`.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self(&self.0 + &other.0)
    }

    /// `self - other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self(&self.0 - &other.0)
    }

    /// `self · other`.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        Self(&self.0 * &other.0)
    }

    /// `self / other`, or nothing for a division by zero.
    #[must_use]
    pub fn over(&self, other: &Self) -> Option<Self> {
        (!other.is_zero()).then(|| Self(&self.0 / &other.0))
    }

    /// `-self`.
    #[must_use]
    pub fn negated(self) -> Self {
        Self(-self.0)
    }

    /// `|self|`.
    #[must_use]
    pub fn magnitude(self) -> Self {
        if self.is_negative() { self.negated() } else { self }
    }

    /// `self = 0`.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// `self < 0`.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.0.sign() == Sign::Negative && !self.0.is_zero()
    }

    /// Whether the denominator is one.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        self.0.is_int()
    }

    /// `self` where it is an integer of 64 bits.
    #[must_use]
    pub fn to_i64(&self) -> Option<i64> {
        if self.is_integer() { i64::try_from(self.numerator()).ok() } else { None }
    }

    /// `|self| > 1`.
    #[must_use]
    pub fn is_beyond_one(&self) -> bool {
        self.numerator().unsigned_abs() > *self.denominator()
    }

    /// `0 ≤ self < 1`.
    #[must_use]
    pub fn is_proper(&self) -> bool {
        !self.is_negative() && !self.is_beyond_one() && *self != Self::from(1)
    }

    /// Bits of the longer of numerator and denominator.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.numerator().bit_len().max(self.denominator().bit_len())
    }

    /// `self` to a whole power; nothing for 0⁰ and for a negative power of zero.
    ///
    /// # Errors
    /// More than [`MAX_DIGITS`] digits in the result.
    pub fn to_power(&self, exponent: i64) -> Result<Option<Self>, OverBudget> {
        if self.is_zero() && exponent <= 0 {
            return Ok(None);
        }
        let power = isize::try_from(exponent).map_err(|_| OverBudget)?;
        if self.bits() > 1 && self.bits().saturating_mul(power.unsigned_abs()) > 3 * MAX_DIGITS {
            return Err(OverBudget); // a decimal digit is more than three bits
        }
        Ok(Some(Self(self.0.pow(power))))
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_DIGITS, OverBudget, Rational};

    fn decimal(integer: &str, fraction: &str, exponent: i64) -> Rational {
        Rational::from_decimal(integer, fraction, exponent).expect("few digits")
    }

    #[test]
    fn equality_is_exact() {
        assert_eq!(decimal("0", "50", 0), Rational::from(1).over(&Rational::from(2)).expect("2 is not 0"));
        assert_ne!(decimal("9999", "", 0), decimal("10000", "", 0));
        let tiny = |exponent| Rational::from(2).to_power(exponent).expect("in budget").expect("not zero");
        assert_ne!(tiny(-99), tiny(-98));
        assert_eq!(tiny(-1), decimal("", "5", 0));
        assert!(decimal("1", "", -7) < decimal("", "1", -5));
    }

    #[test]
    fn repeating_decimals_are_fractions() {
        let sixth = Rational::from(1).over(&Rational::from(6)).expect("6 is not 0");
        assert_eq!(Rational::from_repeating("0", "1", "6"), Ok(sixth));
        assert_eq!(Rational::from_repeating("0", "", "9"), Ok(Rational::from(1)));
    }

    #[test]
    fn size_is_refused_before_it_is_made() {
        assert_eq!(Rational::from_decimal("1", "", 999_999_999), Err(OverBudget));
        assert_eq!(Rational::from_decimal("1", "", i64::MIN + 1), Err(OverBudget));
        assert_eq!(Rational::from_decimal(&"9".repeat(MAX_DIGITS + 1), "", 0), Err(OverBudget));
        assert_eq!(Rational::from(9).to_power(387_420_489), Err(OverBudget));
        assert_eq!(Rational::from(1).to_power(i64::from(u32::MAX)), Ok(Some(Rational::from(1))));
        assert_eq!(Rational::from(0).to_power(0), Ok(None));
    }

    #[test]
    fn a_zero_denominator_is_no_number() {
        assert_eq!(Rational::from(1).over(&Rational::from(0)), None);
        assert_eq!(Rational::from(1).over(&Rational::from(-2)), Some(decimal("", "5", 0).negated()));
    }
}
