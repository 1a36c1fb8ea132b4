//! Sequences of token ids arranged for the GPU: into rows, into equal shares, into flat arrays.

pub mod balance;
pub mod collate;
mod differencing;
pub mod error;
mod greedy;
pub mod groups;
pub mod pack;
pub mod ranks;
mod swaps;
pub mod work;
