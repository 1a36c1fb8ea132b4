//! When two answers are the same.

use super::unit::Unit;
use super::{Answer, Reading, Shape};
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

/// Compares two answers. A name on one side alone is dropped: `x = 5` is `5`, but not `y = 5`.
#[must_use]
pub fn compare(one: &Answer, other: &Answer) -> Comparison {
    if let (Some(name), Some(other_name)) = (&one.name, &other.name) {
        if name != other_name {
            return Different;
        }
    }
    if one.key == other.key && !one.key.is_empty() {
        return Equal;
    }
    match (&one.reading, &other.reading) {
        (Reading::Quantity(value, unit), Reading::Quantity(other_value, other_unit)) => {
            quantities((value, unit), (other_value, other_unit))
        }
        (
            Reading::Clock { hour, minute, after_noon },
            Reading::Clock { hour: other_hour, minute: other_minute, after_noon: other_after_noon },
        ) => {
            let halves_agree = after_noon.is_none() || other_after_noon.is_none() || after_noon == other_after_noon;
            if hour == other_hour && minute == other_minute && halves_agree { Equal } else { Different }
        }
        (Reading::Words(words), Reading::Words(other_words)) => {
            if words == other_words {
                Equal
            } else {
                Different
            }
        }
        (Reading::Several(shape, items), Reading::Several(other_shape, other_items)) => {
            several((*shape, items), (*other_shape, other_items))
        }
        (Reading::Clock { .. }, Reading::Quantity(..)) | (Reading::Quantity(..), Reading::Clock { .. }) => Undecided,
        (reading, other_reading) if is_known(reading) && is_known(other_reading) => Different,
        _ => Undecided,
    }
}

fn is_known(reading: &Reading) -> bool {
    !matches!(reading, Reading::Unread | Reading::OverBudget | Reading::Empty)
}

/// The rule for units.
///
/// - Both the same: the values decide.
/// - One percent: x% is x/100; a bare number above one is also taken for x, as an answer to "what percent".
/// - One in cents: x cents are x/100 of the currency; against a bare number as for percent.
/// - One alone: dropped.
/// - Two different ones: equal only if conversion says so, which is not known here.
fn quantities(one: (&Rational, &Unit), other: (&Rational, &Unit)) -> Comparison {
    let hundredth = |value: &Rational| value.over(&Rational::from(100));
    let decided = |equal| if equal { Equal } else { Different };
    match (one, other) {
        ((value, unit), (other_value, other_unit)) if unit == other_unit => decided(value == other_value),
        ((value, Unit::Percent | Unit::Cents), (bare, Unit::None))
        | ((bare, Unit::None), (value, Unit::Percent | Unit::Cents)) => {
            decided((value == bare && bare.is_beyond_one()) || hundredth(value).as_ref() == Some(bare))
        }
        ((cents, Unit::Cents), (money, Unit::Named(name))) | ((money, Unit::Named(name)), (cents, Unit::Cents))
            if matches!(name.as_str(), "$" | "€") =>
        {
            decided(hundredth(cents).as_ref() == Some(money))
        }
        ((value, Unit::None), (other_value, _)) | ((value, _), (other_value, Unit::None)) => {
            decided(value == other_value)
        }
        _ => Undecided,
    }
}

fn several(one: (Shape, &[Answer]), other: (Shape, &[Answer])) -> Comparison {
    let ((shape, items), (other_shape, other_items)) = (one, other);
    if shape != other_shape || items.len() != other_items.len() {
        return if items.iter().chain(other_items).all(|item| is_known(&item.reading)) { Different } else { Undecided };
    }
    let by_name = |items: &[Answer]| items.windows(2).any(|pair| pair[0].name != pair[1].name);
    let one_is_named = by_name(items) != by_name(other_items);
    if shape == Shape::Unordered && !one_is_named {
        matched(items, other_items)
    } else {
        in_order(items, other_items) // "x = 2, y = 3" against "2, 3" too: there the order says which is which
    }
}

fn in_order(items: &[Answer], others: &[Answer]) -> Comparison {
    let mut found = Equal;
    for (item, other) in items.iter().zip(others) {
        match compare_items(item, other) {
            Equal => {}
            Different => return Different,
            Undecided => found = Undecided,
        }
    }
    found
}

/// Each item with one of the others. Without units equality is transitive, so that the first that fits is as good as
/// any; with units on some items only, a match may be missed but none is invented.
fn matched(items: &[Answer], others: &[Answer]) -> Comparison {
    let mut open: Vec<&Answer> = others.iter().collect();
    let mut found = Equal;
    for item in items {
        if let Some(at) = open.iter().position(|other| compare_items(item, other) == Equal) {
            open.swap_remove(at);
        } else if open.iter().any(|other| compare_items(item, other) == Undecided) {
            found = Undecided;
        } else {
            return Different;
        }
    }
    found
}

/// Items hold no lists, so this is `compare` without a way to recurse further.
fn compare_items(one: &Answer, other: &Answer) -> Comparison {
    compare(one, other)
}
