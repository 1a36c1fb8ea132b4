//! Sequences put into rows or parts, all in two arrays.

/// Groups of sequence indices behind one another: group g is `indices[offsets[g]..offsets[g + 1]]`, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// Every sequence once.
    pub indices: Vec<usize>,
    /// Where each group begins, and where the last one ends.
    pub offsets: Vec<usize>,
}

impl Groups {
    /// From the group of each sequence, in one pass: the indices of a group ascend without being sorted.
    #[must_use]
    pub fn from_assignment(group_of: &[usize], num_groups: usize) -> Self {
        let mut offsets = vec![0; num_groups + 1];
        for &group in group_of {
            offsets[group + 1] += 1;
        }
        for group in 0..num_groups {
            offsets[group + 1] += offsets[group];
        }
        let mut next = offsets.clone();
        let mut indices = vec![0; group_of.len()];
        for (index, &group) in group_of.iter().enumerate() {
            indices[next[group]] = index;
            next[group] += 1;
        }
        Self { indices, offsets }
    }

    /// Each group's indices, in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[usize]> {
        self.offsets.windows(2).map(|ends| &self.indices[ends[0]..ends[1]])
    }

    /// How many groups there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.offsets.len() - 1
    }

    /// A list for each group.
    #[must_use]
    pub fn to_lists(&self) -> Vec<Vec<usize>> {
        self.iter().map(<[usize]>::to_vec).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Groups;

    #[test]
    fn indices_of_a_group_ascend_and_empty_groups_stay() {
        let groups = Groups::from_assignment(&[2, 0, 2, 0, 0], 4);
        assert_eq!(groups.to_lists(), [vec![1, 3, 4], vec![], vec![0, 2], vec![]]);
        assert_eq!((groups.count(), groups.offsets), (4, vec![0, 3, 3, 5, 5]));
        assert_eq!(Groups::from_assignment(&[], 0).to_lists(), Vec::<Vec<usize>>::new());
    }
}
