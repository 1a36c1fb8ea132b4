//! Longest processing time first (Graham 1969): for so many parts that differencing would take too long.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The part of each sequence: the heaviest sequence first, each onto the part that is lightest by then.
///
/// In O(n log n). Works differ by at most the heaviest sequence.
pub(super) fn onto_the_lightest(works: &[u128], num_parts: usize) -> Vec<usize> {
    let mut heaviest_first: Vec<(Reverse<u128>, usize)> =
        works.iter().enumerate().map(|(index, &work)| (Reverse(work), index)).collect();
    heaviest_first.sort_unstable();
    let mut parts: BinaryHeap<Reverse<(u128, usize)>> = (0..num_parts).map(|part| Reverse((0, part))).collect();
    let mut part_of = vec![0; works.len()];
    for (Reverse(work), index) in heaviest_first {
        if let Some(mut lightest) = parts.peek_mut() {
            let Reverse((total, part)) = &mut *lightest;
            *total += work;
            part_of[index] = *part;
        }
    }
    part_of
}

#[cfg(test)]
mod tests {
    use super::onto_the_lightest;

    #[test]
    fn each_goes_where_least_is() {
        assert_eq!(onto_the_lightest(&[5, 4, 3, 3, 2], 2), [0, 1, 1, 0, 1]);
        assert_eq!(onto_the_lightest(&[7], 3), [0]);
        assert_eq!(onto_the_lightest(&[], 3), [0_usize; 0]);
    }
}
