//! Rows of sequences: best fit decreasing.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::error::BatchError;

/// Divides sequences into rows of at most `max_tokens` tokens.
///
/// Best fit decreasing: the longest sequence first, each into the fullest row that still holds it, in O(n log n).
/// Rows come in the order they were opened, and the indices of a row ascend.
///
/// # Errors
/// A length below one or above `max_tokens`, or `max_tokens` below one.
pub fn pack_sequences(lengths: &[i64], max_tokens: i64) -> Result<Vec<Vec<usize>>, BatchError> {
    if max_tokens < 1 {
        return Err(BatchError::RowBelowOne { max_tokens });
    }
    for (index, &length) in lengths.iter().enumerate() {
        if length < 1 {
            return Err(BatchError::LengthBelowOne { index, length });
        }
        if length > max_tokens {
            return Err(BatchError::LongerThanRow { index, length, max_tokens });
        }
    }
    let mut longest_first: Vec<usize> = (0..lengths.len()).collect();
    longest_first.sort_by_key(|&index| Reverse(lengths[index])); // stable: equal lengths keep their order
    let mut rows: Vec<Vec<usize>> = Vec::new();
    let mut room: BTreeSet<(i64, usize)> = BTreeSet::new(); // (tokens left, row)
    for index in longest_first {
        let length = lengths[index];
        if let Some(&(left, row)) = room.range((length, 0)..).next() {
            room.remove(&(left, row));
            room.insert((left - length, row));
            rows[row].push(index);
        } else {
            room.insert((max_tokens - length, rows.len()));
            rows.push(vec![index]);
        }
    }
    for row in &mut rows {
        row.sort_unstable();
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::{BatchError, pack_sequences};

    #[test]
    fn the_fullest_row_that_fits_is_taken() {
        // 6 and 5 open rows; 4 fits both (4 and 5 left) and goes where less room is left; 3 and 2 follow.
        assert_eq!(pack_sequences(&[5, 4, 6, 3, 2], 10), Ok(vec![vec![1, 2], vec![0, 3, 4]]));
    }

    #[test]
    fn equal_lengths_keep_their_order() {
        assert_eq!(pack_sequences(&[4, 4, 4, 4], 8), Ok(vec![vec![0, 1], vec![2, 3]]));
    }

    #[test]
    fn nothing_packs_into_nothing() {
        assert_eq!(pack_sequences(&[], 8), Ok(vec![]));
    }

    #[test]
    fn mistakes_name_their_numbers() {
        assert_eq!(pack_sequences(&[1, 9], 8), Err(BatchError::LongerThanRow { index: 1, length: 9, max_tokens: 8 }));
        assert_eq!(pack_sequences(&[1, 0], 8), Err(BatchError::LengthBelowOne { index: 1, length: 0 }));
        assert_eq!(pack_sequences(&[], 0), Err(BatchError::RowBelowOne { max_tokens: 0 }));
    }
}
