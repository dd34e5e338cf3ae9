//! Lists of places, each written once and read once: blocks without holes, freed when their last list is read.

/// The fewest entries of a block: 1 MiB.
const BLOCK: usize = 1 << 18;

/// A list in [`Lists`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct List {
    block: u32,
    start: u32,
    len: u32,
}

/// Many short lists of u32: 4 bytes an entry, and no cost for a list.
pub(super) struct Lists {
    /// The entries, and the number of lists that are still unread.
    blocks: Vec<(Vec<u32>, usize)>,
}

impl Lists {
    pub(super) fn new() -> Self {
        Self { blocks: vec![(Vec::new(), 0)] }
    }

    /// Makes room for `entries` entries in `lists` lists: the block, and the index of the first entry.
    pub(super) fn room(&mut self, entries: usize, lists: usize) -> (u32, u32) {
        let last = self.blocks.len() - 1;
        let (block, _) = &self.blocks[last];
        if block.len() + entries > block.capacity() {
            self.blocks.push((Vec::with_capacity(entries.max(BLOCK)), 0));
            if self.blocks[last].1 == 0 {
                self.blocks[last].0 = Vec::new();
            }
        }
        let number = self.blocks.len() - 1;
        let (block, open) = &mut self.blocks[number];
        let start = block.len();
        block.resize(start + entries, 0);
        *open += lists;
        (number as u32, start as u32)
    }

    /// The list of `len` entries at `start` of `block`, within what [`Lists::room`] gave.
    pub(super) fn list(block: u32, start: u32, len: u32) -> List {
        List { block, start, len }
    }

    /// The entries of `block`, to fill.
    pub(super) fn block(&mut self, block: u32) -> &mut [u32] {
        &mut self.blocks[block as usize].0
    }

    /// Reads a list into `out` and removes it.
    pub(super) fn take(&mut self, list: List, out: &mut Vec<u32>) {
        let last = self.blocks.len() - 1;
        let (block, open) = &mut self.blocks[list.block as usize];
        out.clear();
        out.extend_from_slice(&block[list.start as usize..][..list.len as usize]);
        *open -= 1;
        if *open == 0 && list.block as usize != last {
            *block = Vec::new();
        }
    }
}
