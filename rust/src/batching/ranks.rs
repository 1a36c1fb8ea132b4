//! Rows for several ranks that step together: as many for each, and as much work.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::balance::{parts_wanted, shares};
use super::error::BatchError;
use super::groups::Groups;
use super::pack::{check, pack_sequences};
use super::work::WorkModel;

/// For each rank its rows, for each row its sequences.
pub type RankRows = Vec<Vec<Vec<usize>>>;

/// Divides sequences among ranks, and each rank's into rows of at most `max_tokens` tokens, as many on every rank.
///
/// First the shares of work, then the rows: so the ranks are as equal as `balance` makes them, whatever the number of
/// rows. The rank that needs the most rows says how many all have; the others spread their sequences over as many. A
/// row is empty only where its rank has fewer sequences than rows. Nothing is left out. Rows come heaviest first.
///
/// # Errors
/// What `pack_sequences` and `balance` refuse.
pub fn pack_balanced(
    lengths: &[i64],
    max_tokens: i64,
    num_ranks: i64,
    model: WorkModel,
) -> Result<RankRows, BatchError> {
    check(lengths, max_tokens)?;
    let wanted = parts_wanted("num_ranks", num_ranks, lengths.len())?;
    let works = model.of(lengths)?;
    let mut packed = Vec::new();
    for share in shares(&works, wanted, false).iter() {
        let of_rank: Vec<i64> = share.iter().map(|&index| lengths[index]).collect();
        packed.push((share.to_vec(), pack_sequences(&of_rank, max_tokens)?));
    }
    let num_rows = packed.iter().map(|(_, rows)| rows.count()).max().unwrap_or(0);
    let ranks = packed.iter().map(|(share, fewest)| {
        let works: Vec<u128> = share.iter().map(|&index| works[index]).collect();
        let fits = |row: &[usize]| row.iter().map(|&place| lengths[share[place]]).sum::<i64>() <= max_tokens;
        let even = shares(&works, num_rows.max(1), false);
        let rows = if even.iter().all(fits) { even.to_lists() } else { split(fewest, &works, num_rows) };
        let named = rows.into_iter().take(num_rows).map(|row| row.into_iter().map(|place| share[place]).collect());
        named.collect()
    });
    Ok(ranks.collect())
}

/// Rows halved, the one with most work first, until there are `num_rows` or every sequence has its own.
fn split(rows: &Groups, works: &[u128], num_rows: usize) -> Vec<Vec<usize>> {
    let work = |row: &[usize]| row.iter().map(|&place| works[place]).sum::<u128>();
    let entry = |row: Vec<usize>| (row.len() > 1, work(&row), Reverse(row));
    let mut heap: BinaryHeap<_> = rows.to_lists().into_iter().map(entry).collect();
    while heap.len() < num_rows && heap.peek().is_some_and(|&(divisible, ..)| divisible) {
        if let Some((.., Reverse(row))) = heap.pop() {
            let of_row: Vec<u128> = row.iter().map(|&place| works[place]).collect();
            for half in shares(&of_row, 2, false).iter() {
                heap.push(entry(half.iter().map(|&place| row[place]).collect()));
            }
        }
    }
    let mut rows: Vec<Vec<usize>> = heap.into_iter().map(|(.., Reverse(row))| row).collect();
    rows.resize_with(num_rows, Vec::new);
    rows.sort_by_key(|row| (Reverse(work(row)), row.first().copied()));
    rows
}

#[cfg(test)]
mod tests {
    use super::{BatchError, WorkModel, pack_balanced};

    fn packed(lengths: &[i64], max_tokens: i64, num_ranks: i64) -> Result<Vec<Vec<Vec<usize>>>, BatchError> {
        pack_balanced(lengths, max_tokens, num_ranks, WorkModel::new(None)?)
    }

    #[test]
    fn every_rank_has_as_many_rows() {
        // 24 tokens over 2 ranks, rows of 6: two rows each, all full.
        let ranks = packed(&[6, 5, 4, 4, 2, 1, 1, 1], 6, 2).expect("valid");
        assert_eq!(ranks.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        // Five rows cannot be four: the second rank's tokens are spread over three rows as well.
        let ranks = packed(&[6, 6, 6, 6, 6, 1], 6, 2).expect("valid");
        assert_eq!(ranks.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3]);
        assert_eq!(ranks.iter().flatten().flatten().count(), 6);
    }

    #[test]
    fn fewer_sequences_than_ranks_leave_rows_empty() {
        assert_eq!(packed(&[3], 4, 2), Ok(vec![vec![vec![0]], vec![vec![]]]));
        assert_eq!(packed(&[], 4, 2), Ok(vec![vec![], vec![]]));
    }

    #[test]
    fn even_rows_that_would_be_too_full_are_not_taken() {
        // One rank, rows of 10: 9 + 6 + 4 fit into two rows only as 9 and 10.
        assert_eq!(packed(&[9, 6, 4], 10, 1), Ok(vec![vec![vec![1, 2], vec![0]]]));
        // Two of 6 and a 9 need three rows; the other share, 6 and 9, has a row to spare and nothing to split.
        let other = packed(&[6, 6, 6, 9, 9], 10, 2).expect("valid").remove(1);
        assert_eq!(other.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 0]);
    }

    #[test]
    fn mistakes_name_their_numbers() {
        assert_eq!(packed(&[1], 1, 0), Err(BatchError::PartsBelowOne { name: "num_ranks", asked: 0 }));
        assert_eq!(packed(&[5], 4, 1), Err(BatchError::LongerThanRow { index: 0, length: 5, max_tokens: 4 }));
        assert_eq!(packed(&[5], 0, 1), Err(BatchError::RowBelowOne { max_tokens: 0 }));
    }
}
