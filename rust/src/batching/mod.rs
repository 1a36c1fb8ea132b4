//! Sequences of token ids arranged for the GPU: into rows, into equal shares, into flat arrays.

pub mod balance;
pub mod collate;
pub mod error;
pub mod pack;
