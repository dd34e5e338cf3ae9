//! What the documents' table of a pack says about one document.

/// What the documents' table of a pack says about one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentEntry {
    /// The document's id.
    pub id: String,
    /// The name of its source.
    pub source: String,
    /// Its tokens, `<|endoftext|>` included.
    pub tokens: u64,
    /// UTF-8 bytes of its text.
    pub bytes: u64,
}
