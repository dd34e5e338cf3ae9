//! `rotools normalize`.

use std::path::PathBuf;

use pyo3::prelude::*;
use rotext::normalize::{Normalizer, Options, Report};

use crate::errors::raise;
use crate::{files, progress::Progress};

/// The repaired text.
#[pyfunction]
#[pyo3(signature = (text, *, protect_turkish = true))]
pub(crate) fn normalize_text(py: Python<'_>, text: &str, protect_turkish: bool) -> String {
    py.detach(|| {
        Normalizer::new(Options { protect_turkish }).normalize(text, &mut Report::default()).into_owned()
    })
}

/// A changed place: (document, rule, start byte, before, after).
type Place = (String, String, usize, String, String);

/// The first `limit` changed places of the inputs.
#[pyfunction]
#[pyo3(signature = (inputs, limit, *, text_field))]
pub(crate) fn diff_files(
    py: Python<'_>,
    inputs: Vec<String>,
    limit: usize,
    text_field: String,
) -> PyResult<Vec<Place>> {
    let sources = files::sources(&inputs)?;
    let fields = rotext::reader::Fields { text: text_field, ..Default::default() };
    let changes = py.detach(|| rotext::pipeline::normalize::diff(&sources, &fields, limit));
    let changes = changes.map_err(|e| raise(&e))?.into_iter();
    Ok(changes.map(|(id, c)| (id, c.rule.to_owned(), c.start, c.before, c.after)).collect())
}

/// Files in, one JSONL file of repaired documents out.
#[pyfunction]
#[pyo3(signature = (inputs, out, *, text_field, id_field, strict, threads, progress))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn normalize<'py>(
    py: Python<'py>,
    inputs: Vec<String>,
    out: PathBuf,
    text_field: String,
    id_field: Option<String>,
    strict: bool,
    threads: usize,
    progress: &Progress,
) -> PyResult<Bound<'py, PyAny>> {
    let sources = files::sources(&inputs)?;
    let options = files::feed(text_field, id_field, strict, true, false, threads);
    let run = || rotext::pipeline::normalize::normalize(&sources, &options, &out, &progress.inner);
    let account = py.detach(run).map_err(|e| raise(&e))?;
    files::python(py, &account)
}
