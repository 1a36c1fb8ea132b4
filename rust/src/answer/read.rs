//! From tokens to an answer: which kinds are tried, in which order. What is cheap and certain comes first.

use super::check::Check;
use super::clock::clock;
use super::content::{divides_by_zero, has_content};
use super::infinity::infinity;
use super::name::named;
use super::relation::{Relation, relations};
use super::split::outside;
use super::statement::{assigned_point, related, said_twice};
use super::stray::without_strays;
use super::value::Value;
use super::words::{sign, words};
use super::{Answer, Quantity, Reading};
use super::{
    announcement, based, brackets, congruence, date, interval, list, matrix, number_quantity, parameter, plus_minus,
    ratio,
};
use crate::budget::OverBudget;
use crate::equality;
use crate::expression::Expression;
use crate::latex::canonical::{answer_tokens, key, trimmed};
use crate::latex::tokens::Token;
use crate::number::read::{Place, number_at_start};

/// Bytes of an answer that are looked at; a longer one is over the budget.
pub const MAX_ANSWER_BYTES: usize = 20_000;

/// Lists within lists.
const MAX_NESTING: usize = 6;

/// Letters that begin a function of mathematics, so that a run of them is no word.
const FUNCTIONS: [&str; 16] =
    ["sin", "cos", "tan", "cot", "sec", "csc", "log", "ln", "exp", "sqrt", "arc", "cis", "gcd", "lcm", "max", "min"];

/// What a span may be.
pub(super) struct Readings {
    pub(super) name: Option<String>,
    pub(super) first: Reading,
    pub(super) also: Vec<Reading>,
}

impl From<Reading> for Readings {
    fn from(first: Reading) -> Self {
        Self { name: None, first, also: Vec::new() }
    }
}

/// Reads an answer.
#[must_use]
pub fn read(text: &str, check: &Check<'_>) -> Answer {
    let plain = |key: String, reading| Answer { name: None, key, reading, also: Vec::new() };
    if text.len() > MAX_ANSWER_BYTES || check.spend(text.len()).is_err() {
        return plain(text.trim().to_owned(), Reading::OverBudget);
    }
    let all = answer_tokens(announced(without_strays(text)));
    let mut whole = trimmed(&all);
    while let [rest @ .., Token::Command("newline")] = whole {
        whole = trimmed(rest); // a line break that breaks off nothing
    }
    let (announced, whole) = announcement::announced(whole).unwrap_or((None, whole));
    match parameter::family(whole, check) {
        Ok(Some(family)) => return family,
        Ok(None) => {}
        Err(OverBudget) => return plain(key(whole), Reading::OverBudget),
    }
    let (name, span) = named(whole);
    let name = name.or(announced);
    if !has_content(span) {
        return plain(String::new(), Reading::Empty);
    }
    if divides_by_zero(span) {
        return plain(String::new(), Reading::Unread);
    }
    match readings(span, Place::Alone, 0, check) {
        Ok(readings) => {
            let name = name.or(readings.name);
            Answer { name, key: key(span), reading: readings.first, also: readings.also }
        }
        Err(OverBudget) => Answer { name, key: key(span), reading: Reading::OverBudget, also: Vec::new() },
    }
}

/// Reads one of several answers.
pub(super) fn item(span: &[Token<'_>], place: Place, depth: usize, check: &Check<'_>) -> Result<Answer, OverBudget> {
    check.spend(span.len() + 4)?;
    let (name, span) = named(span);
    let readings = readings(span, place, depth, check)?;
    Ok(Answer { name: name.or(readings.name), key: key(span), reading: readings.first, also: readings.also })
}

fn readings(span: &[Token<'_>], place: Place, depth: usize, check: &Check<'_>) -> Result<Readings, OverBudget> {
    if span.is_empty() {
        return Ok(Reading::Empty.into());
    }
    if depth > MAX_NESTING {
        return Ok(Reading::Unread.into());
    }
    if let [Token::Symbol('('), inner @ .., Token::Symbol(')')] = span
        && let Ok(Some((value, taken))) = number_at_start(inner, Place::InList)
        && taken == inner.len()
    {
        return Ok(Reading::from(Value::Exact(value)).into());
    }
    let time = clock(span);
    let quantity = match number_quantity::number(span, place) {
        _ if time.is_some() => None,
        Ok(quantity) => quantity,
        // 2^{4950} is no number that is written out, but an expression like any other.
        Err(OverBudget) => match Value::read_expression(span, place, check)? {
            Some(power @ Value::Formula(Expression::Power(..))) => return Ok(Reading::from(power).into()),
            _ => return Err(OverBudget),
        },
    };
    match quantity {
        Some(quantity) if !quantity.perhaps => {
            let mut readings = Readings::from(Reading::Quantity(quantity));
            if let (Some(Token::Letters { .. }), Some(words)) = (span.first(), words(span)) {
                readings.also.push(Reading::Words(words.text)); // "second player"
            }
            Ok(readings)
        }
        perhaps => {
            let mut readings = match time {
                Some(time) => {
                    let mut readings = Readings::from(Reading::Clock(time));
                    readings.also.extend(ratio::ratio(span, check)?.map(Reading::Ratio));
                    readings
                }
                None => beyond_numbers(span, place, depth, check)?,
            };
            if readings.also.is_empty() {
                readings.also.extend(perhaps.map(Reading::Quantity));
            }
            Ok(readings)
        }
    }
}

/// Everything that does not begin with a number, or goes on after one.
fn beyond_numbers(span: &[Token<'_>], place: Place, depth: usize, check: &Check<'_>) -> Result<Readings, OverBudget> {
    if let Some(based) = based::based(span) {
        return Ok(Reading::Based(based).into());
    }
    if let Some(date) = date::date(span) {
        return Ok(Reading::Date(date).into());
    }
    if let Some(quantity) = number_quantity::compound(span)? {
        return Ok(Reading::Quantity(quantity).into());
    }
    if let Some(values) = ratio::ratio(span, check)? {
        return Ok(Reading::Ratio(values).into());
    }
    if let Some(congruence) = congruence::congruence(span, check)? {
        return Ok(Reading::Congruence(congruence).into());
    }
    if let Some((name, set)) = interval::set(span, check)? {
        // `x > a` says something of a as well.
        let of_several = |relation: &Relation| equality::variables(&relation.difference()).len() > 1;
        return Ok(match relations(span, check)?.filter(|relations| relations.iter().all(of_several)) {
            Some(relations) => Readings { also: vec![Reading::Set(set)], ..related(relations, check)? },
            None => Readings { name, first: Reading::Set(set), also: Vec::new() },
        });
    }
    if let Some(sign) = sign(span) {
        return Ok(Reading::Words(sign).into());
    }
    if let Some(infinity) = infinity(span) {
        return Ok(Reading::Words(infinity.to_owned()).into());
    }
    let separated = !outside(span, list::separates).is_empty();
    let words = words(span);
    if let Some(words) = &words {
        let function = FUNCTIONS.iter().any(|name| words.text.starts_with(name));
        if words.surely && !separated {
            let value = if function { Value::read(span, place, check)? } else { None };
            return Ok(value.map_or_else(|| Reading::Words(words.text.clone()), Reading::from).into());
        }
    }
    if let Some(matrix) = matrix::matrix(span, depth, check)? {
        return Ok(matrix.into());
    }
    if let Some(both) = plus_minus::plus_minus(span, depth, check)? {
        return Ok(both);
    }
    if let Some(point) = assigned_point(span, depth, check)? {
        return Ok(point);
    }
    if let Some(bracketed) = brackets::brackets(span, depth, check)? {
        return Ok(bracketed);
    }
    if separated && let Some(list) = list::list(span, depth, check)? {
        let mut readings = Readings::from(list);
        readings.also.extend(words.filter(|words| words.surely).map(|words| Reading::Words(words.text)));
        return Ok(readings);
    }
    if let Some(said_twice) = said_twice(span, depth, check)? {
        return Ok(said_twice);
    }
    if let Some(relations) = relations(span, check)? {
        return related(relations, check);
    }
    expression(span, place, words.map(|words| words.text), check)
}

/// An expression, with a unit or without; or else words.
fn expression(
    span: &[Token<'_>],
    place: Place,
    words: Option<String>,
    check: &Check<'_>,
) -> Result<Readings, OverBudget> {
    let united = number_quantity::formula(span, place, check)?;
    // `\sin 30°` has no unit: what can be read as a whole is, where only letters or a degree would be cut off.
    let whole = match &united {
        Some(quantity) if !quantity.perhaps && !quantity.unit.is_degree() => None,
        _ => Value::read(span, place, check)?,
    };
    Ok(match (whole, united) {
        (Some(whole), united) => {
            let mut readings = Readings::from(Reading::from(whole));
            readings.also.extend(united.filter(|united| united.perhaps).map(Reading::Quantity));
            readings
        }
        (None, Some(united)) => Reading::Quantity(Quantity { perhaps: false, ..united }).into(),
        (None, None) => words.map_or(Reading::Unread, Reading::Words).into(),
    })
}

/// What follows "the answer is", where an answer is given as a sentence.
fn announced(text: &str) -> &str {
    let bare = text.trim_start_matches(|c: char| c.is_whitespace() || c == '*');
    for lead in ["the final answer is", "the answer is", "final answer:", "answer:"] {
        if bare.get(..lead.len()).is_some_and(|head| head.eq_ignore_ascii_case(lead)) {
            return bare[lead.len()..].trim_start_matches([':', '*', ' ']);
        }
    }
    text
}
