//! Where the answer stands in a completion. Every finder is one pass over the text.

mod answer_tag;
mod boxed;
mod choice;
mod choice_clauses;
mod choice_words;
mod hash_marks;
mod last_number;
mod math_span;
mod phrase;

use std::borrow::Cow;
use std::str::FromStr;

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The first of the places below that the completion has.
    Auto,
    /// `\boxed{…}`.
    Boxed,
    /// `<answer>…</answer>`.
    AnswerTag,
    /// `#### …`.
    Gsm8k,
    /// The last number of the text.
    LastNumber,
    /// The letter of a choice.
    Choice,
    /// The whole text.
    Whole,
}

impl Mode {
    /// Every mode with its name.
    pub const ALL: [(&'static str, Self); 7] = [
        ("auto", Self::Auto),
        ("boxed", Self::Boxed),
        ("answer_tag", Self::AnswerTag),
        ("gsm8k", Self::Gsm8k),
        ("last_number", Self::LastNumber),
        ("choice", Self::Choice),
        ("whole", Self::Whole),
    ];
}

/// A name that is no mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownMode(pub String);

impl std::fmt::Display for UnknownMode {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = Mode::ALL.iter().map(|(name, _)| *name).collect();
        write!(out, "mode is {:?}: it must be one of {}", self.0, names.join(", "))
    }
}

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(name: &str) -> Result<Self, UnknownMode> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, mode)| *mode).ok_or_else(|| UnknownMode(name.to_owned()))
    }
}

/// What one place holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found<'a> {
    /// The text has no such place.
    Absent,
    /// It has, and this stands there. Blank means that no answer is given; nothing else is looked at then.
    Answer(Cow<'a, str>),
}

impl<'a> From<Option<&'a str>> for Found<'a> {
    fn from(found: Option<&'a str>) -> Self {
        found.map_or(Self::Absent, |answer| Self::Answer(Cow::Borrowed(answer)))
    }
}

/// The answer of a completion, or nothing where none is given.
///
/// Only what follows the last `</think>` is looked at. An empty box is no answer, and nothing is taken in its stead.
#[must_use]
pub fn extract(completion: &str, mode: Mode) -> Option<Cow<'_, str>> {
    let text = completion.rfind("</think>").map_or(completion, |at| &completion[at + "</think>".len()..]);
    let found = match mode {
        Mode::Auto => auto(text),
        Mode::Boxed => boxed::last_boxed(text),
        Mode::AnswerTag => tagged(text),
        Mode::Gsm8k => hash_marks::after_hash_marks(text),
        Mode::LastNumber => last_number::last_number(text).into(),
        Mode::Choice => choice(text),
        Mode::Whole => Found::Answer(Cow::Borrowed(text)),
    };
    match found {
        Found::Absent => None,
        Found::Answer(Cow::Borrowed(answer)) => {
            Some(trimmed(answer)).filter(|answer| !answer.is_empty()).map(Cow::from)
        }
        Found::Answer(Cow::Owned(answer)) => Some(answer).filter(|answer| !answer.trim().is_empty()).map(Cow::from),
    }
}

/// Without the space around it. A tab or form feed before a letter stays: it was `\t` or `\f`, of `\text` or `\frac`.
fn trimmed(answer: &str) -> &str {
    let (inner, tail) = (answer.trim(), answer.trim_start());
    let spoiled = inner.starts_with(|first: char| first.is_ascii_alphabetic());
    match answer[..answer.len() - tail.len()].chars().next_back() {
        Some('\t' | '\u{c}') if spoiled => &answer.trim_end()[answer.len() - tail.len() - 1..],
        _ => inner,
    }
}

fn auto(text: &str) -> Found<'_> {
    let stated = stated(text);
    if stated != Found::Absent {
        return stated;
    }
    if last_number::gives_up(text) {
        return Found::Absent;
    }
    let math = Found::from(math_span::last_math(text));
    if math == Found::Absent { last_number::last_number(text).into() } else { math }
}

/// The places where a completion says which is its answer.
fn stated(text: &str) -> Found<'_> {
    let finders = [tagged, boxed::last_boxed, hash_marks::after_hash_marks, phrase::announced];
    finders.iter().map(|find| find(text)).find(|found| *found != Found::Absent).unwrap_or(Found::Absent)
}

/// Within the last answer tag, a box wins over the rest.
fn tagged(text: &str) -> Found<'_> {
    let Some(inside) = answer_tag::last_answer_tag(text) else {
        return Found::Absent;
    };
    match boxed::last_boxed(inside) {
        Found::Absent => Found::Answer(Cow::Borrowed(inside)),
        found @ Found::Answer(_) => found,
    }
}

fn choice(text: &str) -> Found<'_> {
    match stated(text) {
        Found::Absent => choice::last_choice(text).into(),
        found @ Found::Answer(_) => found,
    }
}

#[cfg(test)]
mod tests {
    use super::{Mode, extract};

    fn auto(text: &str) -> Option<String> {
        extract(text, Mode::Auto).map(std::borrow::Cow::into_owned)
    }

    #[test]
    fn the_first_place_present_wins() {
        for (text, answer) in [
            ("<think>\\boxed{42}</think> The answer is \\boxed{41}.", "41"),
            ("<answer> 7 </answer> but \\boxed{8}", "7"),
            ("<answer>so \\boxed{9}.</answer>", "9"),
            ("\\boxed{3} #### 4", "3"),
            ("#### 5\nThe answer is 6", "5"),
            ("We have $x$. The answer is 6. Good.", "6"),
            ("So 3 apples: $x=12$ in 4 days.", "x=12"),
            ("first 3, then 12 apples", "12"),
        ] {
            assert_eq!(auto(text).as_deref(), Some(answer), "{text}");
        }
    }

    #[test]
    fn no_answer_never_falls_back() {
        for text in [
            "The value is 42. \\boxed{}",
            "<answer></answer> 42",
            "<answer> \\boxed{ } 42</answer>",
            "#### \n42 is",
            "",
        ] {
            assert_eq!(auto(text), None, "{text}");
        }
        assert_eq!(auto("The question says 42. I do not know."), None);
    }
}
