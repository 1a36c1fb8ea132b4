//! What stands between operators: numbers, brackets, bars, fractions, roots.

use super::grammar::Parser;
use super::heads::root;
use super::names::{divided, greek, head, is_spelled_greek};
use super::nodes::over;
use super::variable::{is_accent, is_call};
use super::{Parsed, Stop};
use crate::expression::{Constant, Expression, Function};
use crate::latex::tokens::{Token, tokens};
use crate::number::rational::Rational;
use crate::number::read::{Place, numeral_at_start};

impl<'a> Parser<'_, 'a, '_> {
    /// One operand, without what is raised behind it.
    pub(super) fn operand(&mut self) -> Parsed {
        let next = self.peek();
        if self.is_led_by_script() {
            return self.choice_led_by_script();
        }
        match next {
            Some(Token::Digits(_) | Token::Symbol('.')) => self.number(),
            Some(Token::Letters { run, .. }) => self.letters(run),
            Some(Token::Command(name)) => self.command(name),
            Some(Token::Open) => self.enclosed(Token::Open, Token::Close, Place::Alone),
            Some(Token::Symbol('(')) => self.enclosed(Token::Symbol('('), Token::Symbol(')'), Place::InList),
            Some(Token::Symbol('[')) => self.enclosed(Token::Symbol('['), Token::Symbol(']'), Place::InList),
            Some(Token::Symbol('|')) => self.absolute_value(),
            _ => Err(Stop::NotOne),
        }
    }

    /// Whether `next` begins a factor where no sign stands before it. Digits do behind a bracket only: `x2` and `1 2`
    /// are no products.
    pub(super) fn starts_factor(&self, next: Token<'a>) -> bool {
        match next {
            Token::Digits(_) => {
                let before = self.tokens[..self.at].iter().rev().find(|token| **token != Token::Space);
                matches!(before, Some(Token::Close | Token::Symbol(')' | ']' | '|' | '!')))
            }
            Token::Letters { run, .. } => {
                run.chars().count() == 1 || run == "pi" || head(run).is_some() || is_spelled_greek(run) || is_call(run)
            }
            Token::Command(name) => {
                matches!(name, "frac" | "binom" | "pi" | "sum" | "prod" | "lfloor" | "lceil" | "imath")
                    || is_accent(name)
                    || head(name).is_some()
                    || greek(name).is_some()
                    || is_call(name)
            }
            Token::Open | Token::Symbol('(' | '[') => true,
            Token::Symbol('|') => self.bars == 0,
            _ => false,
        }
    }

    fn number(&mut self) -> Parsed {
        let mut rest = self.rest();
        if let (true, [Token::Digits(_), Token::Symbol(','), ..]) = (self.arguments, rest) {
            rest = &rest[..1]; // `C(5,2)`
        }
        let digits = |token: &Token<'_>| if let Token::Digits(run) = token { run.len() as u64 } else { 0 };
        self.budget.spend(rest.iter().take(3).map(digits).sum())?;
        // Commas never divide the digits of `01`, so that it is a number in brackets as well.
        let led_by_zero = matches!(rest, [Token::Digits(run), ..] if run.len() > 1 && run.starts_with('0'));
        let place = if led_by_zero && self.depth > 0 { Place::Alone } else { self.place };
        let (number, taken) = numeral_at_start(rest, place)?.ok_or(Stop::NotOne)?;
        self.budget.spend(rest[..taken].iter().map(digits).sum())?;
        self.at += taken;
        Ok(Expression::Number(number))
    }

    fn command(&mut self, name: &'a str) -> Parsed {
        match name {
            "frac" => {
                self.at += 1;
                let above = self.group()?;
                Ok(over(above, self.group()?))
            }
            "binom" => {
                self.at += 1;
                let above = self.group()?;
                Ok(Expression::Binomial(Box::new(above), Box::new(self.group()?)))
            }
            "sum" => self.series(Expression::Sum),
            "prod" => self.series(Expression::Product),
            "pi" => self.symbol(String::from("\\pi"), Some(Constant::Pi), false),
            "imath" => self.symbol(String::from("i"), Some(Constant::ImaginaryUnit), false),
            "lfloor" => self.rounded(Token::Command("lfloor"), Token::Command("rfloor"), Function::Floor),
            "lceil" => self.rounded(Token::Command("lceil"), Token::Command("rceil"), Function::Ceiling),
            _ if is_accent(name) => self.accented(name),
            _ if is_call(name) => self.call_of(name),
            _ => match (head(name), greek(name)) {
                (Some(head), _) => self.function(head),
                (None, Some(letter)) => self.symbol(format!("\\{letter}"), None, false),
                (None, None) => Err(Stop::NotOne),
            },
        }
    }

    /// An argument of a command: a brace group, or one operand where braces were left out.
    pub(super) fn group(&mut self) -> Parsed {
        self.deeper(Self::operand)
    }

    /// An expression between `open` and `close`.
    pub(super) fn enclosed(&mut self, open: Token<'_>, close: Token<'_>, place: Place) -> Parsed {
        self.inside(open, close, place, Self::expression)
    }

    /// What stands between `open` and `close`, where bars and commas have a meaning of their own.
    pub(super) fn inside<T>(
        &mut self,
        open: Token<'_>,
        close: Token<'_>,
        place: Place,
        read: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        self.expect(open)?;
        let outer = (self.bars, self.place, self.arguments);
        (self.bars, self.place, self.arguments) = (0, place, false);
        let inner = self.deeper(read)?;
        (self.bars, self.place, self.arguments) = outer;
        self.expect(close)?;
        Ok(inner)
    }

    fn absolute_value(&mut self) -> Parsed {
        self.at += 1;
        self.bars += 1;
        let inner = self.deeper(Self::expression)?;
        self.bars -= 1;
        self.expect(Token::Symbol('|'))?;
        Ok(Expression::Apply(Function::Abs, Box::new(inner)))
    }

    fn rounded(&mut self, open: Token<'_>, close: Token<'_>, function: Function) -> Parsed {
        let inner = self.enclosed(open, close, Place::Alone)?;
        Ok(Expression::Apply(function, Box::new(inner)))
    }

    /// The root whose name was taken: `\sqrt[3]{x}`, `sqrt(x)`, `√x`.
    pub(super) fn root(&mut self, degree: u32) -> Parsed {
        let written = match self.rest() {
            [Token::Symbol('['), Token::Digits(run) | Token::Letters { run, .. }, Token::Symbol(']'), ..] => Some(*run),
            _ => None,
        };
        self.at += if written.is_some() { 3 } else { 0 };
        let radicand = self.group()?;
        let Some(written) = written.map(str::trim) else {
            return root(degree, radicand);
        };
        if let Ok(degree) = written.parse::<u32>() {
            return root(degree, radicand);
        }
        // `\sqrt[n+1]{x}`: few characters, which the lexer left as they are.
        let tokens = divided(&tokens(written), self.budget)?;
        let degree = self.deeper(|parser| {
            let mut inner = Parser::new(&tokens, Place::Alone, parser.budget);
            inner.depth = parser.depth;
            inner.whole()
        })?;
        if matches!(degree, Expression::Number(_) | Expression::Constant(_)) {
            return Err(Stop::NotOne);
        }
        let inverse = over(Expression::Number(Rational::from(1)), degree);
        Ok(Expression::Power(Box::new(radicand), Box::new(inverse)))
    }
}
