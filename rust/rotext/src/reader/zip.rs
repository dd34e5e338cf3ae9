//! Files of a zip archive, as sources. The crate reads the directory; a member is a part of the file that a stream reads alone.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Seek, SeekFrom, Take};

use super::input::Input;
use super::remote::Object;
use super::source::{Compression, Source, format};
use super::unpack::unpack;

/// The place of a file in a zip archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    start: u64,
    size: u64,
    method: Method,
    crc: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Stored,
    Deflated,
    Bzip2,
    Zstd,
    Xz,
    Other,
    Encrypted,
}

/// The sources of an archive, in the order of its directory. Folders and hidden files are no sources.
///
/// # Errors
/// The directory is damaged or cannot be read.
pub(super) fn members(archive: &Source) -> Result<Vec<Source>> {
    let mut zip = zip::ZipArchive::new(BufReader::new(input(archive)?))?;
    let mut sources = Vec::new();
    for index in 0..zip.len() {
        let file = zip.by_index_raw(index)?;
        let name = String::from_utf8_lossy(file.name_raw()).into_owned();
        let hidden = |part: &str| part.starts_with('.') || part == "__MACOSX";
        if file.is_dir() || name.split('/').any(hidden) {
            continue;
        }
        let start = file.data_start().ok_or(ErrorKind::InvalidData)?;
        let method = match file.compression() {
            _ if file.encrypted() => Method::Encrypted,
            zip::CompressionMethod::Stored => Method::Stored,
            zip::CompressionMethod::DEFLATE => Method::Deflated,
            zip::CompressionMethod::BZIP2 => Method::Bzip2,
            zip::CompressionMethod::ZSTD => Method::Zstd,
            zip::CompressionMethod::XZ => Method::Xz,
            _ => Method::Other,
        };
        let member = Member { start, size: file.compressed_size(), method, crc: file.crc32() };
        let mut source = Source {
            name: format!("{}/{name}", archive.name),
            size: member.size,
            compression: Compression::Zip,
            member: Some(member),
            ..archive.clone()
        };
        if let Ok(head) = open(&source, member).and_then(unpack).map(|unpacked| unpacked.head) {
            (source.format, source.note) = format(&head, OsStr::new(&name));
        }
        sources.push(source);
    }
    Ok(sources)
}

/// The bytes of a member.
///
/// # Errors
/// The file cannot be opened; the member is encrypted or has a method that is not supported.
pub(super) fn open(source: &Source, member: Member) -> Result<impl BufRead + Send + use<>> {
    let mut file = input(source)?;
    file.seek(SeekFrom::Start(member.start))?;
    let part: Part = BufReader::with_capacity(64 << 10, file.take(member.size));
    let fail = |what: &str| Err(Error::new(ErrorKind::Unsupported, what));
    let plain: Box<dyn Read + Send> = match member.method {
        Method::Stored => Box::new(part),
        Method::Deflated => Box::new(flate2::bufread::DeflateDecoder::new(part)),
        // Each of these is a file of its own format.
        Method::Bzip2 | Method::Zstd | Method::Xz => unpack(part)?.inner,
        Method::Encrypted => return fail("the file in the zip archive is encrypted"),
        Method::Other => return fail("the file in the zip archive has a compression that is not supported"),
    };
    Ok(BufReader::new(Checked { inner: flate2::CrcReader::new(plain), crc: member.crc }))
}

type Part = BufReader<Take<Input>>;

fn input(source: &Source) -> Result<Input> {
    match &source.remote {
        Some(remote) => Ok(Input::Object(Object::new(remote.clone(), source.volume.clone()))),
        // With the number of the system's error, which says that it is no damage.
        None => Ok(Input::File(File::open(&source.path)?, source.volume.clone())),
    }
}

/// Compares the checksum at the end.
struct Checked {
    inner: flate2::CrcReader<Box<dyn Read + Send>>,
    crc: u32,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.inner.read(buffer)?;
        if read == 0 && !buffer.is_empty() && self.inner.crc().sum() != self.crc {
            return Err(Error::new(
                ErrorKind::InvalidData,
                "the checksum of the file in the zip archive differs",
            ));
        }
        Ok(read)
    }
}
