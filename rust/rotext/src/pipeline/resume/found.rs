//! What shards found, by the hash of the chunk.
//!
//! The heads of all frames are read once; a frame and its words are read when their chunk comes. So it does not matter which shard
//! has which chunks, how many shards there are, or what changed between their runs and this one. A chunk of 1 MiB costs about 50
//! bytes of memory.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::codec::Decoder;
use super::codec::HEADER;
use super::frame::{Frame, FrameHead};

/// Bytes before a frame: its length and its checksum.
const BEFORE: usize = 12;

/// The frames of some journals.
#[derive(Default)]
pub(super) struct Found {
    /// The files of frames and words. They are opened for each chunk: hundreds of shards are more than a process may hold open.
    journals: Vec<(PathBuf, PathBuf)>,
    places: HashMap<(u32, u64), Place>,
}

/// Where a frame and its words are.
struct Place {
    journal: u32,
    frame: u64,
    words: u64,
}

impl Found {
    /// Adds the frames of a journal, up to the first one that is cut off. A journal that cannot be opened has none.
    pub(super) fn add(&mut self, frames: &Path, words: &Path) {
        let Ok(file) = File::open(frames) else { return };
        let Ok(size) = file.metadata().map(|metadata| metadata.len()) else { return };
        let journal = self.journals.len() as u32;
        let mut input = BufReader::with_capacity(1 << 16, file);
        let (mut frame, mut word) = (HEADER as u64, 0);
        let mut head = [0; BEFORE + FrameHead::BYTES];
        if input.seek(SeekFrom::Start(frame)).is_err() {
            return;
        }
        while input.read_exact(&mut head).is_ok() {
            let mut from = Decoder::new(&head);
            let (Some(length), Some(_)) = (from.u32(), from.u64()) else { break };
            let Some(FrameHead { hash, source, word_bytes }) = FrameHead::decode(&mut from) else { break };
            let end = frame + BEFORE as u64 + u64::from(length);
            if end > size || (length as usize) < FrameHead::BYTES {
                break;
            }
            // Equal chunks of a source have equal frames.
            self.places.entry((source, hash)).or_insert(Place { journal, frame, words: word });
            (frame, word) = (end, word + word_bytes);
            if input.seek_relative(i64::from(length) - FrameHead::BYTES as i64).is_err() {
                break;
            }
        }
        self.journals.push((frames.to_owned(), words.to_owned()));
    }

    /// The frame of a chunk and its words. `None`: no shard has it whole.
    pub(super) fn get(&mut self, source: u32, hash: u64) -> Option<(Frame, Vec<u32>)> {
        let place = self.places.get(&(source, hash))?;
        let (frames, words) = self.journals.get(place.journal as usize)?;
        let (mut frames, mut words) = (File::open(frames).ok()?, File::open(words).ok()?);
        let before = read(&mut frames, place.frame, BEFORE as u64)?;
        let mut from = Decoder::new(&before);
        let (length, sum) = (from.u32()?, from.u64()?);
        let body = read(&mut frames, place.frame + BEFORE as u64, length.into())?;
        let frame = Frame::decode(&body).filter(|frame| xxh3_64(&body) == sum && frame.hash == hash)?;
        let bytes = read(&mut words, place.words, frame.word_bytes())?;
        let found = bytes.as_chunks::<4>().0.iter().map(|four| u32::from_le_bytes(*four)).collect();
        (xxh3_64(&bytes) == frame.words).then_some((frame, found))
    }
}

/// Reads bytes of a file; `None` where it ends.
fn read(file: &mut File, at: u64, bytes: u64) -> Option<Vec<u8>> {
    let mut found = Vec::new();
    file.seek(SeekFrom::Start(at)).ok()?;
    file.take(bytes).read_to_end(&mut found).ok()?;
    (found.len() as u64 == bytes).then_some(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::journal::Journal;
    use super::*;

    #[test]
    fn a_frame_is_found_by_its_chunk_until_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "a").unwrap();
        let mut writer = journal.writer().unwrap();
        let sum = xxh3_64(&[]);
        let frame = |hash| Frame { hash, source: 1, records: hash * 2, words: sum, ..Frame::default() };
        for hash in [7, 8, 9] {
            writer.append(&frame(hash), |_| Ok(())).unwrap();
        }
        writer.finish().unwrap();
        journal.create_empty_words().unwrap();
        let frames = folder.path().join(Journal::FOLDER).join("frames");
        let open = || {
            let mut found = Found::default();
            found.add(&frames, &journal.words());
            move |source, hash| found.get(source, hash).map(|(frame, _)| frame)
        };
        let mut get = open();
        assert_eq!((get(1, 9), get(1, 7)), (Some(frame(9)), Some(frame(7))));
        assert_eq!((get(2, 7), get(1, 10)), (None, None));
        let mut bytes = std::fs::read(&frames).unwrap();
        let cut = bytes.len() - 5;
        bytes[cut - 100] ^= 1;
        std::fs::write(&frames, &bytes[..cut]).unwrap();
        let mut get = open();
        assert_eq!(get(1, 9), None);
        assert_eq!(get(1, 7), Some(frame(7)));
    }
}
