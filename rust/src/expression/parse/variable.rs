//! Letters: variables with their index, primes and accents, constants, and functions nobody knows.

use super::grammar::Parser;
use super::names::{greek, head, is_spelled_greek};
use super::{Parsed, Stop};
use crate::expression::{Constant, Expression, Function};
use crate::latex::canonical::key;
use crate::latex::tokens::Token;
use crate::number::rational::Rational;
use crate::number::read::Place;

/// Commands whose argument is a variable with a sign above it.
pub(super) fn is_accent(name: &str) -> bool {
    matches!(name, "overline" | "vec" | "hat" | "tilde")
}

/// Functions of a list whose value is not looked into.
pub(super) fn is_call(name: &str) -> bool {
    matches!(name, "max" | "min" | "gcd" | "lcm" | "binomial" | "factorial")
}

impl<'a> Parser<'_, 'a, '_> {
    /// A run of letters: a function, a constant or a variable.
    pub(super) fn letters(&mut self, run: &'a str) -> Parsed {
        if let Some(head) = head(run) {
            return self.function(head);
        }
        if is_call(run) {
            return self.call_of(run);
        }
        if let Some(letter) = greek(run).filter(|_| is_spelled_greek(run)) {
            return self.symbol(format!("\\{letter}"), None, false);
        }
        let mut letters = run.chars();
        match (letters.next(), letters.next()) {
            _ if run == "pi" => self.symbol(String::from("\\pi"), Some(Constant::Pi), false),
            (Some('e'), None) => self.symbol(String::from("e"), Some(Constant::E), false),
            (Some('i'), None) => self.symbol(String::from("i"), Some(Constant::ImaginaryUnit), false),
            (Some(letter), None) if letter.is_ascii_alphabetic() || ('α'..='ω').contains(&letter) => {
                if let [_, Token::Digits(digit), ..] = self.rest()
                    && digit.len() == 1
                {
                    self.at += 2; // `x1` is `x_1` where nobody could lower the digit
                    return Ok(Expression::Variable(format!("{letter}_{{{digit}}}")));
                }
                self.at += 1;
                if let Some(choice) = self.choice_of_two(run)? {
                    return Ok(choice);
                }
                self.scripted(run.to_owned(), None, matches!(letter, 'f' | 'g' | 'h' | 'F' | 'G' | 'H'))
            }
            _ => Err(Stop::NotOne),
        }
    }

    /// The symbol that comes next, of this name, with its index and primes; the constant where it has none.
    pub(super) fn symbol(&mut self, name: String, constant: Option<Constant>, callable: bool) -> Parsed {
        self.at += 1;
        self.scripted(name, constant, callable)
    }

    fn scripted(&mut self, mut name: String, constant: Option<Constant>, callable: bool) -> Parsed {
        let mut index = None;
        let mut primes = 0;
        loop {
            match self.rest() {
                [Token::Symbol('\''), ..] => {
                    self.at += 1;
                    primes += 1;
                }
                [Token::Symbol('^'), Token::Open, rest @ ..] => {
                    let count = rest.iter().take_while(|token| **token == Token::Symbol('\'')).count();
                    if count == 0 || rest.get(count) != Some(&Token::Close) {
                        break;
                    }
                    self.at += count + 3;
                    primes += count;
                }
                [Token::Symbol('_'), ..] if index.is_none() => {
                    self.at += 1;
                    index = Some(self.raw_group()?);
                }
                _ => break,
            }
        }
        match (constant, &index, primes) {
            (Some(constant), None, 0) => return Ok(Expression::Constant(constant)),
            // `x_{\max}` is `x_{max}`
            (_, Some(index), _) if is_call(index.trim_start_matches('\\')) => {
                name.extend(["_{", index.trim_start_matches('\\'), "}"]);
            }
            (_, Some(index), _) => name.extend(["_{", index, "}"]),
            _ => {}
        }
        name.extend(std::iter::repeat_n('\'', primes));
        if callable {
            const INVERSE: [Token<'_>; 5] =
                [Token::Symbol('^'), Token::Open, Token::Symbol('-'), Token::Digits("1"), Token::Close];
            if self.rest().starts_with(&INVERSE) && self.rest().get(INVERSE.len()) == Some(&Token::Symbol('(')) {
                self.at += INVERSE.len();
                name.push_str("^{-1}");
            }
            if self.peek() == Some(Token::Symbol('(')) {
                return self.call(name, Token::Symbol('('), Token::Symbol(')'));
            }
        }
        Ok(Expression::Variable(name))
    }

    /// The spelling of a brace group that is read as a name and no mathematics.
    fn raw_group(&mut self) -> Parsed<String> {
        let [Token::Open, rest @ ..] = self.rest() else { return Err(Stop::NotOne) };
        let mut depth = 1_usize;
        for (at, token) in rest.iter().enumerate() {
            match token {
                Token::Open => depth += 1,
                Token::Close => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.budget.spend(at as u64)?;
                self.at += at + 2;
                let name = key(&rest[..at]);
                return if name.is_empty() { Err(Stop::NotOne) } else { Ok(name) };
            }
        }
        Err(Stop::NotOne)
    }

    /// `\vec{v}`, `\overline{AB}`: a variable of that name.
    pub(super) fn accented(&mut self, accent: &str) -> Parsed {
        self.at += 1;
        let begin = self.at;
        let inner = self.raw_group()?;
        if matches!(accent, "hat" | "vec") {
            // The unit vectors are written as letters in bold type as well, which leaves no trace.
            match inner.as_str() {
                "i" | "\\imath" => return Ok(Expression::Constant(Constant::ImaginaryUnit)),
                "j" | "\\jmath" => return Ok(Expression::Variable(String::from("j"))),
                "k" => return Ok(Expression::Variable(inner)),
                _ => {}
            }
        }
        let within = &self.tokens[begin + 1..self.at - 1];
        let named = within.iter().any(|token| matches!(token, Token::Letters { .. } | Token::Command(_)));
        let plain = within.iter().all(|token| match token {
            Token::Letters { .. } | Token::Digits(_) | Token::Space | Token::Open | Token::Close => true,
            Token::Symbol(sign) => matches!(sign, '_' | '\''),
            Token::Command(name) => greek(name).is_some(),
            Token::Thousands => false,
        });
        if named && plain { self.scripted(format!("\\{accent}{{{inner}}}"), None, false) } else { Err(Stop::NotOne) }
    }

    /// `\max(a, b)`, `\gcd\{a, b\}`.
    pub(super) fn call_of(&mut self, name: &str) -> Parsed {
        self.at += 1;
        match self.peek() {
            Some(open @ Token::Symbol('(')) => self.call(name.to_owned(), open, Token::Symbol(')')),
            Some(open @ Token::Command("lbrace")) => self.call(name.to_owned(), open, Token::Command("rbrace")),
            _ => Err(Stop::NotOne),
        }
    }

    fn call(&mut self, name: String, open: Token<'_>, close: Token<'_>) -> Parsed {
        let mut arguments = self.inside(open, close, Place::InList, |parser| {
            parser.arguments = true;
            let mut arguments = vec![parser.expression()?];
            while parser.take(Token::Symbol(',')) || parser.take(Token::Symbol(';')) {
                arguments.push(parser.expression()?);
            }
            Ok(arguments)
        })?;
        Ok(match (name.as_str(), arguments.len()) {
            ("binomial", 2) => {
                let (lower, upper) = (arguments.pop().ok_or(Stop::NotOne)?, arguments.pop().ok_or(Stop::NotOne)?);
                Expression::Binomial(Box::new(upper), Box::new(lower))
            }
            ("factorial", 1) => Expression::Apply(Function::Factorial, Box::new(arguments.pop().ok_or(Stop::NotOne)?)),
            _ => known_value(&name, &arguments).unwrap_or(Expression::Call(name, arguments)),
        })
    }
}

/// The greatest or least of numbers, their greatest divisor or least multiple.
fn known_value(name: &str, arguments: &[Expression]) -> Option<Expression> {
    let mut numbers = arguments.iter().map(|argument| match argument {
        Expression::Number(number) => Some(number.clone()),
        _ => None,
    });
    let first = numbers.next()??;
    let step: fn(Rational, Rational) -> Option<Rational> = match name {
        "max" => |one, other| Some(one.max(other)),
        "min" => |one, other| Some(one.min(other)),
        "gcd" => |one, other| divisor(&one, &other),
        "lcm" => |one, other| one.times(&other).over(&divisor(&one, &other)?).map(Rational::magnitude),
        _ => return None,
    };
    numbers.try_fold(first, |value, next| step(value, next?)).map(Expression::Number)
}

/// The greatest common divisor of two integers of 64 bits.
fn divisor(one: &Rational, other: &Rational) -> Option<Rational> {
    let (one, other) = (one.to_i64()?, other.to_i64()?);
    let (mut one, mut other) = (one.unsigned_abs(), other.unsigned_abs());
    while other != 0 {
        (one, other) = (other, one % other);
    }
    i64::try_from(one).ok().map(Rational::from)
}
