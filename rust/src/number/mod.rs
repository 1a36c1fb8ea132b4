//! Exact numbers, and how they are read.

mod numeral;
mod power;
pub mod rational;
pub mod read;
pub mod words;
