//! How a killed run continues: what it found and encoded is on the disk, chunk by chunk.
//!
//! ```text
//! journal.rs  the file of frames; runs and shards read it back
//! found.rs    the frames of shards, by the hash of their chunk
//! frame.rs    everything that the first pass found in one chunk, and its bytes
//! codec.rs    numbers, texts and the beginning of a file as bytes
//! encoded.rs  the tokens that a killed `pack` had encoded
//! shard.rs    which units belong to part I of N
//! ```

mod codec;
mod encoded;
mod found;
mod frame;
mod journal;
mod shard;

pub(in crate::pipeline) use codec::{Decoder, Encoder, HEADER, header};
pub(in crate::pipeline) use encoded::{DocumentTokens, Encoded};
pub(in crate::pipeline) use frame::{
    DocumentOutcome, Frame, SignedDocument, Status, decode_finding, encode_finding,
};
pub(in crate::pipeline) use journal::{
    FrameReader, FrameRef, FrameWriter, Journal, JournalEntry, JournalReader, Origin,
};
pub use shard::Shard;
pub(in crate::pipeline) use shard::{remove_shards, shards_folder};
