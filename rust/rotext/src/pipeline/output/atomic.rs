//! Files that appear whole or not at all.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::parent;
use crate::error::{Error, Result};

/// A hidden name beside `path`. It is on the same disk, so a rename to `path` is atomic.
pub(in crate::pipeline) fn hidden_sibling(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{ending}"))
}

/// Checks, before the work starts, that `out` can become a file.
///
/// # Errors
/// Its folder does not exist, or it is a folder itself.
pub(in crate::pipeline) fn check_output(out: &Path) -> Result<()> {
    if !parent(out).is_dir() {
        return Err(Error::io(out, &std::io::ErrorKind::NotFound.into()));
    }
    if out.is_dir() {
        return Err(Error::io(out, &std::io::ErrorKind::IsADirectory.into()));
    }
    Ok(())
}

/// A file that is written under a temporary name. Dropped before [`AtomicFile::finish`], it leaves nothing.
pub(in crate::pipeline) struct AtomicFile {
    path: PathBuf,
    temporary: PathBuf,
    out: Option<BufWriter<File>>,
}

impl AtomicFile {
    /// Opens the temporary file.
    ///
    /// # Errors
    /// The folder is missing or cannot be written, or `path` is a folder.
    pub(in crate::pipeline) fn create(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Err(Error::io(path, &std::io::ErrorKind::IsADirectory.into()));
        }
        let temporary = hidden_sibling(path, "part");
        let file = File::create(&temporary).map_err(|e| Error::io(path, &e))?;
        Ok(Self { path: path.to_owned(), temporary, out: Some(BufWriter::with_capacity(1 << 20, file)) })
    }

    /// Syncs the file and gives it its name.
    ///
    /// # Errors
    /// The disk is full or fails; then the temporary file is removed.
    pub(in crate::pipeline) fn finish(mut self) -> Result<()> {
        let Some(out) = self.out.take() else { return Ok(()) };
        let run = || {
            out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
            std::fs::rename(&self.temporary, &self.path)
        };
        let done = run();
        if done.is_err() {
            let _ = std::fs::remove_file(&self.temporary);
        }
        done.map_err(|e| Error::io(&self.path, &e))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.out.as_mut() {
            Some(out) => out.write(bytes),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(out) = self.out.take() {
            // The buffered bytes must not be written: the file is removed.
            let _ = out.into_parts();
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// Writes a small file whole or not at all.
///
/// # Errors
/// As [`AtomicFile::create`] and [`AtomicFile::finish`].
pub(in crate::pipeline) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(|e| Error::io(path, &e))?;
    file.finish()
}
