//! The canonical form: a fraction of polynomials over atoms (variables, roots of primes, i, π, e, powers, angles,
//! logarithms), in which equal expressions meet. Numbers are exact; nothing here is ever rounded.
//!
//! Two devices carry most identities. Powers of atoms are fractions, so √8 = 2·2^(1/2), e^(x/2) and 4^x = (2^x)² are
//! monomials; and an angle is its point on the unit circle, sin x = (z - 1/z)/2i with z = e^(ix), so addition
//! theorems are products of monomials. What holds only for one sign of something (√(x²) = |x|) is decided by taking
//! both signs in turn: see [`signs`].

mod absolute;
mod angle;
mod angle_sum;
mod atom;
mod exponent;
mod factorial;
mod fraction;
mod inverse_angle;
mod logarithm;
mod monomial;
mod normalize;
mod polynomial;
mod power;
mod prime;
mod ratio;
mod reduce;
mod rounding;
mod signs;
mod spelling;
mod square_root;
mod symbolic_power;
mod zero;

pub(crate) use atom::Context;
pub(crate) use ratio::Constants;
pub(crate) use zero::Form;

use crate::budget::OverBudget;

/// Why an expression has no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It is larger than this method may grow, or outside of it.
    TooLarge,
    /// A part of it is not real for the signs that are assumed.
    NotReal,
    /// It has no value: a division by zero, the logarithm of zero.
    Undefined,
    /// The sign of one more variable matters: begin again with it.
    NewSign,
}

impl From<OverBudget> for Failure {
    fn from(OverBudget: OverBudget) -> Self {
        Self::TooLarge
    }
}
