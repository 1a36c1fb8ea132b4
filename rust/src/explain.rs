//! Why a verdict is what it is.

use crate::answer::check::Check;
use crate::answer::counted::read_gold;
use crate::answer::describe::describe;
use crate::budget::Budget;
use crate::extract::{Mode, extract};
use crate::options::Options;
use crate::verdict::Verdict;
use crate::verify::Sides;

/// What a check saw and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What was decided.
    pub verdict: Verdict,
    /// What was taken from the completion.
    pub extracted: Option<String>,
    /// How that was read.
    pub answer: Option<String>,
    /// Each gold and what came of it.
    pub golds: Vec<GoldExplanation>,
    /// Units of work spent, of [`crate::budget::UNITS_PER_CHECK`].
    pub work: u64,
}

/// What came of one gold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoldExplanation {
    /// The gold as given.
    pub gold: String,
    /// How it was read.
    pub reading: String,
    /// The verdict against this gold alone.
    pub verdict: Verdict,
    /// The rule that decided, in a few words.
    pub rule: String,
}

/// Verifies as [`crate::verify::verify`] does and says why. Every gold is looked at, also behind one that is right.
#[must_use]
pub fn explain(completion: &str, golds: &[&str], mode: Mode, options: &Options) -> Explanation {
    let extracted = extract(completion, mode).map(std::borrow::Cow::into_owned);
    let budget = Budget::for_one_check();
    let check = Check::new(options, &budget);
    let mut sides = extracted.as_deref().map(|answer| Sides::new(answer, &check));
    let mut verdict = if extracted.is_some() { Verdict::BadGold } else { Verdict::NoAnswer };
    let mut explained = Vec::with_capacity(golds.len());
    for gold in golds {
        let (its_verdict, reading, rule) = match &mut sides {
            Some(sides) => {
                let (its_verdict, read_gold) = sides.against(gold);
                (its_verdict, read_gold, check.decided_by())
            }
            None => (Verdict::NoAnswer, read_gold(gold, &check), "no answer"),
        };
        verdict = verdict.or(its_verdict);
        explained.push(GoldExplanation {
            gold: (*gold).to_owned(),
            reading: describe(&reading),
            verdict: its_verdict,
            rule: rule.to_owned(),
        });
    }
    Explanation {
        verdict,
        answer: sides.map(|sides| describe(sides.answer())),
        extracted,
        golds: explained,
        work: budget.spent(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Mode, Options, explain};

    #[test]
    fn readings_and_rules_are_said() {
        for (answer, gold, reading, rule) in [
            ("0.5", r"\frac12", "number 0.5", "exact numbers"),
            ("5 cm", "50 mm", "quantity 5 cm", "units converted"),
            ("5 cm", "5", "quantity 5 cm", "unit dropped on one side"),
            (r"x \in [0,1)", "[0,1)", "x = interval [0, 1)", "same spelling"),
            ("yes", "no", "words \"yes\"", "words"),
        ] {
            let explained = explain(answer, &[gold], Mode::Whole, &Options::default());
            assert_eq!(explained.answer.as_deref(), Some(reading), "{answer}");
            assert_eq!(explained.golds[0].rule, rule, "{answer} {gold}");
            assert!(explained.work > 0, "{answer}");
        }
    }
}
