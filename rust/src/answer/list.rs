//! Lists: items with commas, semicolons, "and" or "or" between them.

use super::check::Check;
use super::plus_minus::both;
use super::read::item;
use super::split::{is_word, parts};
use super::{Answer, Reading, Shape};
use crate::budget::OverBudget;
use crate::latex::canonical::trimmed;
use crate::latex::tokens::Token;
use crate::number::read::Place;

/// Items a list may have.
pub const MAX_ITEMS: usize = 256;

/// Whether a token stands between the items of a list.
pub(super) fn separates(token: &Token<'_>) -> bool {
    matches!(token, Token::Symbol(',' | ';') | Token::Command("lor" | "land" | "vee" | "wedge"))
        || is_word(token, "or")
        || is_word(token, "and")
}

/// Reads the items of a list; nothing where there is but one.
pub(super) fn list(span: &[Token<'_>], depth: usize, check: &Check<'_>) -> Result<Option<Reading>, OverBudget> {
    let mut pieces: Vec<&[Token<'_>]> = parts(span, separates).into_iter().map(trimmed).collect();
    // "2, 3, and 4": the comma before "and" separates nothing.
    let count = pieces.len();
    let mut at = 0;
    pieces.retain(|piece| {
        at += 1;
        !piece.is_empty() || at == 1 || at == count
    });
    // "Both 2 and 3", "either 2 or 3"
    if let Some([word, rest @ ..]) = pieces.first()
        && pieces.len() > 1
        && (is_word(word, "both") || is_word(word, "either"))
    {
        pieces[0] = trimmed(rest);
    }
    if pieces.len() < 2 || pieces.iter().any(|piece| piece.is_empty()) {
        return Ok(None);
    }
    Ok(Some(Reading::Several(Shape::Unordered, items(&pieces, depth, check)?)))
}

/// Reads the items of a set or a tuple, where one is enough.
pub(super) fn items(pieces: &[&[Token<'_>]], depth: usize, check: &Check<'_>) -> Result<Vec<Answer>, OverBudget> {
    if pieces.len() > MAX_ITEMS {
        return Err(OverBudget);
    }
    let mut items = Vec::with_capacity(pieces.len());
    for piece in pieces {
        // "2, ±3" has three items.
        match both(piece) {
            Some(both) => {
                for tokens in both {
                    items.push(item(trimmed(&tokens), Place::InList, depth + 1, check)?);
                }
            }
            None => items.push(item(piece, Place::InList, depth + 1, check)?),
        }
    }
    Ok(items)
}
