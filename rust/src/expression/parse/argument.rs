//! How far the argument of a function reaches where no brackets say so: `\sin 2x \cos x` is `\sin(2x)\cos(x)`.

use super::Parsed;
use super::grammar::Parser;
use super::heads::applied;
use super::names::{Head, head};
use super::nodes::over;
use crate::expression::{Constant, Expression};
use crate::latex::tokens::Token;
use crate::number::rational::Rational;
use crate::number::read::Place;

impl Parser<'_, '_, '_> {
    /// The function whose name comes next, with what stands below and above the name, and its argument.
    pub(super) fn function(&mut self, head: Head) -> Parsed {
        let plain = matches!(self.rest(), [Token::Letters { text: false, .. }, ..]);
        self.at += 1;
        if let Head::Root(degree) = head {
            return self.root(degree);
        }
        let mut base = if plain { self.base_behind_name(head) } else { None };
        let (mut head, mut exponent) = (head, None);
        loop {
            match self.peek() {
                Some(Token::Symbol('_')) if base.is_none() && matches!(head, Head::Log(_)) => {
                    self.at += 1;
                    base = Some(self.group()?);
                }
                Some(Token::Symbol('^')) if exponent.is_none() => {
                    self.at += 1;
                    exponent = Some(self.exponent()?);
                }
                _ => break,
            }
        }
        if exponent == Some(Expression::Number(Rational::from(-1)))
            && let Some(inverse) = head.inverse()
        {
            (head, exponent) = (inverse, None);
        }
        if let Some((digit, argument)) = self.base_of_one_digit(base.as_ref()) {
            return applied(head, Some(digit), argument, self.budget).map(|value| raised(value, exponent));
        }
        let outer = self.angle;
        self.angle = head.takes_angle();
        let argument = self.deeper(|parser| parser.argument(head))?;
        self.angle = outer;
        let value = applied(head, base, argument, self.budget)?;
        Ok(raised(value, exponent))
    }

    /// `\log_28` is the logarithm of 8 to the base 2: digits that stand alone below the name, and nothing behind.
    fn base_of_one_digit(&mut self, base: Option<&Expression>) -> Option<(Expression, Expression)> {
        if !matches!(self.peek(), None | Some(Token::Symbol('+' | '-' | ')' | ',' | '=') | Token::Close)) {
            return None;
        }
        let Some(Expression::Number(number)) = base else { return None };
        let number = number.to_i64().filter(|number| *number >= 20)?;
        let size = number.checked_ilog10().map(|digits| 10_i64.pow(digits))?;
        let part = |part: i64| Expression::Number(Rational::from(part));
        // A base of one, or a zero that leads the argument: somebody meant something else.
        let (digit, rest) = (number / size, number % size);
        (digit > 1 && rest * 10 >= size).then(|| (part(digit), part(rest)))
    }

    /// The base in `log2(x)` and `log10(x)`, as programs write it.
    fn base_behind_name(&mut self, head: Head) -> Option<Expression> {
        let base = match (head, self.rest()) {
            (Head::Log(_), [Token::Digits("2"), Token::Symbol('('), ..]) => 2,
            (Head::Log(_), [Token::Digits("10"), Token::Symbol('('), ..]) => 10,
            _ => return None,
        };
        self.at += 1;
        Some(Expression::Number(Rational::from(base)))
    }

    fn argument(&mut self, of: Head) -> Parsed {
        if let [open @ Token::Open, Token::Symbol('('), ..] = *self.rest() {
            return self.enclosed(open, Token::Close, Place::InList); // `\sin{\left(x\right)}^{2}`, as sympy prints
        }
        match self.peek() {
            Some(open @ Token::Symbol('(')) => return self.enclosed(open, Token::Symbol(')'), Place::InList),
            Some(open @ Token::Symbol('[')) => return self.enclosed(open, Token::Symbol(']'), Place::InList),
            Some(Token::Symbol('|') | Token::Command("lfloor" | "lceil")) => return self.power(),
            _ => {}
        }
        let negative = self.take(Token::Symbol('-'));
        let mut factors = vec![self.power()?];
        // `\sin 2(x+1)` goes on where `\sin x(x+1)` ends: a number alone is seldom a whole argument.
        let mut numeric = factors.iter().all(is_numeric);
        while let Some(next) = self.peek() {
            if !self.starts_factor(next) || !continues(next, self.rest(), numeric, of) {
                break;
            }
            let factor = self.power()?;
            numeric &= is_numeric(&factor);
            factors.push(factor);
        }
        // `\sin \pi/3` is no third of nothing.
        let turns = numeric && of.takes_angle() && factors.contains(&Expression::Constant(Constant::Pi));
        let divided = turns && matches!(self.rest(), [Token::Symbol('/'), Token::Digits(_), ..]);
        let divisor = if divided {
            self.at += 1;
            Some(self.power()?)
        } else {
            None
        };
        if negative {
            factors.insert(0, Expression::Number(Rational::from(-1)));
        }
        let only = if factors.len() == 1 { factors.pop() } else { None };
        let argument = only.unwrap_or(Expression::Product(factors));
        Ok(match divisor {
            Some(divisor) => over(argument, divisor),
            None => argument,
        })
    }
}

/// `\sin^2 x`: the value to the power that stands at the name.
fn raised(value: Expression, exponent: Option<Expression>) -> Expression {
    match exponent {
        Some(exponent) => Expression::Power(Box::new(value), Box::new(exponent)),
        None => value,
    }
}

/// Whether the argument goes on with the factor that `next` begins.
fn continues(next: Token<'_>, rest: &[Token<'_>], numeric: bool, of: Head) -> bool {
    match next {
        Token::Letters { run, .. } if head(run).is_some() => run == "sqrt" && numeric,
        Token::Letters { text: true, .. } => false, // a unit: `\cos t \mathrm{m}`
        Token::Letters { run: "e", .. } => numeric || rest.get(1) != Some(&Token::Symbol('^')),
        Token::Command("frac" | "binom" | "sqrt" | "lfloor" | "lceil") => numeric,
        Token::Command(name) => head(name).is_none(),
        Token::Symbol('(' | '[') => numeric && of.takes_angle(),
        Token::Symbol(_) => false,
        _ => true,
    }
}

/// Whether it is a number, π, or a fraction of such.
fn is_numeric(factor: &Expression) -> bool {
    match factor {
        Expression::Number(_) | Expression::Constant(Constant::Pi) => true,
        Expression::Quotient(above, below) => is_numeric(above) && is_numeric(below),
        Expression::Product(factors) => factors.iter().all(is_numeric),
        _ => false,
    }
}
