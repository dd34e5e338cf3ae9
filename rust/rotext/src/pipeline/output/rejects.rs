//! `OUT.rejects.jsonl` beside an output file.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{AtomicFile, with_suffix};
use crate::error::{Error, Result};

/// `OUT.rejects.jsonl`. The first reject makes the file, so a clean run leaves none, and it removes the one of an earlier run.
pub(in crate::pipeline) struct RejectsFile {
    path: PathBuf,
    file: Option<AtomicFile>,
}

impl RejectsFile {
    /// The rejects of the run that writes `out`.
    pub(in crate::pipeline) fn beside(out: &Path) -> Self {
        Self { path: with_suffix(out, ".rejects.jsonl"), file: None }
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// The disk is full or fails; the file of an earlier run cannot be removed.
    pub(in crate::pipeline) fn finish(self) -> Result<()> {
        match self.file {
            Some(file) => file.finish(),
            None => match std::fs::remove_file(&self.path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(&self.path, &e)),
                _ => Ok(()),
            },
        }
    }
}

impl Write for RejectsFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let file = match self.file.as_mut() {
            Some(file) => file,
            None => {
                self.file.insert(AtomicFile::create(&self.path).map_err(|e| std::io::Error::other(e.what))?)
            }
        };
        file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}
