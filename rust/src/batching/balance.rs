//! Equal shares of work.

use std::cmp::Reverse;

use super::differencing::divide;
use super::error::BatchError;
use super::greedy::onto_the_lightest;
use super::groups::Groups;
use super::swaps::even_out;
use super::work::WorkModel;

/// Parts there may be where there are fewer sequences than this: a mistaken number must not exhaust the memory.
const MOST_PARTS: usize = 1 << 20;

/// Parts there may be for differencing without equal sizes, whose time grows with their number.
const MOST_DIFFERENCED: usize = 1 << 10;

/// Divides sequences into `num_parts` parts of nearly equal work; the heaviest part comes first.
///
/// Parts differ by at most the work of the heaviest sequence, and none is empty while there are as many sequences as
/// parts. With `equal_size`, the numbers of sequences differ by at most one as well.
///
/// # Errors
/// A length below one, a total length above what 64 bits hold, or `num_parts` below one or above both 2^20 and the
/// number of sequences.
pub fn balance(lengths: &[i64], num_parts: i64, model: WorkModel, equal_size: bool) -> Result<Groups, BatchError> {
    let wanted = parts_wanted("num_parts", num_parts, lengths.len())?;
    Ok(shares(&model.of(lengths)?, wanted, equal_size))
}

/// The number of parts that `asked`, called `name`, wants of so many sequences.
pub(super) fn parts_wanted(name: &'static str, asked: i64, sequences: usize) -> Result<usize, BatchError> {
    let wanted = usize::try_from(asked).ok().filter(|&parts| parts >= 1);
    let wanted = wanted.ok_or(BatchError::PartsBelowOne { name, asked })?;
    let most = MOST_PARTS.max(sequences);
    if wanted > most { Err(BatchError::PartsAboveMost { name, asked, most }) } else { Ok(wanted) }
}

/// Sequences of these works in `num_parts` parts, heaviest first; among equal ones the part of the earliest sequence.
pub(super) fn shares(works: &[u128], num_parts: usize, equal_size: bool) -> Groups {
    let mut part_of = if equal_size || num_parts <= MOST_DIFFERENCED {
        divide(works, num_parts, equal_size)
    } else {
        onto_the_lightest(works, num_parts)
    };
    even_out(works, &mut part_of, num_parts);
    let mut parts: Vec<(Reverse<u128>, usize, usize)> =
        (0..num_parts).map(|part| (Reverse(0), usize::MAX, part)).collect();
    for (index, (&work, &part)) in works.iter().zip(&part_of).enumerate() {
        let (Reverse(total), first, _) = &mut parts[part];
        *total += work;
        *first = index.min(*first);
    }
    parts.sort_unstable();
    let mut place = vec![0; num_parts];
    for (rank, &(_, _, part)) in parts.iter().enumerate() {
        place[part] = rank;
    }
    for part in &mut part_of {
        *part = place[*part];
    }
    Groups::from_assignment(&part_of, num_parts)
}

#[cfg(test)]
mod tests {
    use super::{BatchError, WorkModel, balance};

    fn by_length(lengths: &[i64], num_parts: i64) -> Result<Vec<Vec<usize>>, BatchError> {
        let model = WorkModel::new(None)?;
        balance(lengths, num_parts, model, false).map(|groups| groups.to_lists())
    }

    #[test]
    fn swaps_halve_what_differencing_leaves_uneven() {
        // 7 + 5 + 4 against 8 + 6: 7 and 6 change places.
        assert_eq!(by_length(&[8, 7, 6, 5, 4], 2), Ok(vec![vec![0, 1], vec![2, 3, 4]]));
    }

    #[test]
    fn as_many_parts_as_asked_even_when_empty() {
        assert_eq!(by_length(&[3], 3), Ok(vec![vec![0], vec![], vec![]]));
        assert_eq!(by_length(&[], 2), Ok(vec![vec![], vec![]]));
        assert_eq!(by_length(&[5, 5, 5], 3), Ok(vec![vec![0], vec![1], vec![2]]));
        assert_eq!(by_length(&[5, 6], 1), Ok(vec![vec![0, 1]]));
    }

    #[test]
    fn works_differ_by_at_most_the_heaviest_and_sizes_by_one() {
        let mut state = 12_345_u64;
        for round in 1..200_usize {
            let lengths: Vec<i64> = (0..round)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    i64::try_from(state >> 52).unwrap_or(0) + 1
                })
                .collect();
            let num_parts = 1 + round % 9;
            for (crossover, equal_size) in [(None, false), (None, true), (Some(100), false), (Some(100), true)] {
                let model = WorkModel::new(crossover).expect("positive");
                let wanted = i64::try_from(num_parts).expect("small");
                let groups = balance(&lengths, wanted, model, equal_size).expect("valid lengths");
                let mut seen = groups.indices.clone();
                seen.sort_unstable();
                assert_eq!(seen, (0..round).collect::<Vec<_>>());
                let works = model.of(&lengths).expect("valid lengths");
                let totals: Vec<u128> = groups.iter().map(|part| part.iter().map(|&i| works[i]).sum()).collect();
                assert!(totals.is_sorted_by(|one, other| one >= other));
                let spread = totals[0] - totals[num_parts - 1];
                assert!(spread <= *works.iter().max().unwrap_or(&0), "{lengths:?} {totals:?}");
                let sizes: Vec<usize> = groups.iter().map(<[usize]>::len).collect();
                let most_apart = sizes.iter().max().unwrap_or(&0) - sizes.iter().min().unwrap_or(&0);
                assert!(!equal_size || most_apart <= 1, "{sizes:?}");
                assert_eq!(sizes.iter().filter(|&&size| size == 0).count(), num_parts.saturating_sub(round));
            }
        }
    }

    #[test]
    fn attention_changes_what_is_equal() {
        // By length 4 stands against 2 + 2; with n + n²/1 it costs 20 against 6 + 6 + 6 + 6.
        let model = WorkModel::new(Some(1)).expect("positive");
        let parts = |equal_size| balance(&[4, 2, 2, 2, 2], 2, model, equal_size).map(|groups| groups.to_lists());
        assert_eq!(by_length(&[4, 2, 2, 2, 2], 2).expect("valid")[0].len(), 2);
        assert_eq!(parts(false), Ok(vec![vec![1, 2, 3, 4], vec![0]]));
        assert_eq!(parts(true).map(|parts| parts.iter().map(Vec::len).collect()), Ok(vec![2, 3]));
    }

    #[test]
    fn mistakes_name_their_numbers() {
        assert_eq!(by_length(&[1], 0), Err(BatchError::PartsBelowOne { name: "num_parts", asked: 0 }));
        let asked = 1_000_000_000_000;
        assert_eq!(by_length(&[1], asked), Err(BatchError::PartsAboveMost { name: "num_parts", asked, most: 1 << 20 }));
        assert_eq!(by_length(&[1, -4], 2), Err(BatchError::LengthBelowOne { index: 1, length: -4 }));
        assert_eq!(by_length(&[i64::MAX, 1], 2), Err(BatchError::TotalTooLarge { index: 1 }));
    }
}
