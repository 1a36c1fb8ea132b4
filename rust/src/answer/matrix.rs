//! Matrices, vectors and functions in pieces.

use super::check::Check;
use super::determinant::determinant;
use super::list::MAX_ITEMS;
use super::read::item;
use super::split::parts;
use super::value::Value;
use super::{Answer, Reading, Shape};
use crate::budget::OverBudget;
use crate::latex::canonical::{key, trimmed};
use crate::latex::tokens::Token;
use crate::number::read::Place;

/// Reads `\begin{pmatrix} a & b \\ c & d \end{pmatrix}`, its brackets of whatever kind, and `\begin{cases}`; a factor
/// may stand before it.
pub(super) fn matrix(span: &[Token<'_>], depth: usize, check: &Check<'_>) -> Result<Option<Reading>, OverBudget> {
    let Some(begin) = span.iter().position(|token| *token == Token::Command("begin")) else { return Ok(None) };
    if !span.ends_with(&[Token::Close]) && !matches!(span.last(), Some(Token::Symbol(')' | ']'))) {
        return Ok(None);
    }
    let (factor, body) = span.split_at(begin);
    let (factor, body) = match (trimmed(factor), body) {
        ([factor @ .., Token::Symbol('(' | '[')], [body @ .., Token::Symbol(')' | ']')]) => {
            (trimmed(factor), trimmed(body))
        }
        (factor, body) => (factor, body),
    };
    let [Token::Command("begin"), Token::Open, Token::Letters { run: kind, .. }, Token::Close, inner @ ..] = body
    else {
        return Ok(None);
    };
    let [inner @ .., Token::Command("end"), Token::Open, Token::Letters { run: end, .. }, Token::Close] = inner else {
        return Ok(None);
    };
    let known =
        matches!(*kind, "matrix" | "pmatrix" | "bmatrix" | "Bmatrix" | "vmatrix" | "smallmatrix" | "array" | "cases");
    if kind != end || !known || inner.contains(&Token::Command("begin")) {
        return Ok(None);
    }
    let inner = match inner {
        [Token::Open, rest @ ..] if *kind == "array" => {
            let Some(close) = rest.iter().position(|token| *token == Token::Close) else { return Ok(None) };
            &rest[close + 1..]
        }
        inner => inner,
    };
    let Some(table) = table(inner, *kind == "cases")? else { return Ok(None) };
    if *kind == "cases" {
        return if factor.is_empty() { cases(&table, depth, check).map(Some) } else { Ok(None) };
    }
    let columns = table[0].len();
    let mut entries = Vec::new();
    for cell in table.into_iter().flatten() {
        entries.push(item(cell, Place::InList, depth + 1, check)?);
    }
    if *kind == "vmatrix" {
        let value = if factor.is_empty() { determinant(&entries, columns, check)? } else { None };
        return Ok(value.map(Reading::from));
    }
    if !factor.is_empty() && !scale(&mut entries, factor, check)? {
        return Ok(None);
    }
    Ok(Some(Reading::Several(Shape::Matrix(columns), entries)))
}

type Rows<'s, 'a> = Vec<Vec<&'s [Token<'a>]>>;

/// The rows, all of one length but for those of cases.
fn table<'s, 'a>(inner: &'s [Token<'a>], ragged: bool) -> Result<Option<Rows<'s, 'a>>, OverBudget> {
    let mut rows = parts(inner, |token| *token == Token::Command("newline"));
    if rows.last().is_some_and(|row| trimmed(row).is_empty()) {
        rows.pop();
    }
    let mut table: Rows<'s, 'a> = Vec::new();
    let mut cells = 0;
    for row in rows {
        let row = match row {
            // A line across the table says nothing.
            [Token::Space, Token::Command("hline"), rest @ ..] | [Token::Command("hline"), rest @ ..] => rest,
            row => row,
        };
        let row: Vec<&[Token<'_>]> =
            parts(row, |token| *token == Token::Symbol('&')).into_iter().map(trimmed).collect();
        cells += row.len();
        if cells > MAX_ITEMS {
            return Err(OverBudget);
        }
        if !ragged && table.first().is_some_and(|first| first.len() != row.len()) {
            return Ok(None);
        }
        table.push(row);
    }
    Ok(Some(table).filter(|table| !table.is_empty()))
}

/// Each piece with its condition; the order of the pieces does not matter.
fn cases(table: &Rows<'_, '_>, depth: usize, check: &Check<'_>) -> Result<Reading, OverBudget> {
    let mut pieces = Vec::new();
    for row in table {
        let mut parts = Vec::new();
        for (column, cell) in row.iter().enumerate() {
            let mut cell = *cell;
            if column + 1 < row.len() {
                while let [rest @ .., Token::Symbol(',') | Token::Space] = cell {
                    cell = rest;
                }
            }
            while let [Token::Letters { run: "if" | "for" | "when" | "If", .. } | Token::Space, rest @ ..] = cell {
                cell = rest;
            }
            parts.push(item(trimmed(cell), Place::Alone, depth + 2, check)?);
        }
        let key: String = row.iter().map(|cell| key(cell) + "&").collect();
        pieces.push(Answer { name: None, key, reading: Reading::Several(Shape::Case, parts), also: Vec::new() });
    }
    Ok(Reading::Several(Shape::Unordered, pieces))
}

/// Multiplies every entry with the factor; whether all of it has a value.
fn scale(entries: &mut [Answer], factor: &[Token<'_>], check: &Check<'_>) -> Result<bool, OverBudget> {
    let factor = match factor {
        [factor @ .., Token::Command("times")] => trimmed(factor),
        [Token::Symbol('-')] => &[Token::Symbol('-'), Token::Digits("1")],
        factor => factor,
    };
    let size = factor.len();
    let Some(factor) = Value::read(factor, Place::Alone, check)? else { return Ok(false) };
    for entry in entries {
        match &mut entry.reading {
            Reading::Quantity(quantity) if quantity.unit == super::unit::Unit::None => {
                check.spend(16 + size)?;
                quantity.value = quantity.value.times(&factor);
            }
            _ => return Ok(false),
        }
        // The spelling is no longer that of the value.
        entry.key.clear();
        entry.also.clear();
    }
    Ok(true)
}
