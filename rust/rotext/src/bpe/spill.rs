//! Sorted runs of (word, count) on disk, and their merge.
//!
//! A record is the length of the word (u32), the word, and its count (u64), little-endian. A run is read once from start
//! to end, so the merge holds one word of each run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::word_table::WordTable;
use crate::error::{Error, Result};

/// A run that can be read from its beginning. Its file has no name, so it vanishes with the process, however that ends.
pub(super) struct Run {
    file: File,
    /// For messages.
    folder: PathBuf,
}

impl Run {
    /// Writes the words of `table`, in the order of their bytes, to a new file in `folder`.
    pub(super) fn write(table: &WordTable, folder: &Path) -> Result<Self> {
        let fail = |e: std::io::Error| Error::io(folder, &e);
        let file = tempfile::tempfile_in(folder).map_err(fail)?;
        let mut bytes: Vec<u8> = Vec::new();
        let mut words: Vec<(usize, usize, u64)> = Vec::with_capacity(table.len());
        table.for_each(|word, n| {
            words.push((bytes.len(), word.len(), n));
            bytes.extend_from_slice(word);
        });
        words.sort_unstable_by(|&(a, m, _), &(b, n, _)| bytes[a..a + m].cmp(&bytes[b..b + n]));
        let mut out = BufWriter::with_capacity(1 << 18, &file);
        for (start, len, n) in words {
            let size = u32::try_from(len).map_err(|_| Error::data("a word of more than 4 GB").at(folder))?;
            out.write_all(&size.to_le_bytes()).map_err(fail)?;
            out.write_all(&bytes[start..start + len]).map_err(fail)?;
            out.write_all(&n.to_le_bytes()).map_err(fail)?;
        }
        out.flush().map_err(fail)?;
        drop(out);
        (&file).rewind().map_err(fail)?;
        Ok(Self { file, folder: folder.to_owned() })
    }
}

/// Reads the next record of a run into `word`; `None` at its end.
fn next(reader: &mut BufReader<&File>, word: &mut Vec<u8>) -> std::io::Result<Option<u64>> {
    let mut size = [0; 4];
    match reader.read_exact(&mut size) {
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    word.resize(u32::from_le_bytes(size) as usize, 0);
    reader.read_exact(word)?;
    let mut count = [0; 8];
    reader.read_exact(&mut count)?;
    Ok(Some(u64::from_le_bytes(count)))
}

/// Gives every word to `f` once, in the order of its bytes, with its counts summed.
pub(super) fn merge(runs: Vec<Run>, mut f: impl FnMut(&[u8], u64)) -> Result<()> {
    let mut readers: Vec<_> = runs.iter().map(|run| BufReader::with_capacity(1 << 17, &run.file)).collect();
    let mut heap = BinaryHeap::with_capacity(runs.len());
    let mut advance = |heap: &mut BinaryHeap<Reverse<(Vec<u8>, usize, u64)>>,
                       mut word: Vec<u8>,
                       run: usize| {
        if let Some(n) = next(&mut readers[run], &mut word).map_err(|e| Error::io(&runs[run].folder, &e))? {
            heap.push(Reverse((word, run, n)));
        }
        Ok::<(), Error>(())
    };
    for run in 0..runs.len() {
        advance(&mut heap, Vec::new(), run)?;
    }
    let mut word: Vec<u8> = Vec::new();
    let mut sum = 0;
    while let Some(Reverse((next_word, run, n))) = heap.pop() {
        if next_word == word {
            sum += n;
        } else {
            if sum > 0 {
                f(&word, sum);
            }
            word.clone_from(&next_word);
            sum = n;
        }
        advance(&mut heap, next_word, run)?;
    }
    if sum > 0 {
        f(&word, sum);
    }
    Ok(())
}
