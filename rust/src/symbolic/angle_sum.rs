//! Sums of known arcsines and arctangents: 3 arctan(1/4) + arctan(5/99) = π/4.

use std::cmp::Ordering;

use super::Failure;
use super::atom::{Atom, Context, PI};
use super::exponent::Exponent;
use super::fraction::Fraction;
use super::polynomial::Polynomial;
use super::zero::Form;
use crate::certified::{Point, Zero, zero_test};
use crate::number::rational::Rational;

/// The multiple of a sum that is looked at, and whole multiples of one angle in it.
const MAX_COUNT: i64 = 24;

impl Context<'_> {
    /// Whether a sum d of rational multiples of π and of constant arcsines and arctangents is zero for certain:
    /// e^(i·m·d) = 1 for the m that makes the multiples whole, and m·d is less than a turn.
    pub(crate) fn is_no_turn(&mut self, polynomial: &Polynomial) -> Result<bool, Failure> {
        let (mut scale, mut arcs) = (Exponent::ONE, 0);
        for (monomial, number) in polynomial.terms() {
            let [(id, Exponent::ONE)] = monomial.factors() else { return Ok(false) };
            match self.atom(*id) {
                _ if *id == PI => continue,
                Atom::Function(name, _) if matches!(name.as_str(), "arcsin" | "arctan") => arcs += 1,
                _ => return Ok(false),
            }
            let count = Exponent::from_rational(number)?.times(scale)?;
            scale = scale.times(Exponent::whole(count.below()))?;
            if scale.above() > MAX_COUNT || count.above().saturating_abs() > MAX_COUNT {
                return Ok(false);
            }
        }
        if arcs == 0 || !self.is_constant(polynomial) {
            return Ok(false);
        }
        let sum = polynomial.scaled(&scale.to_rational(), self.budget)?;
        let point = self.circle(&sum.clone().into())?;
        if self.compared(&point, &Fraction::one())? != Form::Zero {
            return Ok(false);
        }
        let sign_beside = |turn: i64| -> Result<Option<Ordering>, Failure> {
            let from = sum.plus(&Polynomial::constant(Rational::from(turn)), self.budget)?;
            let sign = zero_test(&self.spelled(&from, 0)?, &Point::nowhere(), self.budget);
            Ok(if let Ok(Zero::No { sign }) = sign { sign } else { None })
        };
        Ok(sign_beside(6)? == Some(Ordering::Greater) && sign_beside(-6)? == Some(Ordering::Less))
    }
}
