//! The pack directory: tokens written once, headerless little-endian u16, `<|endoftext|>` after every
//! document, with sidecars for the readers of other trainers. `docs/pack-format.md` is the specification.

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

/// Inputs (and labels) of one block.
pub const BLOCK_TOKENS: u64 = 2048;

/// Bytes of a shard that one checksum covers: small enough to name the place of a damage.
pub const PIECE_BYTES: usize = 4 << 20;

/// Tokens after which a shard is closed at the next document (1 GiB of file).
pub const SHARD_TOKENS: u64 = 1 << 29;

/// Blocks of a stream of `tokens`: each has 2048 inputs and their labels, so the last label needs one more.
#[must_use]
pub fn blocks(tokens: u64) -> u64 {
    tokens.saturating_sub(1) / BLOCK_TOKENS
}
