//! What polynomials are made of, and the context that numbers it for both sides of a comparison.

use std::collections::BTreeMap;

use dashu_int::UBig;

use super::Failure;
use super::fraction::{Factors, Fraction};
use super::monomial::{AtomId, Monomial};
use super::polynomial::Polynomial;
use super::signs::Signs;
use crate::budget::Budget;

/// A monomial over a product of polynomials: what an exponent, or an angle, is a rational multiple of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Term {
    pub(crate) above: Monomial,
    pub(crate) below: Factors,
}

/// Something that is not taken apart further.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Atom {
    /// i; its square is -1.
    Imaginary,
    /// π.
    Pi,
    /// e.
    E,
    /// e^(2πi/5).
    FifthRoot,
    /// A prime number, or an integer without small factors; to a power from zero to below one.
    Prime(UBig),
    /// The magnitude of a variable whose sign matters, otherwise the variable.
    Variable(String),
    /// A polynomial, to a power from zero to below one.
    Base(Polynomial),
    /// A positive atom to a power that is not rational.
    Power(AtomId, Term),
    /// (-1) to a power that is not rational, taken for a whole one.
    NegativePower(Term),
    /// e^(i·term).
    Circle(Term),
    /// The logarithm of a positive atom.
    Logarithm(AtomId),
    /// A function of arguments nothing is known of.
    Function(String, Vec<Fraction>),
}

pub(crate) const IMAGINARY: AtomId = 0;
pub(crate) const PI: AtomId = 1;
pub(crate) const E: AtomId = 2;
pub(crate) const FIFTH_ROOT: AtomId = 3;
/// e^(iπ): as the atom of an angle, to a rational power.
pub(crate) const HALF_TURN: AtomId = 4;

/// Atoms a comparison may have.
const MAX_ATOMS: usize = 400;

/// The atoms of a comparison, the signs it assumes, and what it may spend.
pub(crate) struct Context<'b> {
    pub(crate) budget: &'b Budget,
    pub(crate) signs: Signs,
    atoms: Vec<Atom>,
    ids: BTreeMap<Atom, AtomId>,
}

impl<'b> Context<'b> {
    pub(crate) fn new(budget: &'b Budget) -> Self {
        let mut context = Self { budget, signs: Signs::default(), atoms: Vec::new(), ids: BTreeMap::new() };
        let half_turn = Term { above: Monomial::of(PI, super::exponent::Exponent::ONE), below: Factors::default() };
        for atom in [Atom::Imaginary, Atom::Pi, Atom::E, Atom::FifthRoot, Atom::Circle(half_turn)] {
            context.ids.insert(atom.clone(), AtomId::try_from(context.atoms.len()).unwrap_or(AtomId::MAX));
            context.atoms.push(atom);
        }
        context
    }

    /// The number of this atom, a new one where it is new.
    pub(crate) fn intern(&mut self, atom: Atom) -> Result<AtomId, Failure> {
        self.budget.spend(20)?;
        if let Some(id) = self.ids.get(&atom) {
            return Ok(*id);
        }
        if self.atoms.len() >= MAX_ATOMS {
            return Err(Failure::TooLarge);
        }
        let id = AtomId::try_from(self.atoms.len()).map_err(|_| Failure::TooLarge)?;
        self.ids.insert(atom.clone(), id);
        self.atoms.push(atom);
        Ok(id)
    }

    /// Whether a negative number has been raised to an exponent that was taken for a whole one.
    pub(crate) fn takes_exponents_for_whole(&self) -> bool {
        self.atoms.iter().any(|atom| matches!(atom, Atom::NegativePower(_)))
    }

    /// (-1) to the power of `term`, where that was taken for a whole number.
    pub(crate) fn known_power_of_sign(&self, term: &Term) -> Option<AtomId> {
        self.takes_exponents_for_whole().then(|| self.ids.get(&Atom::NegativePower(term.clone())).copied())?
    }

    /// The atom of this number.
    pub(crate) fn atom(&self, id: AtomId) -> &Atom {
        self.atoms.get(id as usize).unwrap_or(&Atom::Imaginary)
    }

    /// The atom of this number, also while the context changes.
    pub(crate) fn atom_cloned(&self, id: AtomId) -> Atom {
        self.atom(id).clone()
    }

    /// Whether this atom is above zero for certain, under the signs assumed.
    pub(crate) fn is_positive(&self, id: AtomId) -> bool {
        match self.atom(id) {
            Atom::Pi | Atom::E | Atom::Prime(_) | Atom::Power(..) => true,
            Atom::Variable(name) => self.signs.of_variable(name).is_some(),
            _ => false,
        }
    }

    /// Whether a polynomial holds no variable and no unknown function.
    pub(crate) fn is_constant(&self, polynomial: &Polynomial) -> bool {
        polynomial.atoms().all(|id| self.is_constant_atom(id))
    }

    fn is_constant_atom(&self, id: AtomId) -> bool {
        let constant_term = |term: &Term| {
            term.above.factors().iter().all(|factor| self.is_constant_atom(factor.0))
                && term.below.0.iter().all(|factor| self.is_constant(&factor.0))
        };
        match self.atom(id) {
            Atom::Imaginary | Atom::Pi | Atom::E | Atom::FifthRoot | Atom::Prime(_) => true,
            Atom::Variable(_) => false,
            Atom::Base(polynomial) => self.is_constant(polynomial),
            Atom::Power(base, term) => self.is_constant_atom(*base) && constant_term(term),
            Atom::NegativePower(term) | Atom::Circle(term) => constant_term(term),
            Atom::Logarithm(of) => self.is_constant_atom(*of),
            Atom::Function(name, arguments) => {
                matches!(name.as_str(), "arcsin" | "arctan" | "floor")
                    && arguments.iter().all(|argument| {
                        self.is_constant(&argument.above)
                            && argument.below.0.iter().all(|factor| self.is_constant(&factor.0))
                    })
            }
        }
    }
}
