//! The work one check may take. Every step of reading and deciding draws on it; past it the verdict is `OverBudget`.

use std::cell::Cell;

/// More work, digits, items or depth than one check may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverBudget;

/// Units one check may spend. A unit is about ten nanoseconds of work and at most eight bytes of memory, so that a
/// check ends within five milliseconds and 4 MB whatever it is given.
pub const UNITS_PER_CHECK: u64 = 500_000;

/// What is left of the work a check may take. It counts work and no time, so that a verdict is the same everywhere.
#[derive(Debug)]
pub struct Budget {
    left: Cell<u64>,
    given: u64,
}

impl Budget {
    /// The budget of one check.
    #[must_use]
    pub fn for_one_check() -> Self {
        Self::of(UNITS_PER_CHECK)
    }

    /// A budget of so many units.
    #[must_use]
    pub fn of(units: u64) -> Self {
        Self { left: Cell::new(units), given: units }
    }

    /// Takes `units`, before the work is done and before its memory is asked for.
    ///
    /// # Errors
    /// Fewer are left; then none are.
    pub fn spend(&self, units: u64) -> Result<(), OverBudget> {
        let left = self.left.get().checked_sub(units);
        self.left.set(left.unwrap_or(0));
        left.map(|_| ()).ok_or(OverBudget)
    }

    /// The units that are left.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left.get()
    }

    /// The units spent so far.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.given - self.left.get()
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, OverBudget};

    #[test]
    fn an_overdrawn_budget_stays_empty() {
        let budget = Budget::of(10);
        assert_eq!(budget.spend(7), Ok(()));
        assert_eq!(budget.spent(), 7);
        assert_eq!(budget.spend(4), Err(OverBudget));
        assert_eq!(budget.spend(1), Err(OverBudget));
        assert_eq!(budget.spent(), 10);
    }
}
