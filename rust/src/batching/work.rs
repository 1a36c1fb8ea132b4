//! What a sequence costs, in whole numbers.

use super::error::BatchError;

/// How the cost of a sequence grows with its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkModel {
    crossover: Option<u64>,
}

impl WorkModel {
    /// Work n, or n + n²/`crossover`: a sequence of `crossover` tokens spends as much on attention as on all the rest.
    ///
    /// # Errors
    /// A crossover below one.
    pub fn new(crossover: Option<i64>) -> Result<Self, BatchError> {
        let checked = crossover.map(|tokens| match u64::try_from(tokens) {
            Ok(positive @ 1..) => Ok(positive),
            _ => Err(BatchError::CrossoverBelowOne { crossover: tokens }),
        });
        Ok(Self { crossover: checked.transpose()? })
    }

    /// The work of each length, multiplied by the crossover, so that it is exact; the sum fits in 128 bits.
    ///
    /// # Errors
    /// A length below one, or a sum of lengths above 2^63 - 1.
    pub(super) fn of(self, lengths: &[i64]) -> Result<Vec<u128>, BatchError> {
        let mut total = 0_i64;
        let mut works = Vec::with_capacity(lengths.len());
        for (index, &length) in lengths.iter().enumerate() {
            let Ok(tokens @ 1..) = u128::try_from(length) else {
                return Err(BatchError::LengthBelowOne { index, length });
            };
            total = total.checked_add(length).ok_or(BatchError::TotalTooLarge { index })?;
            // Sums of lengths and the crossover are below 2^63, so sums of either term are below 2^126.
            works.push(self.crossover.map_or(tokens, |crossover| (u128::from(crossover) + tokens) * tokens));
        }
        Ok(works)
    }
}

#[cfg(test)]
mod tests {
    use super::{BatchError, WorkModel};

    #[test]
    fn attention_doubles_the_work_at_the_crossover() {
        let works = |crossover, lengths: &[i64]| WorkModel::new(crossover).and_then(|model| model.of(lengths));
        assert_eq!(works(None, &[3, 7]), Ok(vec![3, 7]));
        assert_eq!(works(Some(10), &[10, 1]), Ok(vec![10 * 20, 11]));
        let (most, half) = (u128::from(u64::MAX >> 1), u128::from(u64::MAX >> 2));
        let length = i64::MAX / 2;
        let exact = works(Some(i64::MAX), &[length, length]).expect("fits");
        assert_eq!(exact[0], (most + half) * half);
        assert!(exact[0].checked_add(exact[1]).is_some());
        assert_eq!(works(Some(0), &[1]), Err(BatchError::CrossoverBelowOne { crossover: 0 }));
        assert_eq!(works(Some(-3), &[1]), Err(BatchError::CrossoverBelowOne { crossover: -3 }));
        assert_eq!(works(Some(2), &[i64::MAX, 1]), Err(BatchError::TotalTooLarge { index: 1 }));
        assert_eq!(works(None, &[4, -1]), Err(BatchError::LengthBelowOne { index: 1, length: -1 }));
    }
}
