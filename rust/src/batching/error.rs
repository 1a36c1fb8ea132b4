//! What a caller can get wrong about a batch, each with the numbers that show it.

use std::fmt;

/// A batch that cannot be arranged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchError {
    /// A length below one.
    LengthBelowOne {
        /// Where the length stands.
        index: usize,
        /// The length.
        length: i64,
    },
    /// A sequence longer than a whole row.
    LongerThanRow {
        /// Where the length stands.
        index: usize,
        /// The length.
        length: i64,
        /// Tokens a row holds.
        max_tokens: i64,
    },
    /// A row that holds no token.
    RowBelowOne {
        /// Tokens a row holds.
        max_tokens: i64,
    },
    /// No part to divide into.
    PartsBelowOne {
        /// `num_parts` or `num_ranks`.
        name: &'static str,
        /// The number asked for.
        asked: i64,
    },
    /// More parts than anything is divided into.
    PartsAboveMost {
        /// `num_parts` or `num_ranks`.
        name: &'static str,
        /// The number asked for.
        asked: i64,
        /// The most there may be.
        most: usize,
    },
    /// A crossover length below one.
    CrossoverBelowOne {
        /// The length asked for.
        crossover: i64,
    },
    /// Arrays that memory does not hold.
    BatchTooLarge {
        /// Rows of the arrays.
        rows: usize,
        /// Tokens of a row.
        row_length: usize,
    },
    /// Lengths whose sum does not fit in 64 bits.
    TotalTooLarge {
        /// The first length past the limit.
        index: usize,
    },
    /// Prompts and responses that do not pair up.
    CountsDiffer {
        /// Number of prompts.
        prompts: usize,
        /// Number of responses.
        responses: usize,
    },
    /// A prompt without a token: nothing would predict the first response token.
    EmptyPrompt {
        /// Which prompt.
        index: usize,
    },
    /// A token id below zero.
    NegativeToken {
        /// `prompts` or `responses`.
        of: &'static str,
        /// Which sequence.
        index: usize,
        /// Which token of it.
        token: usize,
        /// The id.
        id: i64,
    },
    /// A number of per-token lists other than the number of sequences.
    ValueCountDiffers {
        /// Number of lists.
        lists: usize,
        /// Number of sequences.
        sequences: usize,
    },
    /// A list of per-token values whose length is not the response's.
    ValueLengthDiffers {
        /// Which sequence.
        index: usize,
        /// Values given.
        values: usize,
        /// Tokens of the response.
        response: usize,
    },
}

impl fmt::Display for BatchError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LengthBelowOne { index, length } => {
                write!(out, "lengths[{index}] is {length}: a sequence has at least 1 token")
            }
            Self::LongerThanRow { index, length, max_tokens } => {
                write!(out, "lengths[{index}] is {length}, more than max_tokens = {max_tokens}")
            }
            Self::RowBelowOne { max_tokens } => write!(out, "max_tokens is {max_tokens}: it must be at least 1"),
            Self::PartsBelowOne { name, asked } => write!(out, "{name} is {asked}: it must be at least 1"),
            Self::PartsAboveMost { name, asked, most } => write!(out, "{name} is {asked}: it may be at most {most}"),
            Self::CrossoverBelowOne { crossover } => {
                write!(out, "attention_crossover is {crossover}: it must be at least 1 token")
            }
            Self::BatchTooLarge { rows, row_length } => {
                write!(out, "{rows} rows of {row_length} tokens do not fit in memory")
            }
            Self::TotalTooLarge { index } => {
                write!(out, "the lengths up to lengths[{index}] sum to more than 2^63 - 1")
            }
            Self::CountsDiffer { prompts, responses } => {
                write!(out, "{prompts} prompts but {responses} responses: each response needs its prompt")
            }
            Self::EmptyPrompt { index } => {
                write!(out, "prompts[{index}] is empty: the first response token needs a token before it")
            }
            Self::NegativeToken { of, index, token, id } => {
                write!(out, "{of}[{index}][{token}] is {id}: a token id is at least 0")
            }
            Self::ValueCountDiffers { lists, sequences } => {
                write!(out, "{lists} lists of values for {sequences} sequences")
            }
            Self::ValueLengthDiffers { index, values, response } => {
                write!(out, "values[{index}] has {values} values, but that response has {response} tokens")
            }
        }
    }
}

impl std::error::Error for BatchError {}
