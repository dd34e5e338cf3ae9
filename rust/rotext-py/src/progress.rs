//! The counters of a running call, which another thread reads.

use std::sync::Arc;

use pyo3::prelude::*;

/// Counters and stop switch of one call into the core.
///
/// The core only counts. Another thread reads the counters as often as it likes, so a progress bar costs the core nothing.
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

    /// Ask the running call to stop. It raises `KeyboardInterrupt` within milliseconds.
    fn cancel(&self) {
        self.inner.cancel();
    }

    /// Read the counters.
    ///
    /// Returns:
    ///     (step, steps begun, total, done, bytes of text, documents). `total` and `done` count units of work, and `total`
    ///     is 0 while it is unknown.
    fn snapshot(&self) -> (String, u64, u64, u64, u64, u64) {
        let now = self.inner.snapshot();
        (now.step, now.steps, now.total, now.done, now.bytes, now.documents)
    }
}
