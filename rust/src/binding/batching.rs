//! Sequences of numbers from Python, and the arrays a batch is made of.

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::kind;
use crate::batching;
use crate::batching::collate::{Collated, Pairs};
use crate::batching::error::BatchError;

impl From<BatchError> for PyErr {
    fn from(error: BatchError) -> Self {
        PyValueError::new_err(error.to_string())
    }
}

/// One sequence of numbers: an array's own memory where its type is right, a converted copy elsewhere.
enum Row<'py, T: numpy::Element> {
    Array(PyReadonlyArray1<'py, T>),
    Copy(Vec<T>),
}

impl<T: numpy::Element> Row<'_, T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::Array(array) => array.as_slice().unwrap_or_default(), // contiguous: looked at when it was made
            Self::Copy(copy) => copy,
        }
    }
}

/// Reads `name`, a sequence of sequences of numbers, as rows of `T`.
fn rows<'py, T>(name: &str, sequences: &Bound<'py, PyAny>, wanted: &str) -> PyResult<Vec<Row<'py, T>>>
where
    T: numpy::Element,
    for<'a> Vec<T>: FromPyObject<'a, 'py, Error = PyErr>,
{
    let items = sequences
        .try_iter()
        .map_err(|_| PyTypeError::new_err(format!("{name} must be a sequence of {wanted}, not {}", kind(sequences))))?;
    let mut rows = Vec::new();
    for (index, item) in items.enumerate() {
        let item = item?;
        if let Ok(array) = item.extract::<PyReadonlyArray1<'py, T>>()
            && array.as_slice().is_ok()
        {
            rows.push(Row::Array(array));
            continue;
        }
        let copy = item.extract::<Vec<T>>().map_err(|error| {
            let message = format!("{name}[{index}] must be one of {wanted}: {}", error.value(item.py()));
            if error.is_instance_of::<PyOverflowError>(item.py()) {
                PyValueError::new_err(message)
            } else {
                PyTypeError::new_err(message)
            }
        })?;
        rows.push(Row::Copy(copy));
    }
    Ok(rows)
}

fn signed(sizes: impl IntoIterator<Item = usize>) -> Vec<i64> {
    sizes.into_iter().map(|size| i64::try_from(size).unwrap_or(i64::MAX)).collect()
}

/// `token_ids`, positions, `sequence_ids`, `target_ids`, mask, starts, lengths, `prompt_lengths`.
pub type Arrays<'py> = (
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<f32>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
);

fn collated<'py>(
    prompts: &Bound<'py, PyAny>,
    responses: &Bound<'py, PyAny>,
    arrange: impl Fn(&Pairs<'_>) -> Result<Collated, BatchError> + Sync + Send,
) -> PyResult<Arrays<'py>> {
    let py = prompts.py();
    let wanted = "lists or 1-D arrays of integers";
    let (prompt_rows, response_rows) =
        (rows::<i64>("prompts", prompts, wanted)?, rows::<i64>("responses", responses, wanted)?);
    let prompt_ids: Vec<&[i64]> = prompt_rows.iter().map(Row::as_slice).collect();
    let response_ids: Vec<&[i64]> = response_rows.iter().map(Row::as_slice).collect();
    let (batch, lengths) = py.detach(|| {
        let pairs = Pairs::new(&prompt_ids, &response_ids)?;
        Ok::<_, BatchError>((arrange(&pairs)?, pairs.lengths()))
    })?;
    Ok((
        batch.token_ids.into_pyarray(py),
        batch.positions.into_pyarray(py),
        batch.sequence_ids.into_pyarray(py),
        batch.target_ids.into_pyarray(py),
        batch.mask.into_pyarray(py),
        signed(batch.starts).into_pyarray(py),
        signed(lengths).into_pyarray(py),
        signed(prompt_ids.iter().copied().map(<[i64]>::len)).into_pyarray(py),
    ))
}

fn lengths_from(lengths: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    if let Ok(array) = lengths.extract::<PyReadonlyArray1<'_, i64>>() {
        return Ok(array.as_array().to_vec());
    }
    lengths.extract::<Vec<i64>>().map_err(|error| {
        let given = kind(lengths);
        PyTypeError::new_err(format!("lengths must be a sequence of integers, not {given}: {error}"))
    })
}

fn lists(py: Python<'_>, groups: Vec<Vec<usize>>) -> PyResult<Bound<'_, PyList>> {
    PyList::new(py, groups)
}

#[pyfunction]
pub fn pack_sequences<'py>(
    py: Python<'py>,
    lengths: &Bound<'py, PyAny>,
    max_tokens: i64,
) -> PyResult<Bound<'py, PyList>> {
    let lengths = lengths_from(lengths)?;
    lists(py, py.detach(|| batching::pack::pack_sequences(&lengths, max_tokens))?)
}

#[pyfunction]
pub fn balance<'py>(py: Python<'py>, lengths: &Bound<'py, PyAny>, num_parts: i64) -> PyResult<Bound<'py, PyList>> {
    let lengths = lengths_from(lengths)?;
    lists(py, py.detach(|| batching::balance::balance(&lengths, num_parts))?)
}

#[pyfunction]
#[allow(clippy::redundant_closure_for_method_calls)] // the method's own lifetime is not general enough
pub fn collate_packed<'py>(prompts: &Bound<'py, PyAny>, responses: &Bound<'py, PyAny>) -> PyResult<Arrays<'py>> {
    collated(prompts, responses, |pairs| Ok(pairs.packed()))
}

#[pyfunction]
pub fn collate_padded<'py>(
    prompts: &Bound<'py, PyAny>,
    responses: &Bound<'py, PyAny>,
    pad_token_id: i64,
) -> PyResult<Arrays<'py>> {
    collated(prompts, responses, |pairs| pairs.padded(pad_token_id))
}

#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 hands these over by value
pub fn align<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyAny>,
    first: Vec<usize>,
    response_lengths: Vec<usize>,
    size: usize,
) -> PyResult<Bound<'py, PyArray1<f32>>> {
    if first.len() != response_lengths.len() {
        let (starts, lengths) = (first.len(), response_lengths.len());
        return Err(PyValueError::new_err(format!("{starts} starts for {lengths} response lengths")));
    }
    let value_rows = rows::<f32>("values", values, "lists or 1-D arrays of floats")?;
    let values: Vec<&[f32]> = value_rows.iter().map(Row::as_slice).collect();
    let aligned = py.detach(|| batching::collate::align(&values, &first, &response_lengths, size))?;
    Ok(aligned.into_pyarray(py))
}
