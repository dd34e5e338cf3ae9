//! Duplicates: documents whose texts are equal, and documents that nearly are.
//!
//! ```text
//! pass 1   text -> key (exact) ─┐
//!          text -> words -> 5-grams -> MinHash -> band hashes ─┐  (and the hashes of its longest paragraphs)
//! between  equal keys ─> one is kept                           │
//!          equal bands ─> a pair is proposed <─────────────────┘
//!          pair -> compare the word 3-grams, then long runs of words ─> remove the worse document, or keep both
//! pass 2   read the documents again; a reader says which are removed
//! ```
//!
//! Proposing and deciding are separate steps. Bands (Broder's MinHash in the layout of Indyk and Motwani's locality-sensitive
//! hashing) propose pairs that are probably alike. Each removal is then verified on the words of both documents, and one of them
//! is kept. Nothing is transitive: if A is like B and B is like C, that removes nothing, so there is no union-find.
//!
//! [`Deduplicator::finish`] takes the documents from the best to the worst, and compares each with the kept ones. Only this order
//! verifies every removal against a kept document in one pass. The order depends on the texts alone, so the order of files and the
//! number of threads do not change the result.

mod bits;
mod candidates;
mod contamination;
mod deduplicator;
mod edition;
mod estimate;
mod key;
mod letters;
mod lines;
mod memory;
mod passage;
mod plain;
mod rank;
mod removals;
mod rule;
mod runs;
mod sign;
mod spelling;
mod store;
mod types;
mod verify;
mod words;
mod worth;

pub use contamination::Evaluation;
pub(crate) use deduplicator::ACCEPT_LOSS;
pub use deduplicator::Deduplicator;
pub use estimate::{Footprint, footprint};
pub use key::{Key, Seen};
pub use lines::{Cut, Repeated, line_hashes};
pub use passage::{PASSAGE, paragraph_hashes, shared_passages};
pub use removals::{Decision, NextReason, Removal, RemovalReader, Removals, RemovedSet, SavedRemovals};
pub use rule::{CONTAINMENT, JACCARD, Rule};
pub use runs::{Merge, Run, Sorter};
pub use sign::{Preset, Signer};
pub use spelling::one_spelling;
pub use store::{Hashes, WordFile, bytes as hash_bytes};
pub use types::{Entry, Options, Report, SourceInfo};
pub use verify::{Grams, Likeness};
pub use words::Words;
pub use worth::worth;
