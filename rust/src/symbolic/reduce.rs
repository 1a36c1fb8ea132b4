//! What is known of atoms, used in every product: i² = -1, roots of primes and of polynomials, roots of unity.

use std::collections::BTreeMap;

use super::Failure;
use super::atom::{Atom, Context, FIFTH_ROOT, HALF_TURN, IMAGINARY};
use super::exponent::Exponent;
use super::monomial::{AtomId, Monomial};
use super::polynomial::Polynomial;
use crate::number::rational::Rational;

impl Context<'_> {
    /// `one · other`, reduced.
    pub(crate) fn product(&mut self, one: &Polynomial, other: &Polynomial) -> Result<Polynomial, Failure> {
        let product = one.free_product(other, self.budget)?;
        self.reduced(product)
    }

    /// Every term with its powers in range.
    pub(crate) fn reduced(&mut self, polynomial: Polynomial) -> Result<Polynomial, Failure> {
        if polynomial.terms().iter().all(|term| !self.is_reducible(&term.0)) {
            return Ok(polynomial);
        }
        let mut sum: BTreeMap<Monomial, Rational> = BTreeMap::new();
        for (monomial, number) in polynomial.terms() {
            self.budget.spend(20)?;
            if !self.is_reducible(monomial) {
                add_to(&mut sum, monomial.clone(), number.clone());
                continue;
            }
            let (reducible, plain) = monomial.parted(|atom| self.out_of_range(atom, monomial.power_of(atom)));
            let mut expanded = Polynomial::term(plain, number.clone());
            for (atom, power) in reducible.factors() {
                let factor = self.atom_power(*atom, *power)?;
                expanded = self.product(&expanded, &factor)?;
            }
            for (monomial, number) in expanded.terms() {
                add_to(&mut sum, monomial.clone(), number.clone());
            }
        }
        Ok(Polynomial::from_map(sum))
    }

    fn is_reducible(&self, monomial: &Monomial) -> bool {
        monomial.factors().iter().any(|(atom, power)| self.out_of_range(*atom, *power))
    }

    fn out_of_range(&self, atom: AtomId, power: Exponent) -> bool {
        match self.atom(atom) {
            Atom::Imaginary | Atom::FifthRoot => power != Exponent::ONE,
            Atom::Prime(_) => power.is_negative() || power >= Exponent::ONE,
            Atom::Base(_) => power >= Exponent::ONE,
            Atom::NegativePower(_) => power.is_whole() && power != Exponent::ONE,
            Atom::Circle(_) => atom == HALF_TURN && !lies_in_sector(power),
            _ => false,
        }
    }

    /// One atom to a power out of range, as a polynomial of atoms that are in range.
    fn atom_power(&mut self, atom: AtomId, power: Exponent) -> Result<Polynomial, Failure> {
        match self.atom_cloned(atom) {
            Atom::Imaginary => self.unity(power.times(Exponent::new(1, 2)?)?),
            Atom::FifthRoot => self.unity(power.times(Exponent::new(2, 5)?)?),
            Atom::Circle(_) => self.unity(power),
            Atom::NegativePower(_) => Ok(term(atom, power.modulo(2)?)),
            Atom::Prime(prime) => {
                let (whole, part) = power.split();
                let prime = self.number_power(&Rational::from(dashu_int::IBig::from(prime)), whole.saturating_abs())?;
                let number = if whole < 0 { Rational::from(1).over(&prime) } else { Some(prime) };
                Ok(Polynomial::term(Monomial::of(atom, part), number.ok_or(Failure::Undefined)?))
            }
            Atom::Base(polynomial) => {
                let (whole, part) = power.split();
                let expanded = self.polynomial_power(&polynomial, whole)?;
                self.product(&expanded, &term(atom, part))
            }
            _ => Ok(term(atom, power)),
        }
    }

    /// e^(iπ·turn).
    pub(crate) fn unity(&mut self, turn: Exponent) -> Result<Polynomial, Failure> {
        let mut turn = turn.modulo(2)?;
        let mut fifths = 0;
        if turn.below() % 5 == 0 && turn.below() % 25 != 0 {
            // turn = fifths · 2/5 + a part without a fifth
            let rest = turn.below() / 5 % 5;
            fifths = (0..5).find(|fifths| (turn.above() - 2 * fifths * rest).rem_euclid(5) == 0).unwrap_or(0);
            turn = turn.plus(Exponent::new(-2 * fifths, 5)?)?.modulo(2)?;
        }
        let step = if turn.below() % 8 == 0 { 4 } else { 2 };
        let (steps, part) = turn.times(Exponent::whole(step))?.split();
        let mut part = part.times(Exponent::new(1, step)?)?;
        let mut value = self.twelfths(steps * (12 / step))?;
        if 12 % part.below() == 0 {
            let exact = self.twelfths(part.above() * (12 / part.below()))?;
            value = self.product(&value, &exact)?;
            part = Exponent::ZERO;
        }
        if !part.is_zero() {
            value = value.times_term(&(Monomial::of(HALF_TURN, part), Rational::from(1)), self.budget)?;
        }
        let fifth = self.fifths(fifths)?;
        self.product(&value, &fifth)
    }

    /// e^(iπ·count/12), in roots of two and three.
    fn twelfths(&mut self, count: i64) -> Result<Polynomial, Failure> {
        let count = count.rem_euclid(24);
        let (quarters, within) = (count / 6, count % 6);
        let half = Rational::from(1).over(&Rational::from(2)).ok_or(Failure::Undefined)?;
        let imaginary = Monomial::of(IMAGINARY, Exponent::ONE);
        let one = Polynomial::constant(half.clone());
        let i = Polynomial::term(imaginary.clone(), half);
        let value = match within {
            0 => Polynomial::one(),
            1 => {
                let (third, quarter) = (self.twelfths(4)?, self.twelfths(21)?);
                self.product(&third, &quarter)?
            }
            5 => {
                let (quarter, sixth) = (self.twelfths(3)?, self.twelfths(2)?);
                self.product(&quarter, &sixth)?
            }
            3 => {
                let root = self.root_of_prime(2)?;
                one.plus(&i, self.budget)?.free_product(&root, self.budget)?
            }
            within => {
                let root = self.root_of_prime(3)?;
                let (real, other) = if within == 2 { (&one, &i) } else { (&i, &one) };
                real.free_product(&root, self.budget)?.plus(other, self.budget)?
            }
        };
        let sign = Rational::from(if quarters >= 2 { -1 } else { 1 });
        let turn = Polynomial::term(if quarters % 2 == 1 { imaginary } else { Monomial::one() }, sign);
        if within == 0 { Ok(turn) } else { self.product(&value, &turn) }
    }

    /// w^count for w = e^(2πi/5), by w² = gw - 1 with g = (√5 - 1)/2.
    fn fifths(&mut self, count: i64) -> Result<Polynomial, Failure> {
        let root = Polynomial::atom(FIFTH_ROOT);
        if count == 0 {
            return Ok(Polynomial::one());
        }
        if count == 1 {
            return Ok(root);
        }
        let half = Rational::from(1).over(&Rational::from(2)).ok_or(Failure::Undefined)?;
        let five = self.root_of_prime(5)?;
        let golden = five.minus(&Polynomial::one(), self.budget)?.scaled(&half, self.budget)?;
        let turned = golden.free_product(&root, self.budget)?;
        match count {
            2 => turned.minus(&Polynomial::one(), self.budget),
            3 => golden.plus(&turned, self.budget).map(|sum| sum.negated()),
            _ => golden.minus(&root, self.budget),
        }
    }

    /// The square root of a prime number.
    pub(crate) fn root_of_prime(&mut self, prime: u32) -> Result<Polynomial, Failure> {
        let atom = self.intern(Atom::Prime(dashu_int::UBig::from(prime)))?;
        Ok(term(atom, Exponent::new(1, 2)?))
    }
}

/// Whether e^(iπ·turn) is kept as a power of the atom: no simpler factor can be taken out of it.
fn lies_in_sector(turn: Exponent) -> bool {
    let (below, step) = (turn.below(), if turn.below() % 8 == 0 { 4 } else { 2 });
    !turn.is_negative()
        && turn.above().saturating_mul(step) < below
        && 12 % below != 0
        && (below % 5 != 0 || below % 25 == 0)
}

fn term(atom: AtomId, power: Exponent) -> Polynomial {
    Polynomial::term(Monomial::of(atom, power), Rational::from(1))
}

fn add_to(sum: &mut BTreeMap<Monomial, Rational>, monomial: Monomial, number: Rational) {
    match sum.entry(monomial) {
        std::collections::btree_map::Entry::Vacant(place) => {
            place.insert(number);
        }
        std::collections::btree_map::Entry::Occupied(mut place) => {
            let total = place.get().plus(&number);
            place.insert(total);
        }
    }
}
