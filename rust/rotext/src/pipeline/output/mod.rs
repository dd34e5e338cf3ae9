//! What a verb writes: files that appear whole or not at all, records, rejects, decisions.
//!
//! ```text
//! atomic.rs     a file that appears whole or not at all
//! workdir.rs    a folder that one run locks
//! records.rs    documents as lines of JSON, compressed as the file's name asks
//! rejects.rs    `OUT.rejects.jsonl`
//! decisions.rs  a reject and the ledger's row for each kind of decision
//! ```

mod atomic;
mod decisions;
mod records;
mod rejects;
mod workdir;

pub use atomic::write_atomic;
pub(in crate::pipeline) use atomic::{AtomicFile, check_output, hidden_sibling};
pub(in crate::pipeline) use decisions::{
    DecisionLog, duplicate_of_earlier, reader_row, removed_document, repeated_lines_row, unusable_record_row,
};
pub(in crate::pipeline) use records::{RecordWriter, record_lines};
pub(in crate::pipeline) use rejects::RejectsFile;
pub(in crate::pipeline) use workdir::{
    lock_path, lock_workdir, release_workdir, remove_folder, replace_folder,
};

use std::path::{Path, PathBuf};

/// `path` with `suffix` appended to its name: `OUT.ledger.parquet` is beside `OUT`.
pub(in crate::pipeline) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The folder of a path; `.` for a bare name.
pub(in crate::pipeline) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
