//! Answers verified exactly and sequences packed, without Python; `binding` is the only file that knows Python.

pub mod batching;
pub mod pool;

#[cfg(feature = "python")]
mod binding;
