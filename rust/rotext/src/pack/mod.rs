//! The pack directory: token files of headerless little-endian u16 (or u32) with `<|endoftext|>` after every document, and sidecars for the
//! readers of other trainers. `docs/reference/pack-format.md` is the specification.

mod entry;
mod manifest;
mod read;
mod sidecar;
mod verify;
mod writer;

pub use entry::DocumentEntry;
pub use manifest::{FORMAT, Manifest, Phase, Shard, Split, TokenizerFile, VERSION};
pub use read::read_block;
pub(crate) use verify::hex;
pub use verify::{Verified, verify};
pub use writer::Writer;

/// Inputs of one block; it has as many labels.
pub const BLOCK_TOKENS: u64 = 2048;

/// Bytes of a pack shard that one checksum covers: small enough to show where a file is damaged.
pub const PIECE_BYTES: usize = 4 << 20;

/// A pack shard is closed after the document that fills it to this many tokens (1 GiB; 2 GiB for ids of 4 bytes).
pub const SHARD_TOKENS: u64 = 1 << 29;

/// The number of blocks in a stream of `tokens` tokens. Each has 2048 inputs and their labels, so the last label needs one more
/// token.
///
/// # Examples
///
/// ```
/// assert_eq!(rotext::pack::blocks(2048), 0);
/// assert_eq!(rotext::pack::blocks(2049), 1);
/// ```
#[must_use]
pub fn blocks(tokens: u64) -> u64 {
    tokens.saturating_sub(1) / BLOCK_TOKENS
}
