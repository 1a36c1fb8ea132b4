//! What holds for one sign only. Each variable and each polynomial whose sign matters is assumed positive first and
//! negative in a later pass, so that |x|, √(x²) and ln(x²) are plain monomials within a pass.

use std::collections::BTreeMap;

use super::Failure;
use super::atom::{Atom, Context, IMAGINARY};
use super::exponent::Exponent;
use super::monomial::{AtomId, Monomial};
use super::polynomial::Polynomial;
use crate::certified::{Point, Zero, zero_test};
use crate::number::rational::Rational;

/// Variables and polynomials whose signs may be taken both ways.
const MAX_VARIABLES: usize = 4;
const MAX_POLYNOMIALS: usize = 6;

/// The sign of a polynomial that is led by a positive number.
#[derive(Debug)]
struct Assumption {
    polynomial: Polynomial,
    positive: bool,
    /// The other sign is still to be taken.
    open: bool,
}

/// The signs of a pass.
#[derive(Debug, Default)]
pub(crate) struct Signs {
    variables: BTreeMap<String, bool>,
    polynomials: Vec<Assumption>,
}

impl Signs {
    /// Whether this variable is assumed positive; nothing where its sign has not mattered so far.
    pub(crate) fn of_variable(&self, name: &str) -> Option<bool> {
        self.variables.get(name).copied()
    }

    /// Whether anything was assumed that a sign for each variable does not settle.
    pub(crate) fn are_assumed(&self) -> bool {
        !self.polynomials.is_empty()
    }

    /// Begins again from all positive.
    pub(crate) fn begin(&mut self) {
        self.polynomials.clear();
        self.variables.values_mut().for_each(|positive| *positive = true);
    }

    /// Goes on to the next signs; false after the last.
    pub(crate) fn advance(&mut self) -> bool {
        while let Some(mut last) = self.polynomials.pop() {
            if last.open {
                last.positive = !last.positive;
                last.open = false;
                self.polynomials.push(last);
                return true;
            }
        }
        for positive in self.variables.values_mut() {
            *positive = !*positive;
            if !*positive {
                return true;
            }
        }
        false
    }

    /// Whether this polynomial is assumed positive; nothing where nothing is assumed of it.
    pub(crate) fn known(&self, polynomial: &Polynomial) -> Option<bool> {
        let negated = polynomial.negated();
        self.polynomials.iter().find_map(|assumed| {
            let same = assumed.polynomial == *polynomial;
            (same || assumed.polynomial == negated).then_some(assumed.positive == same)
        })
    }

    fn add_variable(&mut self, name: &str) -> Failure {
        if self.variables.len() >= MAX_VARIABLES {
            return Failure::TooLarge;
        }
        self.variables.insert(name.to_owned(), true);
        Failure::NewSign
    }
}

impl Context<'_> {
    /// The sign of this variable matters: begin again with one.
    pub(crate) fn sign_is_needed(&mut self, name: &str) -> Failure {
        self.signs.add_variable(name)
    }

    /// Whether `polynomial` is the same as its complex conjugate for certain.
    pub(crate) fn is_real(&mut self, polynomial: &Polynomial) -> Result<bool, Failure> {
        if !polynomial.atoms().any(|id| self.turns(id)) {
            return Ok(!polynomial.atoms().any(|id| self.may_be_complex(id)));
        }
        let conjugate = self.conjugate(polynomial)?;
        Ok(conjugate == *polynomial && !polynomial.atoms().any(|id| self.may_be_complex(id)))
    }

    /// A polynomial as a real one times a point of the unit circle, by taking the middle power out of each angle:
    /// z² + 1 = z(z + 1/z). The point comes as the monomial of angles by which the real one is to be multiplied.
    pub(crate) fn centred(&mut self, polynomial: &Polynomial) -> Result<Option<(Monomial, Polynomial)>, Failure> {
        let mut angles: Vec<AtomId> =
            polynomial.atoms().filter(|id| matches!(self.atom(*id), Atom::Circle(_))).collect();
        angles.sort_unstable();
        angles.dedup();
        let mut point = Monomial::one();
        for id in angles {
            self.budget.spend(10 * polynomial.terms().len() as u64)?;
            let powers = || polynomial.terms().iter().map(|term| term.0.power_of(id));
            let (Some(least), Some(most)) = (powers().min(), powers().max()) else { continue };
            let middle = least.plus(most)?.times(Exponent::new(1, 2)?)?;
            point = point.times(&Monomial::of(id, middle))?;
        }
        let inverse = Polynomial::term(point.to_power(Exponent::whole(-1))?, Rational::from(1));
        let mut real = self.product(polynomial, &inverse)?;
        if !self.is_real(&real)? {
            let unit = Polynomial::atom(IMAGINARY);
            real = self.product(&real, &unit)?;
            point = point.times(&Monomial::of(IMAGINARY, Exponent::whole(-1)))?;
        }
        Ok(if self.is_real(&real)? { Some((point, real)) } else { None })
    }

    /// Whether an atom's conjugate is its inverse.
    fn turns(&self, id: AtomId) -> bool {
        matches!(self.atom(id), Atom::Imaginary | Atom::FifthRoot | Atom::Circle(_))
    }

    /// The complex conjugate, all atoms but points of the circle taken for real.
    pub(crate) fn conjugate(&mut self, polynomial: &Polynomial) -> Result<Polynomial, Failure> {
        let mut conjugate = Polynomial::zero();
        for (monomial, number) in polynomial.terms() {
            let (turning, real) = monomial.parted(|id| self.turns(id));
            let turned = turning.to_power(Exponent::whole(-1))?;
            let term = self.reduced(Polynomial::term(turned.times(&real)?, number.clone()))?;
            conjugate = conjugate.plus(&term, self.budget)?;
        }
        Ok(conjugate)
    }

    /// Whether an atom that is taken for real need not be: a root of what is not real.
    fn may_be_complex(&self, id: AtomId) -> bool {
        match self.atom(id) {
            Atom::Base(polynomial) => polynomial.atoms().any(|id| self.turns(id) || self.may_be_complex(id)),
            _ => false,
        }
    }

    /// Whether every term is above zero, or a square.
    pub(crate) fn is_surely_positive(&self, polynomial: &Polynomial) -> bool {
        polynomial.terms().iter().all(|(monomial, number)| {
            !number.is_negative()
                && monomial.factors().iter().all(|(id, power)| match self.atom(*id) {
                    Atom::Imaginary | Atom::FifthRoot | Atom::Circle(_) => false,
                    Atom::Base(_) => !power.is_odd_root(),
                    _ => self.is_positive(*id) || power.is_even() && power.is_odd_root(),
                })
        })
    }

    /// Whether a real polynomial is positive: known, or assumed; `both` says that a negative one has a value too.
    pub(crate) fn is_taken_positive(&mut self, polynomial: &Polynomial, both: bool) -> Result<bool, Failure> {
        if self.is_surely_positive(polynomial) {
            return Ok(true);
        }
        if self.is_surely_positive(&polynomial.negated()) {
            return Ok(false);
        }
        if self.is_constant(polynomial) {
            let spelled = self.spelled(polynomial, 0)?;
            return match zero_test(&spelled, &Point::nowhere(), self.budget) {
                Ok(Zero::No { sign: Some(sign) }) => Ok(sign.is_gt()),
                _ => Err(Failure::TooLarge),
            };
        }
        let lead = polynomial.terms().first().map_or_else(|| Rational::from(1), |term| term.1.clone());
        let scale = Rational::from(1).over(&lead).ok_or(Failure::Undefined)?;
        let led_by_one = polynomial.scaled(&scale, self.budget)?;
        self.budget.spend(20)?;
        let known = self.signs.polynomials.iter().find(|assumed| assumed.polynomial == led_by_one);
        if let Some(assumed) = known {
            return Ok(assumed.positive != lead.is_negative());
        }
        if self.signs.polynomials.len() >= MAX_POLYNOMIALS {
            return Err(Failure::TooLarge);
        }
        let positive = both || !lead.is_negative();
        self.signs.polynomials.push(Assumption { polynomial: led_by_one, positive, open: both });
        Ok(positive != lead.is_negative())
    }

    /// Whether two of the signs assumed exclude each other: a sum of two positive polynomials is not above zero.
    pub(crate) fn signs_exclude_each_other(&self) -> Result<bool, Failure> {
        let positive = |assumed: &Assumption| {
            if assumed.positive { assumed.polynomial.clone() } else { assumed.polynomial.negated() }
        };
        let all: Vec<_> = self.signs.polynomials.iter().map(positive).collect();
        for (place, one) in all.iter().enumerate() {
            for other in &all[place + 1..] {
                // Each is led by one or minus one, so a sum that loses its leading term is the only one to try.
                let sum = one.plus(other, self.budget)?;
                if self.is_surely_positive(&sum.negated()) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// |polynomial| for a real one.
    pub(crate) fn magnitude(&mut self, polynomial: &Polynomial) -> Result<Polynomial, Failure> {
        Ok(if self.is_taken_positive(polynomial, true)? { polynomial.clone() } else { polynomial.negated() })
    }
}
