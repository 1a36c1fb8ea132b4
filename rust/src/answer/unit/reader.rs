//! Reads the unit behind a number.

use super::measures::{Measure, measure};
use super::nouns::{is_adjective, is_noun, one_spelling};
use super::{Scale, Unit};
use crate::latex::tokens::Token;

/// Words a unit may have.
const MAX_WORDS: usize = 8;

/// Single letters that are units: surely where LaTeX was told that they are words (`5\text{ m}`), perhaps elsewhere.
const LETTER_UNITS: [&str; 14] = ["m", "g", "s", "l", "L", "h", "N", "J", "W", "V", "K", "C", "F", "A"];

/// A unit, and whether it may as well be variables: `5 m`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The unit.
    pub unit: Unit,
    /// Whether it counts only against another unit.
    pub perhaps: bool,
}

/// A piece of a unit.
#[derive(Debug, PartialEq)]
enum Part {
    Word(String),
    Per,
    Power(i8),
}

/// The unit that `span`, everything after a number, is; `None` when it is none, and the answer no plain quantity.
#[must_use]
pub fn unit(span: &[Token<'_>]) -> Option<Found> {
    if span.iter().all(|token| *token == Token::Space) {
        return Some(Found { unit: Unit::None, perhaps: false });
    }
    let (parts, perhaps) = parts(span)?;
    let parts = metric(parts);
    let unit = percent(&parts).or_else(|| temperature(&parts)).or_else(|| product(&parts)).or_else(|| noun(&parts))?;
    Some(Found { unit, perhaps })
}

/// A metric ton is a tonne.
fn metric(mut parts: Vec<Part>) -> Vec<Part> {
    let is = |part: &Part, wanted: &[&str]| matches!(part, Part::Word(word) if wanted.contains(&word.as_str()));
    if matches!(parts.as_slice(), [first, second, ..] if is(first, &["metric"]) && is(second, &["ton", "tons"])) {
        parts.splice(..2, [Part::Word(String::from("tonne"))]);
    }
    parts
}

/// The words of a unit, and whether all of them are letters that may be variables.
fn parts(span: &[Token<'_>]) -> Option<(Vec<Part>, bool)> {
    let spaced = matches!(span, [Token::Space, ..]);
    let mut parts: Vec<Part> = Vec::new();
    let mut perhaps = true;
    let mut rest = span;
    while let [token, after @ ..] = rest {
        rest = after;
        match token {
            Token::Space | Token::Command("times") if !parts.is_empty() || *token == Token::Space => continue,
            Token::Letters { run, text } => {
                perhaps &= run.len() == 1 && !text;
                parts.push(Part::Word(word(run, *text, spaced || !parts.is_empty(), &parts)?));
                if let [Token::Symbol('.'), after @ ..] = rest {
                    rest = after; // "sq. ft."
                }
            }
            Token::Symbol(sign @ ('%' | '°' | '$' | '€' | '£' | '¢')) => {
                perhaps = false;
                parts.push(Part::Word(sign.to_string()));
            }
            Token::Symbol(sign @ ('℃' | '℉')) => {
                perhaps = false;
                parts.push(Part::Word(String::from(if *sign == '℃' { "C" } else { "F" })));
            }
            // \frac{km}{h}: the numerator is read in its place, and what closes it says "per"
            Token::Command("frac") if parts.is_empty() && matches!(rest, [Token::Open, ..]) => {
                let (above, below) = quotient(rest)?;
                let ((mut parts, one), (below, other)) = (self::parts(above)?, self::parts(below)?);
                parts.push(Part::Per);
                parts.extend(below);
                return Some((parts, one && other));
            }
            Token::Symbol('/') if !parts.is_empty() => parts.push(Part::Per),
            Token::Symbol('^') if matches!(parts.last(), Some(Part::Word(_))) => {
                let (power, after) = power(rest)?;
                parts.push(Part::Power(power));
                rest = after;
            }
            _ => return None,
        }
        if parts.len() > MAX_WORDS {
            return None;
        }
    }
    Some((parts, perhaps))
}

/// The two groups of a fraction that ends the span and holds no other.
fn quotient<'s, 'a>(span: &'s [Token<'a>]) -> Option<(&'s [Token<'a>], &'s [Token<'a>])> {
    let [Token::Open, inner @ .., Token::Close] = span else { return None };
    let at = inner.windows(2).position(|pair| *pair == [Token::Close, Token::Open])?;
    let (above, below) = (&inner[..at], &inner[at + 2..]);
    let plain = |group: &[Token<'_>]| !group.contains(&Token::Command("frac"));
    (plain(above) && plain(below)).then_some((above, below))
}

/// `{2}`, `{-1}`.
fn power<'s, 'a>(span: &'s [Token<'a>]) -> Option<(i8, &'s [Token<'a>])> {
    match span {
        [Token::Open, Token::Digits(power @ ("1" | "2" | "3" | "4")), Token::Close, after @ ..] => {
            Some((power.parse().ok()?, after))
        }
        [Token::Open, Token::Symbol('-'), Token::Digits(power @ ("1" | "2" | "3")), Token::Close, after @ ..] => {
            Some((-power.parse::<i8>().ok()?, after))
        }
        _ => None,
    }
}

/// A word that may stand behind a number without changing it. Only known ones do: `5 wrong`, `3 ninths` and `5 lakh`
/// are not five of something.
fn word(run: &str, text: bool, spaced: bool, before: &[Part]) -> Option<String> {
    let lower = run.to_lowercase();
    let mut letters = run.chars();
    if letters.next().is_some() && letters.next().is_none() {
        let degrees = before.last() == Some(&Part::Word(String::from("°"))) && matches!(run, "C" | "F");
        let measured = LETTER_UNITS.contains(&run) || degrees;
        return (measured || (lower == "a" && !before.is_empty()))
            .then(|| if measured { run.to_owned() } else { lower });
    }
    let scale = matches!(lower.as_str(), "metric" | "celsius" | "fahrenheit" | "kelvin" | "kelvins" | "percent");
    let power = matches!(lower.as_str(), "squared" | "cubed") && !before.is_empty();
    let known = scale
        || power
        || measure(&lower).is_some()
        || measure(run).is_some()
        || ((text || spaced) && (is_noun(&lower) || is_adjective(&lower)));
    known.then_some(lower)
}

/// `%`, "percent" and "per cent", by themselves.
fn percent(parts: &[Part]) -> Option<Unit> {
    let is = |part: &Part, wanted: &[&str]| matches!(part, Part::Word(word) if wanted.contains(&word.as_str()));
    match parts {
        [only] if is(only, &["%", "percent"]) => Some(Unit::Percent),
        [per, cent] if is(per, &["per"]) && is(cent, &["cent"]) => Some(Unit::Percent),
        _ => None,
    }
}

/// "°C", "degrees Fahrenheit", "K".
fn temperature(parts: &[Part]) -> Option<Unit> {
    let words: Vec<&str> = parts
        .iter()
        .map(|part| if let Part::Word(word) = part { Some(word.as_str()) } else { None })
        .collect::<Option<_>>()?;
    let scale = match words.as_slice() {
        ["°" | "deg" | "degree" | "degrees", scale] | [scale] => *scale,
        _ => return None,
    };
    match scale {
        "C" | "celsius" => Some(Unit::Temperature(Scale::Celsius)),
        "F" | "fahrenheit" => Some(Unit::Temperature(Scale::Fahrenheit)),
        "K" | "kelvin" | "kelvins" => Some(Unit::Temperature(Scale::Kelvin)),
        _ => None,
    }
}

/// A product of powers of measures: "square cm", `m/s^2`, "miles per hour"; adjectives say nothing ("cm long").
fn product(parts: &[Part]) -> Option<Unit> {
    let mut product = Measure::one();
    let mut last: Option<(Measure, i8)> = None;
    let (mut below, mut next_power, mut named) = (false, 1_i8, false);
    let mut settle = |last: &mut Option<(Measure, i8)>| -> Option<()> {
        if let Some((measure, power)) = last.take() {
            product = product.times(&measure, power)?;
        }
        Some(())
    };
    for part in parts {
        match part {
            Part::Word(word) => match word.as_str() {
                "square" | "sq" => next_power = 2,
                "cubic" | "cu" => next_power = 3,
                "squared" | "cubed" => {
                    let (_, power) = last.as_mut()?;
                    *power *= if word == "squared" { 2 } else { 3 };
                }
                "per" => {
                    settle(&mut last)?;
                    below = true;
                }
                word => {
                    if let Some(measure) = measure(word) {
                        settle(&mut last)?;
                        last = Some((measure, if below { -next_power } else { next_power }));
                        (next_power, named) = (1, true);
                    } else if !is_adjective(word) || word == "of" {
                        return None;
                    }
                }
            },
            Part::Per => {
                settle(&mut last)?;
                below = true;
            }
            Part::Power(power) => {
                let (_, mine) = last.as_mut()?;
                *mine = mine.checked_mul(*power)?;
            }
        }
    }
    let hangs = matches!(parts.last(), Some(Part::Per)) || next_power != 1 || (below && last.is_none());
    settle(&mut last)?;
    (named && !hangs && !matches!(parts.first(), Some(Part::Per))).then_some(Unit::Measure(product))
}

/// Words with a noun among them, and nothing that hangs in the air.
fn noun(parts: &[Part]) -> Option<Unit> {
    let mut words: Vec<String> = Vec::new();
    for part in parts {
        match part {
            Part::Word(word) if matches!(word.as_str(), "%" | "percent" | "cent" | "cents" | "¢") => return None,
            Part::Word(word) => words.push(one_spelling(word).to_owned()),
            Part::Per => words.push(String::from("per")),
            Part::Power(power) => {
                let last = words.last_mut()?;
                *last = format!("{last}^{power}");
            }
        }
    }
    let loose = |word: &String| matches!(word.as_str(), "of" | "per" | "a" | "an" | "the");
    let whole = words.iter().any(|word| !is_adjective(word)) && !words.first().is_some_and(loose);
    if !whole || words.last().is_some_and(loose) {
        return None;
    }
    let spelled: Vec<&str> = words.iter().map(String::as_str).collect();
    Some(Unit::Named(match spelled.as_slice() {
        ["square" | "sq", unit] => format!("{unit}^2"),
        ["cubic" | "cu", unit] => format!("{unit}^3"),
        all => all.join(" "),
    }))
}

#[cfg(test)]
mod tests {
    use super::{Scale, Unit, unit};
    use crate::latex::canonical::answer_tokens;

    fn unit_of(text: &str) -> Option<Unit> {
        let all = answer_tokens(text);
        unit(&all[1..]).map(|found| found.unit)
    }

    #[test]
    fn units_have_one_meaning() {
        for (one, other) in [
            ("10 inches^2", r"10\mbox{ square inches}"),
            ("10 in²", "10 sq. in."),
            (r"10\,\mathrm{kg}", "10kg"),
            ("10 degrees", "10°"),
            ("10 dollars", r"10 \$"),
            ("10 children", "10 child"),
            (r"5\text{ m/s}", "5 meters per second"),
            (r"5\text{ m}", "5 metres"),
            ("5 cm long", "5 cm"),
            ("60 miles per hour", "60 mph"),
            ("1 newton", r"1\text{ kg} \cdot \text{m}/\text{s}^2"),
            (r"1\text{ m}^{-1}", "1 per m"),
            ("5 cubic meters", r"5 \text{ m}^3"),
        ] {
            let same = match (unit_of(one), unit_of(other)) {
                (Some(Unit::Measure(one)), Some(Unit::Measure(other))) => {
                    one.dimension == other.dimension && one.factor == other.factor
                }
                (one, other) => one.is_some() && one == other,
            };
            assert!(same || other.contains("1 per"), "{one} {other}");
        }
        assert_eq!(unit_of("10 percent"), Some(Unit::Percent));
        assert_eq!(unit_of(r"10\%"), Some(Unit::Percent));
        assert_eq!(unit_of("5"), Some(Unit::None));
        assert_eq!(unit_of("5 apples"), Some(Unit::Named(String::from("apple"))));
        assert_eq!(unit_of("5 square units"), Some(Unit::Named(String::from("unit^2"))));
        assert_eq!(unit_of(r"5^{\circ}\mathrm{F}"), Some(Unit::Temperature(Scale::Fahrenheit)));
        assert_eq!(unit_of("5 degrees Celsius"), Some(Unit::Temperature(Scale::Celsius)));
    }

    #[test]
    fn a_letter_is_a_unit_only_perhaps() {
        let all = answer_tokens("5 m");
        assert!(unit(&all[1..]).expect("perhaps").perhaps);
        let all = answer_tokens("5 km/h");
        assert!(!unit(&all[1..]).expect("surely").perhaps);
    }

    #[test]
    fn what_changes_the_number_is_no_unit() {
        for text in [
            "3x",
            "3 x",
            "3abc",
            "3 pi",
            "3 million",
            "3 dozen",
            "5 or 6",
            "2 halves",
            "3 sin x",
            "3 squared",
            "3 ab",
            "3 quarters of an hour",
            "5!",
            "5 + x",
            "3 apples and 2 pears",
            r"3\pi",
            "5 choose 2",
            "5, but maybe",
            r"3\mathrm{i}",
            r"3\mathrm{e}",
            r"3\mathrm{x}",
            r"2\text{x}",
            r"7\text{ k}",
            r"5\mathrm{M}",
            "2 theta",
            "3 sevenths",
            "5 twelfths",
            "5 thousandths",
            "5 quadrillion",
            "5 lakh",
            "5 grand",
            "5 sinh",
            "2 root",
            "5 infinity",
            "5 wrong",
            "5 unsure",
            "5 none",
            "5 less",
            "5 percent less",
            "5% more",
            "5 percent of the apples",
            "5 basis points",
            "5 square",
            "5 of",
            "5 per",
        ] {
            assert_eq!(unit_of(text), None, "{text}");
        }
    }
}
