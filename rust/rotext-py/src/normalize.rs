//! `rotools normalize`.

use std::borrow::Cow;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyString;
use rotext::normalize::{Change, Normalizer, Options, RULES, Report};

use crate::errors::raise;
use crate::{files, progress::Progress};

/// The repaired text: the very same object when nothing had to change.
#[pyfunction]
#[pyo3(signature = (text, *, protect_turkish = true))]
pub(crate) fn normalize_text<'py>(
    text: &Bound<'py, PyString>,
    protect_turkish: bool,
) -> PyResult<Bound<'py, PyString>> {
    let py = text.py();
    let given = text.to_str()?;
    let normalizer = Normalizer::new(Options { protect_turkish });
    Ok(match py.detach(|| normalizer.normalize(given, &mut Report::default())) {
        Cow::Borrowed(_) => text.clone(),
        Cow::Owned(repaired) => PyString::new(py, &repaired),
    })
}

/// A changed place: rule, start byte, before, after, context before, context after.
type Place = (&'static str, usize, String, String, String, String);

fn place(change: Change) -> Place {
    let Change { rule, start, before, after, context_before, context_after } = change;
    (rule, start, before, after, context_before, context_after)
}

/// The first `limit` changes that normalizing `text` makes, in its order; all of them without a limit.
#[pyfunction]
#[pyo3(signature = (text, limit = None, *, protect_turkish = true))]
pub(crate) fn diff_text(
    py: Python<'_>,
    text: &str,
    limit: Option<usize>,
    protect_turkish: bool,
) -> Vec<Place> {
    let normalizer = Normalizer::new(Options { protect_turkish });
    let changes = py.detach(|| normalizer.diff(text, limit.unwrap_or(usize::MAX)));
    changes.into_iter().map(place).collect()
}

/// The first `limit` changed places of the inputs, each with its document's id.
#[pyfunction]
#[pyo3(signature = (inputs, limit, *, text_field, protect_turkish = true))]
pub(crate) fn diff_files(
    py: Python<'_>,
    inputs: Vec<String>,
    limit: usize,
    text_field: String,
    protect_turkish: bool,
) -> PyResult<Vec<(String, Place)>> {
    let sources = files::sources(&inputs)?;
    let fields = rotext::reader::Fields { text: text_field, ..Default::default() };
    let options = Options { protect_turkish };
    let changes = py.detach(|| rotext::pipeline::normalize::diff(&sources, &fields, options, limit));
    Ok(changes.map_err(|e| raise(&e))?.into_iter().map(|(id, change)| (id, place(change))).collect())
}

/// The rules in the order in which they run: id, class, title.
#[pyfunction]
pub(crate) fn normalize_rules() -> Vec<(&'static str, &'static str, &'static str)> {
    RULES.iter().map(|rule| (rule.id, rule.class, rule.title)).collect()
}

/// Files in, one JSONL file of repaired documents out.
#[pyfunction]
#[pyo3(signature = (inputs, out, *, text_field, id_field, protect_turkish, strict, threads, progress))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn normalize<'py>(
    py: Python<'py>,
    inputs: Vec<String>,
    out: PathBuf,
    text_field: String,
    id_field: Option<String>,
    protect_turkish: bool,
    strict: bool,
    threads: usize,
    progress: &Progress,
) -> PyResult<Bound<'py, PyAny>> {
    let sources = files::sources(&inputs)?;
    let mut options = files::feed(text_field, id_field, strict, true, threads);
    options.normalize = Some(Options { protect_turkish });
    let run = || rotext::pipeline::normalize::normalize(&sources, &options, &out, &progress.inner);
    let account = py.detach(run).map_err(|e| raise(&e))?;
    files::python(py, &account)
}
