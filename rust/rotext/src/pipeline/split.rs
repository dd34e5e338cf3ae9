//! `rotools split`: rewrites a compressed file that cannot be cut, so that the tasks of a cluster can share it.
//!
//! The plain bytes stay the same. They are compressed as many frames of zstd with a table at the end (the seekable format), which
//! every program that reads zstd accepts. The file appears whole, after it was read back and compared.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::output::AtomicFile;
use super::stream::Workers;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::reader::{Cut, Format, Source, Stream, seek_table};

/// Plain bytes of a frame. Less compresses worse; with more, a part reads more of the frame behind it.
const FRAME_BYTES: usize = 2 << 20;
/// Of zstd: faster levels save little time beside reading.
const LEVEL: i32 = 3;
const COMPRESSED: [&str; 9] = [".gz", ".gzip", ".zst", ".zstd", ".xz", ".bz2", ".lz4", ".bgz", ".bz"];

/// One file that was written, or one that needs no rewriting.
#[derive(Debug, Clone, serde::Serialize)]
pub struct SplitFile {
    /// The name of the source.
    pub source: String,
    /// The new file; `None` when the source is cut into units as it is.
    pub out: Option<PathBuf>,
    /// Plain bytes.
    pub bytes: u64,
    /// Bytes of the new file.
    pub size: u64,
    /// Frames of the new file.
    pub frames: u64,
}

/// Rewrites `sources` into the folder `out`.
///
/// # Examples
///
/// ```
/// use rotext::pipeline::split::split;
/// use rotext::progress::Progress;
/// use rotext::reader::expand;
///
/// # fn main() -> rotext::error::Result<()> {
/// let folder = tempfile::tempdir().expect("a folder for the example");
/// let input = folder.path().join("web.jsonl.zst");
/// let plain = b"{\"text\": \"Un document.\"}\n";
/// std::fs::write(&input, zstd::encode_all(&plain[..], 3).expect("zstd")).expect("a file");
/// let out = folder.path().join("units");
/// let done = split(&expand(&[&input])?, &out, 2, &Progress::default())?;
/// assert_eq!((done[0].bytes, done[0].frames), (plain.len() as u64, 1));
/// assert_eq!(zstd::decode_all(std::fs::File::open(out.join("web.jsonl.zst")).expect("it")).expect("zstd"), plain);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A source is no compressed file of JSON lines, is damaged or a stream; two have one name; a new file exists already; a full disk.
pub fn split(sources: &[Source], out: &Path, threads: usize, progress: &Progress) -> Result<Vec<SplitFile>> {
    let targets = targets(sources, out)?;
    std::fs::create_dir_all(out).map_err(|e| Error::io(out, &e))?;
    let mut done = Vec::new();
    for (source, target) in sources.iter().zip(targets) {
        done.push(match target {
            Some(target) => rewrite(source, &target, threads, progress)?,
            None => {
                SplitFile { source: source.name.clone(), out: None, bytes: 0, size: source.size, frames: 0 }
            }
        });
    }
    Ok(done)
}

/// The new file of each source. All is checked before anything is written.
fn targets(sources: &[Source], out: &Path) -> Result<Vec<Option<PathBuf>>> {
    let mut names = HashSet::new();
    let mut targets = Vec::new();
    for source in sources {
        if source.format == Format::Unread || source.cut != Cut::Whole {
            targets.push(None);
            continue;
        }
        if source.stream {
            let error = Error::usage("a stream cannot be split").at(&source.name);
            return Err(error.hint("write it to a file first"));
        }
        let name = source.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = COMPRESSED.iter().find_map(|ending| name.strip_suffix(ending));
        let Some(stem) = stem.filter(|_| source.format == Format::Jsonl && source.member.is_none()) else {
            return Err(Error::usage("only compressed files of JSON lines are split")
                .at(&source.name)
                .hint("write JSON lines first: `rotools normalize FILE --out FILE.jsonl.zst`"));
        };
        let target = out.join(format!("{stem}.zst"));
        if target.exists() {
            return Err(Error::data("it exists already").at(&target).hint("name another folder with --out"));
        }
        if !names.insert(target.clone()) {
            let what = format!("two files would become {}", target.display());
            return Err(Error::usage(what).hint("split them into two folders"));
        }
        targets.push(Some(target));
    }
    Ok(targets)
}

fn rewrite(source: &Source, target: &Path, threads: usize, progress: &Progress) -> Result<SplitFile> {
    progress.begin(&format!("split {}", source.name), source.size);
    let io = |e: std::io::Error| Error::io(target, &e);
    let mut stream = Stream::open(source)?;
    let mut file = AtomicFile::create(target)?;
    let mut hash = Xxh3::new();
    let (mut sizes, mut bytes, mut ended) = (Vec::new(), 0, false);
    Workers { threads, progress }.run(
        || {
            let mut plain = Vec::new();
            if !ended {
                ended =
                    stream.read_up_to(&mut plain, FRAME_BYTES).map_err(|e| source.failure(e))? < FRAME_BYTES;
            }
            hash.update(&plain);
            bytes += plain.len() as u64;
            progress.advance(stream.moved());
            Ok((!plain.is_empty()).then_some((plain.len(), plain)))
        },
        || zstd::bulk::Compressor::new(LEVEL),
        |compressor, plain: Vec<u8>| {
            let compressor = compressor.as_mut().map_err(|e| Error::io(target, e))?;
            let packed = compressor.compress(&plain).map_err(io)?;
            progress.add(plain.len() as u64, 0);
            Ok((packed, plain.len() as u32))
        },
        Ok,
        |_, done| Ok(done),
        |(packed, plain)| {
            sizes.push((packed.len() as u32, plain));
            file.write_all(&packed).map_err(io)
        },
    )?;
    file.write_all(&seek_table(&sizes)).map_err(io)?;
    file.flush().map_err(io)?;
    verify(file.temporary(), hash.digest(), bytes, progress).map_err(|error| error.at(target))?;
    file.finish()?;
    let size = std::fs::metadata(target).map_err(io)?.len();
    Ok(SplitFile {
        source: source.name.clone(),
        out: Some(target.to_owned()),
        bytes,
        size,
        frames: sizes.len() as u64,
    })
}

/// Reads the new file back, and compares its plain bytes.
fn verify(path: &Path, wanted: u64, bytes: u64, progress: &Progress) -> Result<()> {
    progress.begin("compare", bytes);
    let io = |e: std::io::Error| Error::io(path, &e);
    let mut decoder = zstd::Decoder::new(std::fs::File::open(path).map_err(io)?).map_err(io)?;
    let mut hash = Xxh3::new();
    let mut buffer = vec![0; FRAME_BYTES];
    loop {
        progress.check()?;
        let read = decoder.read(&mut buffer).map_err(io)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        progress.advance(read as u64);
    }
    if hash.digest() == wanted {
        return Ok(());
    }
    Err(Error::data("the new file does not have the same bytes: disk or memory is damaged")
        .hint("run the same command again, and check the machine if that repeats"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::reader::expand;

    #[test]
    fn the_new_file_has_the_same_bytes_in_frames_that_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let line = |n: usize| format!("{{\"text\": \"Documentul {n} {}.\"}}\n", n * n);
        let plain: String = (0..200_000).map(line).collect();
        let input = folder.path().join("a.jsonl.zst");
        std::fs::write(&input, zstd::encode_all(plain.as_bytes(), 1).unwrap()).unwrap();
        let out = folder.path().join("units");
        let sources = expand(&[&input]).unwrap();
        assert_eq!(sources[0].cut, Cut::Whole);
        let done = split(&sources, &out, 2, &Progress::default()).unwrap();
        assert_eq!(done[0].frames, (plain.len() as u64).div_ceil(FRAME_BYTES as u64));
        let target = out.join("a.jsonl.zst");
        let again = zstd::decode_all(std::fs::File::open(&target).unwrap()).unwrap();
        assert!(again == plain.as_bytes());
        let cut = expand(&[&target]).unwrap();
        assert_eq!(cut[0].cut, Cut::ListedFrames);
        // Nothing to do, and nothing is done twice.
        let same = split(&cut, &out, 2, &Progress::default()).unwrap();
        assert!(same[0].out.is_none());
        let error = split(&sources, &out, 2, &Progress::default()).unwrap_err();
        assert!(error.what.contains("exists already"));
        // A damaged file leaves nothing.
        let damaged = folder.path().join("b.jsonl.zst");
        let whole = std::fs::read(&input).unwrap();
        std::fs::write(&damaged, &whole[..whole.len() / 2]).unwrap();
        let error = split(&expand(&[&damaged]).unwrap(), &out, 2, &Progress::default()).unwrap_err();
        assert!(error.what.contains("cut off"));
        assert_eq!(out.read_dir().unwrap().count(), 1);
    }
}
