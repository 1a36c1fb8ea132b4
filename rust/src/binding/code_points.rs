//! One-dimensional `NumPy` arrays of text.

use numpy::{PyArrayDescrMethods, PyReadonlyArray1, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::texts::Text;

/// An array of kind `U`: every text has the same room, four bytes a character, and the rest of it is zeros.
pub struct CodePoints<'py> {
    points: PyReadonlyArray1<'py, u32>,
    length: usize,
}

impl CodePoints<'_> {
    /// A view of each text.
    pub fn views(&self) -> Vec<Text<'_>> {
        let points = self.points.as_slice().unwrap_or_default(); // contiguous: made so below
        if points.is_empty() {
            return (0..self.length).map(|_| Text::Points(&[])).collect();
        }
        points.chunks_exact(points.len() / self.length).map(Text::Points).collect()
    }
}

/// The code points of an array of kind `U`; any other array of objects or strings as a list, which is quicker to go
/// through; anything else as it is.
pub fn points_or_list<'py>(sequence: &Bound<'py, PyAny>) -> PyResult<Result<CodePoints<'py>, Bound<'py, PyAny>>> {
    let Ok(array) = sequence.cast::<PyUntypedArray>() else {
        return Ok(Err(sequence.clone()));
    };
    if array.ndim() != 1 {
        return Ok(Err(sequence.clone()));
    }
    match array.dtype().kind() {
        b'U' => {
            let py = sequence.py();
            let native = array.dtype().call_method1("newbyteorder", ("=",))?;
            let wanted = PyDict::new(py);
            wanted.set_item("dtype", native)?;
            let numpy = py.import("numpy")?;
            let contiguous = numpy.call_method("ascontiguousarray", (array,), Some(&wanted))?;
            let points = if array.dtype().itemsize() == 0 || array.len() == 0 {
                numpy.call_method1("empty", (0, "uint32"))?
            } else {
                contiguous.call_method1("view", ("uint32",))?
            };
            Ok(Ok(CodePoints { points: points.extract()?, length: array.len() }))
        }
        _ => Ok(Err(array.call_method0("tolist")?)),
    }
}
