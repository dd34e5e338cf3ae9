//! Rewrites a text by ordered replacements. Unchanged spans are copied in one piece, nothing is allocated before the first change,
//! and every change is counted for its rule.

use std::ops::Range;

use super::rules::{COUNT, Id};

/// One replacement, in bytes of the text it was made in.
#[derive(Debug, Clone)]
pub(super) struct Edit {
    pub(super) rule: Id,
    /// Bytes replaced in the input of the stage.
    pub(super) from: Range<usize>,
    /// Their bytes in the output of the stage.
    pub(super) to: Range<usize>,
    /// The new text.
    pub(super) with: String,
}

/// Counts for each rule, the stages that changed the text, and the edits themselves if a diff needs them.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) counts: [u64; COUNT],
    /// The numbers of the stages that changed the text, in order.
    pub(super) stages: Vec<u8>,
    pub(super) edits: Option<Vec<Edit>>,
}

impl Log {
    pub(super) fn counting() -> Self {
        Self { counts: [0; COUNT], stages: Vec::new(), edits: None }
    }

    pub(super) fn recording() -> Self {
        Self { edits: Some(Vec::new()), ..Self::counting() }
    }
}

/// Collects the replacements of one stage, from left to right.
pub(super) struct Editor<'t, 'l> {
    text: &'t str,
    out: String,
    /// Everything of `text` before this byte is in `out`.
    done: usize,
    changed: bool,
    log: &'l mut Log,
}

impl<'t, 'l> Editor<'t, 'l> {
    pub(super) fn new(text: &'t str, log: &'l mut Log) -> Self {
        Self { text, out: String::new(), done: 0, changed: false, log }
    }

    /// The input, which does not change while the stage runs.
    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// The end of the last replacement. Nothing before it can be replaced.
    pub(super) fn done(&self) -> usize {
        self.done
    }

    /// Replaces `range` by `with`. Ranges are in ascending order and do not overlap. A range that begins before [`Self::done`]
    /// belongs to a character that is already repaired, and is ignored.
    pub(super) fn replace(&mut self, range: Range<usize>, with: &str, rule: Id) {
        if range.start < self.done || &self.text[range.clone()] == with {
            return;
        }
        if !self.changed {
            self.changed = true;
            self.out.reserve(self.text.len() + with.len());
        }
        self.out.push_str(&self.text[self.done..range.start]);
        let at = self.out.len();
        self.out.push_str(with);
        self.done = range.end;
        self.log.counts[rule as usize] += 1;
        if let Some(edits) = &mut self.log.edits {
            edits.push(Edit { rule, from: range, to: at..at + with.len(), with: with.to_owned() });
        }
    }

    /// Replaces `range` by one character.
    pub(super) fn put(&mut self, range: Range<usize>, with: char, rule: Id) {
        self.replace(range, with.encode_utf8(&mut [0; 4]), rule);
    }

    /// The new text; `None` if the stage changed nothing.
    pub(super) fn finish(mut self) -> Option<String> {
        if !self.changed {
            return None;
        }
        self.out.push_str(&self.text[self.done..]);
        Some(self.out)
    }
}
