//! Answers verified exactly and sequences packed, without Python; `binding` alone knows Python.

pub mod answer;
pub mod batching;
pub mod budget;
pub mod certified;
pub mod equality;
pub mod explain;
pub mod expression;
pub mod extract;
pub mod latex;
pub mod number;
pub mod options;
pub mod pool;
mod symbolic;
pub mod turns;
pub mod verdict;
pub mod verify;

#[cfg(feature = "python")]
mod binding;
