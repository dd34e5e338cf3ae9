//! `rotext::Error` as the exceptions of `rotools.errors`, with its parts as attributes.

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use rotext::error::{Error, ErrorKind};

/// The exception for `error`; a stop by the user is a `KeyboardInterrupt`.
pub(crate) fn raise(error: &Error) -> PyErr {
    if error.kind == ErrorKind::Cancelled {
        return PyKeyboardInterrupt::new_err(error.to_string());
    }
    Python::attach(|py| exception(py, error).unwrap_or_else(|failed| failed))
}

/// Calls the core without the interpreter lock. A panic becomes an `InternalError`: one sentence in place of a traceback.
pub(crate) fn call<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T, Error> + Send) -> PyResult<T> {
    py.detach(|| rotext::error::contain(work)).map_err(|e| raise(&e))
}

/// The classes are written in Python, where they can be pickled, documented and derived from.
fn exception(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let errors = py.import("rotools.errors")?;
    let class = match error.kind {
        ErrorKind::Usage => "UsageError",
        ErrorKind::Io => "ResourceError",
        ErrorKind::Internal => "InternalError",
        _ => "InputError",
    };
    let place = match &error.place {
        Some(place) => {
            Some(errors.getattr("Place")?.call1((place.path.to_string_lossy(), place.line, place.byte))?)
        }
        None => None,
    };
    let raised = errors.getattr(class)?.call1((&error.what, place, &error.hint))?;
    Ok(PyErr::from_value(raised))
}
