//! Romanian text for language models: read, repair, filter, deduplicate, tokenize, pack.
//!
//! ```text
//! reader -> normalize -> filter -> dedup -> bpe (train, encode) -> pack
//! books: PDF -> text           ledger: the decisions of all stages
//! ```
//!
//! This crate is pure Rust, without Python. Each stage is a module. A stage imports [`document`], [`error`], [`progress`] and
//! [`romanian`] (the model of letters and words), but no other stage; only books are normalized where they are made. Only [`pipeline`], which has a function for each verb of `rotools`, and [`arrow_kernels`] compose the stages.
//! The Python binding is in `rust/rotext-py`.
//!
//! # Examples
//!
//! Repair a text, decide about it, and compute the key of its exact duplicates:
//!
//! ```
//! use rotext::dedup::Key;
//! use rotext::filter::{Filter, Profile, Scratch};
//! use rotext::normalize::{Normalizer, Report};
//!
//! let text = "Ştiinţa limbii române cercetează felul în care vorbim și scriem în fiecare zi.";
//! let repaired = Normalizer::default().normalize(text, &mut Report::default());
//! assert!(repaired.starts_with("Știința"));
//! let verdict = Filter::new(Profile::Web).judge(&repaired, &mut Scratch::default());
//! assert!(verdict.dropped.is_none());
//! assert_eq!(Key::default().of(text), Key::default().of(&repaired));
//! ```

pub mod arrow_kernels;
pub mod books;
pub mod bpe;
pub mod dedup;
pub mod document;
pub mod error;
mod fault;
pub mod filter;
pub mod ledger;
pub mod normalize;
pub mod pack;
pub mod pipeline;
pub mod progress;
pub mod reader;
pub mod romanian;
mod window;
