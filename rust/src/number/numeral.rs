//! Numerals: digits with separators, a point, decimals and a repeating part.

use super::rational::{OverBudget, Rational};
use super::read::Place;
use crate::latex::tokens::Token;

/// A place in a span, from which numbers are read.
pub(super) struct Reader<'s, 'a> {
    pub(super) span: &'s [Token<'a>],
    pub(super) at: usize,
    pub(super) place: Place,
}

/// The digits of a numeral, before they are a number.
pub(super) struct Numeral {
    integer: String,
    fraction: String,
    repeating: String,
}

impl Numeral {
    pub(super) fn is_integer(&self) -> bool {
        self.fraction.is_empty() && self.repeating.is_empty()
    }

    pub(super) fn value(&self) -> Result<Rational, OverBudget> {
        if self.repeating.is_empty() {
            Rational::from_decimal(&self.integer, &self.fraction, 0)
        } else {
            Rational::from_repeating(&self.integer, &self.fraction, &self.repeating)
        }
    }
}

impl<'s, 'a> Reader<'s, 'a> {
    pub(super) fn rest(&self) -> &'s [Token<'a>] {
        &self.span[self.at..]
    }

    pub(super) fn skip_spaces(&mut self) {
        while let [Token::Space, ..] = self.rest() {
            self.at += 1;
        }
    }

    /// Takes one sign, if there is one; whether it was a minus.
    pub(super) fn sign(&mut self) -> bool {
        let negative = matches!(self.rest(), [Token::Symbol('-'), ..]);
        if negative || matches!(self.rest(), [Token::Symbol('+'), ..]) {
            self.at += 1;
            self.skip_spaces();
        }
        negative
    }

    /// Digits with separators, a point and decimals.
    pub(super) fn numeral(&mut self) -> Option<Numeral> {
        let before = self.at;
        let integer = self.integer_part()?;
        let mut numeral = Numeral { integer, fraction: String::new(), repeating: String::new() };
        if let [Token::Symbol('.'), Token::Digits(run), ..] = self.rest() {
            (*run).clone_into(&mut numeral.fraction);
            self.at += 2;
            self.repeating(&mut numeral);
        } else if matches!(self.rest(), [Token::Symbol('.'), Token::Command("overline" | "dot"), ..])
            || matches!(self.rest(), [Token::Symbol('.'), Token::Symbol('('), Token::Digits(_), Token::Symbol(')'), ..])
        {
            self.at += 1;
            self.repeating(&mut numeral);
        }
        if numeral.integer.is_empty() && numeral.is_integer() {
            self.at = before;
            return None;
        }
        // A point or a comma that leads on to more digits is none of ours: 1.2.3, 1,00.
        if matches!(self.rest(), [Token::Symbol('.' | ',') | Token::Thousands, Token::Digits(_), ..]) {
            self.at = before;
            return None;
        }
        Some(numeral)
    }

    /// `\overline{3}`, `\dot{3}`, `\dot{1}2\dot{3}` (the dots stand above the ends), `(3)`.
    fn repeating(&mut self, numeral: &mut Numeral) {
        let (part, taken): (Vec<&str>, usize) = match self.rest() {
            [Token::Command("overline"), Token::Open, Token::Digits(run), Token::Close, ..] => (vec![*run], 4),
            [Token::Symbol('('), Token::Digits(run), Token::Symbol(')'), after @ ..]
                if !numeral.integer.is_empty() && is_end(after) =>
            {
                (vec![*run], 3)
            }
            [Token::Command("dot"), Token::Open, Token::Digits(first), Token::Close, rest @ ..] => {
                let (between, dotted) = match rest {
                    [Token::Digits(between), dotted @ ..] => (Some(*between), dotted),
                    dotted => (None, dotted),
                };
                match dotted {
                    [Token::Command("dot"), Token::Open, Token::Digits(last), Token::Close, ..] => {
                        let part = [*first, between.unwrap_or_default(), *last];
                        (part.to_vec(), 8 + usize::from(between.is_some()))
                    }
                    _ => (vec![*first], 4),
                }
            }
            _ => return,
        };
        numeral.repeating = part.concat();
        self.at += taken;
    }

    /// The digits before the point, groups of three joined; empty where the point comes first.
    fn integer_part(&mut self) -> Option<String> {
        let [Token::Digits(first), ..] = self.rest() else {
            return Some(String::new());
        };
        self.at += 1;
        let mut integer = (*first).to_owned();
        let zero_led = first.len() > 1 && first.starts_with('0');
        if self.place == Place::InList && !matches!(self.rest(), [Token::Thousands, ..]) {
            return (!zero_led).then_some(integer);
        }
        if first.len() > 3 || first.starts_with('0') {
            return Some(integer);
        }
        let separator = self.rest().first().copied();
        if !matches!(separator, Some(Token::Symbol(',') | Token::Thousands | Token::Space)) {
            return Some(integer);
        }
        loop {
            match self.rest() {
                // 73 113/126 is a mixed number, not 73113 parts.
                [Token::Space, Token::Digits(_), Token::Symbol('/'), ..] => return Some(integer),
                [next, Token::Digits(group), ..] if Some(*next) == separator && group.len() == 3 => {
                    integer.push_str(group);
                    self.at += 2;
                }
                _ => return Some(integer),
            }
        }
    }
}

/// Whether no product goes on: `0.5(3)` is a repeating decimal, but nobody knows what `0.5(3)x` is.
fn is_end(after: &[Token<'_>]) -> bool {
    matches!(
        after,
        [] | [Token::Symbol(',' | ';' | '%' | ')' | ']' | '='), ..] | [Token::Space, Token::Letters { .. }, ..]
    )
}
