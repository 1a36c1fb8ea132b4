//! A polynomial over a product of polynomials, and its arithmetic.

use super::Failure;
use super::atom::{Atom, Context};
use super::exponent::Exponent;
use super::monomial::Monomial;
use super::polynomial::Polynomial;
use crate::number::rational::Rational;

/// Polynomials with how often each is a factor, in ascending order. Each is led by the coefficient one, has no common
/// monomial and more than one term.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Factors(pub(crate) Vec<(Polynomial, u32)>);

impl Factors {
    pub(crate) fn is_one(&self) -> bool {
        self.0.is_empty()
    }

    fn count(&self, polynomial: &Polynomial) -> u32 {
        self.0.iter().find(|factor| factor.0 == *polynomial).map_or(0, |factor| factor.1)
    }

    fn set(&mut self, polynomial: &Polynomial, count: u32) {
        match self.0.binary_search_by(|factor| factor.0.cmp(polynomial)) {
            Ok(at) if count == 0 => {
                self.0.remove(at);
            }
            Ok(at) => self.0[at].1 = count,
            Err(at) if count > 0 => self.0.insert(at, (polynomial.clone(), count)),
            Err(_) => {}
        }
    }

    /// Divides by one `polynomial`, which is a factor.
    pub(crate) fn remove(&mut self, polynomial: &Polynomial) {
        self.set(polynomial, self.count(polynomial).saturating_sub(1));
    }

    /// Multiplies by `polynomial` so often.
    pub(crate) fn add(&mut self, polynomial: &Polynomial, count: u32) -> Result<(), Failure> {
        let sum = self.count(polynomial).checked_add(count).ok_or(Failure::TooLarge)?;
        self.set(polynomial, sum);
        Ok(())
    }
}

/// `above / below`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fraction {
    pub(crate) above: Polynomial,
    pub(crate) below: Factors,
}

impl From<Polynomial> for Fraction {
    fn from(above: Polynomial) -> Self {
        Self { above, below: Factors::default() }
    }
}

impl From<Rational> for Fraction {
    fn from(number: Rational) -> Self {
        Polynomial::constant(number).into()
    }
}

impl Fraction {
    pub(crate) fn one() -> Self {
        Polynomial::one().into()
    }

    pub(crate) fn whole(number: i64) -> Self {
        Rational::from(number).into()
    }

    /// The rational number this is.
    pub(crate) fn as_number(&self) -> Option<Rational> {
        if self.below.is_one() || self.above.is_zero() { self.above.as_number() } else { None }
    }

    /// The polynomial this is.
    pub(crate) fn as_polynomial(&self) -> Option<&Polynomial> {
        self.below.is_one().then_some(&self.above)
    }

    pub(crate) fn negated(&self) -> Self {
        Self { above: self.above.negated(), below: self.below.clone() }
    }
}

/// A polynomial as number times monomial times one that is led by one and has no common monomial.
pub(crate) struct Parts {
    pub(crate) number: Rational,
    pub(crate) monomial: Monomial,
    pub(crate) rest: Polynomial,
}

impl Context<'_> {
    /// Takes out of a polynomial, which is not zero, what all its terms share.
    pub(crate) fn parts(&self, polynomial: &Polynomial) -> Result<Parts, Failure> {
        let monomial = polynomial.common_monomial(|_| true);
        let lead = polynomial.terms().first().map_or_else(|| Rational::from(1), |term| term.1.clone());
        let scale = Rational::from(1).over(&lead).ok_or(Failure::Undefined)?;
        let inverse = monomial.to_power(Exponent::whole(-1))?;
        let rest = polynomial.times_term(&(inverse, scale), self.budget)?;
        Ok(Parts { number: lead, monomial, rest })
    }

    pub(crate) fn add(&mut self, one: &Fraction, other: &Fraction) -> Result<Fraction, Failure> {
        if one.below == other.below {
            return Ok(Fraction { above: one.above.plus(&other.above, self.budget)?, below: one.below.clone() });
        }
        let below = self.common_multiple(&one.below, &other.below)?;
        let above = self.lifted(one, &below)?.plus(&self.lifted(other, &below)?, self.budget)?;
        Ok(Fraction { above, below })
    }

    pub(crate) fn subtract(&mut self, one: &Fraction, other: &Fraction) -> Result<Fraction, Failure> {
        self.add(one, &other.negated())
    }

    fn common_multiple(&self, one: &Factors, other: &Factors) -> Result<Factors, Failure> {
        self.budget.spend((one.0.len() + other.0.len()) as u64 * 20 + 10)?;
        let mut below = one.clone();
        for (polynomial, count) in &other.0 {
            if below.count(polynomial) < *count {
                below.set(polynomial, *count);
            }
        }
        Ok(below)
    }

    /// What stands above `below`, a multiple of the fraction's own.
    fn lifted(&mut self, fraction: &Fraction, below: &Factors) -> Result<Polynomial, Failure> {
        let mut above = fraction.above.clone();
        for (polynomial, count) in &below.0 {
            for _ in fraction.below.count(polynomial)..*count {
                above = self.product(&above, polynomial)?;
            }
        }
        Ok(above)
    }

    pub(crate) fn multiply(&mut self, one: &Fraction, other: &Fraction) -> Result<Fraction, Failure> {
        if one.above.is_one() && one.below.is_one() {
            return Ok(other.clone());
        }
        let (mut left, mut right) = (one.clone(), other.clone());
        self.cancel(&mut left, &mut right)?;
        self.cancel(&mut right, &mut left)?;
        let above = self.product(&left.above, &right.above)?;
        let mut below = left.below;
        for (polynomial, count) in &right.below.0 {
            self.budget.spend(20)?;
            below.add(polynomial, *count)?;
        }
        Ok(Fraction { above, below })
    }

    /// Cancels a factor below one fraction that is all there is above the other.
    fn cancel(&mut self, one: &mut Fraction, other: &mut Fraction) -> Result<(), Failure> {
        if other.below.is_one() || one.above.terms().len() < 2 {
            return Ok(());
        }
        self.budget.spend(20 * other.below.0.len() as u64)?;
        let found = other.below.0.iter().find_map(|factor| Some((factor.clone(), one.above.ratio(&factor.0)?)));
        if let Some(((polynomial, count), ratio)) = found {
            other.below.set(&polynomial, count - 1);
            one.above = Polynomial::constant(ratio);
        }
        Ok(())
    }

    /// `1 / fraction`.
    pub(crate) fn invert(&mut self, fraction: &Fraction) -> Result<Fraction, Failure> {
        let mut inverse = self.polynomial_inverse(&fraction.above)?;
        for (polynomial, count) in &fraction.below.0 {
            for _ in 0..*count {
                inverse = self.multiply(&inverse, &polynomial.clone().into())?;
            }
        }
        Ok(inverse)
    }

    pub(crate) fn divide(&mut self, one: &Fraction, other: &Fraction) -> Result<Fraction, Failure> {
        if one.above.terms().len() > 1 && one.below == other.below {
            // (a/c) / (b/c), and the common case of one polynomial over its own multiple.
            if let Some(ratio) = one.above.ratio(&other.above) {
                return Ok(ratio.into());
            }
        }
        let inverse = self.invert(other)?;
        self.multiply(one, &inverse)
    }

    /// `1 / polynomial`.
    fn polynomial_inverse(&mut self, polynomial: &Polynomial) -> Result<Fraction, Failure> {
        if polynomial.is_zero() {
            return Err(Failure::Undefined);
        }
        let (multiple, polynomial) = self.rationalized(polynomial)?;
        let parts = self.parts(&polynomial)?;
        let number = Rational::from(1).over(&parts.number).ok_or(Failure::Undefined)?;
        let mut inverse = Fraction::from(multiple.scaled(&number, self.budget)?);
        for (atom, power) in parts.monomial.factors() {
            let (next, over) = match self.atom(*atom) {
                // 1/√P = √P / P
                Atom::Base(base) => (power.negated().plus(Exponent::ONE)?, Some(base.clone())),
                _ => (power.negated(), None),
            };
            let term = Polynomial::term(Monomial::of(*atom, next), Rational::from(1));
            inverse.above = self.product(&inverse.above, &term)?;
            if let Some(base) = over {
                let below = self.polynomial_inverse(&base)?;
                inverse = self.multiply(&inverse, &below)?;
            }
        }
        if !parts.rest.is_one() {
            let below = Factors(vec![(parts.rest, 1)]);
            inverse = self.multiply(&inverse, &Fraction { above: Polynomial::one(), below })?;
        }
        Ok(inverse)
    }

    /// A polynomial by which to multiply, and the product: free of i and of square roots of primes where the
    /// polynomial is made of these and numbers alone.
    fn rationalized(&mut self, polynomial: &Polynomial) -> Result<(Polynomial, Polynomial), Failure> {
        let (mut multiple, mut rest) = (Polynomial::one(), polynomial.clone());
        if rest.terms().len() < 2 || rest.terms().len() > 16 {
            return Ok((multiple, rest));
        }
        for _ in 0..5 {
            let square_root = |context: &Self, monomial: &Monomial| {
                monomial.factors().iter().all(|(atom, power)| match context.atom(*atom) {
                    Atom::Imaginary => true,
                    Atom::Prime(_) => power.below() == 2,
                    _ => false,
                })
            };
            if !rest.terms().iter().all(|term| square_root(self, &term.0)) {
                return Ok((Polynomial::one(), polynomial.clone()));
            }
            let Some(atom) = rest.atoms().max() else { break };
            let conjugate = rest.terms().iter().map(|(monomial, number)| {
                let odd = !monomial.power_of(atom).is_zero();
                (monomial.clone(), if odd { number.clone().negated() } else { number.clone() })
            });
            let conjugate = Polynomial::from_map(conjugate.collect());
            rest = self.product(&rest, &conjugate)?;
            multiple = self.product(&multiple, &conjugate)?;
        }
        Ok(if rest.as_number().is_some() { (multiple, rest) } else { (Polynomial::one(), polynomial.clone()) })
    }

    /// `fraction` to a whole power.
    pub(crate) fn whole_power(&mut self, fraction: &Fraction, power: i64) -> Result<Fraction, Failure> {
        if power < 0 {
            let inverse = self.invert(fraction)?;
            return self.whole_power(&inverse, power.checked_neg().ok_or(Failure::TooLarge)?);
        }
        if fraction.above.is_zero() && power == 0 {
            return Err(Failure::Undefined);
        }
        let mut below = Factors::default();
        for (polynomial, count) in &fraction.below.0 {
            let count = i64::from(*count).checked_mul(power).and_then(|count| u32::try_from(count).ok());
            below.add(polynomial, count.ok_or(Failure::TooLarge)?)?;
        }
        Ok(Fraction { above: self.polynomial_power(&fraction.above, power)?, below })
    }

    /// `polynomial` to a whole power that is not negative.
    pub(crate) fn polynomial_power(&mut self, polynomial: &Polynomial, power: i64) -> Result<Polynomial, Failure> {
        if let Some((monomial, number)) = polynomial.as_term() {
            let term = (monomial.to_power(Exponent::whole(power))?, self.number_power(number, power)?);
            return self.reduced(Polynomial::term(term.0, term.1));
        }
        let mut result = Polynomial::one();
        for _ in 0..power {
            result = self.product(&result, polynomial)?;
            if result.is_zero() {
                break;
            }
        }
        Ok(result)
    }

    /// `number` to a whole power that is not negative, within the bits a coefficient may have.
    pub(crate) fn number_power(&mut self, number: &Rational, power: i64) -> Result<Rational, Failure> {
        let bits = u64::try_from(number.bits()).map_err(|_| Failure::TooLarge)?;
        let size = bits.saturating_sub(1).saturating_mul(power.unsigned_abs());
        if bits > 1 && size > super::polynomial::MAX_COEFFICIENT_BITS as u64 {
            return Err(Failure::TooLarge);
        }
        let limbs = if bits > 1 { size / 64 + 1 } else { 1 };
        self.budget.spend(20 + limbs * limbs)?;
        let (mut result, mut square, mut left) = (Rational::from(1), number.clone(), power.unsigned_abs());
        while left > 0 {
            if left % 2 == 1 {
                result = result.times(&square);
            }
            left /= 2;
            if left > 0 {
                square = square.times(&square);
            }
        }
        Ok(result)
    }
}
