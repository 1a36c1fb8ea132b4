//! One check: what the caller chose, what work is left, and which rule decided.

use std::cell::Cell;

use crate::budget::{Budget, OverBudget};
use crate::options::Options;

/// What every step of reading and comparing is given.
#[derive(Debug)]
pub struct Check<'a> {
    /// What the caller chose.
    pub options: &'a Options,
    /// The work that is left.
    pub budget: &'a Budget,
    rule: Cell<&'static str>,
}

impl<'a> Check<'a> {
    /// A check that has done nothing yet.
    #[must_use]
    pub fn new(options: &'a Options, budget: &'a Budget) -> Self {
        Self { options, budget, rule: Cell::new("") }
    }

    /// Takes `units` of work for something of this length.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn spend(&self, units: usize) -> Result<(), OverBudget> {
        self.budget.spend(u64::try_from(units).map_err(|_| OverBudget)?)
    }

    /// Says which rule decides; the last to say so did.
    pub fn rule(&self, rule: &'static str) {
        self.rule.set(rule);
    }

    /// The rule that decided last.
    #[must_use]
    pub fn decided_by(&self) -> &'static str {
        self.rule.get()
    }
}
