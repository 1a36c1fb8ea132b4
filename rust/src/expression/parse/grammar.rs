//! Sums, products and powers, and the order in which they bind.

use super::nodes::{PER_OPERAND, divided_further, negated, one_or, over};
use super::{Parsed, Stop};
use crate::budget::Budget;
use crate::expression::{Constant, Expression, Function, MAX_DEPTH};
use crate::latex::tokens::Token;
use crate::number::rational::Rational;
use crate::number::read::Place;

/// The parser's place among the tokens.
pub(super) struct Parser<'s, 'a, 'b> {
    pub(super) tokens: &'s [Token<'a>],
    pub(super) at: usize,
    pub(super) budget: &'b Budget,
    /// What surrounds the numbers that are read now.
    pub(super) place: Place,
    /// Bars that are open in the innermost brackets: `|` closes one where an operand has ended.
    pub(super) bars: usize,
    /// Whether the arguments of a function are read, which a comma parts even without space.
    pub(super) arguments: bool,
    /// Whether the argument of a trigonometric function is read, where `30°` is a number.
    pub(super) angle: bool,
    pub(super) depth: usize,
}

impl<'s, 'a, 'b> Parser<'s, 'a, 'b> {
    pub(super) fn new(tokens: &'s [Token<'a>], place: Place, budget: &'b Budget) -> Self {
        Self { tokens, at: 0, budget, place, bars: 0, arguments: false, angle: false, depth: 0 }
    }

    /// Everything there is, as one expression.
    pub(super) fn whole(mut self) -> Parsed {
        let expression = self.expression()?;
        if self.peek().is_some() {
            return Err(Stop::NotOne);
        }
        if expression.depth() > MAX_DEPTH {
            return Err(Stop::OverBudget);
        }
        Ok(expression)
    }

    /// The tokens from here on.
    pub(super) fn rest(&self) -> &'s [Token<'a>] {
        self.tokens.get(self.at..).unwrap_or_default()
    }

    /// The next token that is no space, and the parser before it.
    pub(super) fn peek(&mut self) -> Option<Token<'a>> {
        while self.rest().first() == Some(&Token::Space) {
            self.at += 1;
        }
        self.rest().first().copied()
    }

    /// Takes `token` if it comes next.
    pub(super) fn take(&mut self, token: Token<'_>) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    /// Takes `token`, which has to come.
    pub(super) fn expect(&mut self, token: Token<'_>) -> Parsed<()> {
        if self.take(token) { Ok(()) } else { Err(Stop::NotOne) }
    }

    /// Reads a part one level further in.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return Err(Stop::OverBudget);
        }
        self.depth += 1;
        let part = read(self);
        self.depth -= 1;
        part
    }

    /// A sum, or one sum over another: `a \over b`, `n \choose k`.
    pub(super) fn expression(&mut self) -> Parsed {
        let above = self.sum()?;
        if self.take(Token::Command("over")) {
            return Ok(Expression::Quotient(Box::new(above), Box::new(self.sum()?)));
        }
        if self.take(Token::Command("choose")) {
            return Ok(Expression::Binomial(Box::new(above), Box::new(self.sum()?)));
        }
        Ok(above)
    }

    fn sum(&mut self) -> Parsed {
        let mut terms = vec![self.term()?];
        while let Some(Token::Symbol('+' | '-')) = self.peek() {
            terms.push(self.term()?);
        }
        Ok(one_or(terms, Expression::Sum))
    }

    /// A product with the signs before it.
    fn term(&mut self) -> Parsed {
        let negative = self.signs();
        let product = self.product()?;
        Ok(if negative { negated(product) } else { product })
    }

    /// Takes signs; whether they make a minus.
    pub(super) fn signs(&mut self) -> bool {
        let mut negative = false;
        while let Some(Token::Symbol(sign @ ('+' | '-'))) = self.peek() {
            negative ^= sign == '-';
            self.at += 1;
        }
        negative
    }

    /// Factors with and without a sign between them. A division divides what stands before it alone, which is the same
    /// value: `1/2x` is `(1/2)x`, and `2x/3` is `2(x/3)`.
    pub(super) fn product(&mut self) -> Parsed {
        let mut factors = vec![self.power()?];
        // Whether the last factor was divided here, so that a second division only lengthens its denominator.
        let mut divided = false;
        loop {
            match self.peek() {
                Some(Token::Command("times")) => {
                    self.at += 1;
                    factors.push(self.signed_power()?);
                    divided = false;
                }
                Some(Token::Symbol('/') | Token::Command("div")) => {
                    self.at += 1;
                    let divisor = self.signed_power()?;
                    let last = factors.pop().ok_or(Stop::NotOne)?;
                    factors.push(if divided { divided_further(last, divisor) } else { over(last, divisor) });
                    divided = true;
                }
                Some(Token::Letters { run: "x" | "X", .. }) if self.is_cross() => {
                    self.at += 1;
                    factors.push(self.signed_power()?);
                    divided = false;
                }
                Some(next) if self.starts_factor(next) => {
                    factors.push(self.power()?);
                    divided = false;
                }
                _ => return Ok(one_or(factors, Expression::Product)),
            }
        }
    }

    /// Whether the letter x that comes next is a sign: `1.5 x 10^3`.
    fn is_cross(&self) -> bool {
        let ([_, Token::Space, behind @ ..] | [_, behind @ ..]) = self.rest() else { return false };
        let before = self.tokens[..self.at].iter().rev().find(|token| **token != Token::Space);
        matches!(before, Some(Token::Digits(_))) && matches!(behind, [Token::Digits("10"), Token::Symbol('^'), ..])
    }

    fn signed_power(&mut self) -> Parsed {
        let negative = self.signs();
        let power = self.power()?;
        Ok(if negative { negated(power) } else { power })
    }

    /// An operand with its factorial, degree sign and exponent.
    pub(super) fn power(&mut self) -> Parsed {
        self.budget.spend(PER_OPERAND)?;
        let mut base = self.operand()?;
        if self.take(Token::Symbol('!')) {
            base = Expression::Apply(Function::Factorial, Box::new(base));
        }
        if self.angle && self.take(Token::Symbol('°')) {
            let turn = Expression::Quotient(
                Box::new(Expression::Constant(Constant::Pi)),
                Box::new(Expression::Number(Rational::from(180))),
            );
            base = Expression::Product(vec![base, turn]);
        }
        if self.takes_power_sign() {
            let exponent = self.exponent()?;
            base = Expression::Power(Box::new(base), Box::new(exponent));
        }
        // `n!!` is another function, and of `2^3!` nobody knows what it is.
        if self.peek() == Some(Token::Symbol('!')) { Err(Stop::NotOne) } else { Ok(base) }
    }

    /// Takes `^` or `**`.
    pub(super) fn takes_power_sign(&mut self) -> bool {
        self.take(Token::Symbol('^')) || {
            let stars = matches!(self.rest(), [Token::Command("times"), Token::Command("times"), ..]);
            self.at += 2 * usize::from(stars);
            stars
        }
    }

    /// What stands behind `^`; a tower is read from the top.
    pub(super) fn exponent(&mut self) -> Parsed {
        self.deeper(|parser| {
            parser.budget.spend(PER_OPERAND)?;
            let negative = parser.signs();
            let mut exponent = match parser.raised_digits()? {
                Some(number) => number,
                None => parser.operand()?,
            };
            if parser.takes_power_sign() {
                let above = parser.exponent()?;
                exponent = Expression::Power(Box::new(exponent), Box::new(above));
            }
            Ok(if negative { negated(exponent) } else { exponent })
        })
    }

    /// The digits of `x¹²`, which came one by one.
    fn raised_digits(&mut self) -> Parsed<Option<Expression>> {
        let [Token::Open, inner @ ..] = self.rest() else { return Ok(None) };
        let (negative, inner) = match inner {
            [Token::Symbol('-'), inner @ ..] => (true, inner),
            inner => (false, inner),
        };
        let count = inner.iter().take_while(|token| matches!(token, Token::Digits(_))).count();
        if count < 2 || inner.get(count) != Some(&Token::Close) {
            return Ok(None);
        }
        self.budget.spend(count as u64)?;
        let digits: String = inner[..count]
            .iter()
            .filter_map(|token| if let Token::Digits(run) = token { Some(*run) } else { None })
            .collect();
        let number = Rational::from_decimal(&digits, "", 0)?;
        self.at += 2 + count + usize::from(negative);
        Ok(Some(Expression::Number(if negative { number.negated() } else { number })))
    }
}
