//! The threads that wait for the network. They are started by the first request, so a run on local files has none.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::error::{Error, Result};

/// Threads that decrypt and copy what arrives: more than 1 GB/s each without TLS, some hundred MB/s with it.
const THREADS: usize = 2;

fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<std::result::Result<Runtime, String>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        // The first provider of a process stays; another library may have installed one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(THREADS).thread_name("rotext-net").enable_all();
        builder.build().map_err(|e| e.to_string())
    });
    made.as_ref().map_err(|e| Error::network(format!("no thread for the network can be started ({e})")))
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
