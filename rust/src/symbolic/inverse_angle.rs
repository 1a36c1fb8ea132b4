//! Inverse trigonometric functions: known angles, oddness, and sines of arcsines.

use super::Failure;
use super::atom::{Atom, Context, IMAGINARY, PI, Term};
use super::exponent::Exponent;
use super::fraction::Fraction;
use super::monomial::Monomial;
use super::polynomial::Polynomial;
use crate::expression::Function;
use crate::number::rational::Rational;

impl Context<'_> {
    /// arcsin, arccos or arctan.
    pub(crate) fn inverse_trigonometric(&mut self, function: Function, of: &Fraction) -> Result<Fraction, Failure> {
        match function {
            Function::Arcsin => self.inverse(Function::Sin, "arcsin", of),
            Function::Arccos => {
                let arcsine = self.inverse(Function::Sin, "arcsin", of)?;
                let quarter = half_turns(1, 2)?;
                self.subtract(&quarter, &arcsine)
            }
            _ => self.inverse(Function::Tan, "arctan", of),
        }
    }

    fn inverse(&mut self, function: Function, name: &str, of: &Fraction) -> Result<Fraction, Failure> {
        if of.above.is_zero() {
            return Ok(Fraction::whole(0));
        }
        let of = self.simplified(of)?;
        if self.is_constant(&of.above) && of.below.is_one() {
            // Multiples of π/12 and π/10; a quarter turn has no tangent.
            for (above, below) in [(1, 6), (1, 4), (1, 3), (1, 2), (1, 12), (5, 12), (1, 10), (3, 10)] {
                let angle = half_turns(above, below)?;
                let Ok(value) = self.trigonometric(function, &angle) else { continue };
                for (sign, value) in [(1, value.clone()), (-1, value.negated())] {
                    if value == of {
                        return self.multiply(&angle, &Fraction::whole(sign));
                    }
                }
            }
        }
        let negative = of.above.terms().first().is_some_and(|term| term.1.is_negative());
        let of = if negative { of.negated() } else { of };
        let id = self.intern(Atom::Function(name.to_owned(), vec![of]))?;
        let angle = Fraction::from(Polynomial::atom(id));
        Ok(if negative { angle.negated() } else { angle })
    }

    /// e^(i·count·term) where the term is one arcsine or arctangent and the count is whole.
    pub(crate) fn circle_of_inverse(&mut self, term: &Term, count: Exponent) -> Result<Option<Fraction>, Failure> {
        let [(id, power)] = term.above.factors() else { return Ok(None) };
        let (Some(count), true) = (count.to_whole(), *power == Exponent::ONE && term.below.is_one()) else {
            return Ok(None);
        };
        let Atom::Function(name, arguments) = self.atom_cloned(*id) else { return Ok(None) };
        let [of] = arguments.as_slice() else { return Ok(None) };
        let square = self.multiply(of, of)?;
        let half = Exponent::new(1, 2)?;
        let unit =
            Polynomial::term(Monomial::of(IMAGINARY, Exponent::ONE), Rational::from(if count < 0 { -1 } else { 1 }));
        let upright = self.multiply(of, &unit.into())?;
        let point = match name.as_str() {
            "arcsin" => {
                let level = self.subtract(&Fraction::one(), &square)?;
                let level = self.rational_power(&level, half)?;
                self.add(&level, &upright)?
            }
            "arctan" => {
                let length = self.add(&Fraction::one(), &square)?;
                let length = self.rational_power(&length, half)?;
                let point = self.add(&Fraction::one(), &upright)?;
                self.divide(&point, &length)?
            }
            _ => return Ok(None),
        };
        self.whole_power(&point, count.saturating_abs()).map(Some)
    }
}

/// π · above / below.
pub(crate) fn half_turns(above: i64, below: i64) -> Result<Fraction, Failure> {
    let number = Rational::from(above).over(&Rational::from(below)).ok_or(Failure::Undefined)?;
    Ok(Polynomial::term(Monomial::of(PI, Exponent::ONE), number).into())
}
