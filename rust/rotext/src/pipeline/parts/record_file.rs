//! A file of checksummed records that appears whole, while no other run writes it.
//!
//! ```text
//! "ROTOPRT\0"  u32 version  u64 key of what the file belongs to  u64 XXH3-64 of these 20 bytes
//! then records: u32 bytes, u64 XXH3-64 of them, the bytes
//! at the end: u32 0xFFFFFFFF  u64 records
//! ```
//! Numbers are little-endian.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::super::output::AtomicFile;
use super::super::resume::{HEADER, header as keyed_header};
use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"ROTOPRT\0";
/// Version of the file format, and of what is in the records.
const VERSION: u32 = 2;
/// In place of a length: the end of the file.
const END: u32 = u32::MAX;

fn header(key: u64) -> [u8; HEADER] {
    keyed_header(*MAGIC, VERSION, key)
}

/// Writes a file of records.
pub(super) struct RecordWriter {
    out: AtomicFile,
    path: PathBuf,
    records: u64,
}

impl RecordWriter {
    /// Begins the file. `key` is a hash of everything that determines its content.
    ///
    /// # Errors
    /// Another run writes it; the folder cannot be written to.
    pub(super) fn create(path: &Path, key: u64) -> Result<Self> {
        let folder = super::super::output::parent(path);
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, &e))?;
        let mut writer = Self { out: AtomicFile::create(path)?, path: path.to_owned(), records: 0 };
        writer.write(&header(key))?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|e| Error::io(&self.path, &e))
    }

    /// Appends a record.
    ///
    /// # Errors
    /// The disk is full or fails; a record of 4 GB.
    pub(super) fn push(&mut self, body: &[u8]) -> Result<()> {
        let length = u32::try_from(body.len()).ok().filter(|length| *length != END);
        let length = length.ok_or_else(|| Error::data("a record of more than 4 GB").at(&self.path))?;
        self.records += 1;
        self.write(&length.to_le_bytes())?;
        self.write(&xxh3_64(body).to_le_bytes())?;
        self.write(body)
    }

    /// Ends the file and gives it its name.
    ///
    /// # Errors
    /// As [`RecordWriter::push`].
    pub(super) fn finish(mut self) -> Result<()> {
        self.write(&END.to_le_bytes())?;
        self.write(&self.records.to_le_bytes())?;
        self.out.finish()
    }
}

/// Whether there is a whole file of this key. The records are checked when they are read.
pub(super) fn is_whole(path: &Path, key: u64) -> bool {
    let look = || -> std::io::Result<bool> {
        let mut file = File::open(path)?;
        let (mut found, mut end) = ([0; HEADER], [0; 4]);
        file.read_exact(&mut found)?;
        file.seek(SeekFrom::End(-12))?;
        file.read_exact(&mut end)?;
        Ok(found == header(key) && end == END.to_le_bytes())
    };
    look().unwrap_or(false)
}

/// Whether there is a file of this key whose records are all as they were written.
pub(super) fn is_sound(path: &Path, key: u64) -> bool {
    let look = || -> Result<bool> {
        let Some(mut file) = RecordReader::open(path, key)? else { return Ok(false) };
        while file.next()?.is_some() {}
        Ok(true)
    };
    look().unwrap_or(false)
}

/// How the error of a damaged file begins.
pub(super) const DAMAGED: &str = "the file of a step is damaged";

/// Reads a file of records.
pub(super) struct RecordReader {
    input: BufReader<File>,
    path: PathBuf,
    records: u64,
    body: Vec<u8>,
}

impl RecordReader {
    /// Opens the file. `None`: there is none, or it belongs to something else.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn open(path: &Path, key: u64) -> Result<Option<Self>> {
        let file = match File::open(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|e| Error::io(path, &e))?,
        };
        let mut input = BufReader::with_capacity(1 << 18, file);
        let mut found = [0; HEADER];
        let is_ours = input.read_exact(&mut found).is_ok() && found == header(key);
        Ok(is_ours.then(|| Self { input, path: path.to_owned(), records: 0, body: Vec::new() }))
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// The file is damaged or cut off.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>> {
        let cut = |_| damaged(&self.path, "it was cut off");
        let mut head = [0; 12];
        self.input.read_exact(&mut head).map_err(cut)?;
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let number = u64::from_le_bytes(head[4..].try_into().unwrap_or_default());
        if length == END {
            let all = number == self.records;
            return if all { Ok(None) } else { Err(damaged(&self.path, "records are missing")) };
        }
        self.body.clear();
        // Without `resize`: a damaged length must not allocate 4 GB.
        (&mut self.input).take(length.into()).read_to_end(&mut self.body).map_err(cut)?;
        if self.body.len() != length as usize {
            return Err(damaged(&self.path, "it was cut off"));
        }
        if xxh3_64(&self.body) != number {
            return Err(damaged(&self.path, "a checksum does not match"));
        }
        self.records += 1;
        Ok(Some(&self.body))
    }

    /// The error of a record that is something else than its reader expects.
    pub(super) fn unexpected(&self) -> Error {
        damaged(&self.path, "a record cannot be decoded")
    }
}

fn damaged(path: &Path, why: &str) -> Error {
    Error::data(format!("{DAMAGED} ({why})")).at(path).hint("remove it and run its step again")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn read(path: &Path) -> Result<Vec<Vec<u8>>> {
        let mut reader = RecordReader::open(path, 7)?.ok_or_else(|| Error::data("no header"))?;
        let mut found = Vec::new();
        while let Some(record) = reader.next()? {
            found.push(record.to_vec());
        }
        Ok(found)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn records_come_back_or_the_damage_is_named(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
            at in any::<prop::sample::Index>(),
            cut in any::<bool>(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("part");
            let mut writer = RecordWriter::create(&path, 7).unwrap();
            prop_assert!(RecordWriter::create(&path, 7).is_err());
            records.iter().for_each(|record| writer.push(record).unwrap());
            prop_assert!(!path.exists());
            writer.finish().unwrap();
            prop_assert_eq!(read(&path).unwrap(), records);
            prop_assert!(is_whole(&path, 7) && !is_whole(&path, 8));
            prop_assert!(is_sound(&path, 7) && !is_sound(&path, 8));
            prop_assert!(RecordReader::open(&path, 8).unwrap().is_none());
            let mut bytes = std::fs::read(&path).unwrap();
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] ^= 0x20 }
            std::fs::write(&path, &bytes).unwrap();
            prop_assert!(read(&path).is_err() && !is_sound(&path, 7));
        }
    }
}
