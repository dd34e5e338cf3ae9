//! Sorts more records than fit into memory: sorted runs on disk, merged.
//!
//! A record has `N` bytes (at least 8) and is compared as bytes, so its numbers are big-endian. The file of a run:
//!
//! ```text
//! "ROTORUN\0"  u32 version  u32 N  u64 records  u64 XXH3-64 of these 24 bytes
//! then blocks: u32 records of the block, u64 XXH3-64 of them, the records
//! ```
//! The numbers of header and blocks are little-endian. Each block is checked before its records are used, and the number of
//! records at the end. So a file that was cut off or damaged is refused, and never shortens a result silently.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"ROTORUN\0";
/// Version of the file format.
const VERSION: u32 = 1;
const HEADER: usize = 32;
/// Bytes of a block. A merge keeps one block of each run in memory.
const BLOCK_BYTES: usize = 1 << 17;
/// The most runs that are merged at once. More are merged in steps, which bounds the open files and the buffers.
const FAN_IN: usize = 64;

/// A sorted run in a file.
#[derive(Debug)]
pub struct Run<const N: usize> {
    file: File,
    path: PathBuf,
    records: u64,
}

fn header(width: usize, records: u64) -> [u8; HEADER] {
    let mut out = [0; HEADER];
    out[..8].copy_from_slice(MAGIC);
    out[8..12].copy_from_slice(&VERSION.to_le_bytes());
    out[12..16].copy_from_slice(&(width as u32).to_le_bytes());
    out[16..24].copy_from_slice(&records.to_le_bytes());
    let sum = xxh3_64(&out[..24]);
    out[24..].copy_from_slice(&sum.to_le_bytes());
    out
}

/// Makes a scratch file in `folder` that vanishes with the process, however that ends. (On systems that keep the names of open
/// files, the next run removes the folder.)
pub(super) fn scratch_file(folder: &Path, kind: &str) -> Result<(File, PathBuf)> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let path = folder.join(format!("{kind}-{}.scratch", NUMBER.fetch_add(1, Relaxed)));
    let open = File::options().read(true).write(true).create(true).truncate(true).open(&path);
    let file = open.map_err(|e| Error::io(&path, &e))?;
    // A name that stays would be a file of the finished pack.
    #[cfg(unix)]
    std::fs::remove_file(&path).map_err(|e| Error::io(&path, &e))?;
    Ok((file, path))
}

impl<const N: usize> Run<N> {
    /// Writes sorted records.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn write(file: File, path: &Path, sorted: impl Iterator<Item = Result<[u8; N]>>) -> Result<Self> {
        let fail = |e: std::io::Error| Error::io(path, &e);
        let mut file = file;
        file.write_all(&[0; HEADER]).map_err(fail)?;
        let mut block = Vec::with_capacity(12 + BLOCK_BYTES);
        let mut records = 0u64;
        let mut flush = |block: &mut Vec<u8>| {
            let count = (block.len() - 12) / N;
            let sum = xxh3_64(&block[12..]);
            block[..4].copy_from_slice(&(count as u32).to_le_bytes());
            block[4..12].copy_from_slice(&sum.to_le_bytes());
            let done = file.write_all(block);
            block.truncate(12);
            done.map_err(fail)
        };
        block.resize(12, 0);
        for record in sorted {
            block.extend_from_slice(&record?);
            records += 1;
            if block.len() + N > BLOCK_BYTES {
                flush(&mut block)?;
            }
        }
        if block.len() > 12 {
            flush(&mut block)?;
        }
        file.rewind().and_then(|()| file.write_all(&header(N, records))).map_err(fail)?;
        Ok(Self { file, path: path.to_owned(), records })
    }

    /// Opens a run that was written before.
    ///
    /// # Errors
    /// The file is not a run of records of `N` bytes, or has another version.
    pub fn open(mut file: File, path: &Path) -> Result<Self> {
        let mut found = [0; HEADER];
        file.rewind().and_then(|()| file.read_exact(&mut found)).map_err(|e| Error::io(path, &e))?;
        let number = |at: usize| u32::from_le_bytes([found[at], found[at + 1], found[at + 2], found[at + 3]]);
        if &found[..8] != MAGIC {
            return Err(Error::data("not a file of sorted records").at(path).hint(AGAIN));
        }
        if number(8) != VERSION {
            let what = format!("the records have format version {}, this program reads {VERSION}", number(8));
            return Err(Error::data(what).at(path).hint(AGAIN));
        }
        let records = u64::from_le_bytes(found[16..24].try_into().unwrap_or_default());
        if found != header(N, records) {
            return Err(damaged("the header is damaged or of records of another length", path));
        }
        Ok(Self { file, path: path.to_owned(), records })
    }

    /// The number of records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    fn reader(self) -> Result<Blocks<N>> {
        let mut input = BufReader::with_capacity(BLOCK_BYTES, self.file);
        let start = input.seek(std::io::SeekFrom::Start(HEADER as u64));
        start.map_err(|e| Error::io(&self.path, &e))?;
        Ok(Blocks { input, path: self.path, left: self.records, block: Vec::new(), at: 0 })
    }
}

const AGAIN: &str = "run the same command again; scratch files are made anew";

fn damaged(what: &str, path: &Path) -> Error {
    Error::data(format!("the scratch file is damaged ({what})")).at(path).hint(AGAIN)
}

/// A run being read.
struct Blocks<const N: usize> {
    input: BufReader<File>,
    path: PathBuf,
    left: u64,
    block: Vec<u8>,
    at: usize,
}

impl<const N: usize> Blocks<N> {
    fn next(&mut self) -> Result<Option<[u8; N]>> {
        if self.at == self.block.len() {
            if self.left == 0 {
                return Ok(None);
            }
            self.fill()?;
        }
        let record = self.block[self.at..].first_chunk::<N>().copied();
        self.at += N;
        Ok(record)
    }

    fn fill(&mut self) -> Result<()> {
        let cut = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => damaged("it was cut off", &self.path),
            _ => Error::io(&self.path, &e),
        };
        let mut head = [0; 12];
        self.input.read_exact(&mut head).map_err(cut)?;
        let count = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let sum = u64::from_le_bytes(head[4..].try_into().unwrap_or_default());
        if count == 0 || count * N > BLOCK_BYTES || count as u64 > self.left {
            return Err(damaged("a block has an impossible length", &self.path));
        }
        self.block.resize(count * N, 0);
        self.input.read_exact(&mut self.block).map_err(cut)?;
        if xxh3_64(&self.block) != sum {
            return Err(damaged("a checksum does not match", &self.path));
        }
        self.left -= count as u64;
        self.at = 0;
        Ok(())
    }
}

/// Takes records in any order and returns them sorted, in O(n log n) comparisons and bounded memory.
///
/// # Examples
///
/// ```
/// use rotext::dedup::Sorter;
///
/// # fn main() -> rotext::error::Result<()> {
/// let mut sorter = Sorter::<8>::new(&std::env::temp_dir(), "example", 1 << 20);
/// for number in [3u64, 1, 2] {
///     sorter.push(number.to_be_bytes())?;
/// }
/// let mut sorted = sorter.finish()?;
/// assert_eq!(sorted.next()?, Some(1u64.to_be_bytes()));
/// # Ok(())
/// # }
/// ```
pub struct Sorter<const N: usize> {
    folder: PathBuf,
    kind: &'static str,
    buffer: Vec<[u8; N]>,
    capacity: usize,
    runs: Vec<Run<N>>,
}

impl<const N: usize> Sorter<N> {
    /// A sorter that keeps up to `memory` bytes, then writes runs to `folder`. `kind` is part of the file names.
    #[must_use]
    pub fn new(folder: &Path, kind: &'static str, memory: usize) -> Self {
        const { assert!(N >= 8) };
        let capacity = (memory / N).max(64);
        Self { folder: folder.to_owned(), kind, buffer: Vec::new(), capacity, runs: Vec::new() }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// A run cannot be written.
    pub fn push(&mut self, record: [u8; N]) -> Result<()> {
        if self.buffer.len() == self.capacity {
            self.spill()?;
        }
        if self.buffer.len() == self.buffer.capacity() {
            // Doubling could exceed the limit by a factor of two.
            let more = self.buffer.len().max(4096).min(self.capacity - self.buffer.len());
            self.buffer.reserve_exact(more);
        }
        self.buffer.push(record);
        Ok(())
    }

    fn sort(&mut self) {
        // The first eight bytes are rarely equal, so one comparison of integers nearly always decides.
        let first = |r: &[u8; N]| r.first_chunk::<8>().map_or(0, |eight| u64::from_be_bytes(*eight));
        self.buffer.sort_unstable_by(|a, b| first(a).cmp(&first(b)).then_with(|| a[8..].cmp(&b[8..])));
    }

    fn spill(&mut self) -> Result<()> {
        self.sort();
        let (file, path) = scratch_file(&self.folder, self.kind)?;
        let run = Run::write(file, &path, self.buffer.iter().map(|record| Ok(*record)))?;
        self.runs.push(run);
        self.buffer.clear();
        Ok(())
    }

    /// All records in order, duplicates included. If all records fit into memory, nothing is written.
    ///
    /// # Errors
    /// A run cannot be written or read.
    pub fn finish(mut self) -> Result<Merge<N>> {
        while self.runs.len() >= FAN_IN {
            let rest = self.runs.split_off(FAN_IN);
            let mut merge = Merge::new(std::mem::replace(&mut self.runs, rest), Vec::new())?;
            let (file, path) = scratch_file(&self.folder, self.kind)?;
            let sorted = std::iter::from_fn(|| merge.next().transpose());
            self.runs.push(Run::write(file, &path, sorted)?);
        }
        self.sort();
        Merge::new(self.runs, self.buffer)
    }
}

/// Records of several runs, in order.
pub struct Merge<const N: usize> {
    runs: Vec<Blocks<N>>,
    memory: std::vec::IntoIter<[u8; N]>,
    heap: BinaryHeap<Reverse<([u8; N], usize)>>,
}

impl<const N: usize> Merge<N> {
    /// Merges `runs` with records that are sorted in memory.
    ///
    /// # Errors
    /// A run cannot be read.
    pub fn new(runs: Vec<Run<N>>, sorted: Vec<[u8; N]>) -> Result<Self> {
        let runs = runs.into_iter().map(Run::reader).collect::<Result<Vec<_>>>()?;
        let mut merge =
            Self { memory: sorted.into_iter(), heap: BinaryHeap::with_capacity(runs.len() + 1), runs };
        for source in 0..=merge.runs.len() {
            if let Some(record) = merge.pull(source)? {
                merge.heap.push(Reverse((record, source)));
            }
        }
        Ok(merge)
    }

    fn pull(&mut self, source: usize) -> Result<Option<[u8; N]>> {
        match self.runs.get_mut(source) {
            Some(run) => run.next(),
            None => Ok(self.memory.next()),
        }
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// A run was cut off or damaged.
    #[allow(clippy::should_implement_trait)] // it can fail
    pub fn next(&mut self) -> Result<Option<[u8; N]>> {
        if self.runs.is_empty() {
            // All in memory: the heap holds at most the first.
            return Ok(self.heap.pop().map(|Reverse((record, _))| record).or_else(|| self.memory.next()));
        }
        let Some(Reverse((record, source))) = self.heap.peek().copied() else { return Ok(None) };
        match self.pull(source)? {
            // Replacing the top costs half as much as a pop and a push.
            Some(next) => {
                if let Some(mut top) = self.heap.peek_mut() {
                    *top = Reverse((next, source));
                }
            }
            None => drop(self.heap.pop()),
        }
        Ok(Some(record))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn all<const N: usize>(mut merge: Merge<N>) -> Vec<[u8; N]> {
        std::iter::from_fn(|| merge.next().transpose()).collect::<Result<_>>().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn returns_all_records_in_order(mut records in prop::collection::vec(any::<[u8; 9]>(), 0..400)) {
            let folder = tempfile::tempdir().unwrap();
            let mut sorter = Sorter::<9>::new(folder.path(), "test", 0);
            sorter.capacity = 3;
            records.iter_mut().for_each(|record| record[..8].iter_mut().for_each(|byte| *byte &= 1));
            records.iter().for_each(|record| sorter.push(*record).unwrap());
            let sorted = all(sorter.finish().unwrap());
            records.sort_unstable();
            prop_assert_eq!(sorted, records);
        }
    }

    #[test]
    fn a_run_that_was_cut_off_or_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let records: Vec<[u8; 12]> = (0..30_000u32)
            .map(|n| {
                let mut record = [0; 12];
                record[4..8].copy_from_slice(&n.to_be_bytes());
                record
            })
            .collect();
        let create =
            || File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        Run::write(create(), &path, records.iter().map(|r| Ok(*r))).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let run = Run::<12>::open(File::open(&path).unwrap(), &path)?;
            let mut merge = Merge::new(vec![run], Vec::new())?;
            std::iter::from_fn(|| merge.next().transpose()).collect::<Result<Vec<_>>>()
        };
        assert_eq!(read(&whole).unwrap(), records);
        for cut in [3, HEADER, HEADER + 5, whole.len() / 2, whole.len() - 1] {
            let what = read(&whole[..cut]).unwrap_err().to_string();
            assert!(what.contains("cut off") || what.contains("ends too early"), "{what}");
        }
        for (at, says) in [
            (0, "not a file"),
            (8, "version"),
            (12, "header"),
            (16, "header"),
            (HEADER, ""),
            (50_000, "checksum"),
        ] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            let what = read(&bytes).unwrap_err().to_string();
            assert!(what.contains(says), "{what}");
        }
        assert!(Run::<13>::open(File::open(&path).unwrap(), &path).is_err());
    }
}
