//! Progress of a long loop, and the flag that stops it.
//!
//! The loop writes atomics; a watcher (a terminal, a test) polls them. So a progress bar costs the loop nothing, needs no lock of
//! the Python interpreter, and Ctrl-C works at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::error::{Error, Result};

/// The counters of the running step, and the flag that stops it.
///
/// # Examples
///
/// ```
/// use rotext::progress::Progress;
///
/// let progress = Progress::default();
/// progress.begin("encode web", 100);
/// progress.advance(40);
/// assert_eq!((progress.snapshot().done, progress.snapshot().total), (40, 100));
/// progress.cancel();
/// assert!(progress.check().is_err());
/// ```
#[derive(Debug, Default)]
pub struct Progress {
    step: Mutex<String>,
    total: AtomicU64,
    done: AtomicU64,
    bytes: AtomicU64,
    documents: AtomicU64,
    steps: AtomicU64,
    cancelled: AtomicBool,
}

/// The values of a [`Progress`] at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The running step, for example `encode web`.
    pub step: String,
    /// The number of steps so far. It distinguishes two steps with the same name.
    pub steps: u64,
    /// Units of work in the step (bytes of input files on disk, or merges); 0 when unknown.
    pub total: u64,
    /// Units of work done, of `total`.
    pub done: u64,
    /// Bytes of text processed.
    pub bytes: u64,
    /// Documents processed.
    pub documents: u64,
}

impl Progress {
    /// Starts a step of `total` units (0 when unknown), and sets the counters to zero.
    pub fn begin(&self, step: &str, total: u64) {
        let mut name = self.step.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        step.clone_into(&mut name);
        self.total.store(total, Relaxed);
        self.done.store(0, Relaxed);
        self.bytes.store(0, Relaxed);
        self.documents.store(0, Relaxed);
        self.steps.fetch_add(1, Relaxed);
    }

    /// Adds units of work. This is separate from [`Progress::add`], because the bytes of a compressed file are not those of its text.
    pub fn advance(&self, done: u64) {
        self.done.fetch_add(done, Relaxed);
    }

    /// Adds processed text. Call it once for each batch, not for each document.
    pub fn add(&self, bytes: u64, documents: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
        self.documents.fetch_add(documents, Relaxed);
    }

    /// Asks the loop to stop; it returns [`Error::cancelled`] at its next check.
    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }

    /// Checks the flag. Long loops call this once for each batch (every few milliseconds).
    ///
    /// # Errors
    /// [`Progress::cancel`] was called.
    pub fn check(&self) -> Result<()> {
        if self.cancelled.load(Relaxed) { Err(Error::cancelled()) } else { Ok(()) }
    }

    /// The counters at this moment.
    pub fn snapshot(&self) -> Snapshot {
        let step = self.step.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        Snapshot {
            step,
            steps: self.steps.load(Relaxed),
            total: self.total.load(Relaxed),
            done: self.done.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            documents: self.documents.load(Relaxed),
        }
    }
}
