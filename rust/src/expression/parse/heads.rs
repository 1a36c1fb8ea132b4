//! A named function applied to its argument, in the functions the tree has.

use super::names::Head;
use super::nodes::{copy, over};
use super::{Parsed, Stop};
use crate::budget::Budget;
use crate::expression::{Constant, Expression, Function};
use crate::number::rational::Rational;

/// `head` of `argument`; a logarithm to `base` where one was written.
pub(super) fn applied(head: Head, base: Option<Expression>, argument: Expression, budget: &Budget) -> Parsed {
    let apply = |function, argument| Expression::Apply(function, Box::new(argument));
    Ok(match (head, base) {
        (Head::Log(_), Some(base)) => over(apply(Function::Ln, argument), apply(Function::Ln, base)),
        (Head::Log(base), None) => over(apply(Function::Ln, argument), apply(Function::Ln, number(base))),
        (_, Some(_)) => return Err(Stop::NotOne),
        (Head::Plain(function), None) => apply(function, argument),
        (Head::OneOver(function), None) => over(number(1), apply(function, argument)),
        (Head::OfOneOver(function), None) => apply(function, over(number(1), argument)),
        (Head::Exp, None) => Expression::Power(Box::new(Expression::Constant(Constant::E)), Box::new(argument)),
        (Head::Cis, None) => {
            let turned = Expression::Product(vec![Expression::Constant(Constant::ImaginaryUnit), argument]);
            Expression::Power(Box::new(Expression::Constant(Constant::E)), Box::new(turned))
        }
        (Head::Root(degree), None) => return root(degree, argument),
        (Head::Arccot, None) => {
            let right = over(Expression::Constant(Constant::Pi), number(2));
            minus(right, apply(Function::Arctan, argument))
        }
        (Head::Arsinh, None) => arch(argument, 1, budget)?,
        (Head::Arcosh, None) => arch(argument, -1, budget)?,
        (Head::Artanh, None) => {
            let above = Expression::Sum(vec![number(1), copy(&argument, budget)?]);
            let logarithm = apply(Function::Ln, over(above, minus(number(1), argument)));
            over(logarithm, number(2))
        }
    })
}

/// The root of this degree; there is none of degree zero.
pub(super) fn root(degree: u32, radicand: Expression) -> Parsed {
    match degree {
        0 => Err(Stop::NotOne),
        1 => Ok(radicand),
        _ => Ok(Expression::Root(degree, Box::new(radicand))),
    }
}

/// `ln(x + √(x² + sign))`, the inverse of sinh and of cosh.
fn arch(argument: Expression, sign: i64, budget: &Budget) -> Parsed {
    let square = Expression::Power(Box::new(copy(&argument, budget)?), Box::new(number(2)));
    let other = Expression::Root(2, Box::new(Expression::Sum(vec![square, number(sign)])));
    Ok(Expression::Apply(Function::Ln, Box::new(Expression::Sum(vec![argument, other]))))
}

fn minus(one: Expression, other: Expression) -> Expression {
    Expression::Sum(vec![one, Expression::Product(vec![number(-1), other])])
}

fn number(integer: i64) -> Expression {
    Expression::Number(Rational::from(integer))
}
