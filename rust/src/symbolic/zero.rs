//! Is a canonical polynomial zero? It is where no term is left; with some left it is not, where the atoms are
//! independent, and may still be where they are roots or logarithms of related things.

use std::collections::BTreeMap;

use super::Failure;
use super::atom::{Atom, Context, Term};
use super::exponent::Exponent;
use super::fraction::Fraction;
use super::monomial::{AtomId, Monomial};
use super::polynomial::Polynomial;
use super::prime::is_surely_prime;
use crate::number::rational::Rational;

/// What a canonical form says of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Zero, proven.
    Zero,
    /// Not zero, proven: some point has another value.
    Nonzero,
    /// Not known.
    Open,
}

/// Roots eliminated one after another.
const MAX_ELIMINATED: usize = 4;
/// Whole powers logarithms and roots are compared in.
const MAX_POWER: i64 = 24;

impl Context<'_> {
    /// Whether two canonical fractions are the same.
    pub(crate) fn compared(&mut self, one: &Fraction, other: &Fraction) -> Result<Form, Failure> {
        if one == other {
            return Ok(Form::Zero);
        }
        let difference = self.subtract(one, other)?;
        self.form(&difference.above, MAX_ELIMINATED)
    }

    pub(crate) fn is_zero(&mut self, polynomial: &Polynomial) -> Result<Form, Failure> {
        self.form(polynomial, MAX_ELIMINATED)
    }

    fn form(&mut self, polynomial: &Polynomial, eliminations: usize) -> Result<Form, Failure> {
        if polynomial.is_zero() {
            return Ok(Form::Zero);
        }
        if self.is_independent(polynomial) {
            return Ok(Form::Nonzero);
        }
        if self.are_logarithms_of_one(polynomial)? {
            return Ok(Form::Zero);
        }
        if eliminations > 0 && self.is_no_turn(polynomial)? {
            return Ok(Form::Zero);
        }
        if eliminations > 0 && self.is_zero_by_elimination(polynomial, eliminations - 1)? {
            return Ok(Form::Zero);
        }
        Ok(Form::Open)
    }

    /// Whether the atoms are independent, so that terms that are left are not zero: roots of primes with i are a
    /// basis (Besicovitch), one of π, e and the logarithm of a prime is transcendental (Lindemann), and variables,
    /// their logarithms, and powers and points of the circle with different non-constant exponents are independent
    /// functions (Ax).
    fn is_independent(&self, polynomial: &Polynomial) -> bool {
        let mut transcendental = None;
        polynomial.atoms().all(|id| match self.atom(id) {
            Atom::Imaginary | Atom::Variable(_) => true,
            Atom::Prime(prime) => is_surely_prime(prime),
            Atom::Pi | Atom::E => *transcendental.get_or_insert(id) == id,
            Atom::Circle(term) => self.is_variable_term(term),
            Atom::Power(base, term) => {
                let known = match self.atom(*base) {
                    Atom::E => true,
                    Atom::Prime(prime) => is_surely_prime(prime),
                    _ => false,
                };
                known && self.is_variable_term(term)
            }
            Atom::Logarithm(of) => match self.atom(*of) {
                Atom::Prime(prime) => is_surely_prime(prime) && *transcendental.get_or_insert(id) == id,
                Atom::Variable(_) => true,
                _ => false,
            },
            _ => false,
        })
    }

    /// Whether an exponent is a product of variables, perhaps with roots of primes.
    fn is_variable_term(&self, term: &Term) -> bool {
        let atoms = || term.above.factors().iter().map(|factor| self.atom(factor.0));
        term.below.is_one()
            && atoms().any(|atom| matches!(atom, Atom::Variable(_)))
            && atoms().all(|atom| matches!(atom, Atom::Variable(_) | Atom::Prime(_)))
    }

    /// Whether the polynomial is a sum of c · ln(a) such that the product of the a^c is one, for each cofactor.
    fn are_logarithms_of_one(&mut self, polynomial: &Polynomial) -> Result<bool, Failure> {
        let mut groups: BTreeMap<Monomial, Vec<(AtomId, Exponent)>> = BTreeMap::new();
        for (monomial, number) in polynomial.terms() {
            self.budget.spend(20)?;
            let logarithm = monomial.factors().iter().find_map(|(id, power)| match self.atom(*id) {
                Atom::Logarithm(of) if *power == Exponent::ONE => Some((*id, *of)),
                _ => None,
            });
            let Some((id, of)) = logarithm else { return Ok(false) };
            groups.entry(monomial.without(id)).or_default().push((of, Exponent::from_rational(number)?));
        }
        for group in groups.into_values() {
            let scale = group.iter().try_fold(1_i64, |scale, (_, count)| common_multiple(scale, count.below()));
            let Some(scale) = scale else { return Ok(false) };
            let (mut above, mut below) = (Polynomial::one(), Polynomial::one());
            for (of, count) in group {
                let Some(count) = count.times(Exponent::whole(scale))?.to_whole() else { return Ok(false) };
                if count.abs() > MAX_POWER {
                    return Ok(false);
                }
                let argument = match self.atom_cloned(of) {
                    Atom::Base(polynomial) => polynomial,
                    _ => Polynomial::atom(of),
                };
                let argument = self.reduced(argument)?;
                let power = self.polynomial_power(&argument, count.abs())?;
                let side = if count > 0 { &mut above } else { &mut below };
                *side = self.product(side, &power)?;
            }
            // Positive factors never have products of different signs: then there is no point with the signs assumed.
            if above != below && above != below.negated() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes the last root out of a·R + b = 0: where a·R and -b have one sign, their powers are compared.
    fn is_zero_by_elimination(&mut self, polynomial: &Polynomial, left: usize) -> Result<bool, Failure> {
        let is_root = |id: &AtomId| matches!(self.atom(*id), Atom::Base(_));
        let Some(root) = polynomial.atoms().filter(is_root).max() else { return Ok(false) };
        let mut powers = polynomial.terms().iter().map(|term| term.0.power_of(root)).filter(|power| !power.is_zero());
        let Some(power) = powers.next() else { return Ok(false) };
        if powers.any(|other| other != power) || power.below() > MAX_POWER {
            return Ok(false);
        }
        let mut with = BTreeMap::new();
        let mut without = BTreeMap::new();
        for (monomial, number) in polynomial.terms() {
            if monomial.power_of(root).is_zero() {
                without.insert(monomial.clone(), number.clone().negated());
            } else {
                with.insert(monomial.without(root), number.clone());
            }
        }
        let (with, without) = (Polynomial::from_map(with), Polynomial::from_map(without));
        if without.is_zero() {
            return Ok(false);
        }
        let Atom::Base(base) = self.atom_cloned(root) else { return Ok(false) };
        if !self.is_real(&with)? || !self.is_real(&without)? || !self.is_real(&base)? {
            return Ok(false);
        }
        if !power.is_odd_root() {
            let same = match (self.known_sign(&with), self.known_sign(&without)) {
                (Some(one), Some(other)) => one == other,
                _ => false,
            };
            if !same {
                return Ok(false);
            }
        }
        let degree = power.below();
        let one = self.polynomial_power(&with, degree)?;
        let raised = self.polynomial_power(&base, power.above())?;
        let (one, other) = (self.product(&one, &raised)?, self.polynomial_power(&without, degree)?);
        let difference = one.minus(&other, self.budget)?;
        Ok(self.form(&difference, left)? == Form::Zero)
    }

    /// Whether a polynomial is positive, where that needs no assumption.
    fn known_sign(&mut self, polynomial: &Polynomial) -> Option<bool> {
        if self.is_surely_positive(polynomial) {
            return Some(true);
        }
        if self.is_surely_positive(&polynomial.negated()) {
            return Some(false);
        }
        if self.is_constant(polynomial) {
            return self.is_taken_positive(polynomial, false).ok();
        }
        let assumed = self.signs.known(polynomial)?;
        Some(assumed)
    }

    /// The rational number a fraction is, also where it is written as a multiple of what is below the line.
    pub(crate) fn rational_value(&mut self, fraction: &Fraction) -> Result<Option<Rational>, Failure> {
        Ok(self.simplified(fraction)?.as_number())
    }
}

fn common_multiple(one: i64, other: i64) -> Option<i64> {
    let (mut a, mut b) = (one, other);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (one / a).checked_mul(other).filter(|multiple| *multiple <= MAX_POWER)
}
