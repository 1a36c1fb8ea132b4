//! Determinants of small matrices, as expressions.

use super::check::Check;
use super::unit::Unit;
use super::value::Value;
use super::{Answer, Quantity, Reading};
use crate::budget::OverBudget;

/// Rows a determinant may have: four have 24 products.
const MAX_ROWS: usize = 4;

/// The determinant of square `entries`, row after row; nothing where one of them has no value.
pub(super) fn determinant(entries: &[Answer], columns: usize, check: &Check<'_>) -> Result<Option<Value>, OverBudget> {
    if columns > MAX_ROWS || columns * columns != entries.len() {
        return Ok(None);
    }
    let values: Option<Vec<&Value>> = entries
        .iter()
        .map(|entry| match &entry.reading {
            Reading::Quantity(Quantity { value, unit: Unit::None, .. }) => Some(value),
            _ => None,
        })
        .collect();
    let Some(values) = values else { return Ok(None) };
    let all: Vec<usize> = (0..columns).collect();
    minor(&values, columns, 0, &all, check).map(Some)
}

/// Along the row `row`, of the columns that are left. No deeper than there are rows.
fn minor(
    values: &[&Value],
    columns: usize,
    row: usize,
    left: &[usize],
    check: &Check<'_>,
) -> Result<Value, OverBudget> {
    check.spend(64)?;
    let mut sum = Value::Exact(0.into());
    if left.is_empty() {
        return Ok(Value::Exact(1.into()));
    }
    for (at, column) in left.iter().enumerate() {
        let rest: Vec<usize> = left.iter().copied().filter(|other| other != column).collect();
        let product = values[row * columns + column].times(&minor(values, columns, row + 1, &rest, check)?);
        sum = sum.plus(&if at % 2 == 1 { product.negated() } else { product });
    }
    Ok(sum)
}
