//! Exact numbers, and how they are read.

pub mod rational;
pub mod read;
