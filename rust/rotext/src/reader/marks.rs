//! Where frames and members of a compressed file begin, without reading all of it.
//!
//! A place is found by its mark, and is believed when the length in the mark leads to the next one. A wrong place would cost time
//! and no bytes: the chunks behind it have other hashes, so the last run processes them again.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use super::input::Input;
use super::source::Source;
use super::units::Cut;
use crate::error::{Error, Result};

/// The skippable frame of `pzstd` before each frame: its number, 4 bytes of content, the compressed length.
const PZSTD: [u8; 8] = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The end of a table of the seekable format.
const SEEKABLE: u32 = 0x8f92_eab1;
/// The number of the skippable frame that holds it.
const SKIPPABLE: u32 = 0x184d_2a5e;
/// The most frames of a table: 64 MB of it.
const MOST_FRAMES: u64 = 8 << 20;
/// Bytes that are looked through at a time.
const SEARCH_BYTES: usize = 256 << 10;
/// Bytes of a mark, at most.
const MARK_BYTES: usize = 18;

/// The length of the frame at the start of `bytes`, with its mark.
pub(super) fn is_pzstd(bytes: &[u8]) -> Option<u64> {
    let length = bytes.strip_prefix(&PZSTD)?.first_chunk()?;
    bytes[12..].starts_with(&ZSTD).then(|| 12 + u64::from(u32::from_le_bytes(*length)))
}

/// The length of the member at the start of `bytes`. Source: the SAM specification, section 4.1.
pub(super) fn is_bgzip(bytes: &[u8]) -> Option<u64> {
    let extra = bytes.strip_prefix(&[0x1f, 0x8b, 8, 4])?.get(6..14)?;
    let [6, 0, b'B', b'C', 2, 0, low, high] = *extra else { return None };
    Some(u64::from(u16::from_le_bytes([low, high])) + 1)
}

/// How a compressed file of lines can be cut, by its first and its last bytes.
pub(super) fn cut(source: &Source, first: &[u8]) -> Cut {
    if is_pzstd(first).is_some() {
        return Cut::MarkedFrames;
    }
    if is_bgzip(first).is_some() {
        return Cut::Members;
    }
    if first.starts_with(&ZSTD) && listed(source).is_ok_and(|frames| frames.len() > 1) {
        return Cut::ListedFrames;
    }
    Cut::Whole
}

fn read_at(input: &mut Input, at: u64, bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut found = Vec::with_capacity(bytes);
    input.seek(SeekFrom::Start(at))?;
    input.take(bytes as u64).read_to_end(&mut found)?;
    Ok(found)
}

/// The first place in `window` where a mark begins.
///
/// # Errors
/// The file cannot be read.
pub(super) fn find(
    source: &Source,
    window: Range<u64>,
    length: impl Fn(&[u8]) -> Option<u64>,
) -> Result<Option<u64>> {
    let io = |e: std::io::Error| Error::io(&source.path, &e);
    let mut input = source.input()?;
    input.expect_end(window.end);
    let mut at = window.start;
    while at < window.end {
        let bytes = read_at(&mut input, at, SEARCH_BYTES + MARK_BYTES).map_err(io)?;
        for (start, _) in bytes.iter().enumerate().take(SEARCH_BYTES) {
            let place = at + start as u64;
            let Some(long) = length(&bytes[start..]) else { continue };
            if place >= window.end {
                break;
            }
            let next = place + long;
            let leads =
                next == source.size || length(&read_at(&mut input, next, MARK_BYTES).map_err(io)?).is_some();
            if leads {
                return Ok(Some(place));
            }
        }
        at += SEARCH_BYTES as u64;
    }
    Ok(None)
}

/// Where the frames begin, by the table at the end. Empty: there is none.
///
/// Source: the seekable format, <https://github.com/facebook/zstd/blob/dev/contrib/seekable_format/zstd_seekable_compression_format.md>.
///
/// # Errors
/// The file cannot be read.
pub(super) fn listed(source: &Source) -> Result<Vec<u64>> {
    let io = |e: std::io::Error| Error::io(&source.path, &e);
    let mut input = source.input()?;
    let Some(foot) = source.size.checked_sub(9) else { return Ok(Vec::new()) };
    let end = read_at(&mut input, foot, 9).map_err(io)?;
    let Some((count, [flags, magic @ ..])) = end.split_first_chunk::<4>() else { return Ok(Vec::new()) };
    let count = u64::from(u32::from_le_bytes(*count));
    if *magic != SEEKABLE.to_le_bytes() || count > MOST_FRAMES {
        return Ok(Vec::new());
    }
    // With checksums an entry has four bytes more.
    let entry = if flags & 0x80 == 0 { 8 } else { 12 };
    let Some(table) = foot.checked_sub(count * entry) else { return Ok(Vec::new()) };
    let bytes = read_at(&mut input, table, (count * entry) as usize).map_err(io)?;
    let mut starts = Vec::with_capacity(count as usize);
    let mut at = 0;
    for entry in bytes.chunks_exact(entry as usize) {
        let Some(length) = entry.first_chunk() else { break };
        starts.push(at);
        at += u64::from(u32::from_le_bytes(*length));
    }
    // The frames end where the table's own frame begins.
    Ok(if at + 8 == table { starts } else { Vec::new() })
}

/// The table of a file whose frames have these lengths: (compressed, plain).
#[must_use]
pub fn seek_table(frames: &[(u32, u32)]) -> Vec<u8> {
    let mut table = Vec::with_capacity(17 + frames.len() * 8);
    table.extend_from_slice(&SKIPPABLE.to_le_bytes());
    table.extend_from_slice(&(frames.len() as u32 * 8 + 9).to_le_bytes());
    for (packed, plain) in frames {
        table.extend_from_slice(&packed.to_le_bytes());
        table.extend_from_slice(&plain.to_le_bytes());
    }
    table.extend_from_slice(&(frames.len() as u32).to_le_bytes());
    table.push(0);
    table.extend_from_slice(&SEEKABLE.to_le_bytes());
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_says_how_long_the_frame_is() {
        let pzstd = [&PZSTD[..], &[5, 0, 0, 0], &ZSTD, &[0]].concat();
        assert_eq!((is_pzstd(&pzstd), is_pzstd(&pzstd[1..]), is_pzstd(&PZSTD)), (Some(17), None, None));
        // The empty member at the end of each file of bgzip.
        let end = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0\x1b\0\x03\0\0\0\0\0\0\0\0\0";
        assert_eq!((is_bgzip(end), is_bgzip(&end[4..])), (Some(28), None));
    }
}
