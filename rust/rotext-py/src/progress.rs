//! The counters of a running step, polled by whoever draws them.

use std::sync::Arc;

use pyo3::prelude::*;

/// Counters and stop switch of one call into the core.
#[pyclass(module = "rotools._rotext", frozen)]
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) inner: Arc<rotext::progress::Progress>,
}

#[pymethods]
impl Progress {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Asks the running call to stop; it raises `KeyboardInterrupt` within milliseconds.
    fn cancel(&self) {
        self.inner.cancel();
    }

    /// (step, steps begun, total, done, bytes of text, documents)
    fn snapshot(&self) -> (String, u64, u64, u64, u64, u64) {
        let now = self.inner.snapshot();
        (now.step, now.steps, now.total, now.done, now.bytes, now.documents)
    }
}
