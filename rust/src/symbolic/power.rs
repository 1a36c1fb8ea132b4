//! A fraction to a rational power, and its magnitude: numbers go by their primes, monomials atom by atom, and what
//! is left is an atom of its own.

use dashu_base::{SquareRootRem, UnsignedAbs};
use dashu_int::{IBig, UBig};

use super::Failure;
use super::atom::{Atom, Context, HALF_TURN, IMAGINARY};
use super::exponent::Exponent;
use super::fraction::Fraction;
use super::monomial::{AtomId, Monomial};
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
    fn number_root(&mut self, number: &Rational, power: Exponent) -> Result<Fraction, Failure> {
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
