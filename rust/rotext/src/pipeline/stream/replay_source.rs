//! Where a pass takes earlier results from, and what they say about one chunk.

use super::super::resume::{Frame, FrameReader, JournalEntry, JournalReader};
use crate::error::{Error, Result};
use crate::reader::{Chunk, Source};

/// Where a pass takes earlier results from.
pub(in crate::pipeline) enum ReplaySource<'a> {
    /// Nowhere. Every chunk is processed.
    None,
    /// The journals of earlier runs and of shards. Chunks that they lack are processed. Every chunk carries its record.
    Journal {
        /// The journals.
        reader: &'a mut JournalReader,
        /// Emit the documents of journaled chunks too; else such a chunk carries its record alone.
        emit_documents: bool,
    },
    /// The first pass of this run, which has a frame for every chunk.
    FirstPass {
        /// The frames.
        frames: &'a mut FrameReader,
        /// Chunks to come that an earlier run encoded, so that nobody needs their texts.
        encoded: &'a mut u64,
    },
}

/// What is known about one chunk before a worker opens it.
pub(super) enum ReplayState {
    /// Nothing. With a hash, the worker makes a frame for the journal.
    Unknown { record_as: Option<u64> },
    /// An earlier run or a shard processed it.
    Journaled { entry: Box<JournalEntry>, emit_documents: bool },
    /// The first pass of this run processed it, and `first` is the number of its first kept document.
    Decided { frame: Box<Frame>, first: u32, encoded: bool },
}

impl ReplaySource<'_> {
    /// Looks up what is known about a chunk of `source`, the source number `index`.
    ///
    /// # Errors
    /// The first pass saw another chunk here, or its frames cannot be read.
    pub(super) fn state_of(&mut self, index: usize, source: &Source, chunk: &Chunk) -> Result<ReplayState> {
        Ok(match self {
            ReplaySource::None => ReplayState::Unknown { record_as: None },
            ReplaySource::Journal { reader, emit_documents } => match reader.next(index, chunk.hash()) {
                Some(entry) => {
                    ReplayState::Journaled { entry: Box::new(entry), emit_documents: *emit_documents }
                }
                None => ReplayState::Unknown { record_as: Some(chunk.hash()) },
            },
            ReplaySource::FirstPass { frames, encoded } => {
                let changed = || Error::changed().at(&source.name);
                let (frame, _, first) = frames.next()?.ok_or_else(changed)?;
                if frame.hash != chunk.hash() {
                    return Err(changed());
                }
                let is_encoded = **encoded > 0;
                **encoded = encoded.saturating_sub(1);
                ReplayState::Decided { frame: Box::new(frame), first, encoded: is_encoded }
            }
        })
    }
}
