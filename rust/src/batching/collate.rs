//! Prompts and responses laid out as arrays, aligned once for every later use.
//!
//! Position t of a sequence predicts the token after it, so everything per response token (mask, rollout
//! log-probabilities, advantages) stands at the position *before* the token: response token j of a prompt of p tokens
//! stands at p - 1 + j. The last position of a sequence predicts nothing: target 0, mask 0.

use super::error::BatchError;

/// Four arrays of 64 bits and one of 32.
const BYTES_PER_TOKEN: usize = 4 * 8 + 4;

/// The arrays of a batch, each of `num_rows` × `row_length` elements (one row for a packed batch).
#[derive(Debug, PartialEq)]
pub struct Collated {
    /// Inputs: prompt then response; the pad id behind the end.
    pub token_ids: Vec<i64>,
    /// Place within the own sequence, from 0; 0 on padding.
    pub positions: Vec<i64>,
    /// Which sequence, 0.. in input order; padding carries its row's.
    pub sequence_ids: Vec<i64>,
    /// The next token of the same sequence; 0 where there is none.
    pub target_ids: Vec<i64>,
    /// 1 exactly where the target is a response token.
    pub mask: Vec<f32>,
    /// Where each sequence begins in the arrays above.
    pub starts: Vec<usize>,
}

/// A batch whose prompts and responses have been checked against each other.
pub struct Pairs<'a> {
    prompts: &'a [&'a [i64]],
    responses: &'a [&'a [i64]],
}

impl<'a> Pairs<'a> {
    /// Pairs each response with its prompt.
    ///
    /// # Errors
    /// Counts that differ, an empty prompt, a negative token id.
    pub fn new(prompts: &'a [&'a [i64]], responses: &'a [&'a [i64]]) -> Result<Self, BatchError> {
        if prompts.len() != responses.len() {
            return Err(BatchError::CountsDiffer { prompts: prompts.len(), responses: responses.len() });
        }
        if let Some(index) = prompts.iter().position(|prompt| prompt.is_empty()) {
            return Err(BatchError::EmptyPrompt { index });
        }
        for (of, sequences) in [("prompts", prompts), ("responses", responses)] {
            for (index, ids) in sequences.iter().enumerate() {
                if let Some(token) = ids.iter().position(|&id| id < 0) {
                    return Err(BatchError::NegativeToken { of, index, token, id: ids[token] });
                }
            }
        }
        Ok(Self { prompts, responses })
    }

    /// Tokens of each sequence.
    #[must_use]
    pub fn lengths(&self) -> Vec<usize> {
        self.prompts.iter().zip(self.responses).map(|(prompt, response)| prompt.len() + response.len()).collect()
    }

    /// All sequences behind one another in one row: no padding at all.
    #[must_use]
    pub fn packed(&self) -> Collated {
        let mut end = 0;
        let mut starts = Vec::with_capacity(self.prompts.len());
        for length in self.lengths() {
            starts.push(end);
            end += length;
        }
        self.laid_out(starts, end, 0)
    }

    /// One sequence a row, filled up on the right to the longest with `pad_token_id`.
    ///
    /// # Errors
    /// Rows that do not fit in memory: one long sequence lengthens all of them.
    pub fn padded(&self, pad_token_id: i64) -> Result<Collated, BatchError> {
        let row_length = self.lengths().into_iter().max().unwrap_or(0);
        let rows = self.prompts.len();
        let bytes = rows.checked_mul(row_length).and_then(|size| size.checked_mul(BYTES_PER_TOKEN));
        let fits = bytes.is_some_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok());
        if !fits {
            return Err(BatchError::BatchTooLarge { rows, row_length });
        }
        let starts: Vec<usize> = (0..self.prompts.len()).map(|row| row * row_length).collect();
        let mut batch = self.laid_out(starts, self.prompts.len() * row_length, pad_token_id);
        for (row, ids) in (0_i64..).zip(batch.sequence_ids.chunks_mut(row_length.max(1))) {
            ids.fill(row);
        }
        Ok(batch)
    }

    fn laid_out(&self, starts: Vec<usize>, size: usize, pad_token_id: i64) -> Collated {
        let mut token_ids = vec![pad_token_id; size];
        let mut positions = vec![0; size];
        let mut sequence_ids = vec![0; size];
        let mut target_ids = vec![0; size];
        let mut mask = vec![0.0; size];
        let pairs = self.prompts.iter().zip(self.responses);
        for ((sequence, (prompt, response)), &start) in (0_i64..).zip(pairs).zip(&starts) {
            let middle = start + prompt.len();
            let end = middle + response.len();
            token_ids[start..middle].copy_from_slice(prompt);
            token_ids[middle..end].copy_from_slice(response);
            target_ids[start..end - 1].copy_from_slice(&token_ids[start + 1..end]);
            for (position, place) in (0..).zip(&mut positions[start..end]) {
                *place = position;
            }
            sequence_ids[start..end].fill(sequence);
            mask[middle - 1..end - 1].fill(1.0);
        }
        Collated { token_ids, positions, sequence_ids, target_ids, mask, starts }
    }
}

/// Puts one value per response token at the position that predicts it, and 0 everywhere else.
///
/// `first[i]` is where the first response token of sequence i is predicted, `response_lengths[i]` how many there are;
/// `size` is the number of elements of the batch.
///
/// # Errors
/// A number of lists, or of values in one of them, other than the batch's.
pub fn align(
    values: &[&[f32]],
    first: &[usize],
    response_lengths: &[usize],
    size: usize,
) -> Result<Vec<f32>, BatchError> {
    if values.len() != response_lengths.len() {
        return Err(BatchError::ValueCountDiffers { lists: values.len(), sequences: response_lengths.len() });
    }
    let mut aligned = Vec::new();
    aligned.try_reserve_exact(size).map_err(|_| BatchError::BatchTooLarge { rows: 1, row_length: size })?;
    aligned.resize(size, 0.0);
    for (index, ((row, &start), &response)) in values.iter().zip(first).zip(response_lengths).enumerate() {
        let place = aligned.get_mut(start..start + response).filter(|place| place.len() == row.len());
        place.ok_or(BatchError::ValueLengthDiffers { index, values: row.len(), response })?.copy_from_slice(row);
    }
    Ok(aligned)
}

#[cfg(test)]
mod tests {
    use super::{BatchError, Pairs, align};

    const PROMPTS: [&[i64]; 2] = [&[11, 12], &[21]];
    const RESPONSES: [&[i64]; 2] = [&[13], &[22, 23]];

    #[test]
    fn a_packed_row_predicts_within_each_sequence() {
        let batch = Pairs::new(&PROMPTS, &RESPONSES).expect("valid").packed();
        assert_eq!(batch.token_ids, [11, 12, 13, 21, 22, 23]);
        assert_eq!(batch.target_ids, [12, 13, 0, 22, 23, 0]);
        assert_eq!(batch.mask, [0.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
        assert_eq!(batch.positions, [0, 1, 2, 0, 1, 2]);
        assert_eq!(batch.sequence_ids, [0, 0, 0, 1, 1, 1]);
        assert_eq!(batch.starts, [0, 3]);
    }

    #[test]
    fn padding_is_masked_and_belongs_to_its_row() {
        let prompts: [&[i64]; 2] = [&[1, 2, 3], &[4]];
        let responses: [&[i64]; 2] = [&[5], &[]];
        let batch = Pairs::new(&prompts, &responses).expect("valid").padded(9).expect("small");
        assert_eq!(batch.token_ids, [1, 2, 3, 5, 4, 9, 9, 9]);
        assert_eq!(batch.target_ids, [2, 3, 5, 0, 0, 0, 0, 0]);
        assert_eq!(batch.mask, [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(batch.positions, [0, 1, 2, 3, 0, 0, 0, 0]);
        assert_eq!(batch.sequence_ids, [0, 0, 0, 0, 1, 1, 1, 1]);
    }

    #[test]
    fn no_sequences_give_no_elements() {
        let batch = Pairs::new(&[], &[]).expect("valid");
        assert_eq!(batch.packed().token_ids, [0_i64; 0]);
        assert_eq!(batch.padded(0).expect("small").token_ids, [0_i64; 0]);
    }

    #[test]
    fn what_memory_does_not_hold_is_refused() {
        let size = 1 << 60;
        assert_eq!(align(&[], &[], &[], size), Err(BatchError::BatchTooLarge { rows: 1, row_length: size }));
    }

    #[test]
    fn values_stand_where_the_mask_does() {
        assert_eq!(align(&[&[0.5], &[0.25, -1.0]], &[1, 3], &[1, 2], 6), Ok(vec![0.0, 0.5, 0.0, 0.25, -1.0, 0.0]));
        assert_eq!(
            align(&[&[0.5], &[0.25]], &[1, 3], &[1, 2], 6),
            Err(BatchError::ValueLengthDiffers { index: 1, values: 1, response: 2 })
        );
        assert_eq!(align(&[], &[1], &[1], 2), Err(BatchError::ValueCountDiffers { lists: 0, sequences: 1 }));
    }

    #[test]
    fn mistakes_name_their_place() {
        let error = |prompts: &[&[i64]], responses: &[&[i64]]| Pairs::new(prompts, responses).err();
        assert_eq!(error(&[&[1]], &[]), Some(BatchError::CountsDiffer { prompts: 1, responses: 0 }));
        assert_eq!(error(&[&[1], &[]], &[&[1], &[1]]), Some(BatchError::EmptyPrompt { index: 1 }));
        assert_eq!(
            error(&[&[1]], &[&[1, -7]]),
            Some(BatchError::NegativeToken { of: "responses", index: 0, token: 1, id: -7 })
        );
    }
}
