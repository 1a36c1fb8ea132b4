//! Numbers and expressions with what they count: `$5`, "3 million", "21st", `5\sqrt{2}` cm, "1 hour 30 minutes".

use super::check::Check;
use super::unit::{Unit, currency, currency_measure, unit};
use super::value::Value;
use super::{Quantity, words};
use crate::budget::OverBudget;
use crate::latex::canonical::trimmed;
use crate::latex::tokens::Token;
use crate::number::rational::Rational;
use crate::number::read::{Place, number_at_start};
use crate::number::words::{is_ordinal_ending, multiplier};

/// Measures a quantity may be put together of.
const MAX_PARTS: usize = 4;

/// Tokens at the end of an expression that may be its unit.
const MAX_UNIT_TOKENS: usize = 24;

/// Reads a number with its unit.
pub(super) fn number(span: &[Token<'_>], place: Place) -> Result<Option<Quantity>, OverBudget> {
    let (negative, sign, rest) = currency_head(span);
    let found = match number_at_start(rest, place)? {
        None if matches!(rest.first(), Some(Token::Letters { .. })) => words::number(rest),
        found => found,
    };
    let Some((value, taken)) = found else { return Ok(None) };
    let (value, after) = multiplied(if negative { value.negated() } else { value }, rest, taken);
    Ok(with_unit(Value::Exact(value), sign, after))
}

/// A minus before a currency sign, the sign, and what follows.
fn currency_head<'s, 'a>(span: &'s [Token<'a>]) -> (bool, Option<char>, &'s [Token<'a>]) {
    let (negative, rest) = match span {
        [Token::Symbol('-'), rest @ ..] if trimmed(rest).first().is_some_and(|sign| currency(sign).is_some()) => {
            (true, trimmed(rest))
        }
        _ => (false, span),
    };
    match rest {
        [sign, rest @ ..] if currency(sign).is_some() => (negative, currency(sign), trimmed(rest)),
        _ => (false, None, span),
    }
}

/// A number with the words behind it that multiply it ("3 million") or make it an ordinal ("21st").
fn multiplied<'s, 'a>(mut value: Rational, span: &'s [Token<'a>], taken: usize) -> (Rational, &'s [Token<'a>]) {
    let mut rest = &span[taken..];
    if let [.., Token::Digits(digits)] = span[..taken] {
        match rest {
            [Token::Letters { run, .. }, after @ ..] if is_ordinal_ending(digits, run) => return (value, after),
            [Token::Symbol('^'), Token::Open, Token::Letters { run, .. }, Token::Close, after @ ..]
                if is_ordinal_ending(digits, run) =>
            {
                return (value, after);
            }
            _ => {}
        }
    }
    while let [Token::Space, Token::Letters { run, .. }, after @ ..] | [Token::Letters { run, .. }, after @ ..] = rest {
        let lower = if run.len() <= 8 { run.to_lowercase() } else { break };
        let Some(factor) = multiplier(&lower) else { break };
        value = value.times(&Rational::from(factor));
        rest = after;
        if value.bits() > 4096 {
            break;
        }
    }
    (value, rest)
}

/// A value with the currency before it and the unit behind it, if these go together.
fn with_unit(value: Value, sign: Option<char>, after: &[Token<'_>]) -> Option<Quantity> {
    let found = unit(after)?;
    let unit = match (sign, found.unit) {
        (None, unit) => unit,
        (Some(sign), Unit::None) => Unit::Measure(currency_measure(sign)),
        (Some(sign), Unit::Measure(measure)) if measure.dimension == currency_measure(sign).dimension => {
            Unit::Measure(measure)
        }
        // "$5 per hour", "$5 each"
        (Some(sign), Unit::Named(name)) => Unit::Named(format!("{sign} {name}")),
        _ => return None,
    };
    Some(Quantity { value, unit, perhaps: found.perhaps })
}

/// Reads several measures that add up: "1 hour 30 minutes", "2 dollars and 10 cents", `21°14'24"`.
pub(super) fn compound(span: &[Token<'_>]) -> Result<Option<Quantity>, OverBudget> {
    let numerals = span.iter().filter(|token| matches!(token, Token::Digits(_))).count();
    if !(2..=2 * MAX_PARTS).contains(&numerals) {
        return Ok(None);
    }
    let mut total: Option<(Rational, super::unit::Measure)> = None;
    let mut least: Option<Rational> = None;
    let mut rest = span;
    let mut parts = 0;
    while !rest.is_empty() {
        parts += 1;
        let (_, sign, numeral) = currency_head(rest);
        if sign.is_some() {
            return Ok(None);
        }
        let Some((value, taken)) = number_at_start(numeral, Place::InList)? else { return Ok(None) };
        let after = &numeral[taken..];
        let end = after.iter().position(|token| matches!(token, Token::Digits(_))).unwrap_or(after.len());
        let (mine, next) = after.split_at(end);
        let measure = match (unit(without_joint(mine)), &total) {
            (Some(found), _) => match found.unit {
                Unit::Measure(measure) => measure,
                Unit::None if parts == 3 => arc("arcsecond"),
                _ => return Ok(None),
            },
            (None, Some((_, first))) if first.name.starts_with('°') => match primes(mine) {
                1 => arc("arcminute"),
                2 => arc("arcsecond"),
                _ => return Ok(None),
            },
            (None, _) => return Ok(None),
        };
        if least.as_ref().is_some_and(|least| measure.factor >= *least) || parts > MAX_PARTS {
            return Ok(None); // "5 cm 3 m" is no sum
        }
        least = Some(measure.factor.clone());
        total = match total {
            None => Some((value, measure)),
            Some((sum, first)) if first.dimension.agrees(measure.dimension) => {
                let Some(scale) = measure.factor.over(&first.factor) else { return Ok(None) };
                Some((sum.plus(&value.times(&scale)), first))
            }
            Some(_) => return Ok(None),
        };
        rest = next;
    }
    Ok(total.filter(|_| parts > 1).map(|(value, measure)| Quantity {
        value: Value::Exact(value),
        unit: Unit::Measure(measure),
        perhaps: false,
    }))
}

/// Without the comma or the "and" that leads on to the next measure.
fn without_joint<'s, 'a>(span: &'s [Token<'a>]) -> &'s [Token<'a>] {
    let mut span = span;
    while let [rest @ .., Token::Space | Token::Symbol(',') | Token::Letters { run: "and", .. }] = span {
        span = rest;
    }
    span
}

/// How many primes a span is: `'`, `''`, `"`, `^{\prime}`.
fn primes(span: &[Token<'_>]) -> usize {
    let mut count = 0;
    for token in span {
        match token {
            Token::Symbol('\'') | Token::Command("prime") => count += 1,
            Token::Symbol('"' | '″') => count += 2,
            Token::Symbol('^') | Token::Open | Token::Close | Token::Space => {}
            _ => return 0,
        }
    }
    count
}

fn arc(name: &'static str) -> super::unit::Measure {
    let word = [Token::Space, Token::Letters { run: name, text: true }];
    match unit(&word).map(|found| found.unit) {
        Some(Unit::Measure(measure)) => measure,
        _ => currency_measure(' '),
    }
}

/// Reads an expression with a unit behind it or a currency sign before it: `3\pi \text{ cm}^2`.
pub(super) fn formula(span: &[Token<'_>], place: Place, check: &Check<'_>) -> Result<Option<Quantity>, OverBudget> {
    let (negative, sign, rest) = currency_head(span);
    let signed = |value: Value| if negative { value.negated() } else { value };
    if sign.is_some() {
        let value = Value::read(rest, place, check)?;
        return Ok(value.and_then(|value| with_unit(signed(value), sign, &[])));
    }
    let mut depth = 0_i32;
    let tail = span.len().saturating_sub(MAX_UNIT_TOKENS);
    let mut begins: Option<(usize, super::unit::Found)> = None;
    for at in (tail.max(1)..span.len()).rev() {
        match span[at] {
            Token::Close => depth += 1,
            Token::Open => depth -= 1,
            Token::Letters { .. } | Token::Symbol('°' | '%' | '$' | '€' | '£' | '¢') if depth == 0 => {
                check.spend(64)?;
                let spaced = if span[at - 1] == Token::Space { at - 1 } else { at };
                match unit(&span[spaced..]) {
                    Some(found) => begins = Some((spaced, found)),
                    None if begins.is_some() => break,
                    None => {}
                }
            }
            _ => {}
        }
    }
    let Some((at, found)) = begins else { return Ok(None) };
    let value = Value::read(trimmed(&span[..at]), place, check)?;
    Ok(value.map(|value| Quantity { value, unit: found.unit, perhaps: found.perhaps }))
}

#[cfg(test)]
mod tests {
    use super::{Place, Rational, Value, compound, number};
    use crate::latex::canonical::{answer_tokens, trimmed};

    #[test]
    fn numbers_and_what_multiplies_them() {
        for (text, value) in [
            ("3 million", 3_000_000),
            ("$2 billion", 2_000_000_000),
            ("3 hundred thousand", 300_000),
            ("3 dozen", 36),
            ("21st", 21),
            (r"5^{\text{th}}", 5),
            ("twenty-five apples", 25),
            ("-$5", -5),
        ] {
            let all = answer_tokens(text);
            let read = number(trimmed(&all), Place::Alone).expect("in budget").expect(text);
            assert_eq!(read.value, Value::Exact(Rational::from(value)), "{text}");
        }
    }

    #[test]
    fn measures_add_up() {
        for (text, above, below) in [
            ("1 hour 30 minutes", 3, 2),
            ("1 hour and 30 minutes", 3, 2),
            ("5 feet, 6 inches", 11, 2),
            ("2 dollars 10 cents", 21, 10),
            ("21°14'24\"", 2124, 100),
            (r"63^{\circ} 45^{\prime}", 255, 4),
        ] {
            let all = answer_tokens(text);
            let read = compound(trimmed(&all)).expect("in budget").expect(text);
            assert_eq!(
                Some(read.value),
                Rational::from(above).over(&Rational::from(below)).map(Value::Exact),
                "{text}"
            );
        }
        for text in ["5 cm 3 m", "3 apples 4 pears", "5 kg 3 m", "1 2", "5 m"] {
            assert_eq!(compound(&answer_tokens(text)), Ok(None), "{text}");
        }
    }
}
