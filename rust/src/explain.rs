//! Why a verdict is what it is.

use crate::extract::{Mode, extract};
use crate::options::Options;
use crate::verdict::Verdict;
use crate::verify::equivalent;

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

/// Verifies as [`crate::verify::verify`] does and says why.
#[must_use]
pub fn explain(completion: &str, golds: &[&str], mode: Mode, options: &Options) -> Explanation {
    let extracted = extract(completion, mode).map(std::borrow::Cow::into_owned);
    let golds_explained = golds
        .iter()
        .map(|gold| GoldExplanation {
            gold: (*gold).to_owned(),
            reading: (*gold).to_owned(),
            verdict: extracted.as_deref().map_or(Verdict::NoAnswer, |answer| equivalent(answer, &[gold], options)),
            rule: String::new(),
        })
        .collect();
    Explanation {
        verdict: extracted.as_deref().map_or(Verdict::NoAnswer, |answer| equivalent(answer, golds, options)),
        answer: extracted.clone(),
        extracted,
        golds: golds_explained,
        work: 0,
    }
}
