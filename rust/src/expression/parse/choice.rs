//! Choices and arrangements in the spellings of combinatorics: `C(n,k)`, `_nC_k`, `{}^{n}P_{k}`.

use super::grammar::Parser;
use super::nodes::{PER_OPERAND, copy};
use super::{Parsed, Stop};
use crate::expression::{Expression, Function};
use crate::latex::tokens::Token;
use crate::number::read::Place;

impl Parser<'_, '_, '_> {
    /// Whether a choice comes next whose upper number stands before the letter, after `{}` or nothing.
    pub(super) fn is_led_by_script(&self) -> bool {
        let ([Token::Open, Token::Close, behind @ ..] | behind) = self.rest();
        matches!(behind, [Token::Symbol('_' | '^'), Token::Open, ..])
    }

    /// `_nC_k`, `{}^nP_k`: the script, the letter, and the script below.
    pub(super) fn choice_led_by_script(&mut self) -> Parsed {
        self.take(Token::Open);
        self.take(Token::Close);
        self.at += 1;
        let upper = self.group()?;
        let Some(Token::Letters { run: letter @ ("C" | "P"), .. }) = self.peek() else { return Err(Stop::NotOne) };
        self.at += 1;
        self.expect(Token::Symbol('_'))?;
        let lower = self.group()?;
        self.chosen(letter, upper, lower)
    }

    /// `C(n,k)` and `P(n,k)`, of whole numbers or letters; the parser stands behind the letter. Nothing where the
    /// brackets hold no two of these, so that `P(x)` stays a function.
    pub(super) fn choice_of_two(&mut self, letter: &str) -> Parsed<Option<Expression>> {
        let pair = matches!(letter, "C" | "P") && self.rest().first() == Some(&Token::Symbol('('));
        let inside = self.rest().iter().take_while(|token| **token != Token::Symbol(')'));
        if !pair || inside.clone().filter(|token| **token == Token::Symbol(',')).count() != 1 {
            return Ok(None);
        }
        self.budget.spend(inside.count() as u64)?;
        let (upper, lower) = self.inside(Token::Symbol('('), Token::Symbol(')'), Place::InList, |parser| {
            parser.arguments = true;
            let upper = parser.expression()?;
            parser.expect(Token::Symbol(','))?;
            Ok((upper, parser.expression()?))
        })?;
        self.chosen(letter, upper, lower).map(Some)
    }

    /// The binomial coefficient for `C`; an arrangement, `P`, is a choice in any order.
    fn chosen(&mut self, letter: &str, upper: Expression, lower: Expression) -> Parsed {
        self.budget.spend(PER_OPERAND)?;
        if letter == "C" {
            return Ok(Expression::Binomial(Box::new(upper), Box::new(lower)));
        }
        let orders = Expression::Apply(Function::Factorial, Box::new(copy(&lower, self.budget)?));
        Ok(Expression::Product(vec![Expression::Binomial(Box::new(upper), Box::new(lower)), orders]))
    }
}
