//! One pass over documents, which every verb uses: read, process or replay, check for duplicates, hand on.
//!
//! ```text
//! options.rs          how documents are read and cleaned
//! document_stream.rs  the flow; the verb gives its last two steps
//! ordered.rs          parallel work whose results leave in the order of the input
//! arenas.rs           how its threads share the memory of the allocator
//! worker.rs           one thread, with its buffers
//! process.rs          a worker turns a chunk into documents: parse, normalize, filter, key
//! replay.rs           or it applies the frame that an earlier pass or run wrote about the chunk
//! replay_source.rs    where these frames come from
//! gate.rs             in order: duplicates are removed, everything is counted, decisions are written
//! chunk.rs            what travels between these steps
//! report.rs           what was read, kept and rejected
//! ```

mod arenas;
mod chunk;
mod document_stream;
mod gate;
mod options;
mod ordered;
mod process;
mod replay;
mod replay_source;
mod report;
mod worker;

pub(in crate::pipeline) use chunk::{ChunkRecord, KeptDocument, OpenedChunk, ProcessedChunk};
pub(in crate::pipeline) use document_stream::{DocumentStream, SourcePart};
pub(in crate::pipeline) use gate::DuplicateCheck;
pub use options::Options;
pub(in crate::pipeline) use ordered::{Workers, read_ahead};
pub(in crate::pipeline) use replay_source::ReplaySource;
pub use report::StreamReport;
