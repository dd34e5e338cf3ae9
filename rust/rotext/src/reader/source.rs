//! From the arguments of a command to a list of files: paths, globs, folders, `-` for standard input.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::input::Volume;
use super::remote::{self, Listed, Remote};
use super::sniff::{Sniffed, hint, sniff};
use super::units::Cut;
use super::unpack::{HEAD_BYTES, Unpacked, unpack};
use super::{charset, marks, values, zip};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON objects: one on each line, several on a line, over several lines, or in one array.
    Jsonl,
    /// One document in a file.
    Text,
    /// Apache Parquet, one document in each row.
    Parquet,
    /// Arrow IPC, a file or a stream, one document in each row.
    Arrow,
    /// Rows of cells behind commas, semicolons or tabs, with a header.
    Csv,
    /// A web archive: WARC or WET.
    Warc,
    /// A file of a folder that is not read. [`Source::note`] says why.
    Unread,
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
    /// xz, with one or more streams.
    Xz,
    /// bzip2, with one or more streams.
    Bzip2,
    /// lz4, with one or more frames.
    Lz4,
    /// A file of a zip archive.
    Zip,
}

/// One file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file; `-` is standard input.
    pub path: PathBuf,
    /// The name in reports and in generated ids: the path as the user gave it; for a file of a folder, with the path in it. Bytes
    /// that are not UTF-8 are escaped.
    pub name: String,
    /// What it holds.
    pub format: Format,
    /// How it is compressed.
    pub compression: Compression,
    /// Bytes on disk, 0 for a stream.
    pub size: u64,
    /// It can be read only once: standard input or a pipe.
    pub stream: bool,
    /// Where it is in a zip archive.
    pub member: Option<zip::Member>,
    /// Why a file of the format [`Format::Unread`] is not read.
    pub note: &'static str,
    /// The object, if it is not on a disk of this machine. `path` is then its URL.
    pub remote: Option<Remote>,
    /// How it is cut into units.
    pub cut: Cut,
    /// Bytes that were read of it so far, by all passes.
    pub volume: Volume,
}

impl Source {
    /// The id of a record that has none: `name:line`.
    pub(super) fn generated_id(&self, line: u64) -> String {
        // `format!` would reallocate, and leave spare capacity in each document that waits in memory.
        let line = line.to_string();
        [self.name.as_str(), ":", &line].concat()
    }

    /// The cause of a failed read: what the server said, else `error`.
    pub(crate) fn failure(&self, error: Error) -> Error {
        self.remote.as_ref().and_then(Remote::take_failure).unwrap_or(error)
    }

    #[cfg(test)]
    pub(super) fn for_test(size: u64, cut: Cut) -> Self {
        Self { size, cut, stream: false, ..stdin_like() }
    }

    /// True for standard input.
    #[must_use]
    pub fn is_stdin(&self) -> bool {
        self.path.as_os_str() == "-"
    }
}

const JSONL: [&str; 4] = ["jsonl", "ndjson", "json", "jl"];
const TEXT: [&str; 2] = ["txt", "text"];
const CSV: [&str; 2] = ["csv", "tsv"];
const WARC: [&str; 2] = ["warc", "wet"];
const COMPRESSED: [&str; 10] =
    [".gz", ".gzip", ".zst", ".zstd", ".xz", ".bz2", ".lz4", ".zip", ".bgz", ".bz"];
/// Zip archives that are one document.
const BOOKS: [&str; 12] =
    ["docx", "epub", "odt", "fb2", "html", "htm", "xhtml", "pdf", "doc", "rtf", "mobi", "djvu"];
/// Files that describe a data set: those that `datasets` writes.
const METADATA: [&str; 5] =
    ["dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json", "dataset-metadata.json"];

const ENDINGS: &str = "known endings are .jsonl, .json, .txt, .csv, .tsv, .parquet, .arrow, .warc, .wet, each also .gz, .zst, .xz, \
                       .bz2, .lz4, and .zip";

/// Turns paths, URLs, globs and folders into files, in the order given and by name within a folder or glob.
///
/// A file of a folder or glob that is not read is in the list too, with the reason. A file that is reached twice is read once,
/// unless the user names it twice.
///
/// # Errors
/// Nothing matches; a file that the user names has a format that is not read, or cannot be opened.
pub fn expand<S: AsRef<OsStr>>(inputs: &[S]) -> Result<Vec<Source>> {
    let mut found = Found::default();
    for input in inputs {
        let before = found.sources.len();
        let local = input.as_ref().to_str().and_then(remote::local_path).transpose()?;
        let path = local.as_deref().unwrap_or(Path::new(input.as_ref()));
        if let Some(url) = path.to_str().filter(|text| remote::is_url(text)) {
            match remote::list(url)? {
                Listed::One(object) => found.named_object(object)?,
                Listed::Many(objects) => {
                    found.met_objects(objects)?;
                    found.check_any(before, "the folder or pattern has no object that is read", path)?;
                }
            }
            continue;
        }
        let pattern = path.to_str().filter(|text| text.contains(['*', '?', '[']));
        if path.as_os_str() == "-" {
            found.sources.push(stdin());
        } else if path.is_dir() {
            found.walk(path)?;
            found.check_any(before, "the folder has no file to read", path)?;
        } else if path.exists() {
            found.named(path)?;
        } else if let Some(pattern) = pattern {
            let matches =
                glob::glob(pattern).map_err(|e| Error::usage(format!("invalid pattern: {e}")).at(path))?;
            let mut paths: Vec<PathBuf> = matches.filter_map(std::result::Result::ok).collect();
            paths.sort();
            if paths.is_empty() {
                return Err(Error::usage("no file matches").at(path).hint("check the pattern"));
            }
            for path in paths {
                if path.is_dir() { found.walk(&path)? } else { found.met(&path)? }
            }
            found.check_any(before, "the pattern matches no file that is read", path)?;
        } else {
            return Err(Error::io(path, &std::io::ErrorKind::NotFound.into()));
        }
    }
    Ok(found.sources)
}

/// The files so far.
#[derive(Default)]
struct Found {
    sources: Vec<Source>,
    /// Real paths of files and folders, so that links make no copies and no circles.
    seen: HashSet<PathBuf>,
}

impl Found {
    fn check_any(&self, before: usize, what: &str, path: &Path) -> Result<()> {
        let new = &self.sources[before..];
        if new.iter().any(|source| source.format != Format::Unread || source.note == TWICE) {
            return Ok(());
        }
        Err(Error::data(what).at(path).hint(ENDINGS))
    }

    /// A file that the user named.
    fn named(&mut self, path: &Path) -> Result<()> {
        if let Ok(real) = path.canonicalize() {
            self.seen.insert(real);
        }
        let before = self.sources.len();
        inspect(path, &mut self.sources)?;
        self.check_named(before, path)
    }

    /// An object that the user named.
    fn named_object(&mut self, object: Remote) -> Result<()> {
        let path = PathBuf::from(object.name());
        self.seen.insert(path.clone());
        let before = self.sources.len();
        inspect_object(object, &mut self.sources)?;
        self.check_named(before, &path)
    }

    /// Err when nothing is read of what the user named.
    fn check_named(&self, before: usize, path: &Path) -> Result<()> {
        let new = &self.sources[before..];
        if new.iter().any(|source| source.format != Format::Unread) {
            return Ok(());
        }
        let (what, hint) = match new {
            [Source { note: UNKNOWN, member: None, .. }] => ("the file has an unknown format", ENDINGS),
            [Source { note, member: None, .. }] => (*note, hint(note).unwrap_or(ENDINGS)),
            _ => ("the archive has no file that is read", ENDINGS),
        };
        Err(Error::data(what).at(path).hint(hint))
    }

    /// Objects of a folder or glob. Their first bytes are fetched by a few threads: each costs the time of a request.
    fn met_objects(&mut self, objects: Vec<Remote>) -> Result<()> {
        let mut wanted = Vec::with_capacity(objects.len());
        for object in objects {
            let name = object.name().rsplit('/').next().unwrap_or_default().to_lowercase();
            let note = if METADATA.contains(&name.as_str()) {
                "metadata of a data set, no documents"
            } else if !self.seen.insert(PathBuf::from(object.name())) {
                TWICE
            } else {
                ""
            };
            wanted.push((object, note));
        }
        let next = AtomicUsize::new(0);
        let look = || {
            let mut found = Vec::new();
            loop {
                let at = next.fetch_add(1, Relaxed);
                let Some((object, note)) = wanted.get(at) else { return found };
                let mut sources = Vec::new();
                let done = if note.is_empty() {
                    inspect_object(object.clone(), &mut sources)
                } else {
                    let unread = object_source(object.clone());
                    sources.push(Source { format: Format::Unread, note, size: 0, ..unread });
                    Ok(())
                };
                found.push((at, done.map(|()| sources)));
            }
        };
        let mut all: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..LOOKERS.min(wanted.len())).map(|_| scope.spawn(look)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        });
        all.sort_by_key(|(at, _)| *at);
        for (_, sources) in all {
            self.sources.extend(sources?);
        }
        Ok(())
    }

    /// A file of a folder or glob.
    fn met(&mut self, path: &Path) -> Result<()> {
        let unread = |note| Source { format: Format::Unread, note, ..source(path) };
        let Ok(real) = path.canonicalize() else {
            self.sources.push(unread("a link to a file that does not exist"));
            return Ok(());
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if METADATA.contains(&name.as_str()) {
            self.sources.push(unread("metadata of a data set, no documents"));
        } else if !path.is_file() {
            self.sources.push(unread("not a file"));
        } else if !self.seen.insert(real) {
            self.sources.push(unread(TWICE));
        } else {
            inspect(path, &mut self.sources)?;
        }
        Ok(())
    }

    /// The files below a folder, without hidden ones. An explicit stack: folders may be deep.
    fn walk(&mut self, folder: &Path) -> Result<()> {
        let mut stack = vec![folder.to_owned()];
        while let Some(path) = stack.pop() {
            if !path.is_dir() {
                self.met(&path)?;
                continue;
            }
            // A link to a folder above would repeat it without end.
            let real = path.canonicalize().map_err(|e| Error::io(&path, &e))?;
            if !self.seen.insert(real) {
                continue;
            }
            let mut paths = Vec::new();
            for entry in std::fs::read_dir(&path).map_err(|e| Error::io(&path, &e))? {
                let entry = entry.map_err(|e| Error::io(&path, &e))?;
                if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                    paths.push(entry.path());
                }
            }
            paths.sort();
            stack.extend(paths.into_iter().rev());
        }
        Ok(())
    }
}

/// Threads that look at the first bytes of objects.
const LOOKERS: usize = 16;

const TWICE: &str = "a second path to a file that is read already";
const UNKNOWN: &str = "its name and its first bytes are of no known format";

fn object_source(object: Remote) -> Source {
    let path = PathBuf::from(object.name());
    Source { size: object.size(), stream: false, remote: Some(object), ..source(&path) }
}

fn source(path: &Path) -> Source {
    Source { path: path.to_owned(), name: shown(path), ..stdin_like() }
}

fn stdin() -> Source {
    Source { path: "-".into(), name: "stdin".into(), ..stdin_like() }
}

fn stdin_like() -> Source {
    Source {
        path: PathBuf::new(),
        name: String::new(),
        format: Format::Jsonl,
        compression: Compression::None,
        size: 0,
        stream: true,
        member: None,
        note: "",
        remote: None,
        cut: Cut::Whole,
        volume: Volume::default(),
    }
}

/// A path as text. Bytes that are not UTF-8 are escaped, so that two names stay two.
fn shown(path: &Path) -> String {
    let mut name = String::new();
    for part in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        name.push_str(part.valid());
        part.invalid().iter().for_each(|byte| name.push_str(&format!("\\x{byte:02x}")));
    }
    name
}

/// The format by the extensions of the name.
pub(super) fn by_name(name: &OsStr) -> Option<Format> {
    let extension = extension(name);
    let extension = extension.as_str();
    if JSONL.contains(&extension) {
        Some(Format::Jsonl)
    } else if TEXT.contains(&extension) {
        Some(Format::Text)
    } else if CSV.contains(&extension) {
        Some(Format::Csv)
    } else if WARC.contains(&extension) {
        Some(Format::Warc)
    } else if extension == "parquet" {
        Some(Format::Parquet)
    } else if matches!(extension, "arrow" | "ipc" | "feather") {
        Some(Format::Arrow)
    } else {
        None
    }
}

/// The extension in small letters, without that of a compression; empty if there is none.
fn extension(name: &OsStr) -> String {
    let name = Path::new(name).file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let stem = COMPRESSED.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    stem.rsplit_once('.').map_or("", |(_, extension)| extension).to_owned()
}

/// Why a file without a known format is not read.
fn why_unread(name: &OsStr) -> &'static str {
    let extension = extension(name);
    if BOOKS.contains(&extension.as_str()) { "a book or page: `rotools books` reads it" } else { UNKNOWN }
}

/// The format by the first bytes, and by the name where these leave it open.
pub(super) fn format(head: &[u8], name: &OsStr) -> (Format, &'static str) {
    let named = by_name(name);
    match sniff(head, named) {
        // A file that begins with a brace is JSON lines, unless its name says that it is something else (a notebook, a style).
        Sniffed::Format(Format::Jsonl) if named.is_none() && !extension(name).is_empty() => {
            (Format::Unread, why_unread(name))
        }
        Sniffed::Format(format) => (format, ""),
        // The reader says what a file with a known name is instead.
        Sniffed::Foreign(_) | Sniffed::Zip | Sniffed::Unknown if named.is_some() => {
            (named.unwrap_or(Format::Jsonl), "")
        }
        Sniffed::Foreign(foreign) => (Format::Unread, foreign.what),
        Sniffed::Zip | Sniffed::Unknown => (Format::Unread, why_unread(name)),
    }
}

/// Adds the sources of one file: a zip archive has one for each file in it.
fn inspect(path: &Path, sources: &mut Vec<Source>) -> Result<()> {
    let io = |e: std::io::Error| Error::io(path, &e);
    let metadata = std::fs::metadata(path).map_err(io)?;
    let name = path.file_name().unwrap_or_default();
    if !metadata.is_file() {
        // A pipe gives its bytes only once, so they are not read here.
        sources.push(Source { format: by_name(name).unwrap_or(Format::Jsonl), ..source(path) });
        return Ok(());
    }
    let found = Source { size: metadata.len(), stream: false, ..source(path) };
    look(found, sources)
}

/// As [`inspect`], for an object.
fn inspect_object(object: Remote, sources: &mut Vec<Source>) -> Result<()> {
    let failure = object.clone();
    let done = look(object_source(object), sources);
    // A format is not guessed from bytes that could not be fetched.
    failure.take_failure().map_or(done, Err)
}

/// Looks at the first bytes of `found`, and adds it, or the files in it.
fn look(mut found: Source, sources: &mut Vec<Source>) -> Result<()> {
    let name = found.path.file_name().unwrap_or_default().to_owned();
    let name = name.as_os_str();
    match unpack(BufReader::new(found.input()?)) {
        Ok(Unpacked { head, compression: Compression::None, .. })
            if sniff(&head, None) == Sniffed::Zip && why_unread(name) == UNKNOWN =>
        {
            match zip::members(&found) {
                Ok(members) => sources.extend(members),
                // The reader says what is wrong with the archive.
                Err(_) => sources.push(found),
            }
            return Ok(());
        }
        Ok(unpacked) => {
            (found.format, found.note) = format(&unpacked.head, name);
            found.compression = unpacked.compression;
            if found.format == Format::Unread {
                found.size = 0;
            }
            found.cut = cut(&found, &unpacked)?;
        }
        // The reader says what is wrong with the file.
        Err(_) => found.format = by_name(name).unwrap_or(Format::Jsonl),
    }
    sources.push(found);
    Ok(())
}

/// How a file is cut into units.
fn cut(source: &Source, Unpacked { head, compression, layers, .. }: &Unpacked) -> Result<Cut> {
    let lines = !values::has_values(head) && charset::utf16_order(head).is_none();
    Ok(match (source.format, compression) {
        (Format::Parquet, Compression::None) => Cut::RowGroups,
        (Format::Jsonl, Compression::None) if lines => Cut::Lines,
        (Format::Jsonl, Compression::Zstd | Compression::Gzip) if lines && *layers == 1 => {
            let mut first = Vec::with_capacity(HEAD_BYTES);
            let io = |e: std::io::Error| Error::io(&source.path, &e);
            source.input()?.take(HEAD_BYTES as u64).read_to_end(&mut first).map_err(io)?;
            marks::cut(source, &first)
        }
        _ => Cut::Whole,
    })
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
    for source in sources.filter(|source| source.stream && source.format != Format::Unread) {
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
        let io = |e: std::io::Error| Error::io(&path, &e);
        let size = std::fs::metadata(&path).map_err(io)?.len();
        if let Ok(Unpacked { head, compression, .. }) = unpack(BufReader::new(File::open(&path).map_err(io)?))
        {
            source.compression = compression;
            if let Sniffed::Format(format) = sniff(&head, Some(source.format)) {
                source.format = format;
            }
        }
        (source.path, source.size, source.stream) = (path.clone(), size, false);
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
