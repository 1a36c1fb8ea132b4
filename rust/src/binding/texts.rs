//! Many texts of a caller, kept alive and read where they lie: Python strings, `NumPy` arrays, Arrow columns.

use std::borrow::Cow;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyFrozenSet, PyIterator, PyList, PyMapping, PySet, PyString, PyTuple};

use super::arrow::{Chunk, is_arrow, string_chunks};
use super::code_points::{CodePoints, points_or_list};
use super::kind;
use super::surrogates::text;

/// One text, in the memory of whoever made it. Decoding waits for the thread that needs it.
pub enum Text<'a> {
    /// No text at all.
    Null,
    /// A Python string; owned only where it has lone surrogates.
    Str(Cow<'a, str>),
    /// What should be UTF-8.
    Bytes(&'a [u8]),
    /// Unicode code points, filled up with zeros.
    Points(&'a [u32]),
}

impl Text<'_> {
    /// The text, if there is one; what is no character becomes the replacement character.
    pub fn read(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Null => None,
            Self::Str(text) => Some(Cow::Borrowed(text)),
            Self::Bytes(bytes) => Some(String::from_utf8_lossy(bytes)),
            Self::Points(points) => {
                let character = |point: &u32| char::from_u32(*point).unwrap_or(char::REPLACEMENT_CHARACTER);
                let end = points.iter().rposition(|point| *point != 0).map_or(0, |last| last + 1);
                Some(Cow::Owned(points[..end].iter().map(character).collect()))
            }
        }
    }
}

/// The texts of one argument.
pub enum Texts<'py> {
    /// Python strings.
    Objects(Vec<Bound<'py, PyString>>),
    /// A `NumPy` array of kind `U`.
    Points(CodePoints<'py>),
    /// An Arrow array, or the parts of a chunked one.
    Arrow(Vec<Chunk<'py>>),
}

impl<'py> Texts<'py> {
    /// Takes the argument called `name`.
    pub fn new(name: &str, sequence: &Bound<'py, PyAny>) -> PyResult<Self> {
        if sequence.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err(format!("{name} must be a sequence of str, not one str")));
        }
        if is_arrow(sequence) {
            return Ok(Self::Arrow(string_chunks(name, sequence)?));
        }
        match points_or_list(sequence)? {
            Ok(points) => Ok(Self::Points(points)),
            Err(items) => objects(name, &items).map(Self::Objects),
        }
    }

    /// A view of each text, in order.
    pub fn views(&self) -> PyResult<Vec<Text<'_>>> {
        match self {
            Self::Objects(objects) => Ok(objects.iter().map(|object| Text::Str(text(object))).collect()),
            Self::Points(points) => Ok(points.views()),
            Self::Arrow(chunks) => chunks.iter().flat_map(Chunk::views).collect(),
        }
    }
}

/// How much room to make for a sequence: what it says of itself, within reason.
pub fn expected_length(sequence: &Bound<'_, PyAny>) -> usize {
    sequence.len().unwrap_or(0).min(1 << 20)
}

/// The argument called `name`, which is one text.
pub fn one<'a, 'py>(name: &str, given: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PyString>> {
    given.cast().map_err(|_| PyTypeError::new_err(format!("{name} must be str, not {}", kind(given))))
}

/// The elements, or None of what has none, and of what would give others than are meant: a mapping its keys, bytes
/// their numbers, a set its elements in no order.
pub fn elements<'py>(given: &Bound<'py, PyAny>) -> Option<Bound<'py, PyIterator>> {
    let is_usual = given.is_instance_of::<PyList>() || given.is_instance_of::<PyTuple>(); // told apart quickly
    let misleads = !is_usual
        && (given.is_instance_of::<PyBytes>()
            || given.is_instance_of::<PyByteArray>()
            || given.is_instance_of::<PySet>()
            || given.is_instance_of::<PyFrozenSet>()
            || given.is_instance_of::<PyMapping>());
    if misleads { None } else { given.try_iter().ok() }
}

/// The Python strings of any iterable.
pub fn objects<'py>(name: &str, sequence: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyString>>> {
    let items = elements(sequence)
        .ok_or_else(|| PyTypeError::new_err(format!("{name} must be a sequence of str, not {}", kind(sequence))))?;
    let mut objects = Vec::with_capacity(expected_length(sequence));
    for (index, item) in items.enumerate() {
        objects.push(item?.cast_into::<PyString>().map_err(|error| {
            let given = kind(&error.into_inner());
            PyTypeError::new_err(format!("{name}[{index}] must be str, not {given}"))
        })?);
    }
    Ok(objects)
}
