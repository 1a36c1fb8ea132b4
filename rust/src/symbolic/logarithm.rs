//! The natural logarithm: of a number by its primes, of a product by its factors.

use super::Failure;
use super::atom::{Atom, Context, E};
use super::exponent::Exponent;
use super::fraction::Fraction;
use super::inverse_angle::half_turns;
use super::monomial::{AtomId, Monomial};
use super::polynomial::Polynomial;
use super::symbolic_power::term_fraction;
use crate::number::rational::Rational;

impl Context<'_> {
    /// ln(of); what is not real for a variable is refused, the logarithm of a number is the principal one.
    pub(crate) fn logarithm(&mut self, of: &Fraction) -> Result<Fraction, Failure> {
        if of.above.is_zero() {
            return Err(Failure::Undefined);
        }
        let of = self.simplified(of)?;
        let (mut above, mut sum) = (of.above.clone(), Fraction::whole(0));
        for (factor, count) in &of.below.0 {
            let (point, real) = if self.is_real(factor)? {
                (Monomial::one(), factor.clone())
            } else {
                self.centred(factor)?.ok_or(Failure::TooLarge)?
            };
            let turned = Polynomial::term(point.to_power(Exponent::whole(-i64::from(*count)))?, Rational::from(1));
            above = self.product(&above, &turned)?;
            let positive = self.magnitude(&real)?;
            if positive != real && count % 2 == 1 {
                above = above.negated();
            }
            let logarithm = self.logarithm_of_rest(&positive)?;
            let part = self.multiply(&logarithm, &Fraction::whole(-i64::from(*count)))?;
            sum = self.add(&sum, &part)?;
        }
        let peeled = self.peeled(&above)?;
        if let Some(name) = self.first_variable(&peeled.variables) {
            return Err(self.sign_is_needed(&name));
        }
        for (prime, count) in self.primes_of(&peeled.number)? {
            let id = self.intern(Atom::Prime(prime))?;
            sum = self.add_logarithm(&sum, id, Exponent::whole(count))?;
        }
        for (id, power) in peeled.positive.factors() {
            sum = self.add_logarithm(&sum, *id, *power)?;
        }
        let (mut turn, mut rest) = (peeled.turn, peeled.rest);
        if !rest.is_one() {
            if !turn.is_whole() || !self.is_real(&rest)? {
                return Err(Failure::TooLarge);
            }
            if !turn.is_zero() {
                rest = rest.negated();
                turn = Exponent::ZERO;
            }
            let logarithm = if let Some(root) = self.square_root(&rest)? {
                let root = self.magnitude(&root)?;
                let logarithm = self.logarithm(&root.into())?;
                self.multiply(&logarithm, &Fraction::whole(2))?
            } else {
                if !self.is_taken_positive(&rest, false)? {
                    if !self.is_constant(&rest) {
                        return Err(Failure::NotReal);
                    }
                    rest = rest.negated();
                    turn = Exponent::ONE;
                }
                self.logarithm_of_rest(&rest)?
            };
            sum = self.add(&sum, &logarithm)?;
        }
        if turn.is_zero() {
            return Ok(sum);
        }
        if !self.is_constant(&of.above) || !of.below.0.iter().all(|factor| self.is_constant(&factor.0)) {
            return Err(Failure::NotReal);
        }
        let unit = Polynomial::atom(super::atom::IMAGINARY).into();
        let angle = self.multiply(&half_turns(turn.above(), turn.below())?, &unit)?;
        self.add(&sum, &angle)
    }

    /// The logarithm of a positive polynomial that is not taken apart.
    fn logarithm_of_rest(&mut self, rest: &Polynomial) -> Result<Fraction, Failure> {
        let base = self.intern(Atom::Base(rest.clone()))?;
        let id = self.intern(Atom::Logarithm(base))?;
        Ok(Polynomial::atom(id).into())
    }

    /// sum + power · ln(atom), the atom above zero.
    fn add_logarithm(&mut self, sum: &Fraction, id: AtomId, power: Exponent) -> Result<Fraction, Failure> {
        let logarithm = self.logarithm_of_atom(id)?;
        let part = self.multiply(&logarithm, &power.to_rational().into())?;
        self.add(sum, &part)
    }

    /// The logarithm of an atom above zero.
    pub(crate) fn logarithm_of_atom(&mut self, id: AtomId) -> Result<Fraction, Failure> {
        self.budget.spend(20)?;
        if id == E {
            return Ok(Fraction::one());
        }
        if let Atom::Power(base, term) = self.atom_cloned(id) {
            let exponent = term_fraction(&term);
            let logarithm = self.logarithm_of_atom(base)?;
            return self.multiply(&exponent, &logarithm);
        }
        let id = self.intern(Atom::Logarithm(id))?;
        Ok(Polynomial::term(Monomial::of(id, Exponent::ONE), 1.into()).into())
    }
}
