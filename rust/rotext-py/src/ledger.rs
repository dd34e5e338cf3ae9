//! `rotools why`.

use std::path::PathBuf;

use pyo3::prelude::*;

use crate::errors::raise;
use crate::files;

/// What a ledger says of the document `id`.
#[pyfunction]
pub(crate) fn why<'py>(py: Python<'py>, ledger: PathBuf, id: &str) -> PyResult<Bound<'py, PyAny>> {
    let found = py.detach(|| rotext::ledger::find(&ledger, id)).map_err(|e| raise(&e))?;
    files::python(py, &found)
}
