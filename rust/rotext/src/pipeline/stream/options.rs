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

/// Web text, repaired but not filtered, with all cores.
impl Default for Options {
    fn default() -> Self {
        Self {
            fields: Fields::default(),
            strict: false,
            keys: true,
            normalize: Some(normalize::Options::default()),
            filter: None,
            kind: TextKind::Web,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}
