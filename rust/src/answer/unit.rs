//! What a number counts: money, percent, degrees, or a noun.

use crate::latex::tokens::Token;

/// The unit of a quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// A bare number.
    None,
    /// `%`.
    Percent,
    /// `3:4`.
    Ratio,
    /// Hundredths of a currency.
    Cents,
    /// Anything else, in one spelling.
    Named(String),
}

/// Words after a number that make it another number, or that join it to something: never a unit.
const NOT_UNITS: [&str; 68] = [
    "and",
    "or",
    "not",
    "but",
    "maybe",
    "if",
    "is",
    "are",
    "was",
    "to",
    "than",
    "then",
    "plus",
    "minus",
    "times",
    "over",
    "divided",
    "by",
    "mod",
    "modulo",
    "choose",
    "hundred",
    "hundreds",
    "thousand",
    "thousands",
    "million",
    "millions",
    "billion",
    "billions",
    "trillion",
    "trillions",
    "dozen",
    "dozens",
    "half",
    "halves",
    "third",
    "thirds",
    "quarter",
    "quarters",
    "fourth",
    "fourths",
    "fifth",
    "fifths",
    "sixth",
    "sixths",
    "eighth",
    "eighths",
    "tenth",
    "tenths",
    "hundredth",
    "hundredths",
    "squared",
    "cubed",
    "factorial",
    "point",
    "sqrt",
    "base",
    "with",
    "remainder",
    "between",
    "gross",
    "score",
    "below",
    "above",
    "zero",
    "negative",
    "except",
    "without",
];

/// Names of functions and constants, which a number multiplies.
const MATHEMATICS: [&str; 14] =
    ["sin", "cos", "tan", "cot", "sec", "csc", "log", "ln", "exp", "pi", "max", "min", "gcd", "lcm"];

/// Short units that count without `\text`; longer words do anyway.
const SHORT: [&str; 40] = [
    "mm", "cm", "dm", "km", "mg", "kg", "ml", "cl", "dl", "ft", "in", "yd", "mi", "oz", "lb", "lbs", "hr", "hrs",
    "min", "mins", "sec", "secs", "day", "mph", "kph", "gal", "men", "cup", "egg", "pie", "cow", "dog", "cat", "pen",
    "box", "boy", "bag", "car", "way", "ways",
];

/// One spelling for each unit that has several.
const SPELLINGS: [(&str, &str); 46] = [
    ("millimeter", "mm"),
    ("millimetre", "mm"),
    ("centimeter", "cm"),
    ("centimetre", "cm"),
    ("kilometer", "km"),
    ("kilometre", "km"),
    ("meter", "m"),
    ("metre", "m"),
    ("milligram", "mg"),
    ("kilogram", "kg"),
    ("gram", "g"),
    ("milliliter", "ml"),
    ("millilitre", "ml"),
    ("liter", "l"),
    ("litre", "l"),
    ("foot", "ft"),
    ("feet", "ft"),
    ("inch", "in"),
    ("inche", "in"),
    ("yard", "yd"),
    ("mile", "mi"),
    ("ounce", "oz"),
    ("pound", "lb"),
    ("hour", "hr"),
    ("h", "hr"),
    ("minute", "min"),
    ("second", "sec"),
    ("s", "sec"),
    ("day", "day"),
    ("degree", "°"),
    ("deg", "°"),
    ("dollar", "$"),
    ("buck", "$"),
    ("usd", "$"),
    ("euro", "€"),
    ("eur", "€"),
    ("gbp", "£"),
    ("percent", "%"),
    ("per cent", "%"),
    ("cent", "¢"),
    ("gallon", "gal"),
    ("people", "person"),
    ("children", "child"),
    ("men", "man"),
    ("women", "woman"),
    ("square unit", "unit^2"),
];

/// The currency sign at the start, if there is one.
#[must_use]
pub fn currency(token: &Token<'_>) -> Option<char> {
    match token {
        Token::Symbol(sign @ ('$' | '€' | '£' | '¥' | '₹')) => Some(*sign),
        _ => None,
    }
}

/// The unit that `span`, everything after a number, is; `None` when it is none, and the answer no plain quantity.
#[must_use]
pub fn unit(span: &[Token<'_>]) -> Option<Unit> {
    let spaced = matches!(span, [Token::Space, ..]);
    let mut words: Vec<String> = Vec::new();
    let mut rest = span;
    let mut first = true;
    while let [token, after @ ..] = rest {
        rest = after;
        match token {
            Token::Space => continue,
            Token::Letters { run, text } => {
                let word = run.to_lowercase();
                if !is_unit_word(&word, *text, spaced || !first) {
                    return None;
                }
                words.push(word);
                if let [Token::Symbol('.'), after @ ..] = rest {
                    rest = after; // "sq. ft."
                }
            }
            Token::Symbol(sign @ ('%' | '°' | '$' | '€' | '£' | '¢')) => words.push(sign.to_string()),
            Token::Symbol('/') if !words.is_empty() => words.push(String::from("per")),
            Token::Symbol('^') if !words.is_empty() => {
                let [Token::Open, Token::Digits(power @ ("2" | "3")), Token::Close, after @ ..] = rest else {
                    return None;
                };
                rest = after;
                if let Some(word) = words.last_mut() {
                    *word = format!("{}^{power}", one_spelling(word));
                }
            }
            _ => return None,
        }
        first = false;
    }
    (words.len() <= 6).then(|| named(&words))
}

fn is_unit_word(word: &str, text: bool, spaced: bool) -> bool {
    if NOT_UNITS.contains(&word) || MATHEMATICS.contains(&word) {
        return false;
    }
    text || SHORT.contains(&word) || (spaced && word.chars().count() >= 4) || matches!(word, "of" | "per" | "sq")
}

fn named(words: &[String]) -> Unit {
    let spelled: Vec<&str> = words.iter().map(|word| one_spelling(word)).collect();
    let name = match spelled.as_slice() {
        ["square" | "sq", unit] => format!("{unit}^2"),
        ["cubic" | "cu", unit] => format!("{unit}^3"),
        all => all.join(" "),
    };
    match name.as_str() {
        "" => Unit::None,
        "%" | "per ¢" => Unit::Percent,
        "¢" => Unit::Cents,
        _ => Unit::Named(name),
    }
}

/// A word in the singular and in its short form.
fn one_spelling(word: &str) -> &str {
    let singular = if word.len() > 2 && !word.ends_with("ss") { word.strip_suffix('s').unwrap_or(word) } else { word };
    SPELLINGS.iter().find(|(long, _)| *long == singular).map_or(singular, |(_, short)| short)
}

#[cfg(test)]
mod tests {
    use super::{Unit, unit};
    use crate::latex::canonical::answer_tokens;

    fn unit_of(text: &str) -> Option<Unit> {
        let all = answer_tokens(text);
        unit(&all[1..])
    }

    #[test]
    fn units_have_one_spelling() {
        for (text, name) in [
            ("10 inches^2", "in^2"),
            (r"10\mbox{ square inches}", "in^2"),
            ("10 in²", "in^2"),
            (r"10\,\mathrm{kg}", "kg"),
            ("10kg", "kg"),
            ("10 degrees", "°"),
            ("10°", "°"),
            ("10 dollars", "$"),
            ("10 apples", "apple"),
            (r"5\text{ m/s}", "m per sec"),
        ] {
            assert_eq!(unit_of(text), Some(Unit::Named(name.to_owned())), "{text}");
        }
        assert_eq!(unit_of("10 percent"), Some(Unit::Percent));
        assert_eq!(unit_of(r"10\%"), Some(Unit::Percent));
        assert_eq!(unit_of("50 cents"), Some(Unit::Cents));
        assert_eq!(unit_of("5"), Some(Unit::None));
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
        ] {
            assert_eq!(unit_of(text), None, "{text}");
        }
    }
}
