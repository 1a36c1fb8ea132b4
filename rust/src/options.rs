//! What a caller may choose about a comparison. The defaults are what a gold of a mathematics problem means.

/// How two bare answers are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// How far a decimal may lie from a gold.
    pub tolerance: Tolerance,
    /// What a percent sign on one side alone means.
    pub percent: Percent,
    /// What a unit on one side alone means.
    pub units: Units,
    /// Whether `1, 2` is `2, 1`.
    pub order: Order,
}

/// When a decimal stands for a number it does not equal. Two exact rationals never do without `Relative`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// A decimal of at least nine significant digits, all of them right, stands for an irrational number.
    NineDigits,
    /// Nothing but equality.
    Exact,
    /// A decimal stands for any number that is away from it by at most this part of that number.
    Relative(f64),
}

/// What `10 %` against a bare number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Percent {
    /// It is 0.1, and 10 too where a percentage was asked for.
    Either,
    /// It is 0.1.
    Hundredths,
    /// It is 10.
    Number,
}

/// What a unit on one side alone means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Units {
    /// Nothing: it is dropped.
    Optional,
    /// A difference: both sides name one or neither does.
    Required,
    /// Units are dropped on both sides, and nothing is converted.
    Ignored,
}

/// Whether the order of a list counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As it is written: tuples are ordered; lists and sets are not.
    AsWritten,
    /// Lists are ordered as well.
    Ordered,
    /// Tuples are not ordered either.
    Any,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tolerance: Tolerance::NineDigits,
            percent: Percent::Either,
            units: Units::Optional,
            order: Order::AsWritten,
        }
    }
}
