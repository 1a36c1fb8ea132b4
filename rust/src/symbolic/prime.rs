//! Integers taken apart into primes, as far as small ones go.

use dashu_base::{BitTest, SquareRootRem};
use dashu_int::UBig;

use super::Failure;
use crate::budget::Budget;

/// Divisors tried: all numbers below 2^32 are taken apart, and a rest above has no factor below this.
const TRIED: u32 = 1 << 16;
/// Divisors tried on what does not fit into 64 bits.
const TRIED_ON_LARGE: u32 = 1 << 10;

/// The factors of `number`, which is not zero, in ascending order, and how often each occurs. One above 2^32 may be
/// composite.
pub(crate) fn factors(number: &UBig, budget: &Budget) -> Result<Vec<(UBig, u32)>, Failure> {
    let mut found = Vec::new();
    let mut rest = number.clone();
    for divisor in candidates(TRIED_ON_LARGE) {
        if rest.is_one() || u64::try_from(&rest).is_ok() {
            break;
        }
        budget.spend(4 + rest.bit_len() as u64 / 64)?;
        let mut count = 0;
        while &rest % divisor == 0 {
            budget.spend(8 + rest.bit_len() as u64 / 32)?;
            rest /= divisor;
            count += 1;
        }
        if count > 0 {
            found.push((UBig::from(divisor), count));
        }
    }
    if let Ok(small) = u64::try_from(&rest) {
        small_factors(small, 1, &mut found, budget)?;
    } else {
        let (base, count) = perfect_power(rest, budget)?;
        match u64::try_from(&base) {
            Ok(small) => small_factors(small, count, &mut found, budget)?,
            Err(_) => found.push((base, count)),
        }
    }
    found.sort();
    Ok(found)
}

fn candidates(end: u32) -> impl Iterator<Item = u32> {
    [2, 3, 5]
        .into_iter()
        .chain((7..end).step_by(30).flat_map(|base| [0, 4, 6, 10, 12, 16, 22, 24].map(|step| base + step)))
}

fn small_factors(mut rest: u64, times: u32, found: &mut Vec<(UBig, u32)>, budget: &Budget) -> Result<(), Failure> {
    for divisor in candidates(TRIED).map(u64::from) {
        if divisor * divisor > rest {
            break;
        }
        if divisor % 30 == 7 {
            budget.spend(2)?;
        }
        let mut count = 0;
        while rest.is_multiple_of(divisor) {
            rest /= divisor;
            count += 1;
        }
        if count > 0 {
            found.push((UBig::from(divisor), times * count));
        }
    }
    if rest > 1 {
        let (base, count) = perfect_power(UBig::from(rest), budget)?;
        found.push((base, times * count));
    }
    Ok(())
}

/// `number` as a power of the least number it is one of.
fn perfect_power(number: UBig, budget: &Budget) -> Result<(UBig, u32), Failure> {
    let limbs = number.bit_len() as u64 / 64 + 1;
    for degree in [2_u32, 3, 5, 7] {
        // No factor is below TRIED_ON_LARGE, so no higher power fits into few bits.
        if number.bit_len() < 10 * degree as usize {
            break;
        }
        budget.spend(50 + 4 * limbs * limbs)?;
        let (root, rest) = if degree == 2 { number.sqrt_rem() } else { (number.nth_root(degree as usize), UBig::ONE) };
        if rest.is_zero() || root.pow(degree as usize) == number {
            let (base, count) = perfect_power(root, budget)?;
            return Ok((base, count * degree));
        }
    }
    Ok((number, 1))
}

/// Whether a factor that was found is prime for certain.
pub(crate) fn is_surely_prime(factor: &UBig) -> bool {
    factor.bit_len() <= 32
}

#[cfg(test)]
mod tests {
    use super::{Failure, UBig, factors};
    use crate::budget::Budget;

    #[test]
    fn integers_fall_into_primes() -> Result<(), Failure> {
        for (number, expected) in [
            (1_u128, vec![]),
            (720, vec![(2, 4), (3, 2), (5, 1)]),
            (1_000_003, vec![(1_000_003, 1)]),
            (4_294_967_291 * 4_294_967_291, vec![(4_294_967_291, 2)]),
            (2_u128.pow(90) * 49, vec![(2, 90), (7, 2)]),
            (1_000_003 * 1_000_033, vec![(1_000_003 * 1_000_033, 1)]),
        ] {
            let found = factors(&UBig::from(number), &Budget::for_one_check())?;
            let expected: Vec<_> =
                expected.into_iter().map(|(prime, count): (u128, u32)| (UBig::from(prime), count)).collect();
            assert_eq!(found, expected, "{number}");
        }
        Ok(())
    }
}
