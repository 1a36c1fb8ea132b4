//! Sequences of numbers from Python: lists, arrays, and ragged lists of them.

use numpy::{Element, PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::kind;

/// A number that batches are made of, and the element types of arrays that are read as it.
pub trait Number: Element + Copy {
    /// The elements of an array of another type or layout; None for a type that could lose something unnoticed.
    fn converted(array: &Bound<'_, PyAny>) -> Option<Vec<Self>>;
}

impl Number for i64 {
    fn converted(array: &Bound<'_, PyAny>) -> Option<Vec<Self>> {
        elements::<i64, _>(array, |id| id)
            .or_else(|| elements::<i32, _>(array, i64::from))
            .or_else(|| elements::<u32, _>(array, i64::from))
            .or_else(|| elements::<i16, _>(array, i64::from))
            .or_else(|| elements::<u16, _>(array, i64::from))
            .or_else(|| elements::<u8, _>(array, i64::from))
            .or_else(|| elements::<i8, _>(array, i64::from))
    }
}

impl Number for f32 {
    #[allow(clippy::cast_possible_truncation)] // values are rounded to what the loss computes in
    fn converted(array: &Bound<'_, PyAny>) -> Option<Vec<Self>> {
        elements::<f32, _>(array, |value| value).or_else(|| elements::<f64, _>(array, |value| value as f32))
    }
}

fn elements<E: Element + Copy, T>(array: &Bound<'_, PyAny>, convert: impl Fn(E) -> T) -> Option<Vec<T>> {
    let array = array.cast::<PyArray1<E>>().ok()?.try_readonly().ok()?;
    Some(array.as_array().iter().map(|&element| convert(element)).collect())
}

/// One sequence of numbers: an array's own memory where its type is right, a converted copy elsewhere.
pub enum Numbers<'py, T: Number> {
    Array(PyReadonlyArray1<'py, T>),
    Copy(Vec<T>),
}

impl<'py, T: Number> Numbers<'py, T> {
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::Array(array) => array.as_slice().unwrap_or_default(), // contiguous: looked at when it was made
            Self::Copy(copy) => copy,
        }
    }

    fn of_array(array: &Bound<'py, PyAny>) -> Option<Self> {
        if let Ok(same_type) = array.cast::<PyArray1<T>>()
            && let Ok(array) = same_type.try_readonly()
            && array.as_slice().is_ok()
        {
            return Some(Self::Array(array));
        }
        T::converted(array).map(Self::Copy)
    }
}

impl<'py> Numbers<'py, i64> {
    /// Reads `name`, a sequence of integers.
    pub fn read(name: &str, sequence: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Some(numbers) = Self::of_array(sequence) {
            return Ok(numbers);
        }
        sequence.extract().map(Self::Copy).map_err(|error| {
            let given = kind(sequence);
            PyTypeError::new_err(format!("{name} must be a sequence of integers, not {given}: {error}"))
        })
    }
}

/// Sequences of different lengths: each by itself, or all behind one another.
pub enum Ragged<'py, T: Number> {
    Each(Vec<Numbers<'py, T>>),
    Flat { values: Numbers<'py, T>, offsets: Vec<usize> },
}

impl<'py, T: Number> Ragged<'py, T>
where
    for<'a> Vec<T>: FromPyObject<'a, 'py, Error = PyErr>,
{
    /// Reads `name`, a `pgkern.Ragged` or a sequence of sequences of numbers.
    pub fn read(name: &str, sequences: &Bound<'py, PyAny>, wanted: &str) -> PyResult<Self> {
        if let Some(offsets) = sequences.getattr_opt("offsets")? {
            let values = one(|| format!("{name}.values"), &sequences.getattr("values")?, wanted)?;
            let offsets = Numbers::read(&format!("{name}.offsets"), &offsets)?;
            let offsets = ascending(name, offsets.as_slice(), values.as_slice().len())?;
            return Ok(Self::Flat { values, offsets });
        }
        let items = sequences.try_iter().map_err(|_| {
            PyTypeError::new_err(format!("{name} must be a sequence of {wanted}, not {}", kind(sequences)))
        })?;
        let read = |(index, item): (usize, PyResult<_>)| one(|| format!("{name}[{index}]"), &item?, wanted);
        items.enumerate().map(read).collect::<PyResult<_>>().map(Self::Each)
    }

    /// Every sequence, where it lies.
    pub fn slices(&self) -> Vec<&[T]> {
        match self {
            Self::Each(rows) => rows.iter().map(Numbers::as_slice).collect(),
            Self::Flat { values, offsets } => {
                let values = values.as_slice();
                offsets.windows(2).map(|ends| &values[ends[0]..ends[1]]).collect()
            }
        }
    }
}

fn one<'py, T: Number>(name: impl Fn() -> String, item: &Bound<'py, PyAny>, wanted: &str) -> PyResult<Numbers<'py, T>>
where
    for<'a> Vec<T>: FromPyObject<'a, 'py, Error = PyErr>,
{
    if let Some(numbers) = Numbers::of_array(item) {
        return Ok(numbers);
    }
    item.extract().map(Numbers::Copy).map_err(|error| {
        let message = format!("{} must be one of {wanted}: {}", name(), error.value(item.py()));
        if error.is_instance_of::<PyOverflowError>(item.py()) {
            PyValueError::new_err(message)
        } else {
            PyTypeError::new_err(message)
        }
    })
}

/// Offsets that lead through all the values: from 0, never down, to their number.
fn ascending(name: &str, offsets: &[i64], values: usize) -> PyResult<Vec<usize>> {
    let places: Option<Vec<usize>> = offsets.iter().map(|&offset| usize::try_from(offset).ok()).collect();
    let whole =
        |places: &Vec<usize>| places.first() == Some(&0) && places.last() == Some(&values) && places.is_sorted();
    places.filter(whole).ok_or_else(|| {
        PyValueError::new_err(format!("{name}.offsets must ascend from 0 to the {values} values that there are"))
    })
}
