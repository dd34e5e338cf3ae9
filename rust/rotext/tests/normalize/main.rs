//! Normalization against its rule book and against properties that every text must satisfy.

mod properties;
mod rule_book;
