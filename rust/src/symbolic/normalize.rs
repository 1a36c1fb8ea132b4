//! From a tree to its canonical fraction.

use super::Failure;
use super::atom::{Atom, Context, E, IMAGINARY, PI};
use super::exponent::Exponent;
use super::fraction::Fraction;
use super::polynomial::Polynomial;
use crate::expression::{Constant, Expression, Function};

impl Context<'_> {
    /// The canonical fraction of `expression` under the signs assumed. It recurs no deeper than the tree.
    pub(crate) fn normalize(&mut self, expression: &Expression) -> Result<Fraction, Failure> {
        self.budget.spend(10)?;
        match expression {
            Expression::Number(number) => Ok(number.clone().into()),
            Expression::Constant(constant) => Ok(Polynomial::atom(match constant {
                Constant::Pi => PI,
                Constant::E => E,
                Constant::ImaginaryUnit => IMAGINARY,
            })
            .into()),
            Expression::Variable(name) => {
                let id = self.intern(Atom::Variable(name.clone()))?;
                let magnitude = Polynomial::atom(id);
                Ok(if self.signs.of_variable(name) == Some(false) { magnitude.negated() } else { magnitude }.into())
            }
            Expression::Sum(terms) => {
                let mut sum = Fraction::whole(0);
                for term in terms {
                    let term = self.normalize(term)?;
                    sum = self.add(&sum, &term)?;
                }
                Ok(sum)
            }
            Expression::Product(factors) => {
                let mut product = Fraction::one();
                for factor in factors {
                    let factor = self.normalize(factor)?;
                    product = self.multiply(&product, &factor)?;
                }
                Ok(product)
            }
            Expression::Quotient(above, below) => {
                let (above, below) = (self.normalize(above)?, self.normalize(below)?);
                self.divide(&above, &below)
            }
            Expression::Power(base, exponent) => {
                let (base, exponent) = (self.normalize(base)?, self.normalize(exponent)?);
                self.power(&base, &exponent)
            }
            Expression::Root(degree, of) => {
                let of = self.normalize(of)?;
                self.rational_power(&of, Exponent::new(1, i64::from(*degree))?)
            }
            Expression::Apply(function, of) => {
                let of = self.normalize(of)?;
                self.apply(*function, &of)
            }
            Expression::Binomial(upper, lower) => {
                let (upper, lower) = (self.normalize(upper)?, self.normalize(lower)?);
                self.binomial(&upper, &lower)
            }
            Expression::Call(name, arguments) => {
                let mut known = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    let argument = self.normalize(argument)?;
                    known.push(self.simplified(&argument)?);
                }
                let id = self.intern(Atom::Function(format!("{name}()"), known))?;
                Ok(Polynomial::atom(id).into())
            }
        }
    }

    fn apply(&mut self, function: Function, of: &Fraction) -> Result<Fraction, Failure> {
        match function {
            Function::Arcsin | Function::Arccos | Function::Arctan => self.inverse_trigonometric(function, of),
            Function::Ln => self.logarithm(of),
            Function::Abs => self.absolute(of),
            Function::Floor => self.floor(of),
            Function::Ceiling => self.ceiling(of),
            Function::Factorial => self.factorial(of),
            _ => self.trigonometric(function, of),
        }
    }
}
