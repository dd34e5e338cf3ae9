//! One error type for the whole core: what went wrong, where, and what to do next.
//!
//! Every message is one sentence a user can act on. The place is kept apart from the words so that the
//! command line can print `corpus/web.jsonl:1842 byte 311: invalid UTF-8` in the form editors can jump to.

use std::fmt;
use std::path::{Path, PathBuf};

/// The result of every fallible function of the core.
pub type Result<T> = std::result::Result<T, Error>;

/// Who has to act, which decides the exit code of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request makes no sense as given (exit code 2).
    Usage,
    /// The data are wrong: broken, cut off, of another format or tokenizer (exit code 1).
    Data,
    /// The operating system refused: missing file, full disk, no permission (exit code 1).
    Io,
    /// The user stopped the run (exit code 130).
    Cancelled,
}

/// A point in a file. `line` counts from 1, `byte` from 0, in the decompressed stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user named it.
    pub path: PathBuf,
    /// Line, counted from 1.
    pub line: Option<u64>,
    /// Byte, counted from 0; within the line when `line` is given, else within the file.
    pub byte: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(byte) = self.byte {
            write!(f, " byte {byte}")?;
        }
        Ok(())
    }
}

/// What went wrong, where, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{what}", place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default())]
pub struct Error {
    /// Who has to act.
    pub kind: ErrorKind,
    /// One clear sentence, without the place and without a full stop.
    pub what: String,
    /// The file, line and byte, when there is one.
    pub place: Option<Place>,
    /// The next step for the user, when there is one.
    pub hint: Option<String>,
}

impl Error {
    fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), place: None, hint: None }
    }

    /// A request that makes no sense as given.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, what)
    }

    /// Data that are broken or of another kind than asked for.
    pub fn data(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, what)
    }

    /// A later pass met other records than the first.
    pub fn changed() -> Self {
        Self::data("the input changed while it was read")
            .hint("run the same command again when nobody writes to it")
    }

    /// The run was stopped by the user.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "stopped by the user")
    }

    /// A failed system call on `path`; the commonest causes get a hint of their own.
    pub fn io(path: impl AsRef<Path>, source: &std::io::Error) -> Self {
        use std::io::ErrorKind as E;
        let (what, hint) = match source.kind() {
            E::NotFound => ("no such file or directory".to_owned(), Some("check the path")),
            E::PermissionDenied => {
                ("permission denied".to_owned(), Some("check who owns the file and its folder"))
            }
            E::StorageFull => (
                "no space left on the disk".to_owned(),
                Some("free some space or choose another --out, then run the same command again"),
            ),
            E::IsADirectory => ("is a directory, not a file".to_owned(), Some("name a file")),
            E::UnexpectedEof => {
                ("the file ends too early".to_owned(), Some("it was cut off: fetch or write it again"))
            }
            _ => (source.to_string(), None),
        };
        let error = Self::new(ErrorKind::Io, what).at(path);
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// The same error, in `path`.
    #[must_use]
    pub fn at(mut self, path: impl AsRef<Path>) -> Self {
        self.place = Some(Place { path: path.as_ref().to_owned(), line: None, byte: None });
        self
    }

    /// The same error, at `place`.
    #[must_use]
    pub fn at_place(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same error, with the next step for the user.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_reads_like_an_editor_link() {
        let error = Error::data("invalid UTF-8").at_place(Place {
            path: "corpus/web.jsonl".into(),
            line: Some(1842),
            byte: Some(311),
        });
        assert_eq!(error.to_string(), "corpus/web.jsonl:1842 byte 311: invalid UTF-8");
    }
}
