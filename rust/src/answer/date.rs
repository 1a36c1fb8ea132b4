//! Days: "May 5, 2024", "5 May", `2024-05-05`.

use crate::latex::tokens::Token;
use crate::number::words::{is_ordinal_ending, spelled};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A day, as far as it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// The year.
    pub year: Option<i64>,
    /// The month, from 1.
    pub month: i64,
    /// The day of the month.
    pub day: i64,
}

impl Date {
    /// Whether two dates are the same; a year on one side alone says nothing.
    #[must_use]
    pub fn agrees(self, other: Self) -> bool {
        let years = self.year.is_none() || other.year.is_none() || self.year == other.year;
        years && self.month == other.month && self.day == other.day
    }
}

/// Reads a date. `5/6/2024` is none: nobody knows which month it means.
pub(super) fn date(span: &[Token<'_>]) -> Option<Date> {
    if let [Token::Digits(year), Token::Symbol('-'), Token::Digits(month), Token::Symbol('-'), Token::Digits(day)] =
        span
    {
        let iso = year.len() == 4 && month.len() == 2 && day.len() == 2;
        let date = Date { year: year.parse().ok(), month: month.parse().ok()?, day: day.parse().ok()? };
        return (iso && is_day(&date)).then_some(date);
    }
    if span.len() > 16 || !span.iter().any(|token| matches!(token, Token::Letters { run, .. } if month(run).is_some()))
    {
        return None;
    }
    in_words(span)
}

/// A month by its name or the first three letters of it.
fn month(word: &str) -> Option<i64> {
    let lower = word.to_ascii_lowercase();
    let at = MONTHS.iter().position(|name| *name == lower || (lower.len() == 3 && name.starts_with(&lower)))?;
    i64::try_from(at + 1).ok()
}

fn in_words(span: &[Token<'_>]) -> Option<Date> {
    let (mut named, mut day, mut year) = (None, None, None);
    let mut rest = span;
    while let [token, after @ ..] = rest {
        rest = after;
        match token {
            Token::Space | Token::Symbol(',' | '.') => {}
            Token::Digits(digits) => {
                if let [Token::Letters { run, .. }, after @ ..] = rest
                    && is_ordinal_ending(digits, run)
                {
                    rest = after;
                }
                let number = digits.parse::<i64>().ok()?;
                let slot = if digits.len() <= 2 { &mut day } else { &mut year };
                if slot.replace(number).is_some() {
                    return None;
                }
            }
            Token::Letters { run, .. } if month(run).is_some() => {
                if named.is_some() {
                    return None;
                }
                named = month(run);
            }
            Token::Letters { run, .. } if matches!(run.to_ascii_lowercase().as_str(), "the" | "of" | "on") => {}
            Token::Letters { run, .. } if day.is_none() => {
                day = spelled(&[run.to_ascii_lowercase().as_str()]).and_then(|number| number.to_i64());
                day?;
            }
            _ => return None,
        }
    }
    let date = Date { year, month: named?, day: day? };
    is_day(&date).then_some(date)
}

fn is_day(date: &Date) -> bool {
    (1..=12).contains(&date.month) && (1..=31).contains(&date.day)
}

#[cfg(test)]
mod tests {
    use super::date;
    use crate::latex::canonical::answer_tokens;

    #[test]
    fn spellings_of_a_day() {
        let the_fifth = date(&answer_tokens("2024-05-05")).expect("a date");
        for text in ["May 5, 2024", "5 May 2024", "the 5th of May, 2024", "May 5", "May fifth", r"\text{May 5}"] {
            assert!(date(&answer_tokens(text)).expect(text).agrees(the_fifth), "{text}");
        }
        for text in ["May 6", "May 5, 2023", "June 5"] {
            assert!(!date(&answer_tokens(text)).expect(text).agrees(the_fifth), "{text}");
        }
        for text in ["5/5/2024", "2024-13-05", "2024-5-5", "may", "May", "5 maybe", "7-5"] {
            assert!(date(&answer_tokens(text)).is_none(), "{text}");
        }
    }
}
