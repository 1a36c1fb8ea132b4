//! Constant polynomials as trees again, for certified arithmetic.

use dashu_int::IBig;

use super::Failure;
use super::atom::{Atom, Context, Term};
use super::exponent::Exponent;
use super::fraction::{Factors, Fraction};
use super::monomial::{AtomId, Monomial};
use super::polynomial::Polynomial;
use crate::expression::{Constant, Expression, Function};
use crate::number::rational::Rational;

/// Atoms within atoms that are spelled; each adds at most eight levels to the tree.
const MAX_NESTING: usize = 11;

impl Context<'_> {
    /// A polynomial as a tree.
    pub(crate) fn spelled(&self, polynomial: &Polynomial, depth: usize) -> Result<Expression, Failure> {
        let mut terms = Vec::with_capacity(polynomial.terms().len());
        for (monomial, number) in polynomial.terms() {
            self.budget.spend(10)?;
            let mut factors = vec![Expression::Number(number.clone())];
            self.spell_monomial(monomial, depth, &mut factors)?;
            terms.push(Expression::Product(factors));
        }
        Ok(Expression::Sum(terms))
    }

    fn spell_monomial(&self, monomial: &Monomial, depth: usize, into: &mut Vec<Expression>) -> Result<(), Failure> {
        for (id, power) in monomial.factors() {
            into.push(self.spelled_atom(*id, *power, depth)?);
        }
        Ok(())
    }

    fn spelled_factors(&self, factors: &Factors, depth: usize) -> Result<Expression, Failure> {
        let mut spelled = Vec::new();
        for (polynomial, count) in &factors.0 {
            let power = Expression::Number(Rational::from(i64::from(*count)));
            spelled.push(Expression::Power(Box::new(self.spelled(polynomial, depth)?), Box::new(power)));
        }
        Ok(Expression::Product(spelled))
    }

    fn spelled_fraction(&self, fraction: &Fraction, depth: usize) -> Result<Expression, Failure> {
        let above = self.spelled(&fraction.above, depth)?;
        if fraction.below.is_one() {
            return Ok(above);
        }
        Ok(Expression::Quotient(Box::new(above), Box::new(self.spelled_factors(&fraction.below, depth)?)))
    }

    fn spelled_term(&self, term: &Term, count: Exponent, depth: usize) -> Result<Expression, Failure> {
        let above = Polynomial::term(term.above.clone(), count.to_rational());
        self.spelled_fraction(&Fraction { above, below: term.below.clone() }, depth)
    }

    fn spelled_atom(&self, id: AtomId, power: Exponent, depth: usize) -> Result<Expression, Failure> {
        self.budget.spend(10)?;
        if depth >= MAX_NESTING {
            return Err(Failure::TooLarge);
        }
        let depth = depth + 1;
        let raised = |base: Expression, power: Exponent| match power {
            Exponent::ONE => base,
            _ => Expression::Power(Box::new(base), Box::new(Expression::Number(power.to_rational()))),
        };
        let base = match self.atom(id) {
            Atom::Imaginary => Expression::Constant(Constant::ImaginaryUnit),
            Atom::Pi => Expression::Constant(Constant::Pi),
            Atom::E => Expression::Constant(Constant::E),
            Atom::FifthRoot => return Ok(on_circle(&pi_times(power.times(Exponent::new(2, 5)?)?))),
            Atom::Circle(term) => return Ok(on_circle(&self.spelled_term(term, power, depth)?)),
            Atom::Prime(prime) => Expression::Number(Rational::from(IBig::from(prime.clone()))),
            Atom::Variable(name) => Expression::Variable(name.clone()),
            Atom::Base(polynomial) => self.spelled(polynomial, depth)?,
            Atom::Power(base, term) => {
                let base = self.spelled_atom(*base, Exponent::ONE, depth)?;
                return Ok(Expression::Power(Box::new(base), Box::new(self.spelled_term(term, power, depth)?)));
            }
            Atom::NegativePower(_) => return Err(Failure::TooLarge),
            Atom::Logarithm(of) => {
                Expression::Apply(Function::Ln, Box::new(self.spelled_atom(*of, Exponent::ONE, depth)?))
            }
            Atom::Function(name, arguments) => {
                let function = match name.as_str() {
                    "arcsin" => Function::Arcsin,
                    "arctan" => Function::Arctan,
                    "floor" => Function::Floor,
                    _ => return Err(Failure::TooLarge),
                };
                let argument = arguments.first().ok_or(Failure::TooLarge)?;
                Expression::Apply(function, Box::new(self.spelled_fraction(argument, depth)?))
            }
        };
        Ok(raised(base, power))
    }
}

fn pi_times(turn: Exponent) -> Expression {
    Expression::Product(vec![Expression::Number(turn.to_rational()), Expression::Constant(Constant::Pi)])
}

/// cos + i sin.
fn on_circle(angle: &Expression) -> Expression {
    let apply = |function| Expression::Apply(function, Box::new(angle.clone()));
    let unit = Expression::Constant(Constant::ImaginaryUnit);
    Expression::Sum(vec![apply(Function::Cos), Expression::Product(vec![unit, apply(Function::Sin)])])
}
