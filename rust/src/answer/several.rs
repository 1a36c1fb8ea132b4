//! When two lists, tuples, sets or matrices are the same.

use std::borrow::Borrow;

use super::check::Check;
use super::compare::{Comparison, compare as compare_answers, is_known};
use super::real_set::{End, RealSet};
use super::unit::Unit;
use super::value::{Value, same};
use super::{Answer, Quantity, Reading, Shape};
use crate::budget::OverBudget;
use crate::options::Order;

use Comparison::{Different, Equal, Undecided};

/// Compares several answers with several others.
pub(super) fn compare(
    one: (Shape, &[Answer]),
    other: (Shape, &[Answer]),
    check: &Check<'_>,
) -> Result<Comparison, OverBudget> {
    let ((shape, items), (other_shape, other_items)) = (one, other);
    if let (Shape::Matrix(columns), Some(entries)) = (shape, rows(other)) {
        return nested(columns, items, &entries, check);
    }
    if let (Some(entries), Shape::Matrix(columns)) = (rows(one), other_shape) {
        return nested(columns, other_items, &entries, check);
    }
    let named = names_of_a_point(one, other);
    if named && items.len() == other_items.len() {
        // "y = 2, x = 1" is (1, 2).
        let (mine, others) = (by_letter(items), by_letter(other_items));
        return in_order(&mine, &others, check);
    }
    let fits = shape == other_shape || same_vector(one, other) || named;
    if !fits || items.len() != other_items.len() {
        let known = items.iter().chain(other_items).all(|item| is_known(&item.reading));
        check.rule("different lists");
        return Ok(if known { Different } else { Undecided });
    }
    let by_name = |items: &[Answer]| items.windows(2).any(|pair| pair[0].name != pair[1].name);
    // "x = 2, y = 3" against "2, 3" too: there the order says which is which.
    let order_tells = by_name(items) != by_name(other_items);
    let unordered = match check.options.order {
        Order::AsWritten => shape == Shape::Unordered,
        Order::Ordered => false,
        Order::Any => matches!(shape, Shape::Unordered | Shape::Between(..)),
    };
    if unordered && shape == other_shape && !order_tells {
        matched(items, other_items, check)
    } else {
        in_order(items, other_items, check)
    }
}

/// Whether all items are one value, each in a spelling of its own: no list holds an element twice in two spellings.
pub(super) fn one_value(items: &[Answer], check: &Check<'_>) -> Result<bool, OverBudget> {
    let [first, rest @ ..] = items else { return Ok(false) };
    if rest.is_empty() || rest.len() > 3 {
        return Ok(false);
    }
    for (at, item) in rest.iter().enumerate() {
        if items[..=at].iter().any(|before| before.key == item.key) || compare_answers(first, item, check)? != Equal {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The rows of a matrix that is written as a list of lists: `[[1, 2], [3, 4]]`.
fn rows((shape, items): (Shape, &[Answer])) -> Option<Vec<&[Answer]>> {
    let rows: Option<Vec<&[Answer]>> = items
        .iter()
        .map(|item| match &item.reading {
            Reading::Several(Shape::Between('[' | '(', ']' | ')'), row) => Some(row.as_slice()),
            _ => None,
        })
        .collect();
    rows.filter(|_| matches!(shape, Shape::Between('[' | '(', ']' | ')')))
}

/// A matrix of so many columns against rows.
fn nested(columns: usize, entries: &[Answer], rows: &[&[Answer]], check: &Check<'_>) -> Result<Comparison, OverBudget> {
    if rows.iter().any(|row| row.len() != columns) || rows.len() * columns != entries.len() {
        return Ok(Different);
    }
    let mut found = Equal;
    for (mine, row) in entries.chunks(columns).zip(rows) {
        match in_order(mine, row, check)? {
            Equal => {}
            Different => return Ok(Different),
            Undecided => found = Undecided,
        }
    }
    Ok(found)
}

/// A point and a vector with the same coordinates, in a row or a column.
fn same_vector(one: (Shape, &[Answer]), other: (Shape, &[Answer])) -> bool {
    match (one, other) {
        ((Shape::Between('(', ')') | Shape::Between('[', ']'), _), (Shape::Matrix(columns), items))
        | ((Shape::Matrix(columns), items), (Shape::Between('(', ')') | Shape::Between('[', ']'), _)) => {
            columns == 1 || columns == items.len()
        }
        _ => false,
    }
}

/// A point and its coordinates by name: `(1, 2)` and `x = 1, y = 2`.
fn names_of_a_point(one: (Shape, &[Answer]), other: (Shape, &[Answer])) -> bool {
    match (one, other) {
        ((Shape::Between('(' | '[', ')' | ']'), point), (Shape::Unordered, named))
        | ((Shape::Unordered, named), (Shape::Between('(' | '[', ')' | ']'), point)) => {
            let distinct = named.windows(2).all(|pair| pair[0].name != pair[1].name);
            let mine = point.iter().all(|item| item.name.is_none())
                || point.iter().zip(named).all(|(item, other)| item.name == other.name);
            distinct && mine && named.iter().all(|item| item.name.is_some())
        }
        _ => false,
    }
}

/// In the order of their names, where all are of one letter.
fn by_letter(items: &[Answer]) -> Vec<&Answer> {
    let mut sorted: Vec<&Answer> = items.iter().collect();
    if items.iter().all(|item| item.name.as_ref().is_some_and(|name| name.len() == 1)) {
        sorted.sort_by(|one, other| one.name.cmp(&other.name));
    }
    sorted
}

fn in_order<A: Borrow<Answer>>(items: &[A], others: &[A], check: &Check<'_>) -> Result<Comparison, OverBudget> {
    let mut found = Equal;
    for (item, other) in items.iter().zip(others) {
        match compare_answers(item.borrow(), other.borrow(), check)? {
            Equal => {}
            Different => return Ok(Different),
            Undecided => found = Undecided,
        }
    }
    if found == Equal {
        check.rule("item by item");
    }
    Ok(found)
}

/// Each item with one of the others. Without units equality is transitive, so that the first that fits is as good as
/// any; with units on some items only, a match may be missed but none is invented.
fn matched(items: &[Answer], others: &[Answer], check: &Check<'_>) -> Result<Comparison, OverBudget> {
    let mut open: Vec<&Answer> = others.iter().collect();
    let mut found = Equal;
    for item in items {
        let mut best = Different;
        for at in 0..open.len() {
            match compare_answers(item, open[at], check)? {
                Equal => {
                    open.remove(at);
                    best = Equal;
                    break;
                }
                Undecided => best = Undecided,
                Different => {}
            }
        }
        match best {
            Equal => {}
            Different => return Ok(Different),
            Undecided => found = Undecided,
        }
    }
    if found == Equal {
        check.rule("items in any order");
    }
    Ok(found)
}

/// A set of points against a list of values.
pub(super) fn set_and_list(set: &RealSet, items: &[Answer], check: &Check<'_>) -> Result<Comparison, OverBudget> {
    let points: Option<Vec<Answer>> = set.pieces.iter().map(|piece| point(&piece.low, &piece.high)).collect();
    match points {
        Some(points) if !points.is_empty() => matched(&points, items, check),
        _ if items.iter().all(|item| is_known(&item.reading)) => Ok(Different),
        _ => Ok(Undecided),
    }
}

fn point(low: &End, high: &End) -> Option<Answer> {
    match (low, high) {
        (End::At { value, .. }, End::At { value: other, .. }) if value == other => {
            let reading = Reading::from(value.clone());
            Some(Answer { name: None, key: String::new(), reading, also: Vec::new() })
        }
        _ => None,
    }
}

/// A set of one point against a value.
pub(super) fn set_and_value(set: &RealSet, quantity: &Quantity, check: &Check<'_>) -> Result<Comparison, OverBudget> {
    let [piece] = set.pieces.as_slice() else { return Ok(Different) };
    let value: Option<&Value> = match (&piece.low, &piece.high) {
        (End::At { value, .. }, End::At { value: other, .. }) if value == other => Some(value),
        _ => None,
    };
    match value {
        Some(value) if quantity.unit == Unit::None => same(value, &quantity.value, check),
        _ => Ok(Different),
    }
}
