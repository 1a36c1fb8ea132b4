//! Sums of monomials with rational coefficients. Nothing here knows what the atoms stand for.

use std::collections::BTreeMap;

use super::Failure;
use super::exponent::Exponent;
use super::monomial::{AtomId, Monomial};
use crate::budget::Budget;
use crate::number::rational::Rational;

/// Bits a coefficient may have.
pub(crate) const MAX_COEFFICIENT_BITS: usize = 40_000;

/// Terms in descending order of their monomials, no coefficient zero.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Polynomial(Vec<(Monomial, Rational)>);

/// What a product of two terms costs: its monomial, and its coefficients in proportion to their limbs.
fn spend_product(budget: &Budget, one: &(Monomial, Rational), other: &(Monomial, Rational)) -> Result<(), Failure> {
    let (ours, theirs) = (one.1.bits() / 64 + 1, other.1.bits() / 64 + 1);
    let atoms = one.0.factors().len() + other.0.factors().len();
    Ok(budget.spend((40 + 3 * atoms + 3 * (ours + theirs) + ours * theirs / 2) as u64)?)
}

impl Polynomial {
    pub(crate) fn zero() -> Self {
        Self::default()
    }

    pub(crate) fn one() -> Self {
        Self::constant(Rational::from(1))
    }

    pub(crate) fn constant(number: Rational) -> Self {
        Self::term(Monomial::one(), number)
    }

    pub(crate) fn term(monomial: Monomial, coefficient: Rational) -> Self {
        Self(if coefficient.is_zero() { Vec::new() } else { vec![(monomial, coefficient)] })
    }

    pub(crate) fn atom(atom: AtomId) -> Self {
        Self::term(Monomial::of(atom, Exponent::ONE), Rational::from(1))
    }

    pub(crate) fn from_map(terms: BTreeMap<Monomial, Rational>) -> Self {
        Self(terms.into_iter().rev().filter(|term| !term.1.is_zero()).collect())
    }

    pub(crate) fn terms(&self) -> &[(Monomial, Rational)] {
        &self.0
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn is_one(&self) -> bool {
        self.as_number().is_some_and(|number| number == Rational::from(1))
    }

    /// The rational number this is.
    pub(crate) fn as_number(&self) -> Option<Rational> {
        match self.0.as_slice() {
            [] => Some(Rational::from(0)),
            [(monomial, number)] if monomial.is_one() => Some(number.clone()),
            _ => None,
        }
    }

    pub(crate) fn as_term(&self) -> Option<&(Monomial, Rational)> {
        if let [term] = self.0.as_slice() { Some(term) } else { None }
    }

    /// The number that stands without any atom.
    pub(crate) fn constant_term(&self) -> Rational {
        self.0.iter().find(|term| term.0.is_one()).map_or_else(|| Rational::from(0), |term| term.1.clone())
    }

    pub(crate) fn atoms(&self) -> impl Iterator<Item = AtomId> {
        self.0.iter().flat_map(|term| term.0.factors()).map(|factor| factor.0)
    }

    pub(crate) fn plus(&self, other: &Self, budget: &Budget) -> Result<Self, Failure> {
        if other.is_zero() {
            return Ok(self.clone());
        }
        let limbs: usize = self.0.iter().chain(&other.0).map(|term| 16 + term.1.bits() / 32).sum();
        budget.spend(limbs as u64)?;
        let mut sum = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut ours, mut theirs) = (self.0.as_slice(), other.0.as_slice());
        while let ([one, rest @ ..], [two, other_rest @ ..]) = (ours, theirs) {
            match one.0.cmp(&two.0) {
                std::cmp::Ordering::Greater => {
                    sum.push(one.clone());
                    ours = rest;
                }
                std::cmp::Ordering::Less => {
                    sum.push(two.clone());
                    theirs = other_rest;
                }
                std::cmp::Ordering::Equal => {
                    let coefficient = one.1.plus(&two.1);
                    if !coefficient.is_zero() {
                        sum.push((one.0.clone(), coefficient));
                    }
                    (ours, theirs) = (rest, other_rest);
                }
            }
        }
        sum.extend_from_slice(ours);
        sum.extend_from_slice(theirs);
        Ok(Self(sum))
    }

    pub(crate) fn negated(&self) -> Self {
        Self(self.0.iter().map(|(monomial, number)| (monomial.clone(), number.clone().negated())).collect())
    }

    pub(crate) fn minus(&self, other: &Self, budget: &Budget) -> Result<Self, Failure> {
        self.plus(&other.negated(), budget)
    }

    /// Every term times one term; no relation between atoms is used.
    pub(crate) fn times_term(&self, term: &(Monomial, Rational), budget: &Budget) -> Result<Self, Failure> {
        let mut product = Vec::with_capacity(self.0.len());
        for own in &self.0 {
            spend_product(budget, own, term)?;
            product.push((own.0.times(&term.0)?, own.1.times(&term.1)));
        }
        Ok(Self(product))
    }

    pub(crate) fn scaled(&self, number: &Rational, budget: &Budget) -> Result<Self, Failure> {
        if number.is_zero() {
            return Ok(Self::zero());
        }
        self.times_term(&(Monomial::one(), number.clone()), budget)
    }

    /// The product, atoms taken as free: see [`super::reduce`] for what is known of them.
    pub(crate) fn free_product(&self, other: &Self, budget: &Budget) -> Result<Self, Failure> {
        budget.spend(4)?; // a product by zero too: three thousand million of them are work
        match (self.0.as_slice(), other.0.as_slice()) {
            ([], _) | (_, []) => return Ok(Self::zero()),
            (_, [term]) => return self.times_term(term, budget),
            ([term], _) => return other.times_term(term, budget),
            _ => {}
        }
        let mut product: BTreeMap<Monomial, Rational> = BTreeMap::new();
        for one in &self.0 {
            for two in &other.0 {
                spend_product(budget, one, two)?;
                let number = one.1.times(&two.1);
                match product.entry(one.0.times(&two.0)?) {
                    std::collections::btree_map::Entry::Vacant(place) => {
                        place.insert(number);
                    }
                    std::collections::btree_map::Entry::Occupied(mut place) => {
                        let sum = place.get().plus(&number);
                        place.insert(sum);
                    }
                }
            }
        }
        Ok(Self::from_map(product))
    }

    /// The product of the lowest powers of each atom that `divisible` says.
    pub(crate) fn common_monomial(&self, divisible: impl Fn(AtomId) -> bool) -> Monomial {
        let mut terms = self.0.iter().map(|term| &term.0);
        let Some(first) = terms.next() else { return Monomial::one() };
        terms.fold(first.clone(), |common, monomial| common.common(monomial)).parted(divisible).0
    }

    /// `self = factor · other` for one rational factor.
    pub(crate) fn ratio(&self, other: &Self) -> Option<Rational> {
        if self.0.len() != other.0.len() {
            return None;
        }
        let (one, two) = (self.0.first()?, other.0.first()?);
        let ratio = one.1.over(&two.1)?;
        let same =
            |(one, two): (&(Monomial, Rational), &(Monomial, Rational))| one.0 == two.0 && one.1 == two.1.times(&ratio);
        self.0.iter().zip(&other.0).all(same).then_some(ratio)
    }

    /// The exact quotient by `divisor`, found by long division, or nothing: it gives up where the quotient would be
    /// much longer than both.
    pub(crate) fn divided_by(&self, divisor: &Self, budget: &Budget) -> Result<Option<Self>, Failure> {
        let (Some(lead), Some(last)) = (divisor.0.first(), divisor.0.last()) else { return Ok(None) };
        let Some(end) = self.0.last() else { return Ok(Some(Self::zero())) };
        let inverse = |monomial: &Monomial| monomial.to_power(Exponent::whole(-1));
        let lowest = end.0.times(&inverse(&last.0)?)?;
        let (lead_inverse, mut rest, mut quotient) = (inverse(&lead.0)?, self.clone(), Vec::new());
        let limit = self.0.len() + divisor.0.len() + 8;
        while let Some(top) = rest.0.first() {
            let monomial = top.0.times(&lead_inverse)?;
            let Some(number) = top.1.over(&lead.1) else { return Ok(None) };
            if monomial < lowest || quotient.len() > limit {
                return Ok(None);
            }
            let term = (monomial, number);
            rest = rest.minus(&divisor.times_term(&term, budget)?, budget)?;
            quotient.push(term);
        }
        Ok(Some(Self(quotient)))
    }
}
