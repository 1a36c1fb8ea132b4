//! Parts of fixed sizes made more equal: pairs of sequences change places.

use std::collections::BTreeSet;

/// A part's sequences as (work, index), lightest first.
type Share = Vec<(u128, usize)>;

/// Parts this much of their mean apart are equal enough.
const ENOUGH: u128 = 10_000;
/// Swaps there may be for each part; one or two are usual.
const SWAPS: usize = 20;
/// Parts that are asked for a swap with the heaviest, or with the lightest, before it is left as it is.
const PARTNERS: usize = 8;

/// Swaps sequences between the heaviest and the lightest parts for as long as that brings both nearer to the mean.
///
/// Every swap leaves both parts strictly between what they were, so neither the heaviest part grows nor the lightest
/// shrinks. It ends: when parts are equal enough, when no swap helps, or after a fixed number of swaps.
pub(super) fn even_out(works: &[u128], part_of: &mut [usize], num_parts: usize) {
    let mut totals = vec![0; num_parts];
    for (&work, &part) in works.iter().zip(part_of.iter()) {
        totals[part] += work;
    }
    let enough = totals.iter().sum::<u128>() / num_parts as u128 / ENOUGH;
    let mut by_total: BTreeSet<(u128, usize)> = totals.into_iter().zip(0..).collect();
    if spread(&by_total) <= enough {
        return; // as it is where parts have dozens of sequences each
    }
    let mut shares: Vec<Share> = vec![Vec::new(); num_parts];
    for (index, (&work, &part)) in works.iter().zip(part_of.iter()).enumerate() {
        shares[part].push((work, index));
    }
    for share in &mut shares {
        share.sort_unstable();
    }
    let mut swaps = 0..num_parts.saturating_mul(SWAPS);
    while spread(&by_total) > enough && swaps.next().is_some() {
        let Some(swap) = best_swap(&shares, &by_total) else { break };
        let ((heavy_total, heavy), (light_total, light)) = (swap.heavy, swap.light);
        let given = shares[heavy].remove(swap.given);
        let taken = shares[light].remove(swap.taken);
        by_total.remove(&swap.heavy);
        by_total.remove(&swap.light);
        by_total.insert((heavy_total - given.0 + taken.0, heavy));
        by_total.insert((light_total - taken.0 + given.0, light));
        put(&mut shares[light], given);
        put(&mut shares[heavy], taken);
    }
    for (part, share) in shares.iter().enumerate() {
        for &(_, index) in share {
            part_of[index] = part;
        }
    }
}

/// Heaviest minus lightest part.
fn spread(by_total: &BTreeSet<(u128, usize)>) -> u128 {
    by_total.last().zip(by_total.first()).map_or(0, |(heaviest, lightest)| heaviest.0 - lightest.0)
}

fn put(share: &mut Share, item: (u128, usize)) {
    let place = share.partition_point(|before| *before < item);
    share.insert(place, item);
}

/// Two parts as (total, number), and the place in each of the sequence it gives away.
struct Swap {
    heavy: (u128, usize),
    light: (u128, usize),
    given: usize,
    taken: usize,
}

/// A swap of the heaviest part with one of the lightest, or of the lightest with one of the heaviest.
fn best_swap(shares: &[Share], by_total: &BTreeSet<(u128, usize)>) -> Option<Swap> {
    let (&heaviest, &lightest) = (by_total.last()?, by_total.first()?);
    let with_heaviest = by_total.iter().take(PARTNERS).map(|&light| (heaviest, light));
    let with_lightest = by_total.iter().rev().take(PARTNERS).map(|&heavy| (heavy, lightest));
    with_heaviest.chain(with_lightest).find_map(|(heavy, light)| {
        let (given, taken) = halving(&shares[heavy.1], &shares[light.1], heavy.0 - light.0)?;
        Some(Swap { heavy, light, given, taken })
    })
}

/// The places of a heavier and a lighter sequence whose difference is nearest to half the `gap`, and between 0 and it.
fn halving(heavy: &Share, light: &Share, gap: u128) -> Option<(usize, usize)> {
    let mut best = None;
    let mut most = 0;
    let mut place = 0; // the last light sequence that is lighter by half the gap, as far as there is one
    for (given, &(work, _)) in heavy.iter().enumerate() {
        let wanted = work.saturating_sub(gap / 2);
        while light.get(place + 1).is_some_and(|next| next.0 <= wanted) {
            place += 1;
        }
        for (taken, &(other, _)) in light.iter().enumerate().skip(place).take(2) {
            let moved = work.saturating_sub(other);
            let gain = moved.min(gap.saturating_sub(moved));
            if gain > most {
                (most, best) = (gain, Some((given, taken)));
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::{even_out, halving};

    #[test]
    fn the_pair_nearest_to_half_the_gap_is_swapped() {
        // 20 against 12: a difference of 4 makes both 16.
        assert_eq!(halving(&vec![(3, 0), (7, 1), (10, 2)], &vec![(2, 3), (3, 4), (7, 5)], 8), Some((1, 1)));
        // 2 and 2 against 1 and 1: each swap only changes the names.
        assert_eq!(halving(&vec![(2, 0), (2, 1)], &vec![(1, 2), (2, 3)], 1), None);
        let mut part_of = [0, 0, 0, 1, 1, 1];
        even_out(&[30, 70, 100, 20, 30, 70], &mut part_of, 2);
        assert_eq!(part_of, [0, 1, 0, 1, 0, 1]);
    }
}
