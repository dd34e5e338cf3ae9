//! Files that appear whole or not at all.

use std::fs::{File, TryLockError};
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

/// A file that is written under a temporary name, by one run at a time. Dropped before [`AtomicFile::finish`], it leaves nothing.
pub(in crate::pipeline) struct AtomicFile {
    path: PathBuf,
    temporary: PathBuf,
    out: Option<BufWriter<File>>,
}

impl AtomicFile {
    /// Opens the temporary file.
    ///
    /// # Errors
    /// The folder is missing or cannot be written, `path` is a folder, or another run is writing to it.
    pub(in crate::pipeline) fn create(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Err(Error::io(path, &std::io::ErrorKind::IsADirectory.into()));
        }
        let temporary = hidden_sibling(path, "part");
        let file = open_locked(&temporary, path)?;
        Ok(Self { path: path.to_owned(), temporary, out: Some(BufWriter::with_capacity(1 << 20, file)) })
    }

    /// The file under its temporary name.
    pub(in crate::pipeline) fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Syncs the file and gives it its name.
    ///
    /// # Errors
    /// The disk is full or fails; then the temporary file is removed.
    pub(in crate::pipeline) fn finish(mut self) -> Result<()> {
        let Some(out) = self.out.take() else { return Ok(()) };
        let run = || {
            // The file stays open, and so locked, until it has its name.
            let file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            file.sync_all()?;
            std::fs::rename(&self.temporary, &self.path)
        };
        let done = run();
        if done.is_err() {
            let _ = std::fs::remove_file(&self.temporary);
        }
        done.map_err(|e| Error::io(&self.path, &e))
    }
}

const BUSY: &str = "another run is writing to this file";

/// The variable that lets a run go on where files cannot be locked. The user then keeps two runs apart.
const NO_LOCKS: &str = "ROTEXT_NO_LOCKS";

/// Locks an open file for this process.
///
/// # Errors
/// `busy` if another run has it. The file system has no locks, and the user did not say that it needs none.
pub(super) fn lock(file: &File, path: &Path, busy: &str) -> Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            Err(Error::data(busy).at(path).hint("wait for it, or choose another --out"))
        }
        // EINTR, EBADF and the like say nothing about the file system.
        Err(TryLockError::Error(e)) if has_no_locks(&e) => {
            if std::env::var_os(NO_LOCKS).is_some_and(|value| value == "1") {
                return Ok(());
            }
            let hint = format!(
                "locks keep two runs apart: write to another file system, or set {NO_LOCKS}=1 if no other run writes there"
            );
            Err(Error::data("this file system has no locks").at(path).hint(hint))
        }
        Err(TryLockError::Error(e)) => Err(Error::io(path, &e)),
    }
}

fn has_no_locks(e: &std::io::Error) -> bool {
    // ENOLCK and EOPNOTSUPP of Linux; ENOSYS is `Unsupported`.
    e.kind() == std::io::ErrorKind::Unsupported || matches!(e.raw_os_error(), Some(37 | 95))
}

/// Opens an empty file that no other run has open. What an earlier run left in it is removed.
fn open_locked(temporary: &Path, path: &Path) -> Result<File> {
    let io = |e: std::io::Error| Error::io(path, &e);
    loop {
        // Not truncated: until it is locked, the file may be another run's.
        let file = File::options().write(true).create(true).truncate(false).open(temporary).map_err(io)?;
        lock(&file, path, BUSY).inspect_err(|error| {
            // The file of another run stays. Ours would be litter.
            if error.what != BUSY {
                let _ = std::fs::remove_file(temporary);
            }
        })?;
        // The other run may have renamed or removed the file before this run locked it.
        if is_same_file(&file, temporary) {
            file.set_len(0).map_err(|e| {
                let _ = std::fs::remove_file(temporary);
                io(e)
            })?;
            return Ok(file);
        }
    }
}

#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), path.metadata()) {
        (Ok(open), Ok(named)) => identity(open) == identity(named),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same_file(_: &File, path: &Path) -> bool {
    path.exists() // an open file cannot be renamed there
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
            // The buffered bytes must not be written: the file is removed, while it is still locked.
            let _file = out.into_parts();
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// Writes a small file whole or not at all, while no other run writes it.
///
/// # Examples
///
/// ```
/// let folder = tempfile::tempdir().expect("a folder for the example");
/// let path = folder.path().join("report.json");
/// rotext::pipeline::write_atomic(&path, b"{}")?;
/// assert_eq!(std::fs::read(&path).expect("it is there"), b"{}");
/// # Ok::<(), rotext::error::Error>(())
/// ```
///
/// # Errors
/// The folder is missing, another run writes the file, the disk is full or fails. No part of the file is left.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(|e| Error::io(path, &e))?;
    file.finish()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may panic
mod tests {
    use super::*;

    #[test]
    fn one_run_writes_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut first = AtomicFile::create(&path).unwrap();
        first.write_all(b"first").unwrap();
        let error = AtomicFile::create(&path).err().unwrap();
        assert!(error.to_string().contains("another run"), "{error}");
        first.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        drop(AtomicFile::create(&path).unwrap());
        let mut second = AtomicFile::create(&path).unwrap();
        second.write_all(b"2").unwrap();
        second.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"2");
    }

    #[test]
    fn threads_that_race_for_a_file_leave_one_of_their_texts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let texts: Vec<Vec<u8>> = (b'a'..b'e').map(|letter| vec![letter; 100_000]).collect();
        std::thread::scope(|scope| {
            for text in &texts {
                scope.spawn(|| {
                    for _ in 0..50 {
                        if let Ok(mut file) = AtomicFile::create(&path) {
                            file.write_all(text).unwrap();
                            file.finish().unwrap();
                        }
                    }
                });
            }
        });
        assert!(texts.contains(&std::fs::read(&path).unwrap()));
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
