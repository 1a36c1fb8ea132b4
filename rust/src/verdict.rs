//! What a check decides.

/// The outcome of checking a completion. Only [`Verdict::Correct`] is a reward; the rest are told apart for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// Both sides were read, and they differ: proven, or of kinds that are never equal.
    Wrong = 0,
    /// Both sides are equal: proven, or with a chance of error below 2⁻¹⁰⁰.
    Correct = 1,
    /// The completion gives no answer.
    NoAnswer = 2,
    /// The answer is not understood, or equality could be neither shown nor refuted.
    Unparsed = 3,
    /// The gold is empty or not understood, and the answer is not spelled as it is.
    BadGold = 4,
    /// Deciding would take more work than one check may.
    OverBudget = 5,
}

impl Verdict {
    /// The code the binding and logs use.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Which verdict stands for several accepted golds: right by one is right; else the least decided one, and golds
    /// that are no use count only where there is no other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let rank = |verdict: Self| match verdict {
            Self::Correct => 0,
            Self::NoAnswer => 1,
            Self::OverBudget => 2,
            Self::Unparsed => 3,
            Self::Wrong => 4,
            Self::BadGold => 5,
        };
        if rank(other) < rank(self) { other } else { self }
    }
}
