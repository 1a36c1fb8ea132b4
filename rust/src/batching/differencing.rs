//! Largest differencing (Karmarkar & Karp 1982): divisions laid over each other until one is left.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A set of sequences and its total work; `next` in [`Divisions`] leads from its first sequence to its last.
struct Part {
    total: u128,
    first: usize,
    last: usize,
}

/// A partial division: its parts, heaviest first, empty ones left out.
struct Division {
    /// Heaviest minus lightest part: what is still to be evened out.
    difference: u128,
    /// Ties go to the division made first, so that the result is the same everywhere.
    order: Reverse<usize>,
    parts: Vec<Part>,
}

impl Division {
    fn key(&self) -> (u128, Reverse<usize>) {
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

/// The divisions that are left.
struct Divisions<'a> {
    works: &'a [u128],
    parts_wanted: usize,
    /// Divisions of one sequence each, the widest last: they need no place in the heap.
    single: Vec<usize>,
    merged: BinaryHeap<Division>,
    made: usize,
    next: Vec<usize>,
}

/// The part of each sequence, such that the parts' works are nearly equal.
///
/// Works differ by at most the heaviest sequence. With `equal_size`, the sequences, heaviest first, are dealt out
/// `parts_wanted` at a time, one to each part, and differencing decides which gets which: sizes differ by at most one.
pub(super) fn divide(works: &[u128], parts_wanted: usize, equal_size: bool) -> Vec<usize> {
    let mut part_of = vec![0; works.len()];
    if parts_wanted == 1 {
        return part_of;
    }
    let mut lightest_first: Vec<(u128, Reverse<usize>)> =
        works.iter().enumerate().map(|(index, &work)| (work, Reverse(index))).collect();
    lightest_first.sort_unstable();
    let mut divisions = Divisions {
        works,
        parts_wanted,
        single: lightest_first.into_iter().map(|(_, Reverse(index))| index).collect(),
        merged: BinaryHeap::new(),
        made: works.len(),
        next: vec![usize::MAX; works.len()],
    };
    if equal_size {
        let single = std::mem::take(&mut divisions.single);
        for dealt in single.rchunks(parts_wanted) {
            let parts = dealt.iter().rev().map(|&index| divisions.part(index)).collect();
            divisions.push(parts);
        }
    }
    for (number, part) in divisions.merge().into_iter().enumerate() {
        let mut index = part.first;
        while let Some(place) = part_of.get_mut(index) {
            *place = number;
            index = divisions.next[index];
        }
    }
    part_of
}

impl Divisions<'_> {
    fn merge(&mut self) -> Vec<Part> {
        while let Some(widest) = self.pop() {
            let Some(next) = self.pop() else {
                return widest.parts;
            };
            let parts = self.overlay(widest.parts, next.parts);
            self.push(parts);
        }
        Vec::new()
    }

    fn part(&self, index: usize) -> Part {
        Part { total: self.works[index], first: index, last: index }
    }

    fn push(&mut self, parts: Vec<Part>) {
        let lightest = if parts.len() < self.parts_wanted { 0 } else { parts.last().map_or(0, |part| part.total) };
        let difference = parts.first().map_or(0, |part| part.total) - lightest;
        self.merged.push(Division { difference, order: Reverse(self.made), parts });
        self.made += 1;
    }

    /// The widest division.
    fn pop(&mut self) -> Option<Division> {
        let single = self.single.last().map(|&index| (self.works[index], Reverse(index)));
        if single <= self.merged.peek().map(Division::key) {
            return self.merged.pop(); // None is below everything: this is also where nothing is left
        }
        self.single.pop().map(|index| {
            let part = self.part(index);
            Division { difference: part.total, order: Reverse(index), parts: vec![part] }
        })
    }

    /// Lays the heaviest part of one division on the lightest of the other, and so on; heaviest first again.
    fn overlay(&mut self, mut parts: Vec<Part>, other: Vec<Part>) -> Vec<Part> {
        let untouched = parts.len().min(self.parts_wanted - other.len());
        let mut touched = parts.split_off(untouched);
        let filled = untouched + touched.len(); // the slots from here to `parts_wanted` are empty
        for (rank, part) in other.into_iter().enumerate() {
            let slot = self.parts_wanted - 1 - rank;
            if slot < filled {
                let under = &mut touched[slot - untouched];
                under.total += part.total;
                self.next[under.last] = part.first;
                under.last = part.last;
            } else {
                touched.push(part);
            }
        }
        if touched.len() <= parts.len() / 64 {
            for part in touched {
                let place = parts.partition_point(|before| before.total >= part.total);
                parts.insert(place, part);
            }
        } else {
            parts.append(&mut touched);
            parts.sort_by_key(|part| Reverse(part.total));
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::divide;

    #[test]
    fn the_textbook_example_is_halved_within_two() {
        // {8, 7, 6, 5, 4}: differencing leaves 2 (16 and 14), as in Karmarkar & Karp.
        let works = [8, 7, 6, 5, 4];
        let part_of = divide(&works, 2, false);
        let total =
            |part| works.iter().zip(&part_of).filter(|&(_, of)| *of == part).map(|(work, _)| work).sum::<u128>();
        assert_eq!([total(0), total(1)], [16, 14]);
    }

    #[test]
    fn equal_sizes_are_dealt_out() {
        // 8 and 7, then 6 and 5, then 4: the pairs cross, and 4 goes where 1 is missing.
        let part_of = divide(&[8, 7, 6, 5, 4], 2, true);
        assert_eq!(part_of.iter().filter(|&&part| part == part_of[4]).count(), 3);
        assert_ne!(part_of[0], part_of[1]);
        assert_ne!(part_of[2], part_of[3]);
    }
}
