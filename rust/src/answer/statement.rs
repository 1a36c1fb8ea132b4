//! What is said with an equals sign and is more than a name and its value.

use super::check::Check;
use super::compare::{Comparison, compare};
use super::name::is_name;
use super::read::{Readings, item};
use super::relation::{Kind, Relation};
use super::split::{outside, parts};
use super::value::Value;
use super::{Answer, Reading, Shape};
use super::{brackets, list};
use crate::budget::OverBudget;
use crate::equality::{self, Equality};
use crate::expression::Expression;
use crate::latex::canonical::{key, trimmed};
use crate::latex::tokens::Token;
use crate::number::read::Place;

/// One relation as it is, a chain as a list. An equation between constants is worked out: `2 + 3 = 5` is 5.
pub(super) fn related(mut relations: Vec<Relation>, check: &Check<'_>) -> Result<Readings, OverBudget> {
    if relations.len() > 1 {
        let item = |relation| Answer {
            name: None,
            key: String::new(),
            reading: Reading::Relation(relation),
            also: Vec::new(),
        };
        return Ok(Reading::Several(Shape::Unordered, relations.into_iter().map(item).collect()).into());
    }
    let Some(relation) = relations.pop() else { return Ok(Reading::Unread.into()) };
    let worked_out = relation.kind == Kind::Equal
        && !matches!(relation.left, Expression::Number(_))
        && equality::variables(&relation.difference()).is_empty()
        && equality::equal(&relation.left, &relation.right, check.budget)? == Equality::Equal;
    let value = worked_out.then(|| Reading::from(Value::of(relation.right.clone())));
    let mut readings = Readings::from(Reading::Relation(relation));
    readings.also.extend(value);
    Ok(readings)
}

/// `\frac{2}{3} \approx 0.67` is two thirds, and 0.67 too for whom that is the answer; `0.56 = 56\%` is either.
pub(super) fn said_twice(span: &[Token<'_>], depth: usize, check: &Check<'_>) -> Result<Option<Readings>, OverBudget> {
    let about = |token: &Token<'_>| matches!(token, Token::Symbol('≈') | Token::Command("approx"));
    let signs = outside(span, |token| *token == Token::Symbol('=') || about(token));
    let [at] = signs.as_slice() else { return Ok(None) };
    let percent = span.contains(&Token::Symbol('%'));
    if !(about(&span[*at]) || percent) {
        return Ok(None);
    }
    let one = item(trimmed(&span[..*at]), Place::Alone, depth + 1, check)?;
    let other = item(trimmed(&span[at + 1..]), Place::Alone, depth + 1, check)?;
    let (Reading::Quantity(_), Reading::Quantity(_)) = (&one.reading, &other.reading) else { return Ok(None) };
    if !about(&span[*at]) && compare(&one, &other, check)? != Comparison::Equal {
        return Ok(None);
    }
    Ok(Some(Readings { name: None, first: one.reading, also: vec![other.reading] }))
}

/// `(x, y) = (1, 2)`: a point, and as well `x = 1, y = 2`.
pub(super) fn assigned_point(
    span: &[Token<'_>],
    depth: usize,
    check: &Check<'_>,
) -> Result<Option<Readings>, OverBudget> {
    let signs = outside(span, |token| *token == Token::Symbol('='));
    let [at] = signs.as_slice() else { return Ok(None) };
    let (left, right) = (trimmed(&span[..*at]), trimmed(&span[at + 1..]));
    let [Token::Symbol('('), names @ .., Token::Symbol(')')] = left else { return Ok(None) };
    let names: Vec<String> = {
        let pieces: Vec<&[Token<'_>]> =
            parts(names, |token| *token == Token::Symbol(',')).into_iter().map(trimmed).collect();
        if pieces.len() < 2 || !pieces.iter().all(|piece| is_name(piece)) {
            return Ok(None);
        }
        pieces.into_iter().map(key).collect()
    };
    let separators = outside(right, list::separates);
    if !separators.is_empty() {
        // "(x, y) = (1, 2), (3, 4)": several points.
        let list = list::list(right, depth, check)?;
        return Ok(list.map(Readings::from));
    }
    let Some(mut readings) = brackets::brackets(right, depth, check)? else { return Ok(None) };
    readings.also.clear();
    if let Reading::Several(Shape::Between(..), items) = &readings.first
        && items.len() == names.len()
    {
        check.spend(span.len())?;
        let by_name = items.iter().cloned().zip(names).map(|(item, name)| Answer { name: Some(name), ..item });
        let coordinates = by_name.collect();
        readings.also.push(Reading::Several(Shape::Unordered, coordinates));
    }
    Ok(Some(readings))
}
