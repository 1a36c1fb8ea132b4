//! Exact fractions of integers of any size, within a budget of digits.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

/// Decimal digits a number may have. Far above any answer, far below what takes a millisecond.
pub const MAX_DIGITS: usize = 2_000;

/// A number that would have more than [`MAX_DIGITS`] digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverBudget;

/// `numerator / denominator`, the denominator above zero; not reduced, as comparing by cross products needs no gcd.
#[derive(Debug, Clone)]
pub struct Rational {
    numerator: BigInt,
    denominator: BigInt,
}

impl PartialEq for Rational {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Rational {}
impl PartialOrd for Rational {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Rational {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.numerator * &other.denominator).cmp(&(&other.numerator * &self.denominator))
    }
}

impl From<i64> for Rational {
    fn from(integer: i64) -> Self {
        Self { numerator: BigInt::from(integer), denominator: BigInt::from(1) }
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
        let numeral = [integer, fraction].concat();
        let numerator = BigInt::parse_bytes(numeral.as_bytes(), 10).unwrap_or_default();
        let power = ten_to(zeros);
        Ok(if scale >= 0 {
            Self { numerator: numerator * power, denominator: BigInt::from(1) }
        } else {
            Self { numerator, denominator: power }
        })
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
        let nines = ten_to(repeating.len()) - 1; // 0.(r) = r / (10^len - 1)
        let tail = Self { numerator: tail.numerator, denominator: nines * ten_to(fixed.len()) };
        Ok(head.plus(&tail))
    }

    /// `self + other`.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            numerator: &self.numerator * &other.denominator + &other.numerator * &self.denominator,
            denominator: &self.denominator * &other.denominator,
        }
    }

    /// `self · other`.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        Self { numerator: &self.numerator * &other.numerator, denominator: &self.denominator * &other.denominator }
    }

    /// `self / other`, or nothing for a division by zero.
    #[must_use]
    pub fn over(&self, other: &Self) -> Option<Self> {
        let (mut numerator, mut denominator) =
            (&self.numerator * &other.denominator, &self.denominator * &other.numerator);
        match denominator.sign() {
            Sign::NoSign => return None,
            Sign::Minus => (numerator, denominator) = (-numerator, -denominator),
            Sign::Plus => {}
        }
        Some(Self { numerator, denominator })
    }

    /// `-self`.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { numerator: -self.numerator, denominator: self.denominator }
    }

    /// `|self| > 1`.
    #[must_use]
    pub fn is_beyond_one(&self) -> bool {
        self.numerator.magnitude() > self.denominator.magnitude()
    }

    /// `0 ≤ self < 1`.
    #[must_use]
    pub fn is_proper(&self) -> bool {
        self.numerator.sign() != Sign::Minus && self.numerator < self.denominator
    }

    /// `self` to a whole power; nothing for 0⁰ and for a negative power of zero.
    ///
    /// # Errors
    /// More than [`MAX_DIGITS`] digits in the result.
    pub fn to_power(&self, exponent: i64) -> Result<Option<Self>, OverBudget> {
        if self.numerator.sign() == Sign::NoSign && exponent <= 0 {
            return Ok(None);
        }
        let bits = self.numerator.bits().max(self.denominator.bits());
        let power = u32::try_from(exponent.unsigned_abs()).map_err(|_| OverBudget)?;
        if bits > 1 && bits.saturating_mul(u64::from(power)) > 3 * MAX_DIGITS as u64 {
            return Err(OverBudget); // a decimal digit is more than three bits
        }
        let raised = Self { numerator: self.numerator.pow(power), denominator: self.denominator.pow(power) };
        Ok(if exponent < 0 { Self::from(1).over(&raised) } else { Some(raised) })
    }
}

fn ten_to(zeros: usize) -> BigInt {
    u32::try_from(zeros).map_or_else(|_| BigInt::from(0), |zeros| BigInt::from(10).pow(zeros))
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
