//! Mathematics as a tree, as it was written: nothing is simplified here.

pub mod display;
pub mod parse;
mod size;

use crate::number::rational::Rational;

/// Levels a tree may have. Whoever walks one may recurse, since no tree is deeper than this.
pub const MAX_DEPTH: usize = 100;

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// An exact number.
    Number(Rational),
    /// π, e or i.
    Constant(Constant),
    /// A letter with its index and primes, in one spelling: `x`, `a_{1}`, `\theta`, `f'`.
    Variable(String),
    /// `a + b + …`; a difference is a sum with a product by -1.
    Sum(Vec<Expression>),
    /// `a · b · …`.
    Product(Vec<Expression>),
    /// `a / b`.
    Quotient(Box<Expression>, Box<Expression>),
    /// `a ^ b`.
    Power(Box<Expression>, Box<Expression>),
    /// The principal root of this degree, at least 2; of a negative number the real one where the degree is odd.
    Root(u32, Box<Expression>),
    /// A named function of one argument.
    Apply(Function, Box<Expression>),
    /// `n` over `k`.
    Binomial(Box<Expression>, Box<Expression>),
    /// A function nobody knows, `f(x, y)`: equal where its name and its arguments are.
    Call(String, Vec<Expression>),
}

/// A constant that is no rational number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Constant {
    /// π.
    Pi,
    /// e.
    E,
    /// i.
    ImaginaryUnit,
}

/// A function with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // each is what its name says
pub enum Function {
    Sin,
    Cos,
    Tan,
    Cot,
    Sec,
    Csc,
    Arcsin,
    Arccos,
    Arctan,
    Sinh,
    Cosh,
    Tanh,
    /// The natural logarithm; one to another base is a quotient of two of these.
    Ln,
    Abs,
    Floor,
    Ceiling,
    Factorial,
}
