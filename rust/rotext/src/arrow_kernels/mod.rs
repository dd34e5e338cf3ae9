//! Steps of the pipeline as functions on Arrow columns, for engines that hold text in columns (Ray Data, Polars, DataFusion).
//!
//! A kernel does the same as the verb of its name, so a column comes out as the verb would have written it. Rows stay rows: a
//! null stays null, and a text that the verb would have rejected is still there, because only the engine can remove a row of its
//! table. One call works on one thread; engines have their own threads.

mod annotation;
mod errors;
mod kernels;

pub use kernels::{Encode, Kernel};
