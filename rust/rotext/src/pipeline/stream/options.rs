//! How documents are read and cleaned.

use crate::document::TextKind;
use crate::normalize;
use crate::pipeline::FilterStage;
use crate::reader::Fields;

/// How documents are read and cleaned.
#[derive(Debug, Clone)]
pub struct Options {
    /// The fields of text and id.
    pub fields: Fields,
    /// Stop at the first record that cannot be used.
    pub strict: bool,
    /// Compute the keys of documents; without it they are 0. Duplicates, splits and the identity of sources need keys.
    pub keys: bool,
    /// Repair the text.
    pub normalize: Option<normalize::Options>,
    /// Drop documents that are not worth training on, and redact personal data.
    pub filter: Option<FilterStage>,
    /// What the sources hold. It selects the profile of the filter. Repeated lines are cut from web text only: in a book a
    /// refrain or a stage direction is not boilerplate.
    pub kind: TextKind,
    /// Worker threads.
    pub threads: usize,
}
