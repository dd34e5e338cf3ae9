//! `rotools split`.

use pyo3::prelude::*;

use crate::errors::call;
use crate::{files, progress::Progress};

/// Rewrite compressed files of JSON lines, so that the tasks of a cluster can share them.
///
/// Args:
///     inputs: Files, folders, globs or URLs.
///     out: The folder of the new files.
///     threads: Worker threads. 0: one for each core.
///     progress: Counters to watch, and the switch to stop the call.
///
/// Returns:
///     For each file: `source`, `out` (None: it is cut as it is), `bytes`, `size` and `frames`.
///
/// Raises:
///     RotoolsError: The arguments, the input or the system do not allow it.
#[pyfunction]
#[pyo3(signature = (inputs, out, *, threads = 0, progress = None))]
pub(crate) fn split<'py>(
    py: Python<'py>,
    inputs: Vec<std::path::PathBuf>,
    out: std::path::PathBuf,
    threads: usize,
    progress: Option<&Progress>,
) -> PyResult<Bound<'py, PyAny>> {
    let unwatched = Progress::default();
    let progress = progress.unwrap_or(&unwatched);
    let sources = files::sources(&inputs)?;
    let threads = files::threads(threads);
    let done = call(py, || rotext::pipeline::split::split(&sources, &out, threads, &progress.inner))?;
    files::python(py, &done)
}
