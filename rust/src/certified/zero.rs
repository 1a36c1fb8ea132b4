//! Whether a value is zero: more and more digits, until it is not, or until it is too small for anything but zero.

use super::evaluate::{Evaluation, Value};
use super::separation::separation;
use super::{Failure, Point, Zero};
use crate::budget::Budget;
use crate::expression::Expression;

/// Bits that are tried first.
const FIRST_BITS: i64 = 64;

/// The most bits that are tried where no separation bound is within reach.
const MOST_BITS_UNBOUNDED: i64 = 2_048;

/// The most bits that are tried at all.
const MOST_BITS: i64 = 7_000;

/// Whether `expression` is zero at `point`.
///
/// # Errors
/// It has no value there, none that is supported, or takes more work than is left.
pub fn zero_test(expression: &Expression, point: &Point, budget: &Budget) -> Result<Zero, Failure> {
    let mut bits = FIRST_BITS;
    let mut separated: Option<Option<i64>> = None;
    loop {
        let evaluation = Evaluation::new(point, bits, budget);
        let mut wanted = bits * 4;
        match evaluation.value(expression) {
            Ok(Value::Exact(exact)) => {
                let sign = (!exact.i).then(|| exact.factor.cmp(&0.into()));
                return Ok(if exact.is_zero() { Zero::Yes } else { Zero::No { sign } });
            }
            Ok(Value::Ball(ball)) if ball.excludes_zero() => return Ok(Zero::No { sign: ball.sign() }),
            Ok(Value::Ball(ball)) => {
                let bound = match separated {
                    Some(bound) => bound,
                    None => separation(expression, point, budget)?.map(|k| i64::try_from(k).unwrap_or(i64::MAX)),
                };
                separated = Some(bound);
                if let Some(bound) = bound {
                    if ball.magnitude().is_below_power_of_two(-bound) {
                        return Ok(Zero::Yes);
                    }
                    // As many bits as the radius is still too large by.
                    let missing = bound.saturating_add(ball.radius().top().unwrap_or(0)).saturating_add(8);
                    wanted = wanted.min(bits.saturating_add(missing.max(16)));
                }
            }
            Err(Failure::NotEnough) => {}
            Err(failure) => return Err(failure),
        }
        let within_reach = matches!(separated, Some(Some(bound)) if bound < MOST_BITS);
        let most = if within_reach { MOST_BITS } else { MOST_BITS_UNBOUNDED };
        if bits >= most {
            return Ok(Zero::Unknown);
        }
        bits = wanted.min(most);
    }
}
