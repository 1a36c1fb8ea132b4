//! Equal shares of work: Karmarkar–Karp largest differencing.

use std::collections::BinaryHeap;

use super::error::BatchError;

/// A set of sequences and its total length.
struct Part {
    total: i64,
    indices: Vec<usize>,
}

/// A partial division: its parts, heaviest first, empty ones left out.
struct Division {
    /// Heaviest minus lightest part: what is still to be evened out.
    difference: i64,
    /// Ties go to the division made first, so that the result is the same everywhere.
    order: std::cmp::Reverse<usize>,
    parts: Vec<Part>,
}

impl Division {
    fn key(&self) -> (i64, std::cmp::Reverse<usize>) {
        (self.difference, self.order)
    }
}

impl PartialEq for Division {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Division {}
impl PartialOrd for Division {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Division {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// Parts there may be where there are fewer sequences than this: a mistaken number must not exhaust the memory.
const MOST_PARTS: usize = 1 << 20;

/// Divides sequences into `num_parts` parts of nearly equal total length.
///
/// Largest differencing (Karmarkar & Karp 1982): the two divisions that are least even are laid over each other,
/// heavy on light, until one is left. Totals differ by at most the longest sequence, and no part is empty while there
/// are as many sequences as parts. Parts come heaviest first, and the indices of a part ascend.
///
/// # Errors
/// A length below one, a total above what 64 bits hold, or `num_parts` below one or above both 2^20 and the
/// number of sequences.
pub fn balance(lengths: &[i64], num_parts: i64) -> Result<Vec<Vec<usize>>, BatchError> {
    let parts_wanted =
        usize::try_from(num_parts).ok().filter(|&parts| parts >= 1).ok_or(BatchError::PartsBelowOne { num_parts })?;
    let most = MOST_PARTS.max(lengths.len());
    if parts_wanted > most {
        return Err(BatchError::PartsAboveMost { num_parts, most });
    }
    let mut heap = BinaryHeap::with_capacity(lengths.len());
    let mut total = 0_i64;
    for (index, &length) in lengths.iter().enumerate() {
        if length < 1 {
            return Err(BatchError::LengthBelowOne { index, length });
        }
        total = total.checked_add(length).ok_or(BatchError::TotalTooLarge { index })?;
        let parts = vec![Part { total: length, indices: vec![index] }];
        let difference = if parts_wanted == 1 { 0 } else { length };
        heap.push(Division { difference, order: std::cmp::Reverse(index), parts });
    }
    let mut made = lengths.len();
    while let Some(widest) = heap.pop() {
        let Some(next) = heap.pop() else {
            return Ok(finished(widest.parts, parts_wanted));
        };
        let parts = overlay(widest.parts, next.parts, parts_wanted);
        let lightest = if parts.len() < parts_wanted { 0 } else { parts.last().map_or(0, |part| part.total) };
        let difference = parts.first().map_or(0, |part| part.total) - lightest;
        heap.push(Division { difference, order: std::cmp::Reverse(made), parts });
        made += 1;
    }
    Ok(finished(Vec::new(), parts_wanted))
}

/// Lays the heaviest part of one division on the lightest of the other, and so on; heaviest first again.
fn overlay(mut parts: Vec<Part>, other: Vec<Part>, parts_wanted: usize) -> Vec<Part> {
    let filled = parts.len(); // the slots from here to `parts_wanted` are empty
    for (rank, part) in other.into_iter().enumerate() {
        let slot = parts_wanted - 1 - rank;
        if slot < filled {
            let under = &mut parts[slot];
            under.total += part.total;
            let (mut longer, shorter) = if under.indices.len() >= part.indices.len() {
                (std::mem::take(&mut under.indices), part.indices)
            } else {
                (part.indices, std::mem::take(&mut under.indices))
            };
            longer.extend(shorter);
            under.indices = longer;
        } else {
            parts.push(part);
        }
    }
    parts.sort_by_key(|part| std::cmp::Reverse(part.total));
    parts
}

/// The parts' indices, ascending; among equal totals the part of the earliest sequence comes first.
fn finished(mut parts: Vec<Part>, parts_wanted: usize) -> Vec<Vec<usize>> {
    for part in &mut parts {
        part.indices.sort_unstable();
    }
    parts.sort_by_key(|part| (std::cmp::Reverse(part.total), part.indices.first().copied()));
    let mut shares: Vec<Vec<usize>> = parts.into_iter().map(|part| part.indices).collect();
    shares.resize_with(parts_wanted, Vec::new);
    shares
}

#[cfg(test)]
mod tests {
    use super::{BatchError, balance};

    #[test]
    fn the_textbook_example_is_halved_within_two() {
        // {8, 7, 6, 5, 4}: differencing leaves 2 (16 and 14), as in Karmarkar & Karp.
        let parts = balance(&[8, 7, 6, 5, 4], 2).expect("valid lengths");
        let lengths = [8, 7, 6, 5, 4];
        let totals: Vec<i64> = parts.iter().map(|part| part.iter().map(|&i| lengths[i]).sum()).collect();
        assert_eq!(totals, [16, 14]);
    }

    #[test]
    fn as_many_parts_as_asked_even_when_empty() {
        assert_eq!(balance(&[3], 3), Ok(vec![vec![0], vec![], vec![]]));
        assert_eq!(balance(&[], 2), Ok(vec![vec![], vec![]]));
        assert_eq!(balance(&[5, 5, 5], 3), Ok(vec![vec![0], vec![1], vec![2]]));
    }

    #[test]
    fn totals_differ_by_at_most_the_longest() {
        let mut state = 12_345_u64;
        for round in 1..200_usize {
            let lengths: Vec<i64> = (0..round)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    i64::try_from(state >> 52).unwrap_or(0) + 1
                })
                .collect();
            let num_parts = 1 + round % 9;
            let parts = balance(&lengths, i64::try_from(num_parts).unwrap_or(1)).expect("valid lengths");
            let mut seen: Vec<usize> = parts.concat();
            seen.sort_unstable();
            assert_eq!(seen, (0..round).collect::<Vec<_>>());
            let totals: Vec<i64> = parts.iter().map(|part| part.iter().map(|&i| lengths[i]).sum()).collect();
            let spread = totals.iter().max().unwrap_or(&0) - totals.iter().min().unwrap_or(&0);
            assert!(spread <= *lengths.iter().max().unwrap_or(&0), "{lengths:?} {totals:?}");
            assert_eq!(parts.iter().filter(|part| part.is_empty()).count(), num_parts.saturating_sub(round));
        }
    }

    #[test]
    fn mistakes_name_their_numbers() {
        assert_eq!(balance(&[1], 0), Err(BatchError::PartsBelowOne { num_parts: 0 }));
        let num_parts = 1_000_000_000_000;
        assert_eq!(balance(&[1], num_parts), Err(BatchError::PartsAboveMost { num_parts, most: 1 << 20 }));
        assert_eq!(balance(&[1, -4], 2), Err(BatchError::LengthBelowOne { index: 1, length: -4 }));
        assert_eq!(balance(&[i64::MAX, 1], 2), Err(BatchError::TotalTooLarge { index: 1 }));
    }
}
