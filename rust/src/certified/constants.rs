//! π and ln 2, computed once and kept.

use std::sync::OnceLock;

use dashu_int::{IBig, UBig};

use super::magnitude::Magnitude;
use super::real::{Precision, Real};
use crate::budget::OverBudget;

/// Bits after the point of the short and the long version of a constant.
const FRACTION_BITS: [usize; 2] = [640, 8_320];

/// Bits of the error of either version, more than twice the number of terms times the largest factor.
const ERROR_BITS: usize = 24;

/// The most bits that a constant is known to.
pub const MOST_BITS: i64 = 8_192;

static PI: [OnceLock<UBig>; 2] = [OnceLock::new(), OnceLock::new()];
static LN_2: [OnceLock<UBig>; 2] = [OnceLock::new(), OnceLock::new()];

/// π.
///
/// # Errors
/// More than [`MOST_BITS`] are asked for; over budget.
pub fn pi(to: Precision<'_>) -> Result<Real, OverBudget> {
    // Machin 1706: π = 16 arccot 5 - 4 arccot 239.
    constant(&PI, |bits| arccot(5, bits, true) * 16_u8 - arccot(239, bits, true) * 4_u8, to)
}

/// The natural logarithm of 2.
///
/// # Errors
/// More than [`MOST_BITS`] are asked for; over budget.
pub fn ln_2(to: Precision<'_>) -> Result<Real, OverBudget> {
    // ln 2 = 18 arcoth 26 - 2 arcoth 4801 + 8 arcoth 8749.
    let sum =
        |bits| arccot(26, bits, false) * 18_u8 + arccot(8749, bits, false) * 8_u8 - arccot(4801, bits, false) * 2_u8;
    constant(&LN_2, sum, to)
}

fn constant(
    kept: &'static [OnceLock<UBig>; 2],
    compute: impl Fn(usize) -> UBig,
    to: Precision<'_>,
) -> Result<Real, OverBudget> {
    to.pay_product()?;
    let bits = usize::try_from(to.bits + 8).map_err(|_| OverBudget)?;
    for (cell, fraction) in kept.iter().zip(FRACTION_BITS) {
        if bits + ERROR_BITS <= fraction {
            let value = cell.get_or_init(|| compute(fraction));
            let leading = IBig::from(value >> (fraction - bits));
            // The value is off by less than one in the last of these bits, and what follows them is less than one.
            return Real::of(leading, -to.bits - 8, Magnitude::of(2, -to.bits - 8), to);
        }
    }
    Err(OverBudget)
}

/// The sum of `(±1)ⁿ / ((2n + 1) q^(2n + 1))` times `2^bits`: arccot q with alternating signs, arcoth q without. Every
/// term is rounded down twice, which leaves it off by less than two.
fn arccot(q: u64, bits: usize, alternating: bool) -> UBig {
    let mut power = (UBig::ONE << bits) / q;
    let mut added = power.clone();
    let mut taken = UBig::ZERO;
    for n in 1_u64.. {
        power /= q * q;
        if power.is_zero() {
            break;
        }
        let term = &power / (2 * n + 1);
        if alternating && n % 2 == 1 {
            taken += term;
        } else {
            added += term;
        }
    }
    added - taken
}
