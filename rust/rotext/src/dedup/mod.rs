//! Duplicates: documents whose texts are equal, and documents that nearly are.
//!
//! ```text
//! pass 1   text -> key (exact) ─┐
//!          text -> words -> 5-grams -> MinHash -> band hashes ─┐
//! between  equal keys ─> one stays                             │
//!          equal bands ─> a pair is PROPOSED <─────────────────┘
//!          pair -> word 3-grams compared ─> the worse one goes, or both stay
//! pass 2   documents stream by again; the plan says which go
//! ```
//!
//! What decides is kept apart from what proposes. Bands (Broder's MinHash in the layout of Indyk and Motwani's
//! locality-sensitive hashing) find pairs that are probably alike; every removal is then verified on the words of the
//! two documents, and against a document that stays. Nothing is transitive: that A is like B and B like C removes
//! nothing, so there is no union-find. Documents are taken from the best to the worst ([`rank`](Planner::finish)), and
//! each is compared with those that stay already, which is the only order in which "verified against a kept one" can
//! be had in one go. The order is that of the texts, so the result does not depend on the order of files or threads.

mod candidates;
mod contamination;
mod key;
mod letters;
mod lines;
mod plain;
mod plan;
mod planner;
mod rank;
mod runs;
mod sign;
mod store;
mod verify;
mod words;

pub use contamination::Evaluation;
pub use key::{Key, Seen};
pub use lines::{Cut, Repeated, line_hashes};
pub use plan::{Fate, Judge, Plan, Removed, Rule, Verdict};
pub use planner::{Entry, Kind, Options, Planner, Report, SourceInfo};
pub use runs::{Merge, Run, Sorter};
pub use sign::{Preset, Signer};
pub use store::{Hashes, WordFile, bytes as hash_bytes};
pub use verify::{CONTAINMENT, Grams, JACCARD, Likeness};
pub use words::Words;
