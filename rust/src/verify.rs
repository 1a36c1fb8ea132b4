//! From a completion and its golds to a verdict.

use crate::answer::check::Check;
use crate::answer::choice::{is_labelled, letter_of_answer, letter_of_gold};
use crate::answer::compare::{Comparison, compare};
use crate::answer::counted::read_gold;
use crate::answer::read::read;
use crate::answer::{Answer, Reading};
use crate::budget::{Budget, OverBudget};
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

/// Compares a bare answer with each accepted gold; no gold at all is a bad one. One budget serves them all.
#[must_use]
pub fn equivalent(answer: &str, golds: &[&str], options: &Options) -> Verdict {
    let budget = Budget::for_one_check();
    let check = Check::new(options, &budget);
    let mut sides = Sides::new(answer, &check);
    let mut verdict = Verdict::BadGold;
    for gold in golds {
        verdict = verdict.or(sides.against(gold).0);
        if verdict == Verdict::Correct {
            break;
        }
    }
    verdict
}

/// An answer that is held against golds, read once.
pub(crate) struct Sides<'a> {
    text: &'a str,
    check: &'a Check<'a>,
    answer: Answer,
}

impl<'a> Sides<'a> {
    pub(crate) fn new(text: &'a str, check: &'a Check<'a>) -> Self {
        Self { text, check, answer: read(text, check) }
    }

    /// The answer as it was read.
    pub(crate) fn answer(&self) -> &Answer {
        &self.answer
    }

    /// The verdict against one gold, and the gold as it was read.
    pub(crate) fn against(&mut self, gold: &str) -> (Verdict, Answer) {
        self.check.rule("");
        let read_gold = read_gold(gold, self.check);
        (self.verdict(gold, &read_gold), read_gold)
    }

    fn verdict(&self, gold: &str, read_gold: &Answer) -> Verdict {
        if gold.trim().is_empty() {
            self.check.rule("no gold");
            return Verdict::BadGold;
        }
        if self.text.trim().is_empty() {
            self.check.rule("no answer");
            return Verdict::NoAnswer;
        }
        let found = compare(&self.answer, read_gold, self.check);
        if found == Ok(Comparison::Equal) {
            return Verdict::Correct;
        }
        if let Some((letter, text)) = letter_of_gold(gold) {
            if let Some((chosen, said)) = letter_of_answer(self.text) {
                return if letter == chosen { self.same_letter(text, said) } else { self.by_letter(Verdict::Wrong) };
            }
            if let Some(text) = text {
                // "C: 42" is chosen by its text as well.
                return self.verdict(text, &read(text, self.check));
            }
            if is_labelled(self.text) {
                self.check.rule("a choice that takes itself back");
                return Verdict::Wrong;
            }
        }
        if let Some((_, Some(text))) = letter_of_gold(self.text) {
            // "(A) 5" says 5.
            if compare(&read(text, self.check), read_gold, self.check) == Ok(Comparison::Equal) {
                return Verdict::Correct;
            }
        }
        match (found, &read_gold.reading, &self.answer.reading) {
            (Ok(Comparison::Different), ..) => Verdict::Wrong,
            (_, Reading::Empty, _) => Verdict::BadGold,
            (_, _, Reading::Empty) => Verdict::NoAnswer,
            (Err(OverBudget), ..) | (_, Reading::OverBudget, _) | (_, _, Reading::OverBudget) => {
                self.check.rule("more work than one check may take");
                Verdict::OverBudget
            }
            (_, Reading::Unread, _) => {
                self.check.rule("the gold is not read, and spelled otherwise");
                Verdict::BadGold
            }
            _ => {
                self.check.rule("neither equal nor different by any rule");
                Verdict::Unparsed
            }
        }
    }

    fn by_letter(&self, verdict: Verdict) -> Verdict {
        self.check.rule("the letter of a choice");
        verdict
    }

    /// The letter decides, but not against what both sides say behind it: `A: -37` is not `A: -38`.
    fn same_letter(&self, text: Option<&str>, said: &str) -> Verdict {
        let (Some(text), false) = (text, said.trim().is_empty()) else {
            return self.by_letter(Verdict::Correct);
        };
        let (gold, answer) = (read(text, self.check), read(said, self.check));
        if compare(&answer, &gold, self.check) != Ok(Comparison::Different) {
            return self.by_letter(Verdict::Correct);
        }
        self.check.rule("the same letter before different texts");
        let both_words = matches!((&gold.reading, &answer.reading), (Reading::Words(_), Reading::Words(_)));
        if both_words { Verdict::Unparsed } else { Verdict::Wrong } // the same thing may be said in other words
    }
}
