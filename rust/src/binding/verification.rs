//! Checks of one completion.

use std::borrow::Cow;

use pyo3::prelude::*;

use super::golds::Golds;
use super::options::{Given, mode, options};
use super::surrogates::text;
use super::texts::{Text, one};

/// Verdict, what was extracted, how it was read; for each gold its text, reading, verdict and rule; the work.
type Explained = (u8, Option<String>, Option<String>, Vec<(String, String, u8, String)>, u64);

/// Reads the texts and hands them to `check` as plain strings.
fn accepted<T>(golds: &[Text<'_>], check: impl FnOnce(&[&str]) -> T) -> T {
    let texts: Vec<Cow<'_, str>> = golds.iter().filter_map(Text::read).collect();
    let accepted: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    check(&accepted)
}

#[pyfunction]
pub fn extract_answer(
    py: Python<'_>,
    completion: &Bound<'_, PyAny>,
    mode: &Bound<'_, PyAny>,
) -> PyResult<Option<String>> {
    let mode = self::mode(mode)?;
    let text = text(one("completion", completion)?);
    Ok(py.detach(|| crate::extract::extract(&text, mode).map(Cow::into_owned)))
}

#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 hands the options over by value
pub fn equivalent(
    py: Python<'_>,
    answer: &Bound<'_, PyAny>,
    gold: &Bound<'_, PyAny>,
    options: Given<'_>,
) -> PyResult<u8> {
    let options = self::options(&options)?;
    let golds = Golds::of_one(gold)?;
    let (text, views) = (text(one("answer", answer)?), golds.views()?);
    Ok(py.detach(|| accepted(&views, |golds| crate::verify::equivalent(&text, golds, &options).code())))
}

#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 hands the options over by value
pub fn verify(
    py: Python<'_>,
    completion: &Bound<'_, PyAny>,
    gold: &Bound<'_, PyAny>,
    mode: &Bound<'_, PyAny>,
    options: Given<'_>,
) -> PyResult<u8> {
    let (mode, options) = (self::mode(mode)?, self::options(&options)?);
    let golds = Golds::of_one(gold)?;
    let (text, views) = (text(one("completion", completion)?), golds.views()?);
    Ok(py.detach(|| accepted(&views, |golds| crate::verify::verify(&text, golds, mode, &options).code())))
}

#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 hands the options over by value
pub fn explain(
    py: Python<'_>,
    completion: &Bound<'_, PyAny>,
    gold: &Bound<'_, PyAny>,
    mode: &Bound<'_, PyAny>,
    options: Given<'_>,
) -> PyResult<Explained> {
    let (mode, options) = (self::mode(mode)?, self::options(&options)?);
    let golds = Golds::of_one(gold)?;
    let (text, views) = (text(one("completion", completion)?), golds.views()?);
    let found = py.detach(|| accepted(&views, |golds| crate::explain::explain(&text, golds, mode, &options)));
    let golds = found.golds.into_iter().map(|gold| (gold.gold, gold.reading, gold.verdict.code(), gold.rule)).collect();
    Ok((found.verdict.code(), found.extracted, found.answer, golds, found.work))
}
