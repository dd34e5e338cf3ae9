//! Files that appear whole or not at all, and the file of what was left out.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A hidden name beside `path`, on the same disk, so that a rename is atomic.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{ending}"))
}

/// That `out` can become a file, said before the work and not after it.
///
/// # Errors
/// Its directory is not there, or it is one.
pub(super) fn takes_a_file(out: &Path) -> Result<()> {
    if !parent(out).is_dir() {
        return Err(Error::io(out, &std::io::ErrorKind::NotFound.into()));
    }
    if out.is_dir() {
        return Err(Error::io(out, &std::io::ErrorKind::IsADirectory.into()));
    }
    Ok(())
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The lock of a work directory, beside it.
pub(super) fn lock_path(partial: &Path) -> PathBuf {
    partial.with_extension("partial.lock")
}

/// Makes a work directory that no other run uses; of what an earlier one left there only `kept` stays.
pub(super) fn claim(partial: &Path, kept: &str) -> Result<File> {
    let parent = parent(partial);
    std::fs::create_dir_all(parent).map_err(|e| Error::io(parent, &e))?;
    let path = lock_path(partial);
    let lock = File::create(&path).map_err(|e| Error::io(&path, &e))?;
    if lock.try_lock().is_err() {
        return Err(Error::data("another run is writing to this directory")
            .at(partial)
            .hint("wait for it, or choose another --out"));
    }
    if partial.exists() {
        clear(partial, kept).map_err(|e| Error::io(partial, &e))?;
    } else {
        std::fs::create_dir(partial).map_err(|e| Error::io(partial, &e))?;
    }
    Ok(lock)
}

/// Removes everything in `directory` but `kept`.
fn clear(directory: &Path, kept: &str) -> std::io::Result<()> {
    for entry in directory.read_dir()? {
        let entry = entry?;
        if entry.file_name() == kept {
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

/// Removes a directory and all in it, if it is there.
pub(super) fn remove(directory: &Path) -> Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(directory, &e)),
        _ => Ok(()),
    }
}

/// Gives a work directory up: after a failure `kept` stays where it holds at least so many bytes, for the next run.
pub(super) fn give_up(partial: &Path, kept: &str, bytes: u64, failed: bool) {
    let size = |path: PathBuf| -> u64 {
        let entries = path.read_dir().into_iter().flatten().flatten();
        entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
    };
    // What cannot be removed is removed by the next run; the error of this one is what the user needs to see.
    let _ = if failed && size(partial.join(kept)) >= bytes {
        clear(partial, kept)
    } else {
        std::fs::remove_dir_all(partial)
    };
    let _ = std::fs::remove_file(lock_path(partial));
}

/// A file being written under a temporary name. Dropped before [`Whole::finish`], it leaves nothing.
pub(super) struct Whole {
    path: PathBuf,
    temporary: PathBuf,
    out: Option<BufWriter<File>>,
}

impl Whole {
    /// Opens the temporary file.
    ///
    /// # Errors
    /// The folder is missing or cannot be written, or `path` is a folder.
    pub(super) fn create(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Err(Error::io(path, &std::io::ErrorKind::IsADirectory.into()));
        }
        let temporary = beside(path, "part");
        let file = File::create(&temporary).map_err(|e| Error::io(path, &e))?;
        Ok(Self { path: path.to_owned(), temporary, out: Some(BufWriter::with_capacity(1 << 20, file)) })
    }

    /// Syncs and gives the file its name.
    ///
    /// # Errors
    /// The disk is full or fails; the temporary file is gone then.
    pub(super) fn finish(mut self) -> Result<()> {
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

impl Write for Whole {
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

impl Drop for Whole {
    fn drop(&mut self) {
        if let Some(out) = self.out.take() {
            // What is in the buffer is of no use to anybody.
            let _ = out.into_parts();
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// Writes a small file whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = Whole::create(path)?;
    file.write_all(bytes).map_err(|e| Error::io(path, &e))?;
    file.finish()
}

/// `OUT.rejects.jsonl` beside an output file: made with the first reject, so a clean run leaves none, and one
/// of an earlier run is removed.
pub(super) struct Rejects {
    path: PathBuf,
    file: Option<Whole>,
}

impl Rejects {
    pub(super) fn of(out: &Path) -> Self {
        let mut name = out.as_os_str().to_owned();
        name.push(".rejects.jsonl");
        Self { path: name.into(), file: None }
    }

    pub(super) fn finish(self) -> Result<()> {
        match self.file {
            Some(file) => file.finish(),
            None => match std::fs::remove_file(&self.path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(&self.path, &e)),
                _ => Ok(()),
            },
        }
    }
}

impl Write for Rejects {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let file = match self.file.as_mut() {
            Some(file) => file,
            None => self.file.insert(Whole::create(&self.path).map_err(|e| std::io::Error::other(e.what))?),
        };
        file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}
