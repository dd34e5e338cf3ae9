//! `rotools why` and what `rotools report` reads.

use std::collections::HashMap;
use std::path::PathBuf;

use pyo3::prelude::*;

use crate::errors::call;
use crate::{files, progress::Progress};

/// Find the decisions about one document.
///
/// Args:
///     ledger: The Parquet file.
///     id: The document's id, or its place as file:line.
///
/// Returns:
///     `rows`, `stands_for` and `examples`.
///
/// Raises:
///     RotoolsError: There is no ledger, or it is damaged or of another version.
#[pyfunction]
pub(crate) fn why<'py>(py: Python<'py>, ledger: PathBuf, id: &str) -> PyResult<Bound<'py, PyAny>> {
    let found = call(py, || rotext::ledger::find(&ledger, id))?;
    files::python(py, &found)
}

/// Count the decisions of a ledger.
///
/// Args:
///     ledger: The Parquet file.
///     examples: Examples for each rule.
///     clusters: Clusters of duplicates, the largest first.
///
/// Returns:
///     `rows`, `rules` with counts, values and examples, and `clusters`.
///
/// Raises:
///     RotoolsError: There is no ledger, or it is damaged or of another version.
#[pyfunction]
pub(crate) fn ledger_summary<'py>(
    py: Python<'py>,
    ledger: PathBuf,
    examples: usize,
    clusters: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let found = call(py, || rotext::ledger::summary(&ledger, examples, clusters))?;
    files::python(py, &found)
}

/// Find the texts of documents by their ids.
///
/// Args:
///     inputs: Files, folders or globs; `-` is standard input.
///     ids: Ids of documents.
///     text_field: Field of the text.
///     id_field: Field of the id. None: `id` where there is one, else file:line.
///     progress: Counters to watch, and the switch to stop the call.
///
/// Returns:
///     The text of each id that was found, as the files have it.
///
/// Raises:
///     RotoolsError: The arguments, the input or the system do not allow it.
#[pyfunction]
#[pyo3(signature = (inputs, ids, *, text_field = "text", id_field = None, progress = None))]
pub(crate) fn pick(
    py: Python<'_>,
    inputs: Vec<std::path::PathBuf>,
    ids: Vec<String>,
    text_field: &str,
    id_field: Option<String>,
    progress: Option<&Progress>,
) -> PyResult<HashMap<String, String>> {
    let unwatched = Progress::default();
    let progress = progress.unwrap_or(&unwatched);
    let sources = files::sources(&inputs)?;
    let fields = rotext::reader::Fields { text: text_field.to_owned(), id: id_field, ..Default::default() };
    let wanted = ids.into_iter().collect();
    let found = || rotext::pipeline::pick::pick(&sources, &fields, &wanted, &progress.inner);
    call(py, found)
}
