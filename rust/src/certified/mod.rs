//! Numbers that are known to lie between two others: what an expression is worth, for certain, to any precision.

pub mod ball;
pub mod evaluate;
pub mod separation;
pub mod zero;

mod circular;
mod constants;
mod exact;
mod exponential;
mod function;
mod magnitude;
mod power;
mod real;

pub use ball::Ball;
pub use evaluate::evaluate;
pub use real::{Precision, Real};
pub use separation::separation;
pub use zero::zero_test;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::budget::OverBudget;
use crate::number::rational::Rational;

/// The values of variables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Point {
    variables: BTreeMap<String, Rational>,
}

impl Point {
    /// No variable has a value.
    #[must_use]
    pub fn nowhere() -> Self {
        Self::default()
    }

    /// Gives the variable of this name its value.
    pub fn set(&mut self, name: &str, value: Rational) {
        self.variables.insert(name.to_owned(), value);
    }

    /// The value of the variable of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Rational> {
        self.variables.get(name)
    }
}

/// Why an expression has no certified value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It takes more work than is left.
    OverBudget,
    /// It is proven to have none: a division by zero, the logarithm of zero.
    Undefined,
    /// Known so far is too little: a divisor may be zero. More precision may help.
    NotEnough,
    /// It has a variable without a value or a function that is not evaluated.
    Unsupported,
}

impl From<OverBudget> for Failure {
    fn from(OverBudget: OverBudget) -> Self {
        Self::OverBudget
    }
}

/// Whether a value is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zero {
    /// It is, proven.
    Yes,
    /// It is not, proven; its sign where it is real.
    No {
        /// Greater or less than zero; nothing for a value that is not real.
        sign: Option<Ordering>,
    },
    /// No precision within reach told.
    Unknown,
}
