//! String columns of pyarrow, read in the memory they lie in.
//!
//! `NumPy` lays an array over each of their buffers, which costs nothing and needs no Arrow library here: a crate that
//! speaks Arrow's C interface would bring a dozen others, and unsafe code. pyarrow itself is never imported.

use numpy::PyReadonlyArray1;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::texts::Text;

/// A buffer's bytes; none where Arrow left the buffer out.
struct Buffer<'py>(Option<PyReadonlyArray1<'py, u8>>);

impl<'py> Buffer<'py> {
    fn new(buffer: &Bound<'py, PyAny>) -> PyResult<Self> {
        if buffer.is_none() || buffer.len()? == 0 {
            return Ok(Self(None));
        }
        let bytes = buffer.py().import("numpy")?.call_method1("frombuffer", (buffer, "uint8"))?;
        Ok(Self(Some(bytes.extract()?)))
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_ref().and_then(|array| array.as_slice().ok()).unwrap_or_default()
    }

    /// The `N` bytes at place `index` of a row of such.
    fn item<const N: usize>(&self, index: usize) -> Option<[u8; N]> {
        self.bytes().get(index.checked_mul(N)?..)?.first_chunk().copied()
    }

    fn narrow(&self, index: usize) -> Option<usize> {
        usize::try_from(i32::from_ne_bytes(self.item(index)?)).ok()
    }

    fn wide(&self, index: usize) -> Option<usize> {
        usize::try_from(i64::from_ne_bytes(self.item(index)?)).ok()
    }
}

/// Which places hold something: one bit each, all of them where there is no buffer.
struct Validity<'py> {
    bits: Buffer<'py>,
    offset: usize,
}

impl Validity<'_> {
    fn has(&self, index: usize) -> bool {
        let place = self.offset + index;
        self.bits.0.is_none() || self.bits.bytes().get(place / 8).is_some_and(|byte| byte >> (place % 8) & 1 == 1)
    }
}

/// How the texts of a column lie in memory.
enum Layout<'py> {
    /// Ends of four bytes, then all text.
    Narrow(Buffer<'py>, Buffer<'py>),
    /// Ends of eight bytes, then all text.
    Wide(Buffer<'py>, Buffer<'py>),
    /// Sixteen bytes each, which hold a short text or say where a long one lies.
    Views(Buffer<'py>, Vec<Buffer<'py>>),
    /// Nothing but nulls.
    Nulls,
}

/// One contiguous array of texts.
pub struct Chunk<'py> {
    length: usize,
    validity: Validity<'py>,
    layout: Layout<'py>,
}

impl<'py> Chunk<'py> {
    fn new(name: &str, array: &Bound<'py, PyAny>) -> PyResult<Self> {
        let kind = kind_of(array)?;
        let (length, offset) = (array.len()?, array.getattr("offset")?.extract()?);
        let mut buffers = Vec::new();
        for buffer in array.call_method0("buffers")?.try_iter()? {
            buffers.push(Buffer::new(&buffer?)?);
        }
        let mut buffers = buffers.into_iter();
        let mut next = || buffers.next().unwrap_or(Buffer(None));
        let validity = Validity { bits: next(), offset };
        let layout = match kind.as_str() {
            "string" => Layout::Narrow(next(), next()),
            "large_string" => Layout::Wide(next(), next()),
            "string_view" => Layout::Views(next(), buffers.collect()),
            "null" => Layout::Nulls,
            _ => return Err(unknown(name, &kind)),
        };
        Ok(Self { length, validity, layout })
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// A view of each text.
    pub fn views(&self) -> impl Iterator<Item = PyResult<Text<'_>>> {
        (0..self.length).map(|index| {
            if !self.validity.has(index) {
                return Ok(Text::Null);
            }
            self.text(self.validity.offset + index).ok_or_else(invalid)
        })
    }

    fn text(&self, place: usize) -> Option<Text<'_>> {
        let bytes = match &self.layout {
            Layout::Nulls => return Some(Text::Null),
            Layout::Narrow(ends, text) => between(text, ends.narrow(place)?, ends.narrow(place + 1)?)?,
            Layout::Wide(ends, text) => between(text, ends.wide(place)?, ends.wide(place + 1)?)?,
            Layout::Views(views, texts) => {
                let view = views.bytes().get(place.checked_mul(16)?..)?.get(..16)?;
                let number = |at: usize| {
                    let bytes = view.get(at..)?.first_chunk().copied()?;
                    usize::try_from(i32::from_ne_bytes(bytes)).ok()
                };
                let length = number(0)?;
                if length <= 12 {
                    view.get(4..4 + length)?
                } else {
                    let begin = number(12)?;
                    between(texts.get(number(8)?)?, begin, begin + length)?
                }
            }
        };
        Some(Text::Bytes(bytes))
    }
}

fn between<'a>(text: &'a Buffer<'_>, begin: usize, end: usize) -> Option<&'a [u8]> {
    text.bytes().get(begin..end)
}

/// Whether pyarrow made this.
pub fn is_arrow(object: &Bound<'_, PyAny>) -> bool {
    object.get_type().module().is_ok_and(|module| module.to_string_lossy() == "pyarrow.lib")
}

/// The contiguous parts of an array or a chunked array of texts.
pub fn string_chunks<'py>(name: &str, column: &Bound<'py, PyAny>) -> PyResult<Vec<Chunk<'py>>> {
    parts(name, column)?.iter().map(|part| Chunk::new(name, part)).collect()
}

/// A column of lists: all their texts, and which of them belong to which row. A null row has none.
pub struct Lists<'py> {
    /// The texts of each part.
    pub chunks: Vec<Chunk<'py>>,
    /// For each part and row, where its texts begin and end among those of the part.
    pub ranges: Vec<Vec<(usize, usize)>>,
}

/// The lists of a column, or `None` for a column of something else.
pub fn lists<'py>(name: &str, column: &Bound<'py, PyAny>) -> PyResult<Option<Lists<'py>>> {
    let parts = parts(name, column)?;
    let mut lists = Lists { chunks: Vec::new(), ranges: Vec::new() };
    for part in &parts {
        let kind = kind_of(part)?;
        let is_wide = kind.starts_with("large_list<");
        if !(is_wide || kind.starts_with("list<")) {
            return Ok(None);
        }
        let (length, offset) = (part.len()?, part.getattr("offset")?.extract()?);
        let buffers = part.call_method0("buffers")?;
        let validity = Validity { bits: Buffer::new(&buffers.get_item(0)?)?, offset };
        let ends = Buffer::new(&buffers.get_item(1)?)?;
        let end = |place: usize| if is_wide { ends.wide(place) } else { ends.narrow(place) };
        let mut ranges = Vec::with_capacity(length);
        for index in 0..length {
            if validity.has(index) {
                let place = offset + index;
                let range = end(place).zip(end(place + 1)).ok_or_else(invalid)?;
                if range.0 >= range.1 {
                    let row = index + lists.ranges.iter().map(Vec::len).sum::<usize>();
                    let message = format!("{name}[{row}] is empty: at least one gold must be accepted");
                    return Err(PyValueError::new_err(message));
                }
                ranges.push(range);
            } else {
                ranges.push((0, 0));
            }
        }
        let values = Chunk::new(name, &decoded(&part.getattr("values")?)?)?;
        if ranges.iter().any(|(_, end)| *end > values.length) {
            return Err(invalid());
        }
        lists.chunks.push(values);
        lists.ranges.push(ranges);
    }
    Ok(if parts.is_empty() { None } else { Some(lists) })
}

fn parts<'py>(name: &str, column: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if let Ok(chunks) = column.getattr("chunks") {
        return chunks.try_iter()?.map(|chunk| decoded(&chunk?)).collect();
    }
    if column.hasattr("buffers")? {
        return Ok(vec![decoded(column)?]);
    }
    Err(PyTypeError::new_err(format!("{name} must be an Arrow array, not {}", super::kind(column))))
}

/// The texts themselves where a column holds each only once, and their numbers.
fn decoded<'py>(array: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if kind_of(array)?.starts_with("dictionary<") { array.call_method0("dictionary_decode") } else { Ok(array.clone()) }
}

fn kind_of(array: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(array.getattr("type")?.str()?.to_string_lossy().into_owned())
}

fn unknown(name: &str, kind: &str) -> PyErr {
    PyTypeError::new_err(format!(
        "{name} is an Arrow array of {kind}: it must be one of string, large_string or string_view"
    ))
}

fn invalid() -> PyErr {
    PyValueError::new_err("an Arrow array points outside its own buffers")
}
