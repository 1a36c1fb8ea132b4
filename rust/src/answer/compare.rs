//! When two answers are the same.

use super::check::Check;
use super::parameter::same_argument;
use super::relation::{Kind, Relation};
use super::value::{Value, same};
use super::{Answer, Quantity, Reading, Shape, quantities, several};
use crate::budget::OverBudget;
use crate::equality;
use crate::expression::parse::parse_text;
use crate::number::rational::Rational;

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The same, exactly.
    Equal,
    /// Two different things.
    Different,
    /// Not to be told with what was read of them.
    Undecided,
}

use Comparison::{Different, Equal, Undecided};

impl Comparison {
    /// Equal or different.
    pub(super) fn of(equal: bool) -> Self {
        if equal { Equal } else { Different }
    }
}

/// Compares two answers. A name on one side alone is dropped: `x = 5` is `5`, but not `y = 5`.
///
/// # Errors
/// Deciding takes more than the budget.
pub fn compare(one: &Answer, other: &Answer, check: &Check<'_>) -> Result<Comparison, OverBudget> {
    check.spend(1)?;
    let names_differ = matches!((&one.name, &other.name), (Some(one), Some(other)) if one != other);
    if names_differ {
        if let Some(other) = same_argument(one, other, check)? {
            return compare(one, &other, check);
        }
        return as_equations(one, other, check).map(|found| found.unwrap_or(Different));
    }
    if one.key == other.key && !one.key.is_empty() {
        check.rule("same spelling");
        return Ok(Equal);
    }
    // Two of one kind that differ are different, unless something else that they may be is the same.
    let mut found = readings(&one.reading, &other.reading, check)?;
    let one_kind = std::mem::discriminant(&one.reading) == std::mem::discriminant(&other.reading);
    let decisive = found == Different && one_kind && is_known(&one.reading);
    if decisive && matches!(one.reading, Reading::Clock(_)) {
        return Ok(Different); // 4:30 is no ratio beside 2:15
    }
    for reading in std::iter::once(&one.reading).chain(&one.also) {
        for other_reading in std::iter::once(&other.reading).chain(&other.also) {
            let compared =
                std::ptr::eq(reading, &raw const one.reading) && std::ptr::eq(other_reading, &raw const other.reading);
            let pair = match (reading, other_reading) {
                (Reading::Based(based), reading) if !matches!(reading, Reading::Based(_)) => {
                    check.rule("digits whose base one side says");
                    Comparison::of(has_digits(other, &based.digits))
                }
                (reading, Reading::Based(based)) if !matches!(reading, Reading::Based(_)) => {
                    check.rule("digits whose base one side says");
                    Comparison::of(has_digits(one, &based.digits))
                }
                _ if compared => found,
                (reading, other_reading) => readings(reading, other_reading, check)?,
            };
            match pair {
                Equal => return Ok(Equal),
                Undecided if !decisive => found = Undecided,
                _ => {}
            }
        }
    }
    let equation = |answer: &Answer| matches!(answer.reading, Reading::Relation(_));
    if equation(one) != equation(other) && (one.name.is_some() || other.name.is_some()) {
        // `y = 2x + 1` against `2x - y = -1`
        return as_equations(one, other, check).map(|equations| equations.unwrap_or(found));
    }
    Ok(found)
}

/// Whether an answer's spelling is these digits.
fn has_digits(answer: &Answer, digits: &str) -> bool {
    let spelled: String = answer.key.chars().filter(|c| !matches!(c, ',' | ' ' | '(' | ')')).collect();
    let (sign, bare) = spelled.strip_prefix('-').map_or(("", spelled.as_str()), |bare| ("-", bare));
    let bare = bare.trim_start_matches('0').to_lowercase();
    format!("{sign}{bare}") == digits
}

/// Compares two answers as equations, where both are.
fn as_equations(one: &Answer, other: &Answer, check: &Check<'_>) -> Result<Option<Comparison>, OverBudget> {
    let (Some(one), Some(other)) = (equation(one, check)?, equation(other, check)?) else { return Ok(None) };
    one.compare(&other, check).map(Some)
}

/// `name = value` as an equation, if the value is worth it: that of numbers is known by its name.
fn equation(answer: &Answer, check: &Check<'_>) -> Result<Option<Relation>, OverBudget> {
    match (&answer.reading, &answer.name) {
        (Reading::Relation(relation), None) if relation.kind == Kind::Equal => Ok(Some(relation.clone())),
        (Reading::Quantity(quantity), Some(name)) if quantity.unit == super::unit::Unit::None => {
            let right = quantity.value.expression();
            Ok(parse_text(name, check.budget)?.map(|left| Relation { kind: Kind::Equal, left, right }))
        }
        _ => Ok(None),
    }
}

fn readings(one: &Reading, other: &Reading, check: &Check<'_>) -> Result<Comparison, OverBudget> {
    Ok(match (one, other) {
        (Reading::Quantity(one), Reading::Quantity(other)) => quantities::compare(one, other, check)?,
        (Reading::Family(one, domain), Reading::Family(other, other_domain)) => {
            // Others may be the same values in another order.
            let same = domain == other_domain && compare(one, other, check)? == Equal;
            check.rule("all values of a parameter");
            if same { Equal } else { Undecided }
        }
        (Reading::Family(..), Reading::Quantity(single)) | (Reading::Quantity(single), Reading::Family(..))
            if equality::is_constant(&single.value.expression()) =>
        {
            Different
        }
        (Reading::Family(..), _) | (_, Reading::Family(..)) => Undecided,
        (Reading::Clock(one), Reading::Clock(other)) => {
            check.rule("times of day");
            Comparison::of(one.agrees(*other))
        }
        (Reading::Clock(clock), Reading::Quantity(hour)) | (Reading::Quantity(hour), Reading::Clock(clock)) => {
            // "at 5" for 5 p.m.
            let on_the_hour = clock.minute == 0 && clock.second == 0 && clock.after_noon.is_some();
            let hours = Value::Exact(Rational::from(i64::from(clock.hour)));
            Comparison::of(on_the_hour && hour.unit == super::unit::Unit::None && hour.value == hours)
        }
        (Reading::Date(one), Reading::Date(other)) => {
            check.rule("dates");
            Comparison::of(one.agrees(*other))
        }
        // 7/4/1776 is a date in some places and another in others
        (Reading::Date(_), Reading::Quantity(Quantity { value, .. }))
        | (Reading::Quantity(Quantity { value, .. }), Reading::Date(_))
            if !matches!(value, Value::Exact(number) if number.is_integer()) =>
        {
            Undecided
        }
        (Reading::Ratio(one), Reading::Ratio(other)) => ratios(one, other, check)?,
        (Reading::Ratio(ratio), Reading::Quantity(bare)) | (Reading::Quantity(bare), Reading::Ratio(ratio)) => {
            ratio_and_value(ratio, bare, check)?
        }
        (Reading::Words(one), Reading::Words(other)) => {
            check.rule("words");
            Comparison::of(one == other)
        }
        // `{(1, 2)}` is the point as well.
        (Reading::Several(Shape::Unordered, items), point @ Reading::Several(Shape::Between(..), _))
        | (point @ Reading::Several(Shape::Between(..), _), Reading::Several(Shape::Unordered, items))
            if items.len() == 1 && matches!(items[0].reading, Reading::Several(Shape::Between(..), _)) =>
        {
            readings(&items[0].reading, point, check)?
        }
        (Reading::Several(shape, items), Reading::Several(other_shape, other_items)) => {
            several::compare((*shape, items), (*other_shape, other_items), check)?
        }
        (Reading::Set(one), Reading::Set(other)) => one.compare(other, check)?,
        (Reading::Set(set), Reading::Several(Shape::Unordered, items))
        | (Reading::Several(Shape::Unordered, items), Reading::Set(set)) => several::set_and_list(set, items, check)?,
        // "11 + x, x + 11" says one thing twice.
        (Reading::Several(Shape::Unordered, items), single) | (single, Reading::Several(Shape::Unordered, items))
            if !matches!(single, Reading::Several(..)) && several::one_value(items, check)? =>
        {
            readings(&items[0].reading, single, check)?
        }
        // A set of one element is as good as the element.
        (Reading::Several(Shape::Unordered, items), other) | (other, Reading::Several(Shape::Unordered, items))
            if items.len() == 1 =>
        {
            readings(&items[0].reading, other, check)?
        }
        (Reading::Set(set), Reading::Quantity(quantity)) | (Reading::Quantity(quantity), Reading::Set(set)) => {
            several::set_and_value(set, quantity, check)?
        }
        (Reading::Relation(one), Reading::Relation(other)) => one.compare(other, check)?,
        (Reading::Relation(relation), Reading::Set(_)) | (Reading::Set(_), Reading::Relation(relation))
            if relation.kind != Kind::Equal =>
        {
            Undecided // an inequality that was not solved
        }
        (Reading::Congruence(one), Reading::Congruence(other)) => one.compare(other, check)?,
        (Reading::Congruence(congruence), Reading::Quantity(value))
        | (Reading::Quantity(value), Reading::Congruence(congruence)) => {
            same(&congruence.residue, &value.value, check)?
        }
        (Reading::Based(one), Reading::Based(other)) => {
            check.rule("digits and base");
            Comparison::of(one == other)
        }
        (one, other) if is_known(one) && is_known(other) => {
            check.rule("different kinds of answers");
            Different
        }
        _ => Undecided,
    })
}

/// Whether something was read; of a list one item that is no word is enough, since prose with a comma in it has none.
pub(super) fn is_known(reading: &Reading) -> bool {
    match reading {
        Reading::Unread | Reading::OverBudget | Reading::Empty => false,
        Reading::Several(_, items) => {
            let words = |item: &Answer| matches!(item.reading, Reading::Words(_));
            items.iter().any(|item| is_known(&item.reading) && !words(item))
                || items.iter().all(|item| is_known(&item.reading))
        }
        _ => true,
    }
}

/// `a:b:c` is `ka:kb:kc`.
fn ratios(one: &[Value], other: &[Value], check: &Check<'_>) -> Result<Comparison, OverBudget> {
    let ([first, rest @ ..], [other_first, other_rest @ ..]) = (one, other) else { return Ok(Undecided) };
    if rest.len() != other_rest.len() {
        return Ok(Different);
    }
    let mut found = Equal;
    for (part, other_part) in rest.iter().zip(other_rest) {
        match same(&first.times(other_part), &part.times(other_first), check)? {
            Equal => {}
            Different => return Ok(Different),
            Undecided => found = Undecided,
        }
    }
    check.rule("ratios up to a common factor");
    Ok(found)
}

/// `3:4` is three quarters.
fn ratio_and_value(ratio: &[Value], bare: &Quantity, check: &Check<'_>) -> Result<Comparison, OverBudget> {
    let [above, below] = ratio else { return Ok(Different) };
    if bare.unit != super::unit::Unit::None {
        return Ok(Different);
    }
    same(above, &bare.value.times(below), check)
}
