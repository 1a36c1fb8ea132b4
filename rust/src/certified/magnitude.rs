//! Upper bounds: how far off a value may be. Every operation rounds up.

use std::cmp::Ordering;

use dashu_base::BitTest;
use dashu_int::{IBig, UBig};

/// Bits that are kept of a bound.
const BITS: u32 = 30;

/// A number at or above zero, `mantissa · 2^exponent`, the mantissa zero or of 30 bits (2³⁰ itself may be one).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Magnitude {
    mantissa: u64,
    exponent: i64,
}

impl Magnitude {
    /// Zero.
    pub const ZERO: Self = Self { mantissa: 0, exponent: 0 };

    /// At least `mantissa · 2^exponent`.
    #[must_use]
    pub fn of(mantissa: u64, exponent: i64) -> Self {
        if mantissa == 0 {
            return Self::ZERO;
        }
        let length = u64::BITS - mantissa.leading_zeros();
        if length <= BITS {
            let by = BITS - length;
            return Self { mantissa: mantissa << by, exponent: exponent - i64::from(by) };
        }
        let by = length - BITS;
        Self { mantissa: shifted_up(mantissa, by), exponent: exponent + i64::from(by) }
    }

    /// `2^exponent`.
    #[must_use]
    pub fn power_of_two(exponent: i64) -> Self {
        Self::of(1, exponent)
    }

    /// At least `|mantissa| · 2^exponent`.
    #[must_use]
    pub fn above(mantissa: &IBig, exponent: i64) -> Self {
        let (top, dropped) = top_bits(mantissa);
        Self::of(top + u64::from(dropped > 0), exponent + dropped)
    }

    /// At most `|mantissa| · 2^exponent`.
    #[must_use]
    pub fn below(mantissa: &IBig, exponent: i64) -> Self {
        let (top, dropped) = top_bits(mantissa);
        Self { mantissa: top, exponent: exponent + dropped }.normal()
    }

    fn normal(self) -> Self {
        Self::of(self.mantissa, self.exponent) // a mantissa of at most 30 bits is only moved
    }

    /// Whether this is zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The least `k` for which this is known to be below `2^k`; nothing for zero.
    #[must_use]
    pub fn top(self) -> Option<i64> {
        (self.mantissa > 0).then(|| self.exponent + i64::from(BITS) + i64::from(self.mantissa >> BITS > 0))
    }

    /// Whether this is below `2^exponent`.
    #[must_use]
    pub fn is_below_power_of_two(self, exponent: i64) -> bool {
        self.top().is_none_or(|top| top <= exponent)
    }

    /// `self + other`.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let (large, small) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        if small.is_zero() {
            return large;
        }
        if large.is_zero() {
            return small;
        }
        let by = u32::try_from(large.exponent - small.exponent).unwrap_or(u32::MAX);
        Self::of(large.mantissa + shifted_up(small.mantissa, by), large.exponent)
    }

    /// `self · other`.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        Self::of(self.mantissa * other.mantissa, self.exponent + other.exponent)
    }

    /// `self / other`, where `other` is at most the divisor and above zero.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        if self.is_zero() {
            return self;
        }
        let quotient = (self.mantissa << BITS) / other.mantissa.max(1) + 1;
        Self::of(quotient, self.exponent - other.exponent - i64::from(BITS))
    }

    /// `self · 2^by`.
    #[must_use]
    pub fn scaled(self, by: i64) -> Self {
        if self.is_zero() { self } else { Self { exponent: self.exponent + by, ..self } }
    }

    /// The square root.
    #[must_use]
    pub fn root(self) -> Self {
        let odd = self.exponent.rem_euclid(2);
        let mantissa = self.mantissa << (odd + i64::from(BITS));
        Self::of(mantissa.isqrt() + 1, (self.exponent - odd - i64::from(BITS)) / 2)
    }

    /// The order of two.
    #[must_use]
    pub fn compared(self, other: Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => {
                let normal = |bound: Self| match bound.mantissa >> BITS {
                    0 => (bound.exponent, bound.mantissa),
                    _ => (bound.exponent + 1, bound.mantissa >> 1), // 2³⁰
                };
                normal(self).cmp(&normal(other))
            }
        }
    }

    /// As an integer and the power of two it is scaled by.
    #[must_use]
    pub fn parts(self) -> (IBig, i64) {
        (IBig::from(self.mantissa), self.exponent)
    }
}

/// `mantissa / 2^by`, rounded up.
fn shifted_up(mantissa: u64, by: u32) -> u64 {
    let down = mantissa.checked_shr(by).unwrap_or(0);
    let back = down.checked_shl(by).unwrap_or(0);
    down + u64::from(back != mantissa)
}

/// The leading 30 bits of a magnitude, rounded down, and how many bits follow.
fn top_bits(mantissa: &IBig) -> (u64, i64) {
    let (_, words) = mantissa.as_sign_words();
    let length = mantissa.bit_len();
    let dropped = length.saturating_sub(30);
    let top = match words {
        [] => 0,
        [word] => *word >> dropped,
        [.., low, high] => {
            // The leading bits lie in the last two words.
            let both = (u128::from(*high) << dashu_int::Word::BITS) | u128::from(*low);
            let below = dropped - (words.len() - 2) * usize::try_from(dashu_int::Word::BITS).unwrap_or(64);
            u64::try_from(both >> below).unwrap_or(u64::MAX)
        }
    };
    (top, i64::try_from(dropped).unwrap_or(i64::MAX))
}

/// The bits of a number without its sign.
#[must_use]
pub fn length(integer: &IBig) -> i64 {
    i64::try_from(integer.bit_len()).unwrap_or(i64::MAX)
}

/// `integer · 2^by`, rounded to the integer below for a negative `by`.
#[must_use]
pub fn shifted(integer: &IBig, by: i64) -> IBig {
    let steps = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
    if by >= 0 { integer << steps } else { integer >> steps }
}

/// `integer · 2^by` without sign.
#[must_use]
pub fn shifted_unsigned(integer: &UBig, by: i64) -> UBig {
    let steps = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
    if by >= 0 { integer << steps } else { integer >> steps }
}

#[cfg(test)]
mod tests {
    use super::{IBig, Magnitude, Ordering};

    #[test]
    fn bounds_are_rounded_up_by_little() {
        for (left, right) in [(1_u64, 1_u64), (3, 5), (1 << 30, 1), ((1 << 40) + 1, 7), (12345, 1 << 29)] {
            let (a, b) = (Magnitude::of(left, 0), Magnitude::of(right, 0));
            for (bound, exact) in
                [(a.plus(b), u128::from(left) + u128::from(right)), (a.times(b), u128::from(left) * u128::from(right))]
            {
                let (mantissa, exponent) = bound.parts();
                let value = super::shifted(&mantissa, exponent.max(0));
                let scale = IBig::from(exact) << usize::try_from((-exponent).max(0)).expect("small");
                assert!(value >= scale, "{left} {right}");
                assert!((&value - &scale) << 27 <= scale, "{left} {right}");
            }
        }
    }

    #[test]
    fn order_and_roots() {
        let two = Magnitude::of(2, 0);
        assert_eq!(two.compared(Magnitude::of(1 << 31, -30)), Ordering::Equal);
        assert_eq!(two.compared(Magnitude::of(3, 0)), Ordering::Less);
        assert_eq!(Magnitude::ZERO.compared(two), Ordering::Less);
        assert!(Magnitude::of(1, 0).is_below_power_of_two(1) && !two.is_below_power_of_two(1));
        let root = Magnitude::of(9, 0).root();
        assert_eq!(root.compared(Magnitude::of(3, 0)), Ordering::Greater);
        assert_eq!(root.compared(Magnitude::of((3 << 20) + 1, -20)), Ordering::Less);
        let sixth = Magnitude::of(1, 0).over(Magnitude::of(6, 0));
        assert_eq!(sixth.times(Magnitude::of(6, 0)).compared(Magnitude::of(1, 0)), Ordering::Greater);
    }

    #[test]
    fn leading_bits_of_long_integers() {
        for shift in [0_usize, 1, 29, 30, 31, 63, 64, 65, 127, 128, 129, 500] {
            let value = (IBig::from(0x2bcd_ef01_i64) << shift) + IBig::from(1);
            let above = Magnitude::above(&value, 0);
            let below = Magnitude::below(&value, 0);
            assert_ne!(below.compared(above), Ordering::Greater);
            let (mantissa, exponent) = below.parts();
            assert!(super::shifted(&mantissa, exponent) <= value, "{shift}");
            let (mantissa, exponent) = above.parts();
            let up = super::shifted(&mantissa, exponent.max(0));
            assert!(up >= value || exponent < 0, "{shift}");
        }
    }
}
