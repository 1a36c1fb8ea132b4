//! Answers verified exactly and sequences packed, without Python; `binding` is the only file that knows Python.
#[cfg(feature = "python")]
mod binding;
