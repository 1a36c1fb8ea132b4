//! A tree as one readable line, with the brackets it needs and no others.

use std::fmt;

use super::{Constant, Expression, Function};
use crate::number::rational::Rational;

/// How tightly something binds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Sum,
    Product,
    Operand,
}

impl fmt::Display for Expression {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write_number(number, out),
            Self::Constant(Constant::Pi) => out.write_str("pi"),
            Self::Constant(Constant::E) => out.write_str("e"),
            Self::Constant(Constant::ImaginaryUnit) => out.write_str("i"),
            Self::Variable(name) => out.write_str(name),
            Self::Sum(terms) => {
                for (at, term) in terms.iter().enumerate() {
                    match (at, term.without_minus()) {
                        (0, _) if matches!(term, Self::Number(_)) => write!(out, "{term}")?,
                        (0, _) => write_within(term, Binding::Product, out)?,
                        (_, Some(positive)) => {
                            out.write_str(" - ")?;
                            write_within(&positive, Binding::Product, out)?;
                        }
                        (_, None) => {
                            out.write_str(" + ")?;
                            write_within(term, Binding::Product, out)?;
                        }
                    }
                }
                Ok(())
            }
            Self::Product(factors) => write_product(factors, out),
            Self::Quotient(above, below) => {
                write_first(above, out)?;
                out.write_str("/")?;
                if matches!(**below, Self::Power(..)) {
                    write!(out, "{below}")
                } else {
                    write_within(below, Binding::Operand, out)
                }
            }
            Self::Power(base, exponent) => {
                write_within(base, Binding::Operand, out)?;
                out.write_str("^")?;
                let whole = match &**exponent {
                    Self::Number(number) => number.is_integer() && !number.is_negative(),
                    Self::Variable(name) => name.len() == 1,
                    Self::Constant(_) => true,
                    _ => false,
                };
                if whole { write!(out, "{exponent}") } else { write!(out, "({exponent})") }
            }
            Self::Root(2, inner) => write!(out, "sqrt({inner})"),
            Self::Root(3, inner) => write!(out, "cbrt({inner})"),
            Self::Root(degree, inner) => write!(out, "\\sqrt[{degree}]{{{inner}}}"),
            Self::Apply(Function::Factorial, inner) => {
                write_within(inner, Binding::Operand, out)?;
                out.write_str("!")
            }
            Self::Apply(function, inner) => write!(out, "{}({inner})", name(*function)),
            Self::Binomial(above, below) => write!(out, "\\binom{{{above}}}{{{below}}}"),
            Self::Call(name, arguments) => {
                write!(out, "{name}(")?;
                for (at, argument) in arguments.iter().enumerate() {
                    write!(out, "{}{argument}", if at == 0 { "" } else { ", " })?;
                }
                out.write_str(")")
            }
        }
    }
}

impl Expression {
    /// What a minus stands before, where one leads.
    fn without_minus(&self) -> Option<Self> {
        match self {
            Self::Number(number) if number.is_negative() => Some(Self::Number(number.clone().negated())),
            Self::Quotient(above, below) if matches!(**above, Self::Number(_)) => {
                above.without_minus().map(|above| Self::Quotient(Box::new(above), below.clone()))
            }
            Self::Product(factors) => match factors.as_slice() {
                [Self::Number(number), second, rest @ ..] if *number == Rational::from(-1) && !second.is_led() => {
                    let mut factors = vec![second.clone()];
                    factors.extend_from_slice(rest);
                    Some(if rest.is_empty() { second.clone() } else { Self::Product(factors) })
                }
                [first, rest @ ..] => first.without_minus().filter(|_| first.is_led()).map(|first| {
                    let mut factors = vec![first];
                    factors.extend_from_slice(rest);
                    Self::Product(factors)
                }),
                [] => None,
            },
            _ => None,
        }
    }

    /// Whether a number comes first.
    fn is_led(&self) -> bool {
        match self {
            Self::Number(_) => true,
            Self::Quotient(above, _) => matches!(**above, Self::Number(_)),
            _ => false,
        }
    }

    fn binding(&self) -> Binding {
        match self {
            Self::Sum(_) => Binding::Sum,
            Self::Number(number) if number.is_negative() => Binding::Sum,
            Self::Number(number) if decimal(number).is_some() => Binding::Operand,
            Self::Number(_) | Self::Product(_) | Self::Quotient(..) | Self::Power(..) => Binding::Product,
            _ => Binding::Operand,
        }
    }
}

fn name(function: Function) -> &'static str {
    match function {
        Function::Sin => "sin",
        Function::Cos => "cos",
        Function::Tan => "tan",
        Function::Cot => "cot",
        Function::Sec => "sec",
        Function::Csc => "csc",
        Function::Arcsin => "arcsin",
        Function::Arccos => "arccos",
        Function::Arctan => "arctan",
        Function::Sinh => "sinh",
        Function::Cosh => "cosh",
        Function::Tanh => "tanh",
        Function::Ln => "ln",
        Function::Abs => "abs",
        Function::Floor => "floor",
        Function::Ceiling => "ceil",
        Function::Factorial => "factorial",
    }
}

/// A number as a decimal where it is a short one, and else as a fraction.
fn write_number(number: &Rational, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some((digits, places)) = decimal(number) else {
        return write!(out, "{}/{}", number.numerator(), number.denominator());
    };
    let sign = if number.is_negative() { "-" } else { "" };
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let point = if places > 0 { "." } else { "" };
    write!(out, "{sign}{whole}{point}{fraction}")
}

/// The digits of a number without its sign, and how many of them stand behind the point.
fn decimal(number: &Rational) -> Option<(String, usize)> {
    const PLACES: usize = 12;
    let mut scaled = number.clone().magnitude();
    for places in 0..=PLACES {
        if scaled.is_integer() {
            return Some((format!("{:0>width$}", scaled.numerator().to_string(), width = places + 1), places));
        }
        scaled = scaled.times(&Rational::from(10));
    }
    None
}

/// `part` in brackets where it binds less than `least`.
fn write_within(part: &Expression, least: Binding, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    if part.binding() < least { write!(out, "({part})") } else { write!(out, "{part}") }
}

/// The first factor of a product or a quotient, which may have a sign of its own.
fn write_first(part: &Expression, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    match part {
        Expression::Number(number) if decimal(number).is_some() => write!(out, "{part}"),
        Expression::Power(..) => write!(out, "{part}"),
        other => write_within(other, Binding::Operand, out),
    }
}

fn write_product(factors: &[Expression], out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut signed = false;
    for (at, factor) in factors.iter().enumerate() {
        let minus = at == 0 && *factor == Expression::Number(Rational::from(-1));
        if minus && factors.get(1).is_some_and(|second| !second.is_led()) {
            out.write_str("-")?;
            signed = true;
            continue;
        }
        if at > usize::from(signed) {
            out.write_str("*")?;
        }
        match factor {
            Expression::Quotient(above, _) if at == 0 || !is_negative(above) => write!(out, "{factor}")?,
            Expression::Number(_) if at > 0 => write_within(factor, Binding::Operand, out)?,
            _ => write_first(factor, out)?,
        }
    }
    Ok(())
}

fn is_negative(expression: &Expression) -> bool {
    matches!(expression, Expression::Number(number) if number.is_negative())
}
