//! The golds of each completion: one text or several.

use std::ops::Range;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::arrow::{is_arrow, lists};
use super::code_points::points_or_list;
use super::kind;
use super::texts::{Text, Texts, elements, expected_length, objects};

/// All golds of a call, and which of them belong to which completion.
pub struct Golds<'py> {
    texts: Texts<'py>,
    /// For each completion; where it is absent each completion has the gold of its own place.
    ranges: Option<Vec<Range<usize>>>,
}

impl<'py> Golds<'py> {
    /// Takes the argument of a call about many completions.
    pub fn new(sequence: &Bound<'py, PyAny>) -> PyResult<Self> {
        if sequence.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("golds must be a sequence with one entry per completion, not one str"));
        }
        if is_arrow(sequence) {
            return Self::of_arrow(sequence);
        }
        match points_or_list(sequence)? {
            Ok(points) => Ok(Self { texts: Texts::Points(points), ranges: None }),
            Err(items) => Self::of_objects(&items),
        }
    }

    fn of_arrow(column: &Bound<'py, PyAny>) -> PyResult<Self> {
        let Some(lists) = lists("golds", column)? else {
            return Ok(Self { texts: Texts::new("golds", column)?, ranges: None });
        };
        let mut ranges = Vec::new();
        let mut before = 0;
        for (chunk, its_ranges) in lists.chunks.iter().zip(lists.ranges) {
            ranges.extend(its_ranges.into_iter().map(|(begin, end)| before + begin..before + end));
            before += chunk.len();
        }
        Ok(Self { texts: Texts::Arrow(lists.chunks), ranges: Some(ranges) })
    }

    fn of_objects(sequence: &Bound<'py, PyAny>) -> PyResult<Self> {
        let items = elements(sequence).ok_or_else(|| {
            let given = kind(sequence);
            PyTypeError::new_err(format!("golds must be a sequence of str or of sequences of str, not {given}"))
        })?;
        let mut found = Vec::with_capacity(expected_length(sequence));
        let mut ranges: Option<Vec<Range<usize>>> = None; // not before one completion has several
        for (index, item) in items.enumerate() {
            let begin = found.len();
            match item?.cast_into::<PyString>() {
                Ok(single) => found.push(single),
                Err(error) => {
                    found.extend(several(&format!("golds[{index}]"), &error.into_inner())?);
                    ranges.get_or_insert_with(|| (0..begin).map(|place| place..place + 1).collect());
                }
            }
            if let Some(ranges) = &mut ranges {
                ranges.push(begin..found.len());
            }
        }
        Ok(Self { texts: Texts::Objects(found), ranges })
    }

    /// One gold or several, for a single completion.
    pub fn of_one(gold: &Bound<'py, PyAny>) -> PyResult<Self> {
        let golds = match gold.cast::<PyString>() {
            Ok(single) => vec![single.clone()],
            Err(_) => several("gold", gold)?,
        };
        Ok(Self { texts: Texts::Objects(golds), ranges: None })
    }

    /// A view of all golds.
    pub fn views(&self) -> PyResult<Vec<Text<'_>>> {
        self.texts.views()
    }

    /// Which golds each completion has, of `count` golds in all.
    pub fn ranges(&self, count: usize) -> Ranges<'_> {
        Ranges { ranges: self.ranges.as_deref(), count }
    }
}

/// Which golds belong to which completion.
pub struct Ranges<'a> {
    ranges: Option<&'a [Range<usize>]>,
    count: usize,
}

impl Ranges<'_> {
    /// How many completions the golds are for.
    pub fn len(&self) -> usize {
        self.ranges.map_or(self.count, <[Range<usize>]>::len)
    }

    /// Those of one completion.
    pub fn of(&self, completion: usize) -> Range<usize> {
        self.ranges.map_or(completion..completion + 1, |ranges| ranges[completion].clone())
    }
}

/// Several accepted golds of one completion.
fn several<'py>(name: &str, golds: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyString>>> {
    if elements(golds).is_none() {
        return Err(PyTypeError::new_err(format!("{name} must be str or a sequence of str, not {}", kind(golds))));
    }
    let golds = objects(name, golds)?;
    if golds.is_empty() {
        return Err(PyValueError::new_err(format!("{name} is empty: at least one gold must be accepted")));
    }
    Ok(golds)
}
