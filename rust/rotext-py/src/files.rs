//! Arguments that every verb on files takes.

use pyo3::prelude::*;
use rotext::pipeline::StreamOptions as Options;
use rotext::{normalize, reader};

use crate::errors::raise;

/// Files from what the user typed.
pub(crate) fn sources(inputs: &[String]) -> PyResult<Vec<reader::Source>> {
    reader::expand(inputs).map_err(|e| raise(&e))
}

/// Threads to work with: 0 means all cores.
pub(crate) fn threads(asked: usize) -> usize {
    if asked > 0 { asked } else { std::thread::available_parallelism().map_or(1, usize::from) }
}

/// Options of reading and cleaning.
pub(crate) fn feed(
    text_field: String,
    id_field: Option<String>,
    strict: bool,
    normalize: bool,
    workers: usize,
) -> Options {
    Options {
        fields: reader::Fields { text: text_field, id: id_field, keep_record: false },
        strict,
        keys: true,
        normalize: normalize.then(normalize::Options::default),
        filter: None,
        kind: rotext::document::TextKind::Web,
        threads: threads(workers),
    }
}

/// A serializable value as Python's own types.
pub(crate) fn python<'py>(py: Python<'py>, value: &impl serde::Serialize) -> PyResult<Bound<'py, PyAny>> {
    Ok(pythonize::pythonize(py, value)?)
}
