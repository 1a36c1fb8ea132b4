//! Sines, cosines and their quotients, by points of the unit circle; hyperbolic ones by powers of e.

use super::Failure;
use super::atom::{Context, E, IMAGINARY};
use super::exponent::Exponent;
use super::fraction::Fraction;
use super::monomial::Monomial;
use super::polynomial::Polynomial;
use crate::expression::Function;
use crate::number::rational::Rational;

impl Context<'_> {
    /// A trigonometric or hyperbolic function of `angle`.
    pub(crate) fn trigonometric(&mut self, function: Function, angle: &Fraction) -> Result<Fraction, Failure> {
        match function {
            Function::Cos | Function::Sin => {
                let (point, opposite) = (self.circle(angle)?, self.circle(&angle.negated())?);
                self.half_sum(&point, &opposite, function == Function::Sin)
            }
            Function::Tan | Function::Cot => {
                let sine = self.trigonometric(Function::Sin, angle)?;
                let cosine = self.trigonometric(Function::Cos, angle)?;
                if function == Function::Tan { self.divide(&sine, &cosine) } else { self.divide(&cosine, &sine) }
            }
            Function::Sec => {
                let cosine = self.trigonometric(Function::Cos, angle)?;
                self.invert(&cosine)
            }
            Function::Csc => {
                let sine = self.trigonometric(Function::Sin, angle)?;
                self.invert(&sine)
            }
            _ => self.hyperbolic(function, angle),
        }
    }

    /// (p + q) / 2, or (p - q) / 2i.
    fn half_sum(&mut self, point: &Fraction, opposite: &Fraction, sine: bool) -> Result<Fraction, Failure> {
        let half = Rational::from(1).over(&Rational::from(2)).ok_or(Failure::Undefined)?;
        if sine {
            let difference = self.subtract(point, opposite)?;
            let unit = Polynomial::term(Monomial::of(IMAGINARY, Exponent::ONE), half.negated());
            self.multiply(&difference, &unit.into())
        } else {
            let sum = self.add(point, opposite)?;
            self.multiply(&sum, &half.into())
        }
    }

    fn hyperbolic(&mut self, function: Function, angle: &Fraction) -> Result<Fraction, Failure> {
        let e = Fraction::from(Polynomial::atom(E));
        let (grows, falls) = (self.power(&e, angle)?, self.power(&e, &angle.negated())?);
        let (sum, difference) = (self.add(&grows, &falls)?, self.subtract(&grows, &falls)?);
        let half = Rational::from(1).over(&Rational::from(2)).ok_or(Failure::Undefined)?;
        match function {
            Function::Sinh => self.multiply(&difference, &half.into()),
            Function::Cosh => self.multiply(&sum, &half.into()),
            Function::Tanh => self.divide(&difference, &sum),
            _ => Err(Failure::TooLarge),
        }
    }
}
