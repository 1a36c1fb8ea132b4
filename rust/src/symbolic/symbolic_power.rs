//! Powers whose exponent is not a rational number: the exponent's terms become powers of atoms of their own.

use super::Failure;
use super::atom::{Atom, Context, E, HALF_TURN, IMAGINARY, PI, Term};
use super::exponent::Exponent;
use super::fraction::Fraction;
use super::monomial::{AtomId, Monomial};
use super::polynomial::Polynomial;
use crate::number::rational::Rational;

impl Context<'_> {
    /// `base ^ exponent`.
    pub(crate) fn power(&mut self, base: &Fraction, exponent: &Fraction) -> Result<Fraction, Failure> {
        if let Some(number) = exponent.as_number() {
            return self.rational_power(base, Exponent::from_rational(&number)?);
        }
        let exponent = self.simplified(exponent)?;
        if let Some(number) = exponent.as_number() {
            return self.rational_power(base, Exponent::from_rational(&number)?);
        }
        if base.as_number() == Some(Rational::from(1)) {
            return Ok(Fraction::one());
        }
        if base.above.is_zero() {
            return Err(Failure::TooLarge);
        }
        if let Some(power) = self.power_of_own_logarithm(base, &exponent)? {
            return Ok(power);
        }
        let constant = if exponent.below.is_one() { exponent.above.constant_term() } else { Rational::from(0) };
        let mut result = if constant.is_zero() {
            Fraction::one()
        } else {
            self.rational_power(base, Exponent::from_rational(&constant)?)?
        };
        let varying = exponent.above.minus(&Polynomial::constant(constant), self.budget)?;
        for (monomial, number) in varying.terms() {
            let term = Term { above: monomial.clone(), below: exponent.below.clone() };
            let count = Exponent::from_rational(number)?;
            let power = self.term_power(base, &term, count)?;
            result = self.multiply(&result, &power)?;
        }
        Ok(result)
    }

    /// base ^ (count · term).
    fn term_power(&mut self, base: &Fraction, term: &Term, count: Exponent) -> Result<Fraction, Failure> {
        let base = self.simplified(base)?;
        let mut result = self.polynomial_term_power(&base.above, term, count)?;
        for (factor, often) in &base.below.0 {
            let power = count.times(Exponent::whole(-i64::from(*often)))?;
            let power = self.polynomial_term_power(factor, term, power)?;
            result = self.multiply(&result, &power)?;
        }
        Ok(result)
    }

    fn polynomial_term_power(&mut self, base: &Polynomial, term: &Term, count: Exponent) -> Result<Fraction, Failure> {
        let peeled = self.peeled(base)?;
        let mut result = Fraction::one();
        for (prime, often) in self.primes_of(&peeled.number)? {
            let id = self.intern(Atom::Prime(prime))?;
            let power = self.atom_term_power(id, term, count.times(Exponent::whole(often))?)?;
            result = self.multiply(&result, &power)?;
        }
        if let Some(name) = self.first_variable(&peeled.variables) {
            return Err(self.sign_is_needed(&name));
        }
        for (id, own) in peeled.positive.factors() {
            let power = self.atom_term_power(*id, term, count.times(*own)?)?;
            result = self.multiply(&result, &power)?;
        }
        let (mut rest, mut negative) = (peeled.rest, peeled.turn == Exponent::ONE);
        if !peeled.turn.is_whole() {
            return Err(Failure::TooLarge);
        }
        if let Some(power) = self.power_of_sign(&rest, term, count)? {
            result = self.multiply(&result, &power.into())?;
            rest = Polynomial::one();
        }
        if !rest.is_one() {
            if !self.is_real(&rest)? {
                return Err(Failure::TooLarge);
            }
            if !self.is_taken_positive(&rest, true)? {
                (rest, negative) = (rest.negated(), !negative);
            }
            let id = self.intern(Atom::Base(rest))?;
            let power = self.atom_term_power(id, term, count)?;
            result = self.multiply(&result, &power)?;
        }
        if negative {
            let id = self.intern(Atom::NegativePower(term.clone()))?;
            let power = self.reduced(Polynomial::term(Monomial::of(id, count), Rational::from(1)))?;
            result = self.multiply(&result, &power.into())?;
        }
        Ok(result)
    }

    /// ((-1)^a)^(count · term) = (-1)^(a · count · term), both exponents taken for whole ones.
    fn power_of_sign(
        &mut self,
        base: &Polynomial,
        term: &Term,
        count: Exponent,
    ) -> Result<Option<Polynomial>, Failure> {
        let Some((monomial, _)) = base.as_term() else { return Ok(None) };
        let [(id, own)] = monomial.factors() else { return Ok(None) };
        let Atom::NegativePower(inner) = self.atom_cloned(*id) else { return Ok(None) };
        let mut below = inner.below;
        for (polynomial, often) in &term.below.0 {
            below.add(polynomial, *often)?;
        }
        let id = self.intern(Atom::NegativePower(Term { above: inner.above.times(&term.above)?, below }))?;
        let power = Monomial::of(id, own.times(count)?);
        self.reduced(Polynomial::term(power, Rational::from(1))).map(Some)
    }

    /// atom ^ (count · term) for an atom above zero.
    pub(crate) fn atom_term_power(&mut self, id: AtomId, term: &Term, count: Exponent) -> Result<Fraction, Failure> {
        self.budget.spend(30)?;
        if term.above.is_one() && term.below.is_one() {
            return self.atom_rational_power(id, count);
        }
        if !term.above.power_of(IMAGINARY).is_zero() {
            // b^(i·t) = e^(i · t · ln b)
            let logarithm = self.logarithm_of_atom(id)?;
            let real = Term { above: term.above.without(IMAGINARY), below: term.below.clone() };
            let angle = self.multiply(&term_fraction(&real), &logarithm)?;
            let angle = self.multiply(&angle, &count.to_rational().into())?;
            return self.circle(&angle);
        }
        if let Atom::Power(base, own) = self.atom_cloned(id) {
            let mut below = own.below;
            for (polynomial, often) in &term.below.0 {
                below.add(polynomial, *often)?;
            }
            let term = Term { above: own.above.times(&term.above)?, below };
            return self.atom_term_power(base, &term, count);
        }
        let logarithms: Vec<_> = term.above.factors().to_vec();
        for (factor, power) in &logarithms {
            let Atom::Logarithm(of) = *self.atom(*factor) else { continue };
            if *power != Exponent::ONE {
                continue;
            }
            let left = term.above.without(*factor);
            if id == E {
                // e^(t · ln a) = a^t
                let term = Term { above: left, below: term.below.clone() };
                return self.atom_term_power(of, &term, count);
            }
            let own = logarithms
                .iter()
                .find(|(other, power)| *power == Exponent::whole(-1) && *self.atom(*other) == Atom::Logarithm(id));
            if let Some((own, _)) = own {
                // b^(t · ln a / ln b) = a^t
                let term = Term { above: left.without(*own), below: term.below.clone() };
                return self.atom_term_power(of, &term, count);
            }
        }
        let power = self.intern(Atom::Power(id, term.clone()))?;
        Ok(Polynomial::term(Monomial::of(power, count), Rational::from(1)).into())
    }

    /// A positive atom to a rational power.
    fn atom_rational_power(&mut self, id: AtomId, power: Exponent) -> Result<Fraction, Failure> {
        if let Atom::Base(base) = self.atom_cloned(id) {
            return self.base_power(&base, power);
        }
        Ok(self.reduced(Polynomial::term(Monomial::of(id, power), Rational::from(1)))?.into())
    }

    /// base ^ (c · t / ln base) = e^(c·t), where the logarithm below the line is no monomial.
    fn power_of_own_logarithm(&mut self, base: &Fraction, exponent: &Fraction) -> Result<Option<Fraction>, Failure> {
        let [(below, 1)] = exponent.below.0.as_slice() else { return Ok(None) };
        if !below.atoms().all(|id| matches!(self.atom(id), Atom::Logarithm(_))) {
            return Ok(None);
        }
        let logarithm = self.logarithm(base)?;
        let Some(ratio) = logarithm.as_polynomial().and_then(|own| own.ratio(below)) else { return Ok(None) };
        let above = exponent.above.scaled(&ratio, self.budget)?;
        self.power(&Polynomial::atom(E).into(), &above.into()).map(Some)
    }

    /// e^(i·angle): each term of the angle is a point of the unit circle.
    pub(crate) fn circle(&mut self, angle: &Fraction) -> Result<Fraction, Failure> {
        let angle = self.simplified(angle)?;
        let mut point = Fraction::one();
        for (monomial, number) in angle.above.terms() {
            let term = Term { above: monomial.clone(), below: angle.below.clone() };
            let count = Exponent::from_rational(number)?;
            let next = self.circle_of_term(&term, count)?;
            point = self.multiply(&point, &next)?;
        }
        Ok(point)
    }

    fn circle_of_term(&mut self, term: &Term, count: Exponent) -> Result<Fraction, Failure> {
        if !term.above.power_of(IMAGINARY).is_zero() {
            let real = Term { above: term.above.without(IMAGINARY), below: term.below.clone() };
            return self.atom_term_power(E, &real, count.negated());
        }
        if term.below.is_one() && term.above == Monomial::of(PI, Exponent::ONE) {
            let turn = self.reduced(Polynomial::term(Monomial::of(HALF_TURN, count), Rational::from(1)))?;
            return Ok(turn.into());
        }
        if count.is_whole() && term.above.power_of(PI) == Exponent::ONE {
            let whole = Term { above: term.above.without(PI), below: term.below.clone() };
            if let Some(id) = self.known_power_of_sign(&whole) {
                // e^(iπn) = (-1)^n, n taken for whole
                let power = self.reduced(Polynomial::term(Monomial::of(id, count), Rational::from(1)))?;
                return Ok(power.into());
            }
        }
        if let Some(point) = self.circle_of_inverse(term, count)? {
            return Ok(point);
        }
        let id = self.intern(Atom::Circle(term.clone()))?;
        Ok(Polynomial::term(Monomial::of(id, count), Rational::from(1)).into())
    }
}

/// A term as a fraction.
pub(crate) fn term_fraction(term: &Term) -> Fraction {
    Fraction { above: Polynomial::term(term.above.clone(), Rational::from(1)), below: term.below.clone() }
}
