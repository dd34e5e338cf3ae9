//! `rotools inspect`.

use pyo3::prelude::*;

use crate::errors::call;
use crate::{files, progress::Progress};

/// Read files once and describe them.
///
/// Args:
///     inputs: Files, folders or globs; `-` is standard input.
///     text_field: Field of the text.
///     id_field: Field of the id. None: `id` where there is one, else file:line.
///     split: `line` or `blank-line`: how text files are divided into documents. None: a file is a document.
///     threads: Worker threads. 0: one for each core.
///     progress: Counters to watch, and the switch to stop the call.
///
/// Returns:
///     `sources`, `read` (counts), `lengths` and `first` (the first document).
///
/// Raises:
///     RotoolsError: The arguments, the input or the system do not allow it.
#[pyfunction]
#[pyo3(signature = (inputs, *, text_field = "text", id_field = None, split = None, threads = 0, progress = None))]
pub(crate) fn inspect<'py>(
    py: Python<'py>,
    inputs: Vec<std::path::PathBuf>,
    text_field: &str,
    id_field: Option<String>,
    split: Option<&str>,
    threads: usize,
    progress: Option<&Progress>,
) -> PyResult<Bound<'py, PyAny>> {
    let unwatched = Progress::default();
    let progress = progress.unwrap_or(&unwatched);
    let sources = files::sources(&inputs)?;
    let mut options = files::feed(text_field, id_field, false, true, threads);
    options.fields.split = files::split(split)?;
    let look = || rotext::pipeline::inspect::inspect(&sources, &options, &progress.inner);
    let overview = call(py, look)?;
    files::python(py, &overview)
}

/// Write the beginning of files as JSONL.
///
/// Args:
///     inputs: Files, folders or globs; `-` is standard input.
///     out: The file to write.
///     size: About this many bytes of text.
///     text_field: Field of the text.
///     id_field: Field of the id. None: `id` where there is one, else file:line.
///     progress: Counters to watch, and the switch to stop the call.
///
/// Returns:
///     What was taken, and how much of the input it is.
///
/// Raises:
///     RotoolsError: The arguments, the input or the system do not allow it.
#[pyfunction]
#[pyo3(signature = (inputs, out, *, size, text_field = "text", id_field = None, progress = None))]
pub(crate) fn head<'py>(
    py: Python<'py>,
    inputs: Vec<std::path::PathBuf>,
    out: std::path::PathBuf,
    size: u64,
    text_field: &str,
    id_field: Option<String>,
    progress: Option<&Progress>,
) -> PyResult<Bound<'py, PyAny>> {
    let unwatched = Progress::default();
    let progress = progress.unwrap_or(&unwatched);
    let sources = files::sources(&inputs)?;
    let fields = files::feed(text_field, id_field, false, false, 1).fields;
    let take = || rotext::pipeline::sample::sample(&sources, &fields, size, &out, &progress.inner);
    let head = call(py, take)?;
    files::python(py, &head)
}
