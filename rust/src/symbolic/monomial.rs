//! A product of powers of atoms.

use std::cmp::Ordering;

use super::Failure;
use super::exponent::Exponent;

/// The number of an atom within its context.
pub(crate) type AtomId = u32;

/// Atoms in ascending order, each with a power that is not zero. The order is that of the powers read from the first
/// atom on; multiplying two monomials by a third keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Monomial(Vec<(AtomId, Exponent)>);

impl Ord for Monomial {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut ours, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        loop {
            let step = match (ours.peek(), theirs.peek()) {
                (None, None) => return Ordering::Equal,
                (Some((_, power)), None) => power.cmp(&Exponent::ZERO),
                (None, Some((_, power))) => Exponent::ZERO.cmp(power),
                (Some((one, power)), Some((other, other_power))) => match one.cmp(other) {
                    Ordering::Less => power.cmp(&Exponent::ZERO),
                    Ordering::Greater => Exponent::ZERO.cmp(other_power),
                    Ordering::Equal => power.cmp(other_power),
                },
            };
            if step != Ordering::Equal {
                return step;
            }
            ours.next();
            theirs.next();
        }
    }
}

impl PartialOrd for Monomial {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Monomial {
    pub(crate) fn one() -> Self {
        Self::default()
    }

    pub(crate) fn of(atom: AtomId, power: Exponent) -> Self {
        Self(if power.is_zero() { Vec::new() } else { vec![(atom, power)] })
    }

    pub(crate) fn is_one(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn factors(&self) -> &[(AtomId, Exponent)] {
        &self.0
    }

    pub(crate) fn power_of(&self, atom: AtomId) -> Exponent {
        self.0.binary_search_by_key(&atom, |factor| factor.0).map_or(Exponent::ZERO, |at| self.0[at].1)
    }

    pub(crate) fn times(&self, other: &Self) -> Result<Self, Failure> {
        if other.is_one() {
            return Ok(self.clone());
        }
        let mut product = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut ours, mut theirs) = (self.0.as_slice(), other.0.as_slice());
        while let ([(one, power), rest @ ..], [(two, other_power), other_rest @ ..]) = (ours, theirs) {
            match one.cmp(two) {
                Ordering::Less => {
                    product.push((*one, *power));
                    ours = rest;
                }
                Ordering::Greater => {
                    product.push((*two, *other_power));
                    theirs = other_rest;
                }
                Ordering::Equal => {
                    let sum = power.plus(*other_power)?;
                    if !sum.is_zero() {
                        product.push((*one, sum));
                    }
                    (ours, theirs) = (rest, other_rest);
                }
            }
        }
        product.extend_from_slice(ours);
        product.extend_from_slice(theirs);
        Ok(Self(product))
    }

    pub(crate) fn to_power(&self, power: Exponent) -> Result<Self, Failure> {
        if power.is_zero() {
            return Ok(Self::one());
        }
        self.0.iter().map(|(atom, own)| Ok((*atom, own.times(power)?))).collect::<Result<_, _>>().map(Self)
    }

    /// `self` without one atom.
    pub(crate) fn without(&self, atom: AtomId) -> Self {
        Self(self.0.iter().filter(|factor| factor.0 != atom).copied().collect())
    }

    /// The factors that `keep` says, and the others.
    pub(crate) fn parted(&self, keep: impl Fn(AtomId) -> bool) -> (Self, Self) {
        let (kept, rest) = self.0.iter().partition(|factor| keep(factor.0));
        (Self(kept), Self(rest))
    }

    /// Of each atom the lower of the two powers, an absent one counted as zero.
    pub(crate) fn common(&self, other: &Self) -> Self {
        let mut common = Vec::new();
        for (atom, power) in &self.0 {
            let least = (*power).min(other.power_of(*atom));
            if !least.is_zero() {
                common.push((*atom, least));
            }
        }
        for (atom, power) in &other.0 {
            if power.is_negative() && self.power_of(*atom).is_zero() {
                common.push((*atom, *power));
            }
        }
        common.sort_unstable_by_key(|factor| factor.0);
        Self(common)
    }
}

#[cfg(test)]
mod tests {
    use super::{Exponent, Failure, Monomial};

    #[test]
    fn products_keep_the_order() -> Result<(), Failure> {
        let of = |atom, power| Monomial::of(atom, Exponent::whole(power));
        let (x, y, inverse) = (of(1, 1), of(2, 1), of(1, -1));
        assert!(y < x && inverse < Monomial::one() && inverse < y && of(2, 5) < x);
        let product = x.times(&y)?;
        assert_eq!(product.times(&inverse)?, y);
        assert_eq!(product.common(&inverse), inverse);
        assert_eq!(product.common(&of(2, 3)), y);
        assert_eq!(product.to_power(Exponent::new(1, 2)?)?.to_power(Exponent::whole(2))?, product);
        Ok(())
    }
}
