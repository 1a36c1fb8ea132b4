//! The magnitude of a fraction: of its number, of each atom, of what is left by its sign or its two parts.

use super::Failure;
use super::atom::{Context, IMAGINARY};
use super::exponent::Exponent;
use super::fraction::Fraction;
use super::monomial::Monomial;
use super::polynomial::Polynomial;

impl Context<'_> {
    /// |fraction|.
    pub(crate) fn absolute(&mut self, fraction: &Fraction) -> Result<Fraction, Failure> {
        if fraction.above.is_zero() {
            return Ok(fraction.clone());
        }
        let fraction = self.simplified(fraction)?;
        let mut result = self.absolute_polynomial(&fraction.above)?;
        for (factor, count) in &fraction.below.0 {
            let magnitude = self.absolute_polynomial(factor)?;
            let power = self.whole_power(&magnitude, -i64::from(*count))?;
            result = self.multiply(&result, &power)?;
        }
        Ok(result)
    }

    fn absolute_polynomial(&mut self, polynomial: &Polynomial) -> Result<Fraction, Failure> {
        let peeled = self.peeled(polynomial)?;
        for (id, power) in peeled.variables.factors() {
            if !power.is_even() {
                let name = self.first_variable(&Monomial::of(*id, *power)).unwrap_or_default();
                return Err(self.sign_is_needed(&name));
            }
        }
        let known = peeled.positive.times(&peeled.variables)?;
        let known = Polynomial::term(known, peeled.number);
        if peeled.rest.is_one() {
            return Ok(known.into());
        }
        let rest = if self.is_real(&peeled.rest)? {
            self.magnitude(&peeled.rest)?.into()
        } else if let Some((_, real)) = self.centred(&peeled.rest)? {
            self.magnitude(&real)?.into()
        } else {
            let (imaginary, real): (Vec<_>, Vec<_>) =
                peeled.rest.terms().iter().cloned().partition(|term| !term.0.power_of(IMAGINARY).is_zero());
            let real = Polynomial::from_map(real.into_iter().collect());
            let imaginary = imaginary.into_iter().map(|term| (term.0.without(IMAGINARY), term.1));
            let imaginary = Polynomial::from_map(imaginary.collect());
            if !self.is_real(&real)? || !self.is_real(&imaginary)? {
                return Err(Failure::TooLarge);
            }
            let squares = self.product(&real, &real)?.plus(&self.product(&imaginary, &imaginary)?, self.budget)?;
            self.rational_power(&squares.into(), Exponent::new(1, 2)?)?
        };
        self.multiply(&known.into(), &rest)
    }
}
