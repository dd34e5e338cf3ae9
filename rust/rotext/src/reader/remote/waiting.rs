//! The threads that wait for the network. They are started by the first request, so a run on local files has none.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::error::{Error, Result};

/// Threads that decrypt and copy what arrives: more than 1 GB/s each without TLS, some hundred MB/s with it.
const THREADS: usize = 2;

/// A value that each process makes for itself: threads and connections do not survive a `fork`, which is how Python starts
/// workers on Linux.
pub(super) struct PerProcess<T>(Mutex<Option<(u32, T)>>);

impl<T: Clone> PerProcess<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// The value of this process.
    pub(super) fn get(&self, make: impl FnOnce() -> T) -> T {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some((of, value)) if *of == std::process::id() => value.clone(),
            _ => {
                // What the other process made is not dropped: its threads are not here to end it.
                std::mem::forget(held.take());
                let value = make();
                *held = Some((std::process::id(), value.clone()));
                value
            }
        }
    }
}

fn runtime() -> Result<Arc<Runtime>> {
    static RUNTIME: PerProcess<std::result::Result<Arc<Runtime>, String>> = PerProcess::new();
    let made = RUNTIME.get(|| {
        // The first provider of a process stays; another library may have installed one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(THREADS).thread_name("rotext-net").enable_all();
        builder.build().map(Arc::new).map_err(|e| e.to_string())
    });
    made.map_err(|e| Error::network(format!("no thread for the network can be started ({e})")))
}

/// Waits for one request.
///
/// # Errors
/// That of the request; no thread can be started.
pub(super) fn wait<T>(request: impl Future<Output = Result<T>>) -> Result<T> {
    runtime()?.block_on(request)
}

/// Starts a request, to wait for it later.
///
/// # Errors
/// No thread can be started.
pub(super) fn start<T: Send + 'static>(
    request: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<JoinHandle<Result<T>>> {
    Ok(runtime()?.spawn(request))
}
