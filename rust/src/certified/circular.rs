//! Sine, cosine and arctangent of real balls. See `exponential` for how series are summed.

use dashu_int::IBig;

use super::Failure;
use super::constants::{MOST_BITS, pi};
use super::exponential::halvings;
use super::magnitude::Magnitude;
use super::real::{Precision, Real};
use crate::budget::OverBudget;

/// The sine and the cosine of this angle.
///
/// # Errors
/// The angle is too large or not known to within one; over budget.
pub fn sin_cos(angle: &Real, to: Precision<'_>) -> Result<(Real, Real), Failure> {
    if angle.is_exactly_zero() {
        return Ok((Real::zero(), Real::integer(1)));
    }
    if !angle.radius().is_below_power_of_two(0) {
        return Err(Failure::NotEnough);
    }
    let (sin, cos) = sin_cos_of_exact(&angle.midpoint(), to)?;
    Ok((sin.widened(angle.radius()), cos.widened(angle.radius()))) // neither slope is beyond one
}

fn sin_cos_of_exact(angle: &Real, to: Precision<'_>) -> Result<(Real, Real), Failure> {
    let top = angle.magnitude().top().unwrap_or(0).max(0);
    if top > MOST_BITS / 2 {
        return Err(Failure::OverBudget);
    }
    let halved = halvings(to);
    let inner = to.finer(halved + 12);
    // angle = k π/2 + t
    let finer = inner.finer(top);
    let quarter = pi(finer)?.scaled(-1);
    let quarters = angle.over(&quarter, finer)?.nearest_integer()?;
    let rest = if quarters.is_zero() {
        angle.clone()
    } else {
        let whole = Real::of(quarters.clone(), 0, Magnitude::ZERO, finer)?;
        angle.minus(&quarter.times(&whole, finer)?, finer)?
    };
    let (sin, cos) = series(&rest.scaled(-halved), halved, inner)?;
    let turned = i64::try_from(((quarters % IBig::from(4)) + IBig::from(4)) % IBig::from(4)).unwrap_or(0);
    Ok(match turned {
        0 => (sin, cos),
        1 => (cos, sin.negated()),
        2 => (sin.negated(), cos.negated()),
        _ => (cos.negated(), sin),
    })
}

/// Sine and cosine of `small · 2^doublings`.
fn series(small: &Real, doublings: i64, to: Precision<'_>) -> Result<(Real, Real), OverBudget> {
    let (mantissa, exponent) = small.parts();
    let small = &Real::of(mantissa.clone(), exponent, small.radius(), to)?;
    let mut sums = [Real::integer(1), small.clone()]; // cosine, sine
    let mut term = small.clone();
    let end = small.magnitude().top().unwrap_or(0) - to.bits;
    for n in 2_i64.. {
        term = term.times(small, to)?.over(&Real::integer(n), to).map_err(|_| OverBudget)?;
        let signed = if n % 4 >= 2 { term.clone().negated() } else { term.clone() };
        let sum = &mut sums[usize::from(n % 2 == 1)];
        *sum = sum.plus(&signed, to)?;
        if term.magnitude().is_below_power_of_two(end) {
            break; // every further term is less than half of the one before
        }
    }
    let [cos, sin] = sums;
    let (mut cos, mut sin) = (cos.widened(term.magnitude()), sin.widened(term.magnitude()));
    for _ in 0..doublings {
        let doubled = sin.times(&cos, to)?.scaled(1);
        cos = cos.plus(&sin, to)?.times(&cos.minus(&sin, to)?, to)?;
        sin = doubled;
    }
    Ok((sin, cos))
}

/// The angle between -π/2 and π/2 whose tangent this is.
///
/// # Errors
/// Over budget.
pub fn arctan(tangent: &Real, to: Precision<'_>) -> Result<Real, Failure> {
    if tangent.is_exactly_zero() {
        return Ok(Real::zero());
    }
    let midpoint = arctan_of_exact(&tangent.midpoint(), to)?;
    Ok(midpoint.widened(tangent.radius())) // the slope is at most one
}

fn arctan_of_exact(tangent: &Real, to: Precision<'_>) -> Result<Real, Failure> {
    let inner = to.finer(halvings(to) + 12);
    let one = Real::integer(1);
    let magnitude = tangent.magnitude();
    if magnitude.is_zero() {
        return Ok(Real::zero());
    }
    if magnitude.is_below_power_of_two(1) {
        return arctan_near_zero(tangent, inner);
    }
    // arctan x = ±π/2 - arctan(1/x)
    let rest = arctan_near_zero(&one.over(tangent, inner)?, inner)?;
    let quarter = pi(inner)?.scaled(-1);
    let quarter = if *tangent.parts().0 < IBig::ZERO { quarter.negated() } else { quarter };
    Ok(quarter.minus(&rest, to)?)
}

/// Of a tangent below two.
fn arctan_near_zero(tangent: &Real, to: Precision<'_>) -> Result<Real, Failure> {
    // arctan x = 2 arctan(x / (1 + √(1 + x²)))
    let one = Real::integer(1);
    let wanted = halvings(to) / 2;
    let mut small = tangent.clone();
    let mut halved = 0;
    while small.magnitude().top().is_some_and(|top| top > -wanted) {
        let hypotenuse = small.times(&small, to)?.plus(&one, to)?.root(2, to)?;
        small = small.over(&hypotenuse.plus(&one, to)?, to)?;
        halved += 1;
    }
    let square = small.times(&small, to)?.negated();
    let mut sum = small.clone();
    let mut power = small.clone();
    let end = small.magnitude().top().unwrap_or(0) - to.bits;
    for n in 1_i64.. {
        power = power.times(&square, to)?;
        let term = power.over(&Real::integer(2 * n + 1), to)?;
        sum = sum.plus(&term, to)?;
        if term.magnitude().is_below_power_of_two(end) {
            sum = sum.widened(term.magnitude()); // every further term is less than half of the one before
            break;
        }
    }
    Ok(sum.scaled(halved))
}
