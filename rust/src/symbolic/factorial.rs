//! Factorials and binomial coefficients: of numbers exactly, of n + 3 by those of n.

use dashu_int::IBig;

use super::Failure;
use super::atom::{Atom, Context};
use super::fraction::Fraction;
use super::polynomial::{MAX_COEFFICIENT_BITS, Polynomial};
use crate::number::rational::Rational;

/// Steps by which an argument is shifted: (n + 50)! is written by n!.
const MAX_SHIFT: i64 = 50;
/// Factors a number's factorial or binomial coefficient may have.
const MAX_FACTORS: u64 = 4_000;

impl Context<'_> {
    /// of!
    pub(crate) fn factorial(&mut self, of: &Fraction) -> Result<Fraction, Failure> {
        if let Some(number) = of.as_number() {
            let number = number.to_i64().filter(|number| *number >= 0).ok_or(Failure::Undefined)?;
            return self.rising(1, number).map(Fraction::from);
        }
        let shift = of.as_polynomial().and_then(|polynomial| polynomial.constant_term().to_i64()).unwrap_or(0);
        if shift.abs() > MAX_SHIFT {
            let id = self.intern(Atom::Function("factorial".to_owned(), vec![of.clone()]))?;
            return Ok(Polynomial::atom(id).into());
        }
        let base = self.subtract(of, &Fraction::whole(shift))?;
        let id = self.intern(Atom::Function("factorial".to_owned(), vec![base.clone()]))?;
        let mut result = Fraction::from(Polynomial::atom(id));
        // (n + 2)! = (n + 1)(n + 2) n!, and (n - 2)! = n! / (n - 1) n
        for step in if shift > 0 { 1..=shift } else { shift + 1..=0 } {
            let factor = self.add(&base, &Fraction::whole(step))?;
            result = if shift > 0 { self.multiply(&result, &factor)? } else { self.divide(&result, &factor)? };
        }
        Ok(result)
    }

    /// `upper` over `lower`.
    pub(crate) fn binomial(&mut self, upper: &Fraction, lower: &Fraction) -> Result<Fraction, Failure> {
        if let (Some(upper), Some(lower)) = (upper.as_number(), lower.as_number())
            && let (Some(upper), Some(lower)) = (upper.to_i64(), lower.to_i64())
            && upper >= 0
        {
            if lower < 0 || lower > upper {
                return Ok(Fraction::whole(0));
            }
            let lower = lower.min(upper - lower);
            let (above, below) = (self.rising(upper - lower + 1, upper)?, self.rising(1, lower)?);
            return above.over(&below).map(Fraction::from).ok_or(Failure::Undefined);
        }
        let count =
            lower.as_number().and_then(|number| number.to_i64()).filter(|count| (0..=MAX_SHIFT).contains(count));
        if let Some(count) = count {
            let mut result = self.rising(1, count).map(|number| Rational::from(1).over(&number))?;
            let mut product = Fraction::from(result.take().ok_or(Failure::Undefined)?);
            for step in 0..count {
                let factor = self.subtract(upper, &Fraction::whole(step))?;
                product = self.multiply(&product, &factor)?;
            }
            return Ok(product);
        }
        let rest = self.subtract(upper, lower)?;
        let (above, chosen, left) = (self.factorial(upper)?, self.factorial(lower)?, self.factorial(&rest)?);
        let below = self.multiply(&chosen, &left)?;
        self.divide(&above, &below)
    }

    /// first · (first + 1) · … · last, by halves.
    fn rising(&self, first: i64, last: i64) -> Result<Rational, Failure> {
        let factors = last.saturating_sub(first);
        let factors = factors.max(0).unsigned_abs();
        let bits = factors.saturating_mul(u64::from(64 - last.leading_zeros()));
        if factors >= MAX_FACTORS || bits > 2 * MAX_COEFFICIENT_BITS as u64 {
            return Err(Failure::TooLarge);
        }
        let limbs = bits / 64 + 1;
        self.budget.spend(limbs * limbs / 4 + 8 * factors)?;
        Ok(Rational::from(product(first, last)))
    }
}

fn product(first: i64, last: i64) -> IBig {
    if last - first < 8 {
        return (first..=last).map(IBig::from).product();
    }
    let middle = first + (last - first) / 2;
    product(first, middle) * product(middle + 1, last)
}
