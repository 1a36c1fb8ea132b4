//! Square roots that are exact: of a polynomial that is a square, of a + b√d that is one, of a rational number.

use dashu_base::{SquareRootRem, UnsignedAbs};
use dashu_int::{IBig, UBig};

use super::Failure;
use super::atom::{Atom, Context, IMAGINARY};
use super::exponent::Exponent;
use super::monomial::AtomId;
use super::polynomial::Polynomial;
use crate::number::rational::Rational;

impl Context<'_> {
    /// The polynomial of which `polynomial` is the square, where there is one; its sign is free.
    pub(crate) fn square_root(&mut self, polynomial: &Polynomial) -> Result<Option<Polynomial>, Failure> {
        if let Some(root) = self.nested_root(polynomial)? {
            return Ok(Some(root));
        }
        let (Some(lead), Some(last)) = (polynomial.terms().first(), polynomial.terms().last()) else { return Ok(None) };
        let turns = polynomial.atoms().any(|id| matches!(self.atom(id), Atom::Circle(_)));
        if turns && lead.1.is_negative() {
            let root = self.square_root_of_lead(&polynomial.negated())?;
            let unit = Polynomial::atom(IMAGINARY);
            return root.map(|root| self.product(&root, &unit)).transpose();
        }
        if lead.1.is_negative() || last.1.is_negative() && !turns {
            return Ok(None);
        }
        self.square_root_of_lead(polynomial)
    }

    fn square_root_of_lead(&mut self, polynomial: &Polynomial) -> Result<Option<Polynomial>, Failure> {
        let Some((monomial, number)) = polynomial.terms().first() else { return Ok(None) };
        let half = Exponent::new(1, 2)?;
        let halved = monomial.to_power(half)?;
        let fits = |(id, power): &(AtomId, Exponent)| {
            power.is_whole() || !matches!(self.atom(*id), Atom::Prime(_)) && self.is_positive(*id)
        };
        let Some(root) = rational_root(number).filter(|_| halved.factors().iter().all(fits)) else {
            return Ok(None);
        };
        let twice = root.plus(&root);
        let scale = Rational::from(1).over(&twice).ok_or(Failure::Undefined)?;
        let step = (halved.to_power(Exponent::whole(-1))?, scale);
        let mut found = Polynomial::term(halved, root);
        let square = self.product(&found, &found)?;
        let mut rest = polynomial.minus(&square, self.budget)?;
        for _ in 0..polynomial.terms().len() {
            let Some(top) = rest.terms().first() else { return Ok(Some(found)) };
            let next = Polynomial::term(top.0.times(&step.0)?, top.1.times(&step.1));
            let sum = found.scaled(&Rational::from(2), self.budget)?.plus(&next, self.budget)?;
            let change = self.product(&sum, &next)?;
            let left = rest.minus(&change, self.budget)?;
            if left.terms().first().is_some_and(|term| Some(&term.0) >= rest.terms().first().map(|top| &top.0)) {
                return Ok(None);
            }
            (rest, found) = (left, found.plus(&next, self.budget)?);
        }
        Ok(rest.is_zero().then_some(found))
    }

    /// √(a + b√d) as a sum of two square roots, where a² - b²d is the square of a rational number.
    fn nested_root(&mut self, polynomial: &Polynomial) -> Result<Option<Polynomial>, Failure> {
        let [surd, (one, number)] = polynomial.terms() else { return Ok(None) };
        let is_prime =
            |(id, power): &(AtomId, Exponent)| matches!(self.atom(*id), Atom::Prime(_)) && power.below() == 2;
        if !one.is_one() || !surd.0.factors().iter().all(is_prime) || number.is_negative() {
            return Ok(None);
        }
        let surd = Polynomial::term(surd.0.clone(), surd.1.clone());
        let Some(square) = self.product(&surd, &surd)?.as_number() else { return Ok(None) };
        let Some(root) = rational_root(&number.times(number).minus(&square)) else { return Ok(None) };
        let half = Rational::from(1).over(&Rational::from(2)).ok_or(Failure::Undefined)?;
        let (larger, smaller) = (number.plus(&root).times(&half), number.minus(&root).times(&half));
        if smaller.is_negative() || smaller.is_zero() {
            return Ok(None);
        }
        let (number, half) = (surd.terms().first().map(|term| term.1.clone()), Exponent::new(1, 2)?);
        let (larger, smaller) = (self.number_root(&larger, half)?, self.number_root(&smaller, half)?);
        let negative = number.is_some_and(|number| number.is_negative());
        let smaller = if negative { smaller.negated() } else { smaller };
        Ok(Some(larger.above.plus(&smaller.above, self.budget)?))
    }
}

/// The rational square root of a rational number.
pub(crate) fn rational_root(number: &Rational) -> Option<Rational> {
    if number.is_negative() {
        return None;
    }
    let root = |integer: &UBig| {
        let (root, rest) = integer.sqrt_rem();
        rest.is_zero().then(|| IBig::from(root))
    };
    Rational::from_integers(root(&number.numerator().unsigned_abs())?, root(number.denominator())?)
}
