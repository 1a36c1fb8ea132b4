//! Whether two canonical fractions are in a constant ratio.

use std::collections::BTreeMap;

use super::Failure;
use super::atom::Context;
use super::fraction::Fraction;
use super::monomial::Monomial;
use super::polynomial::Polynomial;
use super::zero::Form;
use crate::number::rational::Rational;

/// The constant coefficients of one monomial in two polynomials: their ratio, if there is one.
#[derive(Debug)]
pub(crate) struct Constants {
    above: Polynomial,
    below: Polynomial,
}

impl Context<'_> {
    /// What stands above the line of both, brought over one line.
    pub(crate) fn over_one_line(
        &mut self,
        one: &Fraction,
        other: &Fraction,
    ) -> Result<(Polynomial, Polynomial), Failure> {
        let nothing = Fraction { above: Polynomial::zero(), below: other.below.clone() };
        let one = self.add(one, &nothing)?;
        let nothing = Fraction { above: Polynomial::zero(), below: one.below.clone() };
        let other = self.add(other, &nothing)?;
        Ok((one.above, other.above))
    }

    /// The coefficients of the first monomial of `other` that holds a variable or function.
    pub(crate) fn leading_constants(&self, one: &Polynomial, other: &Polynomial) -> Result<Constants, Failure> {
        let (one, other) = (self.by_variables(one)?, self.by_variables(other)?);
        let (lead, below) = other.into_iter().next_back().unwrap_or_default();
        let above = one.into_iter().find(|term| term.0 == lead).map(|term| term.1).unwrap_or_default();
        Ok(Constants { above, below })
    }

    /// The polynomial by its monomials of what is not constant.
    fn by_variables(&self, polynomial: &Polynomial) -> Result<BTreeMap<Monomial, Polynomial>, Failure> {
        let mut terms: BTreeMap<Monomial, Polynomial> = BTreeMap::new();
        for (monomial, number) in polynomial.terms() {
            self.budget.spend(30)?;
            let (constant, varying) = monomial.parted(|id| self.is_constant(&Polynomial::atom(id)));
            let term = Polynomial::term(constant, number.clone());
            let sum = terms.entry(varying).or_default();
            *sum = sum.plus(&term, self.budget)?;
        }
        Ok(terms)
    }

    /// Whether one · below = other · above.
    pub(crate) fn compared_by_ratio(
        &mut self,
        one: &Polynomial,
        other: &Polynomial,
        ratio: &Constants,
    ) -> Result<Form, Failure> {
        if ratio.above.is_zero() || ratio.below.is_zero() {
            // One of them is zero, or lacks a monomial that the other has.
            return Ok(match (self.is_zero(one)?, self.is_zero(other)?) {
                (Form::Zero, Form::Zero) => Form::Zero,
                (Form::Open, _) | (_, Form::Open) => Form::Open,
                _ => Form::Nonzero,
            });
        }
        let (left, right) = (self.product(one, &ratio.below)?, self.product(other, &ratio.above)?);
        let difference = left.minus(&right, self.budget)?;
        self.is_zero(&difference)
    }

    /// Whether the ratio is above zero; nothing where it is not real or not known.
    pub(crate) fn ratio_is_positive(&mut self, ratio: &Constants) -> Option<bool> {
        let conjugate = self.conjugate(&ratio.below).ok()?;
        let product = self.product(&ratio.above, &conjugate).ok()?;
        if product.is_zero() || !self.is_real(&product).ok()? {
            return None;
        }
        if let Some(number) = product.as_number() {
            return Some(number > Rational::from(0));
        }
        self.is_taken_positive(&product, false).ok()
    }
}
