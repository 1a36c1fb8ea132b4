//! From a completion and its golds to a verdict.

use crate::answer::Reading;
use crate::answer::choice::{letter_of_answer, letter_of_gold};
use crate::answer::compare::{Comparison, compare};
use crate::answer::read::read;
use crate::extract::{Mode, extract};
use crate::options::Options;
use crate::verdict::Verdict;

/// Extracts the completion's answer and compares it with each accepted gold.
#[must_use]
pub fn verify(completion: &str, golds: &[&str], mode: Mode, options: &Options) -> Verdict {
    match extract(completion, mode) {
        Some(answer) => equivalent(&answer, golds, options),
        None => Verdict::NoAnswer,
    }
}

/// Compares a bare answer with each accepted gold; no gold at all is a bad one.
#[must_use]
pub fn equivalent(answer: &str, golds: &[&str], options: &Options) -> Verdict {
    golds.iter().map(|gold| against_one(answer, gold, options)).fold(Verdict::BadGold, Verdict::or)
}

fn against_one(answer: &str, gold: &str, _options: &Options) -> Verdict {
    if gold.trim().is_empty() {
        return Verdict::BadGold;
    }
    if answer.trim().is_empty() {
        return Verdict::NoAnswer;
    }
    let (read_answer, read_gold) = (read(answer), read(gold));
    let found = compare(&read_answer, &read_gold);
    if found == Comparison::Equal {
        return Verdict::Correct;
    }
    if let (Some(letter), Some(chosen)) = (letter_of_gold(gold), letter_of_answer(answer)) {
        return if letter == chosen { Verdict::Correct } else { Verdict::Wrong };
    }
    match (found, &read_gold.reading, &read_answer.reading) {
        (Comparison::Different, ..) => Verdict::Wrong,
        (_, Reading::Empty, _) => Verdict::BadGold,
        (_, _, Reading::Empty) => Verdict::NoAnswer,
        (_, Reading::OverBudget, _) | (_, _, Reading::OverBudget) => Verdict::OverBudget,
        (_, Reading::Unread, _) => Verdict::BadGold,
        _ => Verdict::Unparsed,
    }
}
