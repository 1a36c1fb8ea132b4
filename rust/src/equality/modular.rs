//! Rational functions at points modulo primes of 61 bits: values that differ prove them different, values that agree
//! at enough of them prove them equal but for a chance below 2^-100. Nothing is expanded, so size does not matter.

use dashu_base::{Gcd, UnsignedAbs};
use dashu_int::UBig;

use crate::budget::{Budget, OverBudget};
use crate::expression::Expression;
use crate::number::rational::Rational;

/// A prime of 61 bits.
const MERSENNE: u64 = (1 << 61) - 1;
/// Points, each with a prime of its own, at which equal functions are looked at.
const TRIALS: usize = 6;
/// The size two functions may have to be shown equal; see [`agree`].
const MAX_SIZE: u64 = 1 << 34;

/// Whether two rational functions with rational coefficients differ for certain.
///
/// # Errors
/// It takes more than the budget.
pub(super) fn differ(one: &Expression, other: &Expression, budget: &Budget) -> Result<bool, OverBudget> {
    let field = Field { prime: MERSENNE, seed: 0x9E37_79B9_7F4A_7C15, budget };
    let (Ok(one), Ok(other)) = (field.value(one)?, field.value(other)?) else { return Ok(false) };
    // Equal functions are equal modulo a prime wherever both have a value there.
    Ok(one != other)
}

/// Whether two rational functions agree at several random points modulo random primes.
///
/// The numerator of their difference, with integer coefficients, has a degree and logarithms of coefficients of at
/// most `MAX_SIZE` = 2^34. If it is not zero, one trial misses that for at most 2^34 / 60 of the 2^54 primes with 61
/// bits (they divide a coefficient), or at 2^34 of 2^60 points (Schwartz and Zippel): a chance below 2^-25, and
/// 2^-150 for six trials.
///
/// # Errors
/// It takes more than the budget.
pub(super) fn agree(one: &Expression, other: &Expression, budget: &Budget) -> Result<bool, OverBudget> {
    if size(one).saturating_add(size(other)) > MAX_SIZE {
        return Ok(false);
    }
    let mut seed = mixed(fingerprint(one, 1), fingerprint(other, 2));
    let mut agreed = 0;
    for _ in 0..2 * TRIALS {
        seed = mixed(seed, 0x9E37_79B9_7F4A_7C15);
        let field = Field { prime: prime_after(seed, budget)?, seed: mixed(seed, 3), budget };
        match (field.value(one)?, field.value(other)?) {
            (Ok(one), Ok(other)) if one == other => agreed += 1,
            (Err(Nothing::Pole), _) | (_, Err(Nothing::Pole)) => {}
            _ => return Ok(false),
        }
        if agreed == TRIALS {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Why an expression has no value in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nothing {
    /// A division by zero.
    Pole,
    /// It is no rational function.
    Foreign,
}

/// The integers modulo a prime, and the values variables have there.
struct Field<'b> {
    prime: u64,
    seed: u64,
    budget: &'b Budget,
}

impl Field<'_> {
    fn value(&self, expression: &Expression) -> Result<Result<u64, Nothing>, OverBudget> {
        self.budget.spend(2)?;
        Ok(match expression {
            Expression::Number(number) => self.number(number)?,
            Expression::Variable(name) => Ok(mixed_text(self.seed, name) % self.prime),
            Expression::Sum(terms) => {
                let mut sum = 0;
                for term in terms {
                    match self.value(term)? {
                        Ok(term) => sum = (sum + term) % self.prime,
                        nothing => return Ok(nothing),
                    }
                }
                Ok(sum)
            }
            Expression::Product(factors) => {
                let mut product = 1;
                for factor in factors {
                    match self.value(factor)? {
                        Ok(factor) => product = self.times(product, factor),
                        nothing => return Ok(nothing),
                    }
                }
                Ok(product)
            }
            Expression::Quotient(above, below) => match (self.value(above)?, self.value(below)?) {
                (Ok(above), Ok(below)) => self.inverse(below)?.map(|inverse| self.times(above, inverse)),
                (Err(nothing), _) | (_, Err(nothing)) => Err(nothing),
            },
            Expression::Power(base, exponent) => match (whole(exponent), self.value(base)?) {
                (Some(exponent), Ok(base)) => self.power(base, exponent)?,
                (None, _) => Err(Nothing::Foreign),
                (_, nothing) => nothing,
            },
            _ => Err(Nothing::Foreign),
        })
    }

    fn number(&self, number: &Rational) -> Result<Result<u64, Nothing>, OverBudget> {
        self.budget.spend(4 + number.bits() as u64 / 32)?;
        let size = &number.numerator().unsigned_abs() % self.prime;
        let above = if number.is_negative() { (self.prime - size) % self.prime } else { size };
        let below = number.denominator() % self.prime;
        if below == 1 {
            return Ok(Ok(above));
        }
        Ok(self.inverse(below)?.map(|inverse| self.times(above, inverse)))
    }

    fn power(&self, base: u64, exponent: i64) -> Result<Result<u64, Nothing>, OverBudget> {
        if base == 0 && exponent <= 0 {
            return Ok(Err(Nothing::Pole));
        }
        self.budget.spend(30)?;
        let size = power(base, exponent.unsigned_abs(), self.prime);
        if exponent < 0 { self.inverse(size) } else { Ok(Ok(size)) }
    }

    fn inverse(&self, value: u64) -> Result<Result<u64, Nothing>, OverBudget> {
        self.budget.spend(60)?;
        Ok(if value == 0 { Err(Nothing::Pole) } else { Ok(power(value, self.prime - 2, self.prime)) })
    }

    fn times(&self, one: u64, other: u64) -> u64 {
        times(one, other, self.prime)
    }
}

/// A whole exponent: a number, or a tower of numbers that is not too high.
fn whole(exponent: &Expression) -> Option<i64> {
    match exponent {
        Expression::Number(number) => number.to_i64(),
        Expression::Power(base, exponent) => {
            let (base, exponent) = (whole(base)?, u32::try_from(whole(exponent)?).ok()?);
            if base == 0 && exponent == 0 { None } else { base.checked_pow(exponent) }
        }
        Expression::Product(all) => all.iter().try_fold(1_i64, |product, next| product.checked_mul(whole(next)?)),
        _ => None,
    }
}

/// A bound on the degree, and on the bits of the coefficients, of numerator and denominator.
fn size(expression: &Expression) -> u64 {
    match expression {
        Expression::Number(number) => 2 * number.bits() as u64 + 2,
        Expression::Power(base, exponent) => {
            let Some(exponent) = whole(exponent) else { return u64::MAX };
            size(base).saturating_add(1).saturating_mul(exponent.unsigned_abs().max(1))
        }
        _ => {
            let children = expression.children();
            // A common denominator multiplies every numerator, and a sum of n terms has log n more bits.
            children.iter().map(|child| size(child)).fold(2, |sum, size| sum.saturating_add(size).saturating_add(1))
        }
    }
}

fn fingerprint(expression: &Expression, seed: u64) -> u64 {
    let own = match expression {
        Expression::Number(number) => {
            let above = &number.numerator().unsigned_abs() % MERSENNE;
            mixed(above, number.denominator() % MERSENNE)
        }
        Expression::Variable(name) => mixed_text(seed, name),
        Expression::Sum(_) => 1,
        Expression::Product(_) => 2,
        Expression::Quotient(..) => 3,
        _ => 4,
    };
    expression.children().into_iter().fold(mixed(seed, own), |seed, child| fingerprint(child, seed))
}

/// One number out of two, spread over all 64 bits.
fn mixed(one: u64, other: u64) -> u64 {
    let mut mix = one.rotate_left(23) ^ other.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mix = (mix ^ (mix >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mix = (mix ^ (mix >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mix ^ (mix >> 31)
}

fn mixed_text(seed: u64, text: &str) -> u64 {
    text.bytes().fold(mixed(seed, 7), |seed, byte| mixed(seed, u64::from(byte)))
}

fn times(one: u64, other: u64, prime: u64) -> u64 {
    let product = u128::from(one) * u128::from(other) % u128::from(prime);
    u64::try_from(product).unwrap_or(0)
}

fn power(base: u64, exponent: u64, prime: u64) -> u64 {
    let (mut result, mut square, mut left) = (1, base % prime, exponent);
    while left > 0 {
        if left % 2 == 1 {
            result = times(result, square, prime);
        }
        square = times(square, square, prime);
        left /= 2;
    }
    result
}

/// The first prime from a number of 61 bits made of `seed` on.
fn prime_after(seed: u64, budget: &Budget) -> Result<u64, OverBudget> {
    let mut candidate = (1 << 60) | (seed >> 4) | 1;
    loop {
        budget.spend(6)?;
        // The product of the primes from 3 to 53.
        let small = UBig::from(candidate).gcd(&UBig::from(16_294_579_238_595_022_365_u64));
        if small.is_one() {
            budget.spend(200)?;
            if is_prime(candidate) {
                return Ok(candidate);
            }
        }
        candidate += 2;
    }
}

/// Miller and Rabin's test with the bases that decide for all numbers of 64 bits.
fn is_prime(candidate: u64) -> bool {
    let shift = (candidate - 1).trailing_zeros();
    let odd = (candidate - 1) >> shift;
    [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37].into_iter().all(|base| {
        let mut value = power(base, odd, candidate);
        if value == 1 || value == candidate - 1 {
            return true;
        }
        (1..shift).any(|_| {
            value = times(value, value, candidate);
            value == candidate - 1
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{MERSENNE, is_prime, power};

    #[test]
    fn primes_are_told_from_other_numbers() {
        assert!(is_prime(MERSENNE) && is_prime(1_000_000_007));
        assert!(!is_prime(MERSENNE - 2) && !is_prime(1_000_000_007 * 1_000_000_009));
        assert_eq!(power(3, MERSENNE - 1, MERSENNE), 1);
    }
}
