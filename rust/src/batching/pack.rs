//! Rows of sequences: best fit decreasing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use super::error::BatchError;
use super::groups::Groups;

/// Divides sequences into rows of at most `max_tokens` tokens.
///
/// Best fit decreasing: the longest sequence first, each into the fullest row that still holds it; among equally full
/// rows, into the one that has been so for longest. Rows come in the order they were opened.
///
/// Sequences of one length are placed together: a row that is the fullest one to hold a sequence stays so until it
/// holds no more of that length. That leaves O(n log n) for the sort and a search for each visit to a row.
///
/// # Errors
/// A length below one or above `max_tokens`, or `max_tokens` below one.
pub fn pack_sequences(lengths: &[i64], max_tokens: i64) -> Result<Groups, BatchError> {
    check(lengths, max_tokens)?;
    let mut longest_first: Vec<(i64, usize)> =
        lengths.iter().enumerate().map(|(index, &length)| (length, index)).collect();
    longest_first.sort_unstable_by_key(|&(length, index)| (Reverse(length), index));
    let mut row_of = vec![0; lengths.len()];
    let mut rows = 0;
    let mut by_room: BTreeMap<i64, VecDeque<usize>> = BTreeMap::new(); // tokens left: the rows with so many
    for run in longest_first.chunk_by(|(one, _), (other, _)| one == other) {
        let length = run[0].0;
        let mut waiting = run;
        while !waiting.is_empty() {
            let (room, row) = fullest(&mut by_room, length).unwrap_or_else(|| {
                rows += 1;
                (max_tokens, rows - 1)
            });
            let fitting = usize::try_from(room / length).unwrap_or(usize::MAX).min(waiting.len());
            let (placed, rest) = waiting.split_at(fitting);
            let mut left = room;
            for &(_, index) in placed {
                row_of[index] = row;
                left -= length;
            }
            waiting = rest;
            if left > 0 {
                by_room.entry(left).or_default().push_back(row);
            }
        }
    }
    Ok(Groups::from_assignment(&row_of, rows))
}

/// Takes out the row with the least room for `length`, with its room.
fn fullest(by_room: &mut BTreeMap<i64, VecDeque<usize>>, length: i64) -> Option<(i64, usize)> {
    let (&room, rows) = by_room.range_mut(length..).next()?;
    let row = rows.pop_front();
    if rows.is_empty() {
        by_room.remove(&room);
    }
    row.map(|row| (room, row))
}

/// Whether every length is at least one and at most `max_tokens`.
pub(super) fn check(lengths: &[i64], max_tokens: i64) -> Result<(), BatchError> {
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
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{BatchError, pack_sequences};

    fn rows(lengths: &[i64], max_tokens: i64) -> Vec<Vec<usize>> {
        pack_sequences(lengths, max_tokens).expect("valid lengths").to_lists()
    }

    #[test]
    fn the_fullest_row_that_fits_is_taken() {
        // 6 and 5 open rows; 4 fits both (4 and 5 left) and goes where less room is left; 3 and 2 follow.
        assert_eq!(rows(&[5, 4, 6, 3, 2], 10), [vec![1, 2], vec![0, 3, 4]]);
    }

    #[test]
    fn equal_lengths_keep_their_order() {
        assert_eq!(rows(&[4, 4, 4, 4], 8), [vec![0, 1], vec![2, 3]]);
    }

    #[test]
    fn nothing_packs_into_nothing() {
        assert_eq!(rows(&[], 8), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn the_longest_lengths_there_are() {
        assert_eq!(rows(&[i64::MAX, 1, i64::MAX - 1, 1], i64::MAX), [vec![0], vec![1, 2], vec![3]]);
    }

    #[test]
    fn mistakes_name_their_numbers() {
        assert_eq!(pack_sequences(&[1, 9], 8), Err(BatchError::LongerThanRow { index: 1, length: 9, max_tokens: 8 }));
        assert_eq!(pack_sequences(&[1, 0], 8), Err(BatchError::LengthBelowOne { index: 1, length: 0 }));
        assert_eq!(pack_sequences(&[], 0), Err(BatchError::RowBelowOne { max_tokens: 0 }));
    }
}
