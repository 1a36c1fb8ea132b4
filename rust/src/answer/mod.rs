//! An answer as it was understood: a quantity, a time, words, or several of these in a row.

pub mod choice;
pub mod compare;
pub mod read;
pub mod unit;

use crate::number::rational::Rational;
use unit::Unit;

/// An answer, read.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What the value was said to be the value of: the `x` of `x = 5`.
    pub name: Option<String>,
    /// The one spelling of the value; equal keys are equal answers.
    pub key: String,
    /// What the value is.
    pub reading: Reading,
}

/// What an answer is.
#[derive(Debug, Clone)]
pub enum Reading {
    /// Nothing at all.
    Empty,
    /// A number with its unit.
    Quantity(Rational, Unit),
    /// A time of day; `Some(true)` after noon, `None` when not said.
    Clock {
        /// Hours.
        hour: u32,
        /// Minutes.
        minute: u32,
        /// p.m. or a.m.
        after_noon: Option<bool>,
    },
    /// Words, in lower case.
    Words(String),
    /// Several answers.
    Several(Shape, Vec<Answer>),
    /// Mathematics this reader does not know.
    Unread,
    /// A number beyond the budget.
    OverBudget,
}

/// How several answers belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A set or a list of solutions: the order does not matter.
    Unordered,
    /// A tuple or an interval between these brackets.
    Between(char, char),
    /// A matrix of so many columns, row after row.
    Matrix(usize),
}
