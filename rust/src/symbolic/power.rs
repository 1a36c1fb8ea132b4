//! A fraction to a rational power: numbers go by their primes, monomials atom by atom, and what
//! is left is an atom of its own.

use dashu_base::UnsignedAbs;
use dashu_int::UBig;

use super::Failure;
use super::atom::{Atom, Context, HALF_TURN, IMAGINARY};
use super::exponent::Exponent;
use super::fraction::Fraction;
use super::monomial::Monomial;
use super::polynomial::Polynomial;
use super::prime::factors;
use crate::number::rational::Rational;

/// A polynomial as `number · e^(iπ·turn) · positive · rest`.
pub(crate) struct Peeled {
    /// Above zero.
    pub(crate) number: Rational,
    pub(crate) turn: Exponent,
    /// Atoms above zero.
    pub(crate) positive: Monomial,
    /// Variables whose sign has not been asked for.
    pub(crate) variables: Monomial,
    /// Led by one; one where nothing is left.
    pub(crate) rest: Polynomial,
}

impl Context<'_> {
    /// Takes from a polynomial what has a known sign or is known to be a power.
    pub(crate) fn peeled(&mut self, polynomial: &Polynomial) -> Result<Peeled, Failure> {
        let parts = self.parts(polynomial)?;
        let mut turn = if parts.number.is_negative() { Exponent::ONE } else { Exponent::ZERO };
        let (mut positive, mut variables, mut left) = (Monomial::one(), Monomial::one(), Monomial::one());
        for (id, power) in parts.monomial.factors() {
            let own = Monomial::of(*id, *power);
            match self.atom(*id) {
                Atom::Imaginary => turn = turn.plus(power.times(Exponent::new(1, 2)?)?)?,
                Atom::FifthRoot => turn = turn.plus(power.times(Exponent::new(2, 5)?)?)?,
                Atom::Circle(_) if *id == HALF_TURN => turn = turn.plus(*power)?,
                Atom::Base(_) if !power.is_odd_root() => positive = positive.times(&own)?,
                _ if self.is_positive(*id) => positive = positive.times(&own)?,
                Atom::Variable(_) => variables = variables.times(&own)?,
                _ => left = left.times(&own)?,
            }
        }
        let mut rest = parts.rest.times_term(&(left, Rational::from(1)), self.budget)?;
        if turn.below() == 2 && !rest.is_one() && !self.is_real(&rest)? {
            // z - 1/z is imaginary on the unit circle
            turn = turn.plus(Exponent::new(-1, 2)?)?;
            rest = self.product(&rest, &Polynomial::atom(IMAGINARY))?;
        }
        turn = turn.modulo(2)?;
        if turn > Exponent::ONE {
            turn = turn.plus(Exponent::whole(-2))?; // the principal angle
        }
        Ok(Peeled { number: parts.number.magnitude(), turn, positive, variables, rest })
    }

    /// The name of a variable among these, where there is one.
    pub(crate) fn first_variable(&self, variables: &Monomial) -> Option<String> {
        variables.factors().iter().find_map(|(id, _)| match self.atom(*id) {
            Atom::Variable(name) => Some(name.clone()),
            _ => None,
        })
    }

    /// `base` to a rational power. An odd root of a negative number is the real one, an even one the principal one.
    pub(crate) fn rational_power(&mut self, base: &Fraction, power: Exponent) -> Result<Fraction, Failure> {
        if let Some(whole) = power.to_whole() {
            return self.whole_power(base, whole);
        }
        if base.above.is_zero() {
            return if power.is_negative() { Err(Failure::Undefined) } else { Ok(Fraction::whole(0)) };
        }
        let base = self.simplified(base)?;
        let mut result = Fraction::one();
        let mut above = base.above.clone();
        for (factor, count) in &base.below.0 {
            let mut factor = factor.clone();
            if !power.is_odd_root() {
                if !self.is_real(&factor)? {
                    return Err(Failure::TooLarge);
                }
                let positive = self.magnitude(&factor)?;
                if positive != factor && count % 2 == 1 {
                    above = above.negated();
                }
                factor = positive;
            }
            let inverse = self.base_power(&factor, power.times(Exponent::whole(-i64::from(*count)))?)?;
            result = self.multiply(&result, &inverse)?;
        }
        let above = self.polynomial_root(&above, power)?;
        self.multiply(&result, &above)
    }

    fn polynomial_root(&mut self, polynomial: &Polynomial, power: Exponent) -> Result<Fraction, Failure> {
        let odd = power.is_odd_root();
        let mut peeled = self.peeled(polynomial)?;
        let mut result = self.number_root(&peeled.number, power)?;
        if !odd && let Some(name) = self.first_variable(&peeled.variables) {
            return Err(self.sign_is_needed(&name));
        }
        for (id, own) in peeled.positive.factors().iter().chain(peeled.variables.factors()) {
            let own = own.times(power)?;
            let factor = match self.atom_cloned(*id) {
                Atom::Base(base) => self.base_power(&base, own)?,
                _ => self.reduced(Polynomial::term(Monomial::of(*id, own), Rational::from(1)))?.into(),
            };
            result = self.multiply(&result, &factor)?;
        }
        let turn = peeled.turn;
        let on_axis = turn.is_whole();
        if peeled.rest.is_one() {
            if !odd && !turn.is_zero() && on_axis && !self.is_constant(polynomial) {
                return Err(Failure::NotReal);
            }
            let unit = self.principal_root(turn, power)?;
            return self.multiply(&result, &unit.into());
        }
        let real = on_axis && self.is_real(&peeled.rest)?;
        if real && odd {
            let mut sign = turn;
            if self.is_constant(&peeled.rest) && !self.is_taken_positive(&peeled.rest, true)? {
                peeled.rest = peeled.rest.negated();
                sign = sign.plus(Exponent::ONE)?.modulo(2)?;
            }
            let unit = self.principal_root(sign, power)?;
            let root = self.base_power(&peeled.rest, power)?;
            result = self.multiply(&result, &unit.into())?;
            return self.multiply(&result, &root);
        }
        let root = if real {
            let signed = if turn.is_zero() { peeled.rest } else { peeled.rest.negated() };
            self.even_root(&signed, power)?
        } else {
            let unit = self.unity(turn)?;
            let rest = self.product(&peeled.rest, &unit)?;
            self.base_power(&rest, power)?
        };
        self.multiply(&result, &root)
    }

    /// A real polynomial to a power with an even denominator.
    fn even_root(&mut self, polynomial: &Polynomial, power: Exponent) -> Result<Fraction, Failure> {
        if let Some(root) = self.square_root(polynomial)? {
            let magnitude = self.magnitude(&root)?;
            return self.rational_power(&magnitude.into(), power.times(Exponent::whole(2))?);
        }
        if self.is_taken_positive(polynomial, false)? {
            return self.base_power(polynomial, power);
        }
        if !self.is_constant(polynomial) {
            return Err(Failure::NotReal);
        }
        let positive = polynomial.negated();
        let root = match self.square_root(&positive)? {
            Some(root) => {
                let magnitude = self.magnitude(&root)?;
                self.rational_power(&magnitude.into(), power.times(Exponent::whole(2))?)?
            }
            None => self.base_power(&positive, power)?,
        };
        let unit = self.unity(power)?;
        self.multiply(&root, &unit.into())
    }

    /// (e^(iπ·turn))^power: real for a real number to a power with an odd denominator, otherwise principal.
    fn principal_root(&mut self, turn: Exponent, power: Exponent) -> Result<Polynomial, Failure> {
        if turn == Exponent::ONE && power.is_odd_root() {
            return Ok(Polynomial::constant(Rational::from(if power.is_even() { 1 } else { -1 })));
        }
        self.unity(turn.times(power)?)
    }

    /// A rational number above zero to a rational power.
    pub(crate) fn number_root(&mut self, number: &Rational, power: Exponent) -> Result<Fraction, Failure> {
        let mut monomial = Monomial::one();
        for (prime, count) in self.primes_of(number)? {
            let id = self.intern(Atom::Prime(prime))?;
            monomial = monomial.times(&Monomial::of(id, power.times(Exponent::whole(count))?))?;
        }
        Ok(self.reduced(Polynomial::term(monomial, Rational::from(1)))?.into())
    }

    /// The primes of a rational number above zero, those below the line with a negative count.
    pub(crate) fn primes_of(&self, number: &Rational) -> Result<Vec<(UBig, i64)>, Failure> {
        let mut primes = Vec::new();
        for (integer, sign) in [(number.numerator().unsigned_abs(), 1), (number.denominator().clone(), -1)] {
            let found = factors(&integer, self.budget)?;
            primes.extend(found.into_iter().map(|(prime, count)| (prime, sign * i64::from(count))));
        }
        Ok(primes)
    }

    /// `base` to a power, with the part of the power between zero and one on an atom.
    pub(crate) fn base_power(&mut self, base: &Polynomial, power: Exponent) -> Result<Fraction, Failure> {
        let (whole, part) = power.split();
        let result = self.whole_power(&base.clone().into(), whole)?;
        if part.is_zero() {
            return Ok(result);
        }
        let id = self.intern(Atom::Base(base.clone()))?;
        let root = Polynomial::term(Monomial::of(id, part), Rational::from(1));
        self.multiply(&result, &root.into())
    }

    /// `fraction` with the factors below the line cancelled that divide what is above.
    pub(crate) fn simplified(&mut self, fraction: &Fraction) -> Result<Fraction, Failure> {
        let mut simple = fraction.clone();
        for (factor, count) in &fraction.below.0 {
            for _ in 0..*count {
                let Some(quotient) = simple.above.divided_by(factor, self.budget)? else { break };
                simple.below.remove(factor);
                simple.above = quotient;
            }
        }
        Ok(simple)
    }
}
