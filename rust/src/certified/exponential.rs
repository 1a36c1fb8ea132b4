//! e^x and ln x of real balls. A series is summed in balls, so that its rounding is accounted for; what is left out of it
//! is added by hand.

use std::cmp::Ordering;

use super::Failure;
use super::constants::ln_2;
use super::magnitude::{length, shifted};
use super::real::{MAX_EXPONENT, Precision, Real};
use crate::budget::OverBudget;

/// How often an argument is halved before its series, so that halving and summing cost about the same.
pub(super) fn halvings(to: Precision<'_>) -> i64 {
    to.bits.max(1).isqrt() / 2 + 2
}

/// A number of at most 40 bits times 2¹⁶, roughly.
pub(super) fn rough(value: &Real) -> Result<i64, OverBudget> {
    let (mantissa, exponent) = value.parts();
    if value.magnitude().top().is_some_and(|top| top > 40) {
        return Err(OverBudget);
    }
    i64::try_from(shifted(mantissa, exponent + 16)).map_err(|_| OverBudget)
}

/// e to this power.
///
/// # Errors
/// The power is not known to within one half; it or the result is too large; over budget.
pub fn exp(power: &Real, to: Precision<'_>) -> Result<Real, Failure> {
    if power.is_exactly_zero() {
        return Ok(Real::integer(1));
    }
    if power.sign().is_some() && power.midpoint().magnitude().top().is_some_and(|top| top > 41) {
        return Err(Failure::OverBudget); // however well the power is known
    }
    if !power.radius().is_below_power_of_two(-1) {
        return Err(Failure::NotEnough);
    }
    let midpoint = exp_of_exact(&power.midpoint(), to)?;
    // |e^δ - 1| <= 2 |δ| for |δ| <= 1
    let error = midpoint.magnitude().times(power.radius().scaled(1));
    Ok(midpoint.widened(error))
}

fn exp_of_exact(power: &Real, to: Precision<'_>) -> Result<Real, OverBudget> {
    // e^x = 2^k (e^t)^(2^s) with x = k ln 2 + 2^s t
    let twos = (rough(power)? + (1 << 14)) / 45_426; // ln 2 · 2¹⁶
    if twos.abs() > MAX_EXPONENT {
        return Err(OverBudget);
    }
    let halved = halvings(to);
    let inner = to.finer(halved + 12);
    let mut rest = power.clone();
    if twos != 0 {
        let finer = inner.finer(42);
        rest = power.minus(&ln_2(finer)?.times(&Real::integer(twos), finer)?, finer)?;
    }
    let small = rest.scaled(-halved);
    let error = small.radius();
    let small = Real::of(small.parts().0.clone(), small.parts().1, error, inner)?;
    let mut sum = Real::integer(1).plus(&small, inner)?;
    let mut term = small.clone();
    for n in 2_i64.. {
        term = term.times(&small, inner)?.over(&Real::integer(n), inner).map_err(|_| OverBudget)?;
        sum = sum.plus(&term, inner)?;
        if term.magnitude().is_below_power_of_two(-inner.bits) {
            break; // every further term is less than half of the one before
        }
    }
    sum = sum.widened(term.magnitude());
    for _ in 0..halved {
        sum = sum.times(&sum, inner)?;
    }
    let sum = sum.scaled(twos);
    Real::of(sum.parts().0.clone(), sum.parts().1, sum.radius(), to)
}

/// The natural logarithm of a number above zero.
///
/// # Errors
/// The number may be zero or less; over budget.
pub fn ln(value: &Real, to: Precision<'_>) -> Result<Real, Failure> {
    if *value == Real::integer(1) {
        return Ok(Real::zero());
    }
    if value.is_exactly_zero() {
        return Err(Failure::Undefined);
    }
    // |ln(x + δ) - ln x| <= |δ| / (x - |δ|), which is known only where |δ| is at most half of x.
    let relative = Real::around_zero(value.radius()).over(value, to)?;
    if value.sign() != Some(Ordering::Greater) {
        return Err(Failure::NotEnough);
    }
    let midpoint = ln_of_exact(&value.midpoint(), to)?;
    Ok(midpoint.widened(relative.magnitude()))
}

fn ln_of_exact(value: &Real, to: Precision<'_>) -> Result<Real, Failure> {
    // ln x = k ln 2 + ln y = k ln 2 + 2^(s+1) artanh((z - 1) / (z + 1)), z the s-th square root of y
    let (mantissa, exponent) = value.parts();
    let leading = shifted(mantissa, 8 - length(mantissa)); // 8 bits, 128 to 255
    let twos = exponent + length(mantissa) - i64::from(leading < 181.into()); // y between 0.7 and 1.42
    let reduced = value.clone().scaled(-twos);
    let one = Real::integer(1);
    let distance = reduced.minus(&one, to.finer(length(mantissa).min(to.bits)))?;
    if distance.is_exactly_zero() {
        return Ok(ln_2(to)?.times(&Real::integer(twos), to)?);
    }
    // Near one the leading bits cancel.
    let cancelled = if twos == 0 { -distance.magnitude().top().unwrap_or(0).clamp(-to.bits, 0) } else { 0 };
    let halved = halvings(to);
    let inner = to.finer(2 * halved + 10 + cancelled);
    let mut root = reduced;
    for _ in 0..halved {
        root = root.root(2, inner)?;
    }
    let small = root.minus(&one, inner)?.over(&root.plus(&one, inner)?, inner)?;
    let mut sum = small.clone();
    let mut power = small.clone();
    let square = small.times(&small, inner)?;
    let end = small.magnitude().top().unwrap_or(0) - inner.bits;
    for n in 1_i64.. {
        power = power.times(&square, inner)?;
        let term = power.over(&Real::integer(2 * n + 1), inner)?;
        sum = sum.plus(&term, inner)?;
        if term.magnitude().is_below_power_of_two(end) {
            sum = sum.widened(term.magnitude()); // every further term is less than half of the one before
            break;
        }
    }
    let sum = sum.scaled(halved + 1);
    if twos == 0 {
        return Ok(sum);
    }
    let finer = to.finer(44);
    Ok(ln_2(finer)?.times(&Real::integer(twos), finer)?.plus(&sum, to)?)
}
