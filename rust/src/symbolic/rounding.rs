//! The integer below or above: of rational numbers exactly, otherwise shifted by whole numbers.

use super::Failure;
use super::atom::{Atom, Context};
use super::fraction::Fraction;
use super::polynomial::Polynomial;
use crate::number::rational::Rational;

impl Context<'_> {
    /// The greatest integer that is not above.
    pub(crate) fn floor(&mut self, of: &Fraction) -> Result<Fraction, Failure> {
        let of = self.simplified(of)?;
        let constant = of.as_polynomial().map_or_else(|| Rational::from(0), Polynomial::constant_term);
        let whole = floor_of(&constant)?;
        let rest = self.subtract(&of, &whole.clone().into())?;
        if of.as_number().is_some() {
            return Ok(whole.into());
        }
        let id = self.intern(Atom::Function("floor".to_owned(), vec![rest]))?;
        self.add(&Polynomial::atom(id).into(), &whole.into())
    }

    /// The least integer that is not below.
    pub(crate) fn ceiling(&mut self, of: &Fraction) -> Result<Fraction, Failure> {
        Ok(self.floor(&of.negated())?.negated())
    }
}

fn floor_of(number: &Rational) -> Result<Rational, Failure> {
    use dashu_base::DivRemEuclid;
    let below = dashu_int::IBig::from(number.denominator().clone());
    let (whole, _) = number.numerator().clone().div_rem_euclid(below);
    Rational::from_integers(whole, 1.into()).ok_or(Failure::Undefined)
}
