//! The Python module `pgkern._native`: convert, release the interpreter lock, call, convert back.

mod arrow;
mod batching;
mod code_points;
mod golds;
mod many;
mod numbers;
mod options;
mod surrogates;
mod texts;
mod verification;

use pyo3::prelude::*;

/// The name of an object's type, for messages.
fn kind(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| String::from("another type"), |name| name.to_string())
}

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::batching::{
        align, balance, collate_packed, collate_padded, pack_balanced, pack_sequences, pack_sequences_flat,
    };
    #[pymodule_export]
    use super::many::verify_many;
    #[pymodule_export]
    use super::verification::{equivalent, explain, extract_answer, verify};
}
