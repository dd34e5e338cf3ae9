//! The bytes of a source where they are: a file of this machine or an object of a server.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::frames::window_bytes;
use super::remote::Object;
use super::source::{Compression, Source};
use crate::error::{Error, Result};

/// Counts the bytes that were read from files and servers. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Volume(Arc<AtomicU64>);

impl Volume {
    /// Counts more bytes.
    pub(super) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Relaxed);
    }

    /// Bytes so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Two sources are the same however much of them was read.
impl PartialEq for Volume {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Volume {}

/// The bytes of a source, at any place.
pub(super) enum Input {
    File(File, Volume),
    Object(Object),
}

impl Input {
    /// A file that is not the source itself.
    pub(super) fn copy(file: File) -> Self {
        Self::File(file, Volume::default())
    }

    /// Says that little behind `end` will be read.
    pub(super) fn expect_end(&mut self, end: u64) {
        if let Self::Object(object) = self {
            object.expect_end(end);
        }
    }
}

impl Source {
    /// Bytes that a decompressor of zstd takes for the first frame of the file. 0 where they are not known: for other files, objects of
    /// a server and streams.
    pub(crate) fn window_bytes(&self) -> u64 {
        const HEADER: usize = 18;
        if self.compression != Compression::Zstd || self.stream || self.remote.is_some() {
            return 0;
        }
        let mut head = Vec::with_capacity(HEADER);
        let read = File::open(&self.path).and_then(|file| file.take(HEADER as u64).read_to_end(&mut head));
        read.map_or(0, |_| window_bytes(&head))
    }

    /// Opens the source at its first byte.
    ///
    /// # Errors
    /// The file cannot be opened or is a folder. An object is opened by its first read.
    pub(super) fn input(&self) -> Result<Input> {
        if let Some(remote) = &self.remote {
            return Ok(Input::Object(Object::new(remote.clone(), self.volume.clone())));
        }
        if self.path.is_dir() {
            return Err(Error::io(&self.path, &std::io::ErrorKind::IsADirectory.into()));
        }
        let file = File::open(&self.path).map_err(|e| Error::io(&self.path, &e))?;
        Ok(Input::File(file, self.volume.clone()))
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::File(file, volume) => {
                let read = file.read(buffer)?;
                volume.add(read as u64);
                Ok(read)
            }
            Self::Object(object) => object.read(buffer),
        }
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        match self {
            Self::File(file, _) => file.seek(to),
            Self::Object(object) => object.seek(to),
        }
    }
}
