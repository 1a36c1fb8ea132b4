//! An answer as it was understood: a quantity, a time, words, a set of numbers, a relation, or several of these.
//!
//! Each kind has a file that reads it; `read` puts them in order, `compare` says when two are the same.

mod announcement;
mod based;
mod brackets;
pub mod check;
pub mod choice;
mod clock;
pub mod compare;
mod congruence;
mod content;
pub mod counted;
mod date;
pub mod describe;
mod determinant;
mod exclusion;
mod inequality;
mod infinity;
mod interval;
mod linear;
mod list;
mod matrix;
mod name;
mod number_quantity;
mod parameter;
mod plus_minus;
mod quantities;
mod ratio;
pub mod read;
pub mod real_set;
pub mod relation;
mod several;
mod solve;
mod split;
mod statement;
mod stray;
mod tolerance;
pub mod unit;
pub mod value;
mod words;

pub use based::Based;
pub use clock::Clock;
pub use congruence::Congruence;
pub use date::Date;
pub use parameter::Domain;
use real_set::RealSet;
use relation::Relation;
use unit::Unit;
use value::Value;

/// An answer, read.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What the value was said to be the value of: the `x` of `x = 5`.
    pub name: Option<String>,
    /// The one spelling of the value; equal keys are equal answers.
    pub key: String,
    /// What the value is.
    pub reading: Reading,
    /// What it may be as well: `(1, 2)` is a point, and may be an interval. Answers are the same if any of their
    /// readings are, and different only if all are.
    pub also: Vec<Reading>,
}

/// What an answer is.
#[derive(Debug, Clone)]
pub enum Reading {
    /// Nothing at all.
    Empty,
    /// A number or an expression with its unit.
    Quantity(Quantity),
    /// A time of day.
    Clock(Clock),
    /// A day.
    Date(Date),
    /// `3:4`, `1:2:3`.
    Ratio(Vec<Value>),
    /// Words, in lower case.
    Words(String),
    /// Several answers.
    Several(Shape, Vec<Answer>),
    /// Real numbers between bounds.
    Set(RealSet),
    /// An equation or an inequality.
    Relation(Relation),
    /// All the values of an answer for a parameter.
    Family(Box<Answer>, Domain),
    /// `a ≡ b (mod m)`.
    Congruence(Congruence),
    /// Digits in a base that is said.
    Based(Based),
    /// Mathematics this reader does not know.
    Unread,
    /// More than the budget allows.
    OverBudget,
}

/// A value with its unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// How much.
    pub value: Value,
    /// Of what.
    pub unit: Unit,
    /// Whether the unit may as well be variables, so that it says something only against another unit: `5 m`.
    pub perhaps: bool,
}

/// How several answers belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A set or a list of solutions: the order does not matter.
    Unordered,
    /// A tuple between these brackets.
    Between(char, char),
    /// A matrix of so many columns, row after row.
    Matrix(usize),
    /// A value and the condition under which a function has it.
    Case,
}

impl Quantity {
    /// A value without a unit.
    #[must_use]
    pub fn bare(value: Value) -> Self {
        Self { value, unit: Unit::None, perhaps: false }
    }
}

impl From<Value> for Reading {
    fn from(value: Value) -> Self {
        Self::Quantity(Quantity::bare(value))
    }
}
