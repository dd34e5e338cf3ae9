//! One worker thread of a pass, with the buffers that it keeps from chunk to chunk.

use super::super::filter_stage::FilterScratch;
use super::options::Options;
use crate::reader::Source;
use crate::{dedup, normalize};

/// One worker thread, with the buffers that it keeps from chunk to chunk.
pub(super) struct Worker<'a> {
    pub(super) sources: &'a [Source],
    pub(super) options: &'a Options,
    /// Lines to cut from web text, in a pass that applies decisions.
    pub(super) repeated: Option<&'a dedup::Repeated>,
    /// Documents that the gate will remove, in such a pass: their texts need no repair.
    pub(super) removed: Option<dedup::RemovedSet<'a>>,
    pub(super) normalizer: Option<normalize::Normalizer>,
    /// Repairs texts for the comparison only, where a pass does not repair them.
    pub(super) cleaner: Option<normalize::Normalizer>,
    pub(super) key: dedup::Key,
    pub(super) scratch: FilterScratch,
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        sources: &'a [Source],
        options: &'a Options,
        repeated: Option<&'a dedup::Repeated>,
        removed: Option<dedup::RemovedSet<'a>>,
    ) -> Self {
        let normalizer = options.normalize.map(normalize::Normalizer::new);
        let cleaner = (options.keys && normalizer.is_none())
            .then(|| normalize::Normalizer::new(normalize::Options::default()));
        let (key, scratch) = (dedup::Key::default(), FilterScratch::default());
        Self { sources, options, repeated, removed, normalizer, cleaner, key, scratch }
    }

    /// Makes all buffers new, after a panic that may have left them half changed.
    pub(super) fn renew(&mut self) {
        *self = Self::new(self.sources, self.options, self.repeated, self.removed);
    }
}
