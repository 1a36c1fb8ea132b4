//! Sets of real numbers: pieces between bounds, in order where the bounds can be ordered.

use std::cmp::Ordering;

use super::check::Check;
use super::compare::Comparison;
use super::value::{Value, order, same};
use crate::budget::OverBudget;

/// Pieces a set may have.
const MAX_PIECES: usize = 64;

/// Where a piece ends.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// Nowhere.
    Infinite,
    /// At a value, which belongs to the piece where it is closed.
    At {
        /// The bound.
        value: Value,
        /// Whether the bound belongs to the piece.
        closed: bool,
    },
}

/// The numbers between two ends; a single number is its own two ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// The lower end.
    pub low: End,
    /// The upper end.
    pub high: End,
}

/// A union of pieces.
#[derive(Debug, Clone, PartialEq)]
pub struct RealSet {
    /// The pieces; apart and in rising order where `ordered`.
    pub pieces: Vec<Piece>,
    /// Whether all bounds are known numbers, so that equal sets have equal pieces.
    pub ordered: bool,
}

impl End {
    /// A bound that belongs to its piece, or does not.
    #[must_use]
    pub fn at(value: Value, closed: bool) -> Self {
        Self::At { value, closed }
    }
}

impl Piece {
    /// The piece that is one number.
    #[must_use]
    pub fn point(value: Value) -> Self {
        Self { low: End::at(value.clone(), true), high: End::at(value, true) }
    }

    /// Whether it is empty (`Some(true)`), or nothing where its ends cannot be ordered.
    fn is_empty(&self, check: &Check<'_>) -> Result<Option<bool>, OverBudget> {
        let (End::At { value: low, closed: low_in }, End::At { value: high, closed: high_in }) =
            (&self.low, &self.high)
        else {
            return Ok(Some(false));
        };
        if low == high {
            return Ok(Some(!(*low_in && *high_in)));
        }
        Ok(order(low, high, check)?.map(|order| match order {
            Ordering::Less => false,
            Ordering::Equal => !(*low_in && *high_in),
            Ordering::Greater => true,
        }))
    }
}

impl RealSet {
    /// No number at all.
    #[must_use]
    pub fn empty() -> Self {
        Self { pieces: Vec::new(), ordered: true }
    }

    /// Every real number.
    #[must_use]
    pub fn everything() -> Self {
        Self { pieces: vec![Piece { low: End::Infinite, high: End::Infinite }], ordered: true }
    }

    /// Whether it is every number or none.
    #[must_use]
    pub fn is_trivial(&self) -> bool {
        self.pieces.is_empty() || matches!(self.pieces.as_slice(), [Piece { low: End::Infinite, high: End::Infinite }])
    }

    /// Whether it goes on for ever.
    #[must_use]
    pub fn is_unbounded(&self) -> bool {
        self.pieces.iter().any(|piece| piece.low == End::Infinite || piece.high == End::Infinite)
    }

    /// The union of pieces, brought in order as far as that is known.
    ///
    /// # Errors
    /// There are too many, or ordering them takes more than the budget.
    pub fn of(pieces: Vec<Piece>, check: &Check<'_>) -> Result<Self, OverBudget> {
        if pieces.len() > MAX_PIECES {
            return Err(OverBudget);
        }
        let unordered = Self { pieces: pieces.clone(), ordered: false };
        let mut sorted: Vec<Piece> = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match piece.is_empty(check)? {
                None => return Ok(unordered),
                Some(true) => continue,
                Some(false) => {}
            }
            let mut at = sorted.len();
            while at > 0 {
                match compare_ends(&sorted[at - 1].low, &piece.low, Side::Low, check)? {
                    None => return Ok(unordered),
                    Some(Ordering::Greater) => at -= 1,
                    Some(_) => break,
                }
            }
            sorted.insert(at, piece);
        }
        let mut joined: Vec<Piece> = Vec::with_capacity(sorted.len());
        for piece in sorted {
            if let Some(last) = joined.last_mut() {
                match touches(&last.high, &piece.low, check)? {
                    None => return Ok(unordered),
                    Some(true) => {
                        match compare_ends(&last.high, &piece.high, Side::High, check)? {
                            None => return Ok(unordered),
                            Some(Ordering::Less) => last.high = piece.high,
                            Some(_) => {}
                        }
                        continue;
                    }
                    Some(false) => {}
                }
            }
            joined.push(piece);
        }
        Ok(Self { pieces: joined, ordered: true })
    }

    /// The union of two sets.
    ///
    /// # Errors
    /// As for [`RealSet::of`].
    pub fn with(mut self, other: Self, check: &Check<'_>) -> Result<Self, OverBudget> {
        self.pieces.extend(other.pieces);
        Self::of(self.pieces, check)
    }

    /// The numbers of both sets; nothing where bounds cannot be ordered.
    ///
    /// # Errors
    /// As for [`RealSet::of`].
    pub fn within(&self, other: &Self, check: &Check<'_>) -> Result<Option<Self>, OverBudget> {
        if !self.ordered || !other.ordered {
            return Ok(None);
        }
        check.spend(self.pieces.len() * other.pieces.len())?;
        let mut pieces = Vec::new();
        for one in &self.pieces {
            for other in &other.pieces {
                let low = compare_ends(&one.low, &other.low, Side::Low, check)?;
                let high = compare_ends(&one.high, &other.high, Side::High, check)?;
                let (Some(low), Some(high)) = (low, high) else { return Ok(None) };
                let low = if low == Ordering::Less { &other.low } else { &one.low };
                let high = if high == Ordering::Greater { &other.high } else { &one.high };
                pieces.push(Piece { low: low.clone(), high: high.clone() });
            }
        }
        let set = Self::of(pieces, check)?;
        Ok(set.ordered.then_some(set))
    }

    /// Every number but these; nothing where they cannot be ordered.
    ///
    /// # Errors
    /// As for [`RealSet::of`].
    pub fn complement_of_points(points: Vec<Value>, check: &Check<'_>) -> Result<Option<Self>, OverBudget> {
        let points = Self::of(points.into_iter().map(Piece::point).collect(), check)?;
        if !points.ordered {
            // One bound has no need of an order.
            let [Piece { low: End::At { value, .. }, .. }] = points.pieces.as_slice() else { return Ok(None) };
            return Ok(Some(Self { pieces: around(value), ordered: true }));
        }
        let mut low = End::Infinite;
        let mut pieces = Vec::new();
        for point in points.pieces {
            let End::At { value, .. } = point.low else { return Ok(None) };
            pieces.push(Piece { low, high: End::at(value.clone(), false) });
            low = End::at(value, false);
        }
        pieces.push(Piece { low, high: End::Infinite });
        Ok(Some(Self { pieces, ordered: true }))
    }

    /// Whether two sets are the same.
    pub(super) fn compare(&self, other: &Self, check: &Check<'_>) -> Result<Comparison, OverBudget> {
        let known = self.ordered && other.ordered;
        let differs = if known { Comparison::Different } else { Comparison::Undecided };
        if self.pieces.len() != other.pieces.len() {
            return Ok(differs);
        }
        let mut open: Vec<&Piece> = other.pieces.iter().collect();
        let mut found = Comparison::Equal;
        for piece in &self.pieces {
            let mut best = Comparison::Different;
            for at in 0..open.len() {
                match compare_pieces(piece, open[at], check)? {
                    Comparison::Equal => {
                        open.remove(at);
                        best = Comparison::Equal;
                        break;
                    }
                    Comparison::Undecided => best = Comparison::Undecided,
                    Comparison::Different => {}
                }
            }
            match best {
                Comparison::Equal => {}
                // Two single pieces with bounds that differ somewhere are different, numbers or not.
                Comparison::Different => {
                    let single = self.pieces.len() == 1;
                    return Ok(if single { Comparison::Different } else { differs });
                }
                Comparison::Undecided => found = Comparison::Undecided,
            }
        }
        check.rule("sets of real numbers");
        Ok(found)
    }
}

fn around(value: &Value) -> Vec<Piece> {
    vec![
        Piece { low: End::Infinite, high: End::at(value.clone(), false) },
        Piece { low: End::at(value.clone(), false), high: End::Infinite },
    ]
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Low,
    High,
}

/// Which of two lower or upper ends comes first on the line.
fn compare_ends(one: &End, other: &End, side: Side, check: &Check<'_>) -> Result<Option<Ordering>, OverBudget> {
    let infinite = if side == Side::Low { Ordering::Less } else { Ordering::Greater };
    Ok(match (one, other) {
        (End::Infinite, End::Infinite) => Some(Ordering::Equal),
        (End::Infinite, End::At { .. }) => Some(infinite),
        (End::At { .. }, End::Infinite) => Some(infinite.reverse()),
        (End::At { value, closed }, End::At { value: other, closed: other_closed }) => {
            order(value, other, check)?.map(|order| {
                let included = if side == Side::Low { other_closed.cmp(closed) } else { closed.cmp(other_closed) };
                order.then(included)
            })
        }
    })
}

/// Whether no number lies between an upper end and the lower end of a later piece.
fn touches(high: &End, low: &End, check: &Check<'_>) -> Result<Option<bool>, OverBudget> {
    let (End::At { value: high, closed }, End::At { value: low, closed: low_closed }) = (high, low) else {
        return Ok(Some(true));
    };
    Ok(order(high, low, check)?.map(|order| match order {
        Ordering::Greater => true,
        Ordering::Equal => *closed || *low_closed,
        Ordering::Less => false,
    }))
}

fn compare_pieces(one: &Piece, other: &Piece, check: &Check<'_>) -> Result<Comparison, OverBudget> {
    let mut found = Comparison::Equal;
    for (one, other) in [(&one.low, &other.low), (&one.high, &other.high)] {
        match (one, other) {
            (End::Infinite, End::Infinite) => {}
            (End::At { value, closed }, End::At { value: other, closed: other_closed }) if closed == other_closed => {
                match same(value, other, check)? {
                    Comparison::Equal => {}
                    Comparison::Different => return Ok(Comparison::Different),
                    Comparison::Undecided => found = Comparison::Undecided,
                }
            }
            _ => return Ok(Comparison::Different),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{Check, End, Piece, RealSet, Value};
    use crate::budget::Budget;
    use crate::number::rational::Rational;
    use crate::options::Options;

    fn piece(low: i64, low_in: bool, high: i64, high_in: bool) -> Piece {
        let end = |value: i64, closed| End::at(Value::Exact(Rational::from(value)), closed);
        Piece { low: end(low, low_in), high: end(high, high_in) }
    }

    #[test]
    fn pieces_are_sorted_and_joined() {
        let (options, budget) = (Options::default(), Budget::for_one_check());
        let check = Check::new(&options, &budget);
        let set = |pieces| RealSet::of(pieces, &check).expect("in budget");
        let joined = set(vec![piece(3, false, 5, false), piece(0, true, 2, false), piece(2, true, 3, true)]);
        assert_eq!(joined, set(vec![piece(0, true, 5, false)]));
        assert_eq!(set(vec![piece(2, false, 2, true)]), RealSet::empty());
        let apart = set(vec![piece(2, false, 3, false), piece(1, false, 2, false)]);
        assert_eq!(apart.pieces, [piece(1, false, 2, false), piece(2, false, 3, false)]);
        let both = set(vec![piece(0, true, 5, true)]).within(&apart, &check).expect("in budget");
        assert_eq!(both, Some(apart));
        let rest = RealSet::complement_of_points(vec![Value::Exact(Rational::from(1))], &check).expect("in budget");
        assert_eq!(rest.map(|rest| rest.pieces.len()), Some(2));
    }
}
