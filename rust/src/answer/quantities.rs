//! When two quantities are the same: the rules for units.

use super::Quantity;
use super::check::Check;
use super::compare::Comparison;
use super::unit::{Dimension, Measure, Scale, Unit};
use super::value::{Value, same};
use crate::budget::OverBudget;
use crate::expression::{Constant, Expression};
use crate::number::rational::Rational;
use crate::options::{Percent, Units};

/// Compares two quantities.
///
/// - The same unit: the values decide.
/// - Two measures of one dimension: converted, exactly. Of two dimensions: different.
/// - One percent: x% is x/100; a bare number above one is also taken for x, as an answer to "what percent".
/// - One in cents: x cents are x/100 of the currency; against a bare number as for percent.
/// - One alone: dropped, unless the caller wants it.
pub(super) fn compare(one: &Quantity, other: &Quantity, check: &Check<'_>) -> Result<Comparison, OverBudget> {
    if one.unit == other.unit || check.options.units == Units::Ignored && !percents(one, other) {
        return same(&one.value, &other.value, check);
    }
    let bare = |quantity: &Quantity| quantity.unit == Unit::None;
    if bare(one) || bare(other) {
        let (counted, plain) = if bare(one) { (other, one) } else { (one, other) };
        return against_bare(counted, &plain.value, check);
    }
    match (&one.unit, &other.unit) {
        (Unit::Measure(measure), Unit::Measure(other_measure)) => {
            measures((&one.value, measure), (&other.value, other_measure), check)
        }
        (Unit::Temperature(scale), Unit::Temperature(other_scale)) => {
            let found = same(&kelvin(&one.value, *scale), &kelvin(&other.value, *other_scale), check);
            check.rule("temperatures converted");
            found
        }
        // "32°" for 32 °F
        (Unit::Temperature(_), degree) | (degree, Unit::Temperature(_)) if degree.is_degree() => {
            same(&one.value, &other.value, check)
        }
        // "red apples" and "apples"
        (Unit::Named(name), Unit::Named(other_name)) if contains(name, other_name) => {
            same(&one.value, &other.value, check)
        }
        _ => {
            check.rule("different units");
            Ok(Comparison::Different)
        }
    }
}

fn percents(one: &Quantity, other: &Quantity) -> bool {
    one.unit == Unit::Percent || other.unit == Unit::Percent
}

/// Whether the words of one name are among those of the other.
fn contains(one: &str, other: &str) -> bool {
    let all = |few: &str, many: &str| few.split(' ').all(|word| many.split(' ').any(|known| known == word));
    all(one, other) || all(other, one)
}

fn against_bare(counted: &Quantity, bare: &Value, check: &Check<'_>) -> Result<Comparison, OverBudget> {
    if counted.perhaps {
        return Ok(Comparison::Undecided);
    }
    if counted.unit == Unit::Percent {
        return percent(&counted.value, bare, check.options.percent, check);
    }
    if check.options.units == Units::Required {
        check.rule("a unit on one side only");
        return Ok(Comparison::Different);
    }
    if counted.unit.is_cents() {
        return percent(&counted.value, bare, Percent::Either, check);
    }
    let found = same(&counted.value, bare, check)?;
    if found != Comparison::Equal && counted.unit.is_degree() && matches!(bare, Value::Formula(_)) {
        // 180° is π, and so an angle without a unit is one in radians.
        let found = same(&radians(&counted.value), bare, check);
        check.rule("degrees as radians");
        return found;
    }
    if found == Comparison::Equal {
        check.rule("unit dropped on one side");
    }
    Ok(found)
}

/// x% against a bare number: x/100, and x where it is above one.
fn percent(value: &Value, bare: &Value, meaning: Percent, check: &Check<'_>) -> Result<Comparison, OverBudget> {
    let hundredth = value.scaled(&hundredth());
    let as_number = || -> Result<Comparison, OverBudget> {
        let above_one = !matches!(bare, Value::Exact(bare) if !bare.is_beyond_one());
        if meaning == Percent::Number || above_one { same(value, bare, check) } else { Ok(Comparison::Different) }
    };
    let found = match meaning {
        Percent::Number => as_number()?,
        Percent::Hundredths => same(&hundredth, bare, check)?,
        Percent::Either => match same(&hundredth, bare, check)? {
            Comparison::Equal => Comparison::Equal,
            found => match as_number()? {
                Comparison::Different => found,
                other => other,
            },
        },
    };
    if found == Comparison::Equal {
        check.rule("percent or cents against a bare number");
    }
    Ok(found)
}

fn hundredth() -> Rational {
    Rational::from(1).over(&Rational::from(100)).unwrap_or_else(|| Rational::from(0))
}

fn measures(one: (&Value, &Measure), other: (&Value, &Measure), check: &Check<'_>) -> Result<Comparison, OverBudget> {
    let ((value, measure), (other_value, other_measure)) = (one, other);
    if measure.dimension.agrees(other_measure.dimension) {
        let (factor, other_factor) = (measure.factor_beside(other_measure), other_measure.factor_beside(measure));
        let found = same(&value.scaled(&factor), &other_value.scaled(&other_factor), check);
        check.rule("units converted");
        return found;
    }
    let (degrees, radian) = (Dimension::DEGREE, Dimension::RADIAN);
    if measure.dimension == degrees && other_measure.dimension == radian {
        return same(&radians(&value.scaled(&measure.factor)), other_value, check);
    }
    if measure.dimension == radian && other_measure.dimension == degrees {
        return same(value, &radians(&other_value.scaled(&other_measure.factor)), check);
    }
    check.rule("units of different dimensions");
    Ok(Comparison::Different)
}

/// Degrees as radians.
fn radians(degrees: &Value) -> Value {
    let part = Rational::from(1).over(&Rational::from(180)).unwrap_or_else(|| Rational::from(0));
    degrees.scaled(&part).times(&Value::Formula(Expression::Constant(Constant::Pi)))
}

fn kelvin(value: &Value, scale: Scale) -> Value {
    let ratio = |above: i64, below: i64| {
        Rational::from(above).over(&Rational::from(below)).unwrap_or_else(|| Rational::from(0))
    };
    match scale {
        Scale::Kelvin => value.clone(),
        Scale::Celsius => value.shifted(&ratio(27_315, 100)),
        Scale::Fahrenheit => value.shifted(&ratio(45_967, 100)).scaled(&ratio(5, 9)),
    }
}
