//! Times of day: `4:30`, `4:30 p.m.`, `16:30`, `5 p.m.`

use crate::latex::tokens::Token;

/// A time of day; `Some(true)` after noon, `None` when not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Hours, as they are written.
    pub hour: u32,
    /// Minutes.
    pub minute: u32,
    /// Seconds.
    pub second: u32,
    /// p.m. or a.m.
    pub after_noon: Option<bool>,
}

impl Clock {
    /// Whether two times are the same: where one does not say which half of the day it means, it may be either.
    #[must_use]
    pub fn agrees(self, other: Self) -> bool {
        let fits = |one: &Self, other: &Self| match (one.of_day(), other.of_day()) {
            (Some(one), Some(other)) => one == other,
            _ => one.hour % 12 == other.hour % 12,
        };
        self.minute == other.minute && self.second == other.second && fits(&self, &other)
    }

    /// The hour from 0 to 23, where it is known. `16:30` says it, `4:30` does not.
    fn of_day(self) -> Option<u32> {
        match self.after_noon {
            Some(after_noon) if self.hour <= 12 => Some(self.hour % 12 + if after_noon { 12 } else { 0 }),
            _ if self.hour > 12 || self.hour == 0 => Some(self.hour % 24),
            _ => None,
        }
    }
}

/// The two times that have a name.
fn twelve(span: &[Token<'_>]) -> Option<Clock> {
    let [Token::Letters { run, .. }] = span else { return None };
    let noon = run.eq_ignore_ascii_case("noon");
    (noon || run.eq_ignore_ascii_case("midnight")).then_some(Clock {
        hour: 12,
        minute: 0,
        second: 0,
        after_noon: Some(noon),
    })
}

/// Reads a time of day: two digits after the colon, or a.m. or p.m. behind the hour.
pub(super) fn clock(span: &[Token<'_>]) -> Option<Clock> {
    let [Token::Digits(hour), rest @ ..] = span else { return twelve(span) };
    let (minute, second, rest) = match rest {
        [Token::Symbol(':'), Token::Digits(minute), Token::Symbol(':'), Token::Digits(second), rest @ ..] => {
            (Some(*minute), Some(*second), rest)
        }
        [Token::Symbol(':'), Token::Digits(minute), rest @ ..] => (Some(*minute), None, rest),
        rest => (None, None, rest),
    };
    let sixtieths = |digits: Option<&str>| match digits {
        None => Some(0),
        Some(digits) if digits.len() == 2 => digits.parse::<u32>().ok().filter(|value| *value < 60),
        Some(_) => None,
    };
    let (minutes, seconds) = (sixtieths(minute)?, sixtieths(second)?);
    let hour = hour.parse::<u32>().ok().filter(|hour| *hour <= 24)?;
    let after_noon = half_of_day(rest)?;
    if minute.is_none() && (after_noon.is_none() || hour == 0) {
        return None; // "5" alone is a number
    }
    (after_noon.is_none() || hour <= 12 || minute.is_some()).then_some(Clock {
        hour,
        minute: minutes,
        second: seconds,
        after_noon,
    })
}

/// "a.m.", "PM", "in the morning", "o'clock", or nothing.
#[allow(clippy::option_option)] // nothing said, or something that is no half of the day
fn half_of_day(rest: &[Token<'_>]) -> Option<Option<bool>> {
    if rest.len() > 12 {
        return None;
    }
    let mut said = String::new();
    for token in rest {
        match token {
            Token::Letters { run, .. } => said.push_str(&run.to_lowercase()),
            Token::Space | Token::Symbol('.' | '\'') => {}
            _ => return None,
        }
    }
    match said.as_str() {
        "" => Some(None),
        "am" | "inthemorning" => Some(Some(false)),
        "pm" | "intheafternoon" | "intheevening" | "noon" => Some(Some(true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::clock;
    use crate::latex::canonical::answer_tokens;

    #[test]
    fn times_agree_where_nothing_speaks_against_it() {
        for (one, other, agrees) in [
            ("4:30", "4:30 p.m.", true),
            ("4:30 a.m.", "4:30 p.m.", false),
            ("16:30", "4:30 PM", true),
            ("16:30", "4:30", true),
            ("16:30", "4:30 am", false),
            ("5 p.m.", "5:00 pm", true),
            ("12:00 am", "0:00", true),
            ("12:15 pm", "12:15 am", false),
            ("4:30", "4:31", false),
            ("9:05:07", "9:05:08", false),
        ] {
            let read = |text| clock(&answer_tokens(text)).expect(text);
            assert_eq!(read(one).agrees(read(other)), agrees, "{one} {other}");
        }
        for text in ["5", "4:3", "25:00", "4:60", "5 hours", "5 cm", "3:4"] {
            assert!(clock(&answer_tokens(text)).is_none(), "{text}");
        }
    }
}
