//! The work folder of a run, which one run at a time may use.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::parent;
use crate::error::{Error, Result};

/// The lock file of a work folder, beside it.
pub(in crate::pipeline) fn lock_path(workdir: &Path) -> PathBuf {
    workdir.with_extension("partial.lock")
}

/// Makes and locks a work folder. It removes what an earlier run left in it, except `keep`.
///
/// # Errors
/// Another run holds the lock, or the folder cannot be written to.
pub(in crate::pipeline) fn lock_workdir(workdir: &Path, keep: &str) -> Result<File> {
    let parent = parent(workdir);
    std::fs::create_dir_all(parent).map_err(|e| Error::io(parent, &e))?;
    let path = lock_path(workdir);
    let lock = File::create(&path).map_err(|e| Error::io(&path, &e))?;
    if lock.try_lock().is_err() {
        return Err(Error::data("another run is writing to this directory")
            .at(workdir)
            .hint("wait for it, or choose another --out"));
    }
    if workdir.exists() {
        clear(workdir, keep).map_err(|e| Error::io(workdir, &e))?;
    } else {
        std::fs::create_dir(workdir).map_err(|e| Error::io(workdir, &e))?;
    }
    Ok(lock)
}

/// Removes everything in `directory` but `keep`.
fn clear(directory: &Path, keep: &str) -> std::io::Result<()> {
    for entry in directory.read_dir()? {
        let entry = entry?;
        if entry.file_name() == keep {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Removes a folder and everything in it, if it exists.
///
/// # Errors
/// Something in it cannot be removed.
pub(in crate::pipeline) fn remove_folder(directory: &Path) -> Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(directory, &e)),
        _ => Ok(()),
    }
}

/// Removes a work folder and its lock. After a failure `keep` stays for the next run, if it has at least `keep_bytes`.
pub(in crate::pipeline) fn release_workdir(workdir: &Path, keep: &str, keep_bytes: u64, failed: bool) {
    let size = |path: PathBuf| -> u64 {
        let entries = path.read_dir().into_iter().flatten().flatten();
        entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
    };
    // An error here is ignored: the next run removes what is left, and the user must see the error of this run.
    let _ = if failed && size(workdir.join(keep)) >= keep_bytes {
        clear(workdir, keep)
    } else {
        std::fs::remove_dir_all(workdir)
    };
    let _ = std::fs::remove_file(lock_path(workdir));
}
