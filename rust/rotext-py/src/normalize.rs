//! `rotools normalize`.

use std::borrow::Cow;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyString;
use rotext::normalize::{Change, Normalizer, Options, RULES, Report};

use crate::errors::{call, raise};
use crate::{files, progress::Progress};

/// Repair a text.
///
/// Args:
///     text: Any text.
///     protect_turkish: Keep ş in Turkish words.
///
/// Returns:
///     The repaired text: the same object if nothing had to change.
#[pyfunction]
#[pyo3(signature = (text, *, protect_turkish = true))]
pub(crate) fn normalize_text<'py>(
    text: &Bound<'py, PyString>,
    protect_turkish: bool,
) -> PyResult<Bound<'py, PyString>> {
    let py = text.py();
    let given = text.to_str()?;
    let normalizer = Normalizer::new(Options { protect_turkish });
    Ok(match py.detach(|| normalizer.normalize(given, &mut Report::default())) {
        Cow::Borrowed(_) => text.clone(),
        Cow::Owned(repaired) => PyString::new(py, &repaired),
    })
}

/// A changed place: rule, start byte, before, after, context before, context after.
type Place = (&'static str, usize, String, String, String, String);

fn place(change: Change) -> Place {
    let Change { rule, start, before, after, context_before, context_after } = change;
    (rule, start, before, after, context_before, context_after)
}

/// List the changes that normalizing a text makes.
///
/// Args:
///     text: Any text.
///     limit: At most this many changes. None: all of them.
///     protect_turkish: Keep ş in Turkish words.
///
/// Returns:
///     (rule, start byte, before, after, context before, context after) in the order of the text.
#[pyfunction]
#[pyo3(signature = (text, limit = None, *, protect_turkish = true))]
pub(crate) fn diff_text(
    py: Python<'_>,
    text: &str,
    limit: Option<usize>,
    protect_turkish: bool,
) -> Vec<Place> {
    let normalizer = Normalizer::new(Options { protect_turkish });
    let changes = py.detach(|| normalizer.diff(text, limit.unwrap_or(usize::MAX)));
    changes.into_iter().map(place).collect()
}

/// List the first changes that normalizing files makes.
///
/// Args:
///     inputs: Files, folders or globs; `-` is standard input.
///     limit: At most this many changes.
///     text_field: Field of the text.
///     split: `line` or `blank-line`: how text files are divided into documents. None: a file is a document.
///     protect_turkish: Keep ş in Turkish words.
///
/// Returns:
///     (id of the document, change as in `diff_text`).
///
/// Raises:
///     RotoolsError: The arguments, the input or the system do not allow it.
#[pyfunction]
#[pyo3(signature = (inputs, limit, *, text_field = "text", split = None, protect_turkish = true))]
pub(crate) fn diff_files(
    py: Python<'_>,
    inputs: Vec<std::path::PathBuf>,
    limit: usize,
    text_field: &str,
    split: Option<&str>,
    protect_turkish: bool,
) -> PyResult<Vec<(String, Place)>> {
    let sources = files::sources(&inputs)?;
    let fields = rotext::reader::Fields {
        text: text_field.to_owned(),
        split: files::split(split)?,
        ..Default::default()
    };
    let options = Options { protect_turkish };
    let changes = py.detach(|| rotext::pipeline::normalize::diff(&sources, &fields, options, limit));
    Ok(changes.map_err(|e| raise(&e))?.into_iter().map(|(id, change)| (id, place(change))).collect())
}

/// List the rules in the order in which they run.
///
/// Returns:
///     (id, class of defect, title).
#[pyfunction]
pub(crate) fn normalize_rules() -> Vec<(&'static str, &'static str, &'static str)> {
    RULES.iter().map(|rule| (rule.id, rule.class, rule.title)).collect()
}

/// Repair files into one JSONL file.
///
/// Args:
///     inputs: Files, folders or globs; `-` is standard input.
///     out: The file to write: .jsonl, .jsonl.zst or .jsonl.gz.
///     text_field: Field of the text.
///     id_field: Field of the id. None: `id` where there is one, else file:line.
///     split: `line` or `blank-line`: how text files are divided into documents. None: a file is a document.
///     protect_turkish: Keep ş in Turkish words.
///     strict: Stop at the first record that cannot be used.
///     threads: Worker threads. 0: one for each core.
///     progress: Counters to watch, and the switch to stop the call.
///
/// Returns:
///     Counts of records, documents, bytes, rejects and repairs.
///
/// Raises:
///     RotoolsError: The arguments, the input or the system do not allow it.
#[pyfunction]
#[pyo3(signature = (inputs, out, *, text_field = "text", id_field = None, split = None, protect_turkish = true,
                    strict = false, threads = 0, progress = None))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn normalize<'py>(
    py: Python<'py>,
    inputs: Vec<std::path::PathBuf>,
    out: PathBuf,
    text_field: &str,
    id_field: Option<String>,
    split: Option<&str>,
    protect_turkish: bool,
    strict: bool,
    threads: usize,
    progress: Option<&Progress>,
) -> PyResult<Bound<'py, PyAny>> {
    let unwatched = Progress::default();
    let progress = progress.unwrap_or(&unwatched);
    let sources = files::sources(&inputs)?;
    let mut options = files::feed(text_field, id_field, strict, true, threads);
    options.normalize = Some(Options { protect_turkish });
    options.fields.split = files::split(split)?;
    let run = || rotext::pipeline::normalize::normalize(&sources, &options, &out, &progress.inner);
    let account = call(py, run)?;
    files::python(py, &account)
}
