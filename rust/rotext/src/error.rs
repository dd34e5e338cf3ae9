//! The error type of the core: what went wrong, where, and what to do next.
//!
//! Every message is one sentence. The place is a separate field, so that the command line can print
//! `corpus/web.jsonl:1842 byte 311: invalid UTF-8`, a form that editors can jump to.

use std::fmt;
use std::path::{Path, PathBuf};

/// The result of every fallible function of the core.
pub type Result<T> = std::result::Result<T, Error>;

/// The cause of an error. It determines the exit code of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is invalid (exit code 2).
    Usage,
    /// The data are invalid: damaged, cut off, of another format or tokenizer (exit code 1).
    Data,
    /// The rest of a file cannot be read: it is cut off, damaged or of another format. A run goes on with the next file (exit code 1).
    Damaged,
    /// A system call failed: missing file, full disk, no permission (exit code 1).
    Io,
    /// The user stopped the run (exit code 130).
    Cancelled,
    /// A defect of this program (exit code 1).
    Internal,
}

/// A place in a file, in its decompressed bytes.
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

/// Calls `work`. A panic in it becomes an error of the kind [`ErrorKind::Internal`].
///
/// # Errors
/// That of `work`; a panic.
///
/// # Examples
///
/// ```
/// use rotext::error::{ErrorKind, contain};
///
/// let error = contain::<()>(|| panic!("no such case")).unwrap_err();
/// assert_eq!(error.kind, ErrorKind::Internal);
/// assert!(error.what.starts_with("internal error: no such case ("));
/// ```
pub fn contain<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    crate::fault::guard(work).unwrap_or_else(|panic| Err(Error::internal(&panic)))
}

/// What went wrong, where, and what to do next.
///
/// # Examples
///
/// ```
/// use rotext::error::Error;
///
/// let error = Error::data("the manifest is damaged").at("pack/manifest.json").hint("make the pack again");
/// assert_eq!(error.to_string(), "pack/manifest.json: the manifest is damaged");
/// assert_eq!(error.hint.as_deref(), Some("make the pack again"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{what}", place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default())]
pub struct Error {
    /// The cause.
    pub kind: ErrorKind,
    /// The message: one sentence without the place and without a full stop.
    pub what: String,
    /// The file, line and byte, if known.
    pub place: Option<Place>,
    /// The next step for the user, if there is one.
    pub hint: Option<String>,
}

impl Error {
    fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), place: None, hint: None }
    }

    /// An invalid request.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, what)
    }

    /// Invalid data.
    pub fn data(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, what)
    }

    /// A file whose rest cannot be read.
    pub fn damaged(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Damaged, what)
    }

    /// A server that cannot be reached, or that refuses.
    pub fn network(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Io, what)
    }

    /// A later pass read other records than the first one.
    pub fn changed() -> Self {
        Self::data("the input changed while it was read")
            .hint("run the same command again when no other program writes to it")
    }

    /// The run was stopped by the user.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "stopped by the user")
    }

    /// A defect of this program, with the message of its panic.
    pub(crate) fn internal(panic: &str) -> Self {
        Self::new(ErrorKind::Internal, format!("internal error: {panic}")).hint(Self::REPORT)
    }

    /// The next step after an internal error.
    pub(crate) const REPORT: &str =
        "this is a defect of rotext: report it with this line, the command and, if possible, the record";

    /// A failed system call on `path`. The common causes have a hint.
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
                ("the file ends too early".to_owned(), Some("it was cut off: download or write it again"))
            }
            E::QuotaExceeded => (
                "the quota of the disk is used up".to_owned(),
                Some("free some space or choose another --out, then run the same command again"),
            ),
            E::ReadOnlyFilesystem => {
                ("the file system is read-only".to_owned(), Some("choose an --out on another one"))
            }
            E::CrossesDevices => {
                ("it is on another file system".to_owned(), Some("choose an --out that is not a mount point"))
            }
            E::StaleNetworkFileHandle => (
                "the network file system lost the file".to_owned(),
                Some("mount it again, then run the same command again"),
            ),
            E::FileTooLarge => {
                ("the file system allows no file of this size".to_owned(), Some("choose another --out"))
            }
            E::OutOfMemory => (
                "the machine has too little memory".to_owned(),
                Some("close other programs, or lower --threads"),
            ),
            E::NotADirectory => ("a part of the path is a file".to_owned(), Some("check the path")),
            E::AlreadyExists => ("it exists already".to_owned(), Some("choose another --out")),
            E::Unsupported => (
                "the file system cannot do this (a network folder without locks?)".to_owned(),
                Some("choose an --out on a local disk"),
            ),
            _ => match source.raw_os_error() {
                // EMFILE and ENFILE have no kind of their own.
                Some(23 | 24) => (
                    "too many open files".to_owned(),
                    Some("raise the limit with `ulimit -n 4096`, or lower --threads"),
                ),
                // ENOLCK
                Some(37) => (
                    "the file system has no locks (NFS without a lock service)".to_owned(),
                    Some("choose an --out on a local disk"),
                ),
                _ => (source.to_string(), Some("look at the system's log, then run the same command again")),
            },
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
