//! Arguments of all functions that read files.

use pyo3::prelude::*;
use rotext::error::Error;
use rotext::pipeline::StreamOptions as Options;
use rotext::reader::charset;
use rotext::{normalize, reader};

use crate::errors::{call, raise};

/// The files that the user named. A server may take its time, so the interpreter goes on.
pub(crate) fn sources<S: AsRef<std::ffi::OsStr> + Sync>(inputs: &[S]) -> PyResult<Vec<reader::Source>> {
    Python::attach(|py| py.detach(|| reader::expand(inputs))).map_err(|e| raise(&e))
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

/// How a text file is divided into documents.
pub(crate) fn split(name: Option<&str>) -> PyResult<reader::Split> {
    let Some(name) = name else { return Ok(reader::Split::None) };
    reader::Split::from_name(name).ok_or_else(|| {
        raise(&Error::usage(format!("invalid split '{name}'")).hint("use one of: line, blank-line"))
    })
}

/// Write a file whole or not at all, while no other run writes it.
///
/// Args:
///     path: The file.
///     data: The content.
///
/// Raises:
///     RotoolsError: The system refuses, or another run writes the file. No part of it is left.
#[pyfunction]
pub(crate) fn write_file(py: Python<'_>, path: std::path::PathBuf, data: Vec<u8>) -> PyResult<()> {
    call(py, || rotext::pipeline::write_atomic(&path, &data))
}

/// Decode the bytes of a text or page by evidence.
///
/// Args:
///     data: The bytes.
///     page: The bytes are HTML, which may name its charset.
///
/// Returns:
///     (text, charset, how sure: 0 to 1).
#[pyfunction]
#[pyo3(signature = (data, *, page = false))]
pub(crate) fn decode_text(py: Python<'_>, data: Vec<u8>, page: bool) -> (String, &'static str, f64) {
    let decode = || if page { charset::decode_page(data, None) } else { charset::decode(data) };
    let decoded = py.detach(decode);
    (decoded.text, decoded.charset, decoded.sure)
}
