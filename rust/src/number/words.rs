//! Numbers in words: "twenty-five", "one hundred and two", "two thirds", "third"; and words that multiply: "million".

use super::rational::Rational;

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];

const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// Ordinals that are not their number with "th".
const ORDINALS: [(&str, i64); 8] = [
    ("first", 1),
    ("second", 2),
    ("third", 3),
    ("fifth", 5),
    ("eighth", 8),
    ("ninth", 9),
    ("twelfth", 12),
    ("zeroth", 0),
];

/// Words a number may have.
const MAX_WORDS: usize = 16;

/// What a word behind a numeral multiplies it by.
#[must_use]
pub fn multiplier(word: &str) -> Option<i64> {
    Some(match word {
        "dozen" => 12,
        "hundred" => 100,
        "thousand" => 1000,
        "million" => 1_000_000,
        "billion" => 1_000_000_000,
        "trillion" => 1_000_000_000_000,
        _ => return None,
    })
}

/// The number that lower-case words say: a cardinal, an ordinal ("third" is 3) or a fraction ("two thirds").
#[must_use]
pub fn spelled(words: &[&str]) -> Option<Rational> {
    if words.len() > MAX_WORDS {
        return None;
    }
    match words {
        ["half" | "one-half"] | ["a" | "one", "half"] => return Rational::from(1).over(&Rational::from(2)),
        ["a", rest @ ..] if matches!(rest, ["dozen" | "hundred" | "thousand" | "million" | "billion"]) => {
            return cardinal(rest).map(Rational::from);
        }
        _ => {}
    }
    if let Some(number) = cardinal(words).or_else(|| ordinal(words)) {
        return Some(Rational::from(number));
    }
    let (below, above) = words.split_last()?;
    let above = if above == ["a"] { 1 } else { cardinal(above)? };
    Rational::from(above).over(&Rational::from(denominator(below)?))
}

/// "one hundred and twenty five".
fn cardinal(words: &[&str]) -> Option<i64> {
    let (mut total, mut group, mut after) = (0_i64, 0_i64, i64::MAX);
    let mut unit_below = i64::MAX; // what the next small word must stay below: "twenty five", not "five twenty"
    let (first, last) = (words.first()?, words.last()?);
    if *first == "and" || *last == "and" {
        return None;
    }
    for word in words {
        if *word == "and" {
            continue;
        }
        if let Some(ones) = ONES.iter().position(|known| known == word) {
            let ones = i64::try_from(ones).ok()?;
            if ones >= unit_below || (unit_below == 10 && ones == 0) || (ones == 0 && words.len() > 1) {
                return None;
            }
            group += ones;
            unit_below = 0;
        } else if let Some(tens) = TENS.iter().position(|known| known == word) {
            if unit_below < 100 {
                return None;
            }
            group += 10 * (i64::try_from(tens).ok()? + 2);
            unit_below = 10;
        } else {
            match multiplier(word)? {
                100 if group < 100 => {
                    group = group.max(1) * 100;
                    unit_below = 100;
                }
                12 if total == 0 && word == last => return Some(group.max(1) * 12),
                scale if scale >= 1000 && scale < after => {
                    total += group.max(1) * scale;
                    (group, after, unit_below) = (0, scale, i64::MAX);
                }
                _ => return None,
            }
        }
    }
    Some(total + group)
}

/// "third", "twenty first", "hundredth".
fn ordinal(words: &[&str]) -> Option<i64> {
    let (last, before) = words.split_last()?;
    let value = one_ordinal(last)?;
    if before.is_empty() {
        return Some(value);
    }
    let tens = cardinal(before)?;
    (before.len() == 1 && value < 10 && tens % 10 == 0 && (20..100).contains(&tens)).then_some(tens + value)
}

fn one_ordinal(word: &str) -> Option<i64> {
    if let Some((_, value)) = ORDINALS.iter().find(|(known, _)| *known == word) {
        return Some(*value);
    }
    let stem = word.strip_suffix("th")?;
    match stem.strip_suffix("ie") {
        Some(tens) => cardinal(&[&[tens, "y"].concat()]),
        None => cardinal(&[stem]),
    }
}

/// "thirds", "half", "quarters", "tenth".
fn denominator(word: &str) -> Option<i64> {
    match word {
        "half" | "halves" => Some(2),
        "quarter" | "quarters" => Some(4),
        "second" | "seconds" | "first" | "firsts" => None,
        word => one_ordinal(word.strip_suffix('s').unwrap_or(word)).filter(|value| *value > 2),
    }
}

/// The number of an ordinal in digits: `21` and `st`.
#[must_use]
pub fn is_ordinal_ending(digits: &str, ending: &str) -> bool {
    let teen = digits.len() > 1 && digits.as_bytes()[digits.len() - 2] == b'1';
    let right = match digits.as_bytes().last() {
        Some(b'1') if !teen => "st",
        Some(b'2') if !teen => "nd",
        Some(b'3') if !teen => "rd",
        _ => "th",
    };
    ending.eq_ignore_ascii_case(right)
}

#[cfg(test)]
mod tests {
    use super::{Rational, is_ordinal_ending, spelled};

    #[test]
    fn words_are_numbers() {
        for (text, above, below) in [
            ("zero", 0, 1),
            ("three", 3, 1),
            ("twenty", 20, 1),
            ("twenty five", 25, 1),
            ("one hundred", 100, 1),
            ("a hundred", 100, 1),
            ("one hundred and two", 102, 1),
            ("two hundred forty one", 241, 1),
            ("two thousand nineteen", 2019, 1),
            ("one million two hundred thousand three", 1_200_003, 1),
            ("a dozen", 12, 1),
            ("two dozen", 24, 1),
            ("third", 3, 1),
            ("twenty first", 21, 1),
            ("twentieth", 20, 1),
            ("hundredth", 100, 1),
            ("half", 1, 2),
            ("two thirds", 2, 3),
            ("three quarters", 3, 4),
            ("one third", 1, 3),
            ("seven tenths", 7, 10),
        ] {
            let words: Vec<&str> = text.split(' ').collect();
            assert_eq!(spelled(&words), Rational::from(above).over(&Rational::from(below)), "{text}");
        }
        for text in [
            "",
            "and",
            "five twenty",
            "one two",
            "twenty ten",
            "thousand million",
            "two seconds",
            "odd",
            "one and",
            "th",
        ] {
            let words: Vec<&str> = text.split(' ').collect();
            assert_eq!(spelled(&words), None, "{text}");
        }
    }

    #[test]
    fn ordinals_end_as_they_are_said() {
        for (digits, ending, right) in
            [("1", "st", true), ("11", "th", true), ("11", "st", false), ("22", "nd", true), ("5", "th", true)]
        {
            assert_eq!(is_ordinal_ending(digits, ending), right, "{digits}{ending}");
        }
    }
}
