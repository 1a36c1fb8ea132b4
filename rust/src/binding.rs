//! The Python module `pgkern._native`: convert, release the interpreter lock, call, convert back.

use std::borrow::Cow;

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use rayon::prelude::*;

use crate::batching::collate::{Collated, Pairs};
use crate::batching::error::BatchError;
use crate::extract::{Mode, UnknownMode};
use crate::pool::pool_of;

impl From<BatchError> for PyErr {
    fn from(error: BatchError) -> Self {
        PyValueError::new_err(error.to_string())
    }
}

impl From<UnknownMode> for PyErr {
    fn from(error: UnknownMode) -> Self {
        PyValueError::new_err(error.to_string())
    }
}

/// Strings of a Python sequence, kept alive while Rust reads them without the interpreter lock.
struct Strings<'py> {
    objects: Vec<Bound<'py, PyString>>,
}

impl<'py> Strings<'py> {
    fn new(name: &str, sequence: &Bound<'py, PyAny>) -> PyResult<Self> {
        if sequence.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err(format!("{name} must be a sequence of str, not one str")));
        }
        let items = sequence
            .try_iter()
            .map_err(|_| PyTypeError::new_err(format!("{name} must be a sequence of str, not {}", kind(sequence))))?;
        let mut objects = Vec::new();
        for (index, item) in items.enumerate() {
            objects.push(item?.cast_into::<PyString>().map_err(|error| {
                let given = kind(&error.into_inner());
                PyTypeError::new_err(format!("{name}[{index}] must be str, not {given}"))
            })?);
        }
        Ok(Self { objects })
    }

    /// The texts, borrowed where Python holds UTF-8; a lone surrogate becomes the replacement character.
    fn texts(&self) -> Vec<Cow<'_, str>> {
        self.objects.iter().map(PyStringMethods::to_string_lossy).collect()
    }
}

/// The golds of each completion: one `str` or several.
struct Golds<'py> {
    objects: Vec<Bound<'py, PyString>>,
    /// Where each completion's golds end.
    ends: Vec<usize>,
}

impl<'py> Golds<'py> {
    fn new(sequence: &Bound<'py, PyAny>) -> PyResult<Self> {
        if sequence.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("golds must be a sequence with one entry per completion, not one str"));
        }
        let items = sequence.try_iter().map_err(|_| {
            PyTypeError::new_err(format!(
                "golds must be a sequence of str or of sequences of str, not {}",
                kind(sequence)
            ))
        })?;
        let mut golds = Self { objects: Vec::new(), ends: Vec::new() };
        for (index, item) in items.enumerate() {
            match item?.cast_into::<PyString>() {
                Ok(single) => golds.objects.push(single),
                Err(error) => golds.extend(&format!("golds[{index}]"), &error.into_inner())?,
            }
            golds.ends.push(golds.objects.len());
        }
        Ok(golds)
    }

    /// Adds several accepted golds of one completion.
    fn extend(&mut self, name: &str, several: &Bound<'py, PyAny>) -> PyResult<()> {
        if several.try_iter().is_err() {
            let given = kind(several);
            return Err(PyTypeError::new_err(format!("{name} must be str or a sequence of str, not {given}")));
        }
        let several = Strings::new(name, several)?.objects;
        if several.is_empty() {
            return Err(PyValueError::new_err(format!("{name} is empty: at least one gold must be accepted")));
        }
        self.objects.extend(several);
        Ok(())
    }
}

/// One gold or several, for a single completion.
fn golds_of_one<'py>(gold: &Bound<'py, PyAny>) -> PyResult<Golds<'py>> {
    let mut golds = Golds { objects: Vec::new(), ends: Vec::new() };
    match gold.cast::<PyString>() {
        Ok(single) => golds.objects.push(single.clone()),
        Err(_) => golds.extend("gold", gold)?,
    }
    Ok(golds)
}

/// Completions of fewer bytes in all are verified where they are: waking threads would cost more than they save.
const WORTH_SHARING: usize = 128 << 10;

/// Verdicts in order, the same on any number of threads.
fn verdicts(
    completions: &[Cow<'_, str>],
    golds: &[&str],
    ends: &[usize],
    mode: Mode,
    num_threads: Option<usize>,
) -> Result<Vec<u8>, rayon::ThreadPoolBuildError> {
    let one = |(index, completion): (usize, &Cow<'_, str>)| {
        let begin = if index == 0 { 0 } else { ends[index - 1] };
        crate::verify::verify(completion, &golds[begin..ends[index]], mode, &crate::options::Options::default()).code()
    };
    let bytes: usize = completions.iter().map(|completion| completion.len()).sum();
    if num_threads == Some(1) || bytes < WORTH_SHARING {
        return Ok(completions.iter().enumerate().map(one).collect());
    }
    let pool = pool_of(num_threads)?;
    Ok(pool.install(|| completions.par_iter().enumerate().map(one).collect()))
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
        if let Ok(array) = item.extract::<PyReadonlyArray1<'py, T>>() {
            if array.as_slice().is_ok() {
                rows.push(Row::Array(array));
                continue;
            }
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

fn kind(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| String::from("another type"), |name| name.to_string())
}

fn signed(sizes: impl IntoIterator<Item = usize>) -> Vec<i64> {
    sizes.into_iter().map(|size| i64::try_from(size).unwrap_or(i64::MAX)).collect()
}

/// `token_ids`, positions, `sequence_ids`, `target_ids`, mask, starts, lengths, `prompt_lengths`.
type Arrays<'py> = (
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

#[pymodule]
mod _native {
    use std::borrow::Cow;

    use pyo3::exceptions::PyRuntimeError;
    use pyo3::prelude::*;
    use pyo3::types::PyStringMethods;

    use super::{
        Arrays, Golds, IntoPyArray, Mode, PyArray1, PyList, PyReadonlyArray1, PyString, PyTypeError, PyValueError, Row,
        Strings, collated, golds_of_one, kind, rows, verdicts,
    };
    use crate::batching;

    #[pyfunction]
    fn extract_answer(py: Python<'_>, completion: &Bound<'_, PyString>, mode: &str) -> PyResult<Option<String>> {
        let mode: Mode = mode.parse()?;
        let text = completion.to_string_lossy();
        Ok(py.detach(|| crate::extract::extract(&text, mode).map(Cow::into_owned)))
    }

    #[pyfunction]
    fn equivalent(py: Python<'_>, answer: &Bound<'_, PyString>, gold: &Bound<'_, PyAny>) -> PyResult<u8> {
        let golds = golds_of_one(gold)?;
        let gold_texts: Vec<Cow<'_, str>> = golds.objects.iter().map(PyStringMethods::to_string_lossy).collect();
        let accepted: Vec<&str> = gold_texts.iter().map(AsRef::as_ref).collect();
        let text = answer.to_string_lossy();
        Ok(py.detach(|| crate::verify::equivalent(&text, &accepted, &crate::options::Options::default()).code()))
    }

    #[pyfunction]
    fn verify(py: Python<'_>, completion: &Bound<'_, PyString>, gold: &Bound<'_, PyAny>, mode: &str) -> PyResult<u8> {
        let mode: Mode = mode.parse()?;
        let golds = golds_of_one(gold)?;
        let gold_texts: Vec<Cow<'_, str>> = golds.objects.iter().map(PyStringMethods::to_string_lossy).collect();
        let accepted: Vec<&str> = gold_texts.iter().map(AsRef::as_ref).collect();
        let text = completion.to_string_lossy();
        Ok(py.detach(|| crate::verify::verify(&text, &accepted, mode, &crate::options::Options::default()).code()))
    }

    #[pyfunction]
    #[pyo3(signature = (completions, golds, mode, num_threads))]
    fn verify_many<'py>(
        completions: &Bound<'py, PyAny>,
        golds: &Bound<'py, PyAny>,
        mode: &str,
        num_threads: Option<i64>,
    ) -> PyResult<Bound<'py, PyArray1<u8>>> {
        let py = completions.py();
        let mode: Mode = mode.parse()?;
        let num_threads = num_threads.map(threads).transpose()?;
        let strings = Strings::new("completions", completions)?;
        let golds = Golds::new(golds)?;
        if strings.objects.len() != golds.ends.len() {
            let (completions, golds) = (strings.objects.len(), golds.ends.len());
            let message = format!("{completions} completions but {golds} golds: each completion needs its own");
            return Err(PyValueError::new_err(message));
        }
        let texts = strings.texts();
        let gold_texts: Vec<Cow<'_, str>> = golds.objects.iter().map(PyStringMethods::to_string_lossy).collect();
        let accepted: Vec<&str> = gold_texts.iter().map(AsRef::as_ref).collect();
        let codes = py.detach(|| verdicts(&texts, &accepted, &golds.ends, mode, num_threads));
        Ok(codes.map_err(|error| PyRuntimeError::new_err(error.to_string()))?.into_pyarray(py))
    }

    fn threads(asked: i64) -> PyResult<usize> {
        usize::try_from(asked).ok().filter(|threads| (1..=1024).contains(threads)).ok_or_else(|| {
            PyValueError::new_err(format!("num_threads is {asked}: it must be from 1 to 1024, or None for all cores"))
        })
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
    fn pack_sequences<'py>(
        py: Python<'py>,
        lengths: &Bound<'py, PyAny>,
        max_tokens: i64,
    ) -> PyResult<Bound<'py, PyList>> {
        let lengths = lengths_from(lengths)?;
        lists(py, py.detach(|| batching::pack::pack_sequences(&lengths, max_tokens))?)
    }

    #[pyfunction]
    fn balance<'py>(py: Python<'py>, lengths: &Bound<'py, PyAny>, num_parts: i64) -> PyResult<Bound<'py, PyList>> {
        let lengths = lengths_from(lengths)?;
        lists(py, py.detach(|| batching::balance::balance(&lengths, num_parts))?)
    }

    #[pyfunction]
    #[allow(clippy::redundant_closure_for_method_calls)] // the method's own lifetime is not general enough
    fn collate_packed<'py>(prompts: &Bound<'py, PyAny>, responses: &Bound<'py, PyAny>) -> PyResult<Arrays<'py>> {
        collated(prompts, responses, |pairs| Ok(pairs.packed()))
    }

    #[pyfunction]
    fn collate_padded<'py>(
        prompts: &Bound<'py, PyAny>,
        responses: &Bound<'py, PyAny>,
        pad_token_id: i64,
    ) -> PyResult<Arrays<'py>> {
        collated(prompts, responses, |pairs| pairs.padded(pad_token_id))
    }

    #[pyfunction]
    #[allow(clippy::needless_pass_by_value)] // PyO3 hands these over by value
    fn align<'py>(
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
}
