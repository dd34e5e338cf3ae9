//! Byte-level BPE: training, encoding, decoding, and the file `tokenizer.json`.
//!
//! ```text
//! text -> pretokenize (words of a pattern) -> cache (words seen) -> merges (new words) -> ids
//! text -> pretokenize -> count (words, spilled to disk when many) -> train (merge rules) -> Tokenizer
//! ```

mod added;
mod byte_level;
mod cache;
mod classes;
mod classes_table;
mod clitics;
mod corpus;
mod count;
mod encode;
mod lane;
mod lists;
mod merges;
mod pattern;
mod pretokenize;
mod queue;
pub mod report;
mod spill;
mod tokenizer;
mod tokenizer_json;
mod train;
mod word_table;

pub use count::{Counts, WordCounter};
pub use encode::{Encoder, Id, is_wide};
pub use pattern::Pattern;
pub use pretokenize::words;
pub use tokenizer::{MAX_U16_VOCAB, Tokenizer};
pub use train::{TrainOptions, train};
