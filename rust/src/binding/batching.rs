//! Batches for Python: rows, shares, and the arrays a batch is made of.

use numpy::{IntoPyArray, PyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::numbers::{Numbers, Ragged};
use crate::batching;
use crate::batching::collate::{Collated, Pairs};
use crate::batching::error::BatchError;
use crate::batching::groups::Groups;
use crate::batching::work::WorkModel;

impl From<BatchError> for PyErr {
    fn from(error: BatchError) -> Self {
        PyValueError::new_err(error.to_string())
    }
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
    let prompts = Ragged::<i64>::read("prompts", prompts, wanted)?;
    let responses = Ragged::<i64>::read("responses", responses, wanted)?;
    let (prompt_ids, response_ids) = (prompts.slices(), responses.slices());
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

fn lists<'py>(py: Python<'py>, groups: &Groups) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, groups.iter())
}

#[pyfunction]
pub fn pack_sequences<'py>(
    py: Python<'py>,
    lengths: &Bound<'py, PyAny>,
    max_tokens: i64,
) -> PyResult<Bound<'py, PyList>> {
    let lengths = Numbers::read("lengths", lengths)?;
    let lengths = lengths.as_slice();
    lists(py, &py.detach(|| batching::pack::pack_sequences(lengths, max_tokens))?)
}

/// The indices of all rows, and where each begins.
pub type FlatGroups<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>);

#[pyfunction]
pub fn pack_sequences_flat<'py>(
    py: Python<'py>,
    lengths: &Bound<'py, PyAny>,
    max_tokens: i64,
) -> PyResult<FlatGroups<'py>> {
    let lengths = Numbers::read("lengths", lengths)?;
    let lengths = lengths.as_slice();
    let groups = py.detach(|| batching::pack::pack_sequences(lengths, max_tokens))?;
    Ok((signed(groups.indices).into_pyarray(py), signed(groups.offsets).into_pyarray(py)))
}

#[pyfunction]
#[pyo3(signature = (lengths, num_parts, attention_crossover=None, equal_size=false))]
pub fn balance<'py>(
    py: Python<'py>,
    lengths: &Bound<'py, PyAny>,
    num_parts: i64,
    attention_crossover: Option<i64>,
    equal_size: bool,
) -> PyResult<Bound<'py, PyList>> {
    let lengths = Numbers::read("lengths", lengths)?;
    let lengths = lengths.as_slice();
    let model = WorkModel::new(attention_crossover)?;
    lists(py, &py.detach(|| batching::balance::balance(lengths, num_parts, model, equal_size))?)
}

#[pyfunction]
#[pyo3(signature = (lengths, max_tokens, num_ranks, attention_crossover=None))]
pub fn pack_balanced<'py>(
    py: Python<'py>,
    lengths: &Bound<'py, PyAny>,
    max_tokens: i64,
    num_ranks: i64,
    attention_crossover: Option<i64>,
) -> PyResult<Bound<'py, PyList>> {
    let lengths = Numbers::read("lengths", lengths)?;
    let lengths = lengths.as_slice();
    let model = WorkModel::new(attention_crossover)?;
    PyList::new(py, py.detach(|| batching::ranks::pack_balanced(lengths, max_tokens, num_ranks, model))?)
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
pub fn align<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyAny>,
    first: &Bound<'py, PyAny>,
    response_lengths: &Bound<'py, PyAny>,
    size: usize,
) -> PyResult<Bound<'py, PyArray1<f32>>> {
    let first = places(&Numbers::read("first", first)?)?;
    let response_lengths = places(&Numbers::read("response_lengths", response_lengths)?)?;
    if first.len() != response_lengths.len() {
        let (starts, lengths) = (first.len(), response_lengths.len());
        return Err(PyValueError::new_err(format!("{starts} starts for {lengths} response lengths")));
    }
    let values = Ragged::<f32>::read("values", values, "lists or 1-D arrays of floats")?;
    let values = values.slices();
    let aligned = py.detach(|| batching::collate::align(&values, &first, &response_lengths, size))?;
    Ok(aligned.into_pyarray(py))
}

fn places(numbers: &Numbers<'_, i64>) -> PyResult<Vec<usize>> {
    let place = |&number: &i64| {
        usize::try_from(number).map_err(|_| PyValueError::new_err(format!("{number} is no place in a batch")))
    };
    numbers.as_slice().iter().map(place).collect()
}
