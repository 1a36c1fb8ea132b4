//! Ratios: `3:4`, `1:2:3`, "3 to 4".

use super::check::Check;
use super::split::{is_word, outside, parts};
use super::value::Value;
use crate::budget::OverBudget;
use crate::latex::canonical::trimmed;
use crate::latex::tokens::Token;
use crate::number::read::Place;

/// Parts a ratio may have.
const MAX_PARTS: usize = 16;

/// Reads a ratio, its parts whatever has a value.
pub(super) fn ratio(span: &[Token<'_>], check: &Check<'_>) -> Result<Option<Vec<Value>>, OverBudget> {
    let colon = |token: &Token<'_>| *token == Token::Symbol(':');
    let spoken = |token: &Token<'_>| is_word(token, "to");
    let pieces = if !outside(span, colon).is_empty() {
        parts(span, colon)
    } else if matches!(span.first(), Some(Token::Digits(_))) && outside(span, spoken).len() == 1 {
        parts(span, spoken)
    } else {
        return Ok(None);
    };
    if pieces.len() > MAX_PARTS {
        return Ok(None);
    }
    let mut values = Vec::new();
    for piece in pieces {
        let Some(value) = Value::read(trimmed(piece), Place::Alone, check)? else { return Ok(None) };
        values.push(value);
    }
    Ok(Some(values))
}
