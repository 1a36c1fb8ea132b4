//! `a ± b` as the list of `a + b` and `a - b`; `∓` goes the other way.

use super::check::Check;
use super::read::Readings;
use super::split::outside;
use super::{Reading, Shape, read};
use crate::budget::OverBudget;
use crate::latex::canonical::trimmed;
use crate::latex::tokens::Token;
use crate::number::read::Place;

/// Reads both values of a span with ±. All signs of one expression go together.
pub(super) fn plus_minus(span: &[Token<'_>], depth: usize, check: &Check<'_>) -> Result<Option<Readings>, OverBudget> {
    let Some(both) = both(span) else { return Ok(None) };
    let mut items = Vec::with_capacity(2);
    for tokens in both {
        check.spend(tokens.len())?;
        items.push(read::item(trimmed(&tokens), Place::InList, depth + 1, check)?);
    }
    Ok(Some(Reading::Several(Shape::Unordered, items).into()))
}

/// The two spans that a span with ± stands for; nothing where it has none, or is a list.
pub(super) fn both<'a>(span: &[Token<'a>]) -> Option<[Vec<Token<'a>>; 2]> {
    let is_sign = |token: &Token<'_>| matches!(token, Token::Command("pm" | "mp"));
    let signs = span.iter().filter(|token| is_sign(token)).count();
    let lists = !outside(span, |token| matches!(token, Token::Symbol(',' | ';'))).is_empty();
    // (±a, ±b) may be two points or four.
    let within = signs > outside(span, is_sign).len();
    if signs == 0 || lists || (within && signs > 1 && matches!(span.first(), Some(Token::Symbol('(')))) {
        return None;
    }
    Some(["pm", "mp"].map(|plus| {
        let mut tokens = Vec::with_capacity(span.len());
        for token in span {
            match token {
                Token::Command(sign @ ("pm" | "mp")) if *sign == plus => {
                    // A leading plus says nothing and is no sign of a numeral's list.
                    if tokens.iter().any(|token| *token != Token::Space) {
                        tokens.push(Token::Symbol('+'));
                    }
                }
                Token::Command("pm" | "mp") => tokens.push(Token::Symbol('-')),
                other => tokens.push(*other),
            }
        }
        tokens
    }))
}
