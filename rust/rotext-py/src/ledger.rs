//! `rotools why` and what `rotools report` reads.

use std::collections::HashMap;
use std::path::PathBuf;

use pyo3::prelude::*;

use crate::errors::raise;
use crate::{files, progress::Progress};

/// What a ledger says of the document `id`.
#[pyfunction]
pub(crate) fn why<'py>(py: Python<'py>, ledger: PathBuf, id: &str) -> PyResult<Bound<'py, PyAny>> {
    let found = py.detach(|| rotext::ledger::find(&ledger, id)).map_err(|e| raise(&e))?;
    files::python(py, &found)
}

/// A ledger in figures: rows, rules with counts, values and examples, the largest clusters.
#[pyfunction]
pub(crate) fn ledger_summary<'py>(
    py: Python<'py>,
    ledger: PathBuf,
    examples: usize,
    clusters: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let found = py.detach(|| rotext::ledger::summary(&ledger, examples, clusters)).map_err(|e| raise(&e))?;
    files::python(py, &found)
}

/// The texts of documents by their ids, as they stand in the files.
#[pyfunction]
#[pyo3(signature = (inputs, ids, *, text_field, id_field, progress))]
pub(crate) fn pick(
    py: Python<'_>,
    inputs: Vec<String>,
    ids: Vec<String>,
    text_field: String,
    id_field: Option<String>,
    progress: &Progress,
) -> PyResult<HashMap<String, String>> {
    let sources = files::sources(&inputs)?;
    let fields = rotext::reader::Fields { text: text_field, id: id_field, ..Default::default() };
    let wanted = ids.into_iter().collect();
    let found = || rotext::pipeline::pick::pick(&sources, &fields, &wanted, &progress.inner);
    py.detach(found).map_err(|e| raise(&e))
}
