//! What a long loop tells the outside, and how the outside stops it.
//!
//! The loop only touches atomics; whoever watches (a terminal, a test) polls. So a progress bar costs the
//! hot path nothing, no lock of the Python interpreter is needed, and Ctrl-C works at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::error::{Error, Result};

/// Counters of the running step and the switch that stops it.
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

/// A reading of [`Progress`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The running step, for example `encode web`.
    pub step: String,
    /// How many steps have begun; tells a new step of the same name from the old one.
    pub steps: u64,
    /// Units of work in the step (bytes of the input files as they lie on disk, merges), 0 when unknown.
    pub total: u64,
    /// Units of work done, of `total`.
    pub done: u64,
    /// Bytes of text that went through.
    pub bytes: u64,
    /// Documents done.
    pub documents: u64,
}

impl Progress {
    /// Starts a step: counters at zero, `total` units ahead (0 when unknown).
    pub fn begin(&self, step: &str, total: u64) {
        let mut name = self.step.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        step.clone_into(&mut name);
        self.total.store(total, Relaxed);
        self.done.store(0, Relaxed);
        self.bytes.store(0, Relaxed);
        self.documents.store(0, Relaxed);
        self.steps.fetch_add(1, Relaxed);
    }

    /// Moves towards `total`. Apart from [`Progress::add`] because a compressed file's bytes are not its text's.
    pub fn advance(&self, done: u64) {
        self.done.fetch_add(done, Relaxed);
    }

    /// Adds text that went through. Call it once per batch, not per document.
    pub fn add(&self, bytes: u64, documents: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
        self.documents.fetch_add(documents, Relaxed);
    }

    /// Asks the loop to stop; it returns [`Error::cancelled`] at its next check.
    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }

    /// Err as soon as someone asked to stop. Long loops call this once per batch (every few milliseconds).
    pub fn check(&self) -> Result<()> {
        if self.cancelled.load(Relaxed) { Err(Error::cancelled()) } else { Ok(()) }
    }

    /// The counters now.
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
