//! The options of a check, as Python names them.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::kind;
use super::texts::one;
use crate::extract::{Mode, UnknownMode};
use crate::options::{Options, Order, Percent, Tolerance, Units};

impl From<UnknownMode> for PyErr {
    fn from(error: UnknownMode) -> Self {
        PyValueError::new_err(error.to_string())
    }
}

/// Tolerance, percent, units and order, not looked at yet.
pub type Given<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>);

const PERCENT: [(&str, Percent); 3] =
    [("either", Percent::Either), ("hundredths", Percent::Hundredths), ("number", Percent::Number)];
const UNITS: [(&str, Units); 3] =
    [("optional", Units::Optional), ("required", Units::Required), ("ignored", Units::Ignored)];
const ORDER: [(&str, Order); 3] = [("as_written", Order::AsWritten), ("ordered", Order::Ordered), ("any", Order::Any)];

/// Reads the options, or says which of them is wrong and what it may be.
pub fn options((tolerance, percent, units, order): &Given<'_>) -> PyResult<Options> {
    Ok(Options {
        tolerance: tolerance_from(tolerance)?,
        percent: one_of("percent", percent, &PERCENT)?,
        units: one_of("units", units, &UNITS)?,
        order: one_of("order", order, &ORDER)?,
    })
}

/// Reads the name of a place to look for the answer.
pub fn mode(name: &Bound<'_, PyAny>) -> PyResult<Mode> {
    Ok(one("mode", name)?.to_string_lossy().parse()?)
}

fn tolerance_from(given: &Bound<'_, PyAny>) -> PyResult<Tolerance> {
    if given.is_none() {
        return Ok(Tolerance::NineDigits);
    }
    let value: f64 = given
        .extract()
        .map_err(|_| PyTypeError::new_err(format!("tolerance must be a number or None, not {}", kind(given))))?;
    if !value.is_finite() || value < 0.0 {
        let message = format!(
            "tolerance is {given}: it must be a finite number from 0 (exact) on, or None (nine right digits of an irrational number)"
        );
        return Err(PyValueError::new_err(message));
    }
    Ok(if value == 0.0 { Tolerance::Exact } else { Tolerance::Relative(value) })
}

fn one_of<T: Copy>(name: &str, given: &Bound<'_, PyAny>, choices: &[(&str, T)]) -> PyResult<T> {
    let text = one(name, given)?.to_string_lossy();
    choices.iter().find(|(known, _)| *known == text).map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(known, _)| *known).collect();
        PyValueError::new_err(format!("{name} is {text:?}: it must be one of {}", names.join(", ")))
    })
}
