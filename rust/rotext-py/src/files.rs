//! Arguments of all functions that read files.

use pyo3::prelude::*;
use rotext::pipeline::StreamOptions as Options;
use rotext::{normalize, reader};

use crate::errors::raise;

/// The files that the user named.
pub(crate) fn sources<S: AsRef<std::ffi::OsStr>>(inputs: &[S]) -> PyResult<Vec<reader::Source>> {
    reader::expand(inputs).map_err(|e| raise(&e))
}

/// The number of threads; 0 means one for each core.
pub(crate) fn threads(asked: usize) -> usize {
    if asked > 0 { asked } else { std::thread::available_parallelism().map_or(1, usize::from) }
}

/// Options of reading and cleaning.
pub(crate) fn feed(
    text_field: &str,
    id_field: Option<String>,
    strict: bool,
    normalize: bool,
    workers: usize,
) -> Options {
    Options {
        fields: reader::Fields { text: text_field.to_owned(), id: id_field, ..reader::Fields::default() },
        strict,
        keys: true,
        normalize: normalize.then(normalize::Options::default),
        filter: None,
        kind: rotext::document::TextKind::Web,
        threads: threads(workers),
    }
}

/// Converts a serializable value to Python's own types.
pub(crate) fn python<'py>(py: Python<'py>, value: &impl serde::Serialize) -> PyResult<Bound<'py, PyAny>> {
    Ok(pythonize::pythonize(py, value)?)
}
