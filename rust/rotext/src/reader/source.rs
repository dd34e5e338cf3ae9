//! From the arguments of a command to a list of files: paths, globs, folders, `-` for standard input.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::progress::Progress;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object on each line.
    Jsonl,
    /// One document in a file.
    Text,
    /// Apache Parquet, one document in each row.
    Parquet,
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not compressed.
    None,
    /// gzip, with one or more members.
    Gzip,
    /// Zstandard, with one or more frames.
    Zstd,
}

/// One file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file; `-` is standard input.
    pub path: PathBuf,
    /// The name in reports and in generated ids: the path as the user gave it; for a file of a folder, with the path in it.
    pub name: String,
    /// What it holds.
    pub format: Format,
    /// How it is compressed.
    pub compression: Compression,
    /// Bytes on disk, 0 for a stream.
    pub size: u64,
    /// It can be read only once: standard input or a pipe.
    pub stream: bool,
}

impl Source {
    /// The id of a record that has none: `name:line`.
    pub(super) fn generated_id(&self, line: u64) -> String {
        // `format!` would reallocate, and leave spare capacity in each document that waits in memory.
        let line = line.to_string();
        [self.name.as_str(), ":", &line].concat()
    }

    /// True for standard input.
    #[must_use]
    pub fn is_stdin(&self) -> bool {
        self.path.as_os_str() == "-"
    }
}

const JSONL: [&str; 3] = ["jsonl", "ndjson", "json"];
const TEXT: [&str; 2] = ["txt", "text"];

/// Turns paths, globs and folders into files, in the order given and by name within a folder or glob.
///
/// # Errors
/// Nothing matches; a file has a format that is not supported, or cannot be opened.
pub fn expand(inputs: &[String]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for input in inputs {
        let path = Path::new(input);
        if input == "-" {
            sources.push(stdin());
        } else if path.is_dir() {
            let before = sources.len();
            walk(path, &mut sources)?;
            if sources.len() == before {
                return Err(Error::data("the folder has no file to read")
                    .at(path)
                    .hint("files end in .jsonl, .txt (each also .gz or .zst) or .parquet"));
            }
        } else if path.exists() {
            sources.push(inspect(path)?);
        } else if input.contains(['*', '?', '[']) {
            let found =
                glob::glob(input).map_err(|e| Error::usage(format!("invalid pattern: {e}")).at(path))?;
            let mut paths: Vec<PathBuf> = found.filter_map(std::result::Result::ok).collect();
            paths.sort();
            if paths.is_empty() {
                return Err(Error::usage("no file matches").at(path).hint("check the pattern"));
            }
            for path in paths {
                if path.is_dir() { walk(&path, &mut sources)? } else { sources.push(inspect(&path)?) }
            }
        } else {
            return Err(Error::io(path, &std::io::ErrorKind::NotFound.into()));
        }
    }
    Ok(sources)
}

fn stdin() -> Source {
    Source {
        path: "-".into(),
        name: "stdin".into(),
        format: Format::Jsonl,
        compression: Compression::None,
        size: 0,
        stream: true,
    }
}

fn walk(folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(|e| Error::io(folder, &e))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|e| Error::io(folder, &e))?.path());
    }
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden {
            continue;
        }
        if path.is_dir() {
            walk(&path, sources)?;
        } else if by_name(&path).0.is_some() {
            sources.push(inspect(&path)?);
        }
    }
    Ok(())
}

/// Format and compression by the extensions of the name.
fn by_name(path: &Path) -> (Option<Format>, Compression) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let (stem, compression) = if let Some(stem) = name.strip_suffix(".gz") {
        (stem, Compression::Gzip)
    } else if let Some(stem) = name.strip_suffix(".zst") {
        (stem, Compression::Zstd)
    } else {
        (name.as_str(), Compression::None)
    };
    let extension = stem.rsplit_once('.').map_or("", |(_, extension)| extension);
    let format = if JSONL.contains(&extension) {
        Some(Format::Jsonl)
    } else if TEXT.contains(&extension) {
        Some(Format::Text)
    } else if extension == "parquet" {
        Some(Format::Parquet)
    } else {
        None
    };
    (format, compression)
}

/// The compression by the first bytes, which are more reliable than the name: browsers and mirrors unpack .gz files and keep the
/// name.
pub(super) fn compression(head: &[u8]) -> Compression {
    if head.starts_with(&[0x1f, 0x8b]) {
        Compression::Gzip
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Compression::Zstd
    } else {
        Compression::None
    }
}

/// The size and the first bytes of a file.
fn head(path: &Path) -> Result<(u64, Vec<u8>)> {
    let read = || {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut head = Vec::with_capacity(64);
        file.take(64).read_to_end(&mut head)?;
        Ok((size, head))
    };
    read().map_err(|e: std::io::Error| Error::io(path, &e))
}

/// The format by the name, checked against the first bytes. An unknown name leaves the first bytes to decide.
fn inspect(path: &Path) -> Result<Source> {
    let name = path.to_string_lossy().into_owned();
    if !std::fs::metadata(path).map_err(|e| Error::io(path, &e))?.is_file() {
        // A pipe gives its bytes only once, so they are not read here.
        let format = by_name(path).0.unwrap_or(Format::Jsonl);
        return Ok(Source { path: path.to_owned(), name, format, ..stdin() });
    }
    let (size, head) = head(path)?;
    let format = if head.starts_with(b"PAR1") {
        Format::Parquet
    } else if head.starts_with(b"%PDF") {
        return Err(Error::data("the file is a PDF, not text")
            .at(path)
            .hint("use `rotools books` for books, or convert it with `pdftotext` and name the .txt file"));
    } else {
        match by_name(path).0 {
            Some(format) => format,
            None if head.trim_ascii_start().starts_with(b"{") => Format::Jsonl,
            None => {
                return Err(Error::data("the file has an unknown format")
                    .at(path)
                    .hint("give it the ending .jsonl, .txt (each also .gz or .zst) or .parquet"));
            }
        }
    };
    Ok(Source { path: path.to_owned(), name, format, compression: compression(&head), size, stream: false })
}

/// Copies the streams among `sources` into files in `folder`, so that they can be read more than once, and so that a Parquet
/// stream can be read at all. Returns these files.
///
/// # Errors
/// Standard input is named twice, the disk is full or fails, the user stopped the run.
pub fn spool<'a>(
    sources: impl Iterator<Item = &'a mut Source>,
    folder: &Path,
    progress: &Progress,
) -> Result<Vec<PathBuf>> {
    let mut spooled = Vec::new();
    let mut stdin = false;
    for source in sources.filter(|source| source.stream) {
        if source.is_stdin() && std::mem::replace(&mut stdin, true) {
            return Err(Error::usage("standard input is named twice").hint("it can be read only once"));
        }
        let path = folder.join(format!("stream-{}", spooled.len()));
        progress.begin(&format!("read {}", source.name), 0);
        if source.is_stdin() {
            copy(std::io::stdin().lock(), &path, progress)?;
        } else {
            copy(File::open(&source.path).map_err(|e| Error::io(&source.path, &e))?, &path, progress)?;
        }
        let (size, head) = head(&path)?;
        let format = if head.starts_with(b"PAR1") { Format::Parquet } else { source.format };
        let name = source.name.clone();
        *source =
            Source { path: path.clone(), name, format, compression: compression(&head), size, stream: false };
        spooled.push(path);
    }
    Ok(spooled)
}

/// Copies a stream to a file.
fn copy(mut input: impl Read, path: &Path, progress: &Progress) -> Result<()> {
    let io = |e: std::io::Error| Error::io(path, &e);
    let mut file = File::create(path).map_err(io)?;
    loop {
        progress.check()?;
        let copied = std::io::copy(&mut (&mut input).take(SPOOL_BYTES), &mut file).map_err(io)?;
        progress.add(copied, 0);
        if copied == 0 {
            return Ok(());
        }
    }
}

/// Bytes copied between two checks of the stop flag.
const SPOOL_BYTES: u64 = 8 << 20;
