//! `rotext::Error` as one Python exception with its parts as attributes.

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyKeyboardInterrupt};
use pyo3::prelude::*;
use rotext::error::{Error, ErrorKind};

create_exception!(rotools._rotext, RotoolsError, PyException, "what, place, hint and exit code of a failure");

/// The exception for `error`; a stop by the user is a `KeyboardInterrupt`.
pub(crate) fn raise(error: &Error) -> PyErr {
    if error.kind == ErrorKind::Cancelled {
        return PyKeyboardInterrupt::new_err(error.to_string());
    }
    Python::attach(|py| {
        let raised = RotoolsError::new_err(error.to_string());
        let value = raised.value(py);
        let code = if error.kind == ErrorKind::Usage { 2 } else { 1 };
        let set =
            value.setattr("hint", error.hint.as_deref()).and_then(|()| value.setattr("exit_code", code));
        set.err().unwrap_or(raised)
    })
}
