//! Checks of many completions, on several threads.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use numpy::{IntoPyArray, PyArray1};
use pyo3::exceptions::{PyOverflowError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::golds::{Golds, Ranges};
use super::kind;
use super::options::{Given, mode, options};
use super::texts::{Text, Texts};
use crate::extract::Mode;
use crate::options::Options;
use crate::pool::pool_of;
use crate::turns::Turns;
use crate::verdict::Verdict;

/// How long Ctrl-C may wait for the interpreter lock to be taken again.
const TURN: Duration = Duration::from_millis(100);

/// What is done sooner stays on the calling thread: waking others would cost more than they save.
const WORTH_SHARING: Duration = Duration::from_micros(100);

#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 hands the options over by value
pub fn verify_many<'py>(
    completions: &Bound<'py, PyAny>,
    golds: &Bound<'py, PyAny>,
    mode: &Bound<'py, PyAny>,
    num_threads: Option<&Bound<'py, PyAny>>,
    options: Given<'py>,
) -> PyResult<Bound<'py, PyArray1<u8>>> {
    let py = completions.py();
    let (mode, options) = (self::mode(mode)?, self::options(&options)?);
    let num_threads = num_threads.map(threads).transpose()?;
    let texts = Texts::new("completions", completions)?;
    let golds = Golds::new(golds)?;
    let (completions, accepted) = (texts.views()?, golds.views()?);
    let ranges = golds.ranges(accepted.len());
    if completions.len() != ranges.len() {
        let (completions, golds) = (completions.len(), ranges.len());
        let message = format!("{completions} completions but {golds} golds: each completion needs its own");
        return Err(PyValueError::new_err(message));
    }
    let pairs = Pairs { completions: &completions, golds: &accepted, ranges, mode, options };
    let turns = Turns::new(completions.len(), |index| pairs.verdict(index).code());
    if num_threads != Some(1) {
        py.detach(|| turns.take(1, Instant::now() + WORTH_SHARING));
    }
    while !turns.are_over() {
        py.check_signals()?;
        py.detach(|| {
            let until = Instant::now() + TURN;
            if num_threads == Some(1) {
                turns.take(1, until);
                return Ok(());
            }
            let pool = pool_of(num_threads)?;
            pool.broadcast(|thread| turns.take(thread.num_threads(), until));
            Ok::<_, rayon::ThreadPoolBuildError>(())
        })
        .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    }
    Ok(turns.into_results().into_pyarray(py))
}

fn threads(given: &Bound<'_, PyAny>) -> PyResult<usize> {
    let py = given.py();
    let threads = match given.extract::<u16>() {
        Ok(threads) => Some(usize::from(threads)),
        Err(error) if error.is_instance_of::<PyOverflowError>(py) => None, // negative, or past all bounds
        Err(_) => {
            let message = format!("num_threads must be an integer or None, not {}", kind(given));
            return Err(PyTypeError::new_err(message));
        }
    };
    threads.filter(|threads| (1..=1024).contains(threads)).ok_or_else(|| {
        PyValueError::new_err(format!("num_threads is {given}: it must be from 1 to 1024, or None for all cores"))
    })
}

/// All that is to be verified.
struct Pairs<'a> {
    completions: &'a [Text<'a>],
    golds: &'a [Text<'a>],
    ranges: Ranges<'a>,
    mode: Mode,
    options: Options,
}

impl Pairs<'_> {
    /// A completion that is null has no answer; a gold that is null is none.
    fn verdict(&self, index: usize) -> Verdict {
        let Some(completion) = self.completions[index].read() else {
            return Verdict::NoAnswer;
        };
        let verify = |golds: &[&str]| crate::verify::verify(&completion, golds, self.mode, &self.options);
        match &self.golds[self.ranges.of(index)] {
            [single] => single.read().map_or_else(|| verify(&[]), |gold| verify(&[&gold])),
            several => {
                let texts: Vec<Cow<'_, str>> = several.iter().filter_map(Text::read).collect();
                let accepted: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
                verify(&accepted)
            }
        }
    }
}
